"""The words of a command line that name a program and its arguments, or a module and its own."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mfdebug.opening.readers import Kind, reader_of

if TYPE_CHECKING:
    from mfdebug.running.runnable import Runnable

# What a session remembers of its program, besides the file and the arguments.
MODULE = "module"


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Return the options; end the process with a message if the words cannot be understood.

    What follows the first -- belongs to the program, as it is.
    """
    if not any(action.dest == MODULE for action in parser._actions):
        return parser.parse_intermixed_args(words)
    end = words.index("--") if "--" in words else len(words)
    options, unknown = parser.parse_known_intermixed_args(words[:end])
    name = _name_in(options)
    if name is None and options.module is None:
        # A name, too, may follow: mfdebug -- -x.py
        return parser.parse_intermixed_args(words)
    if unknown:
        ours = f"unrecognized arguments: {' '.join(unknown)}"
        if options.module or reader_of(name).kind is Kind.PROGRAM:
            ours += f" (those of the program come after --, as in -- {' '.join(unknown)})"
        parser.error(ours)
    options.arguments += words[end + 1 :]
    if options.module is not None:
        if name is not None:
            if reader_of(name).recorded and words.index(name) < _place_of_option(words):
                parser.error(
                    f"{name} and -m {options.module} are mutually exclusive (the program's own "
                    f"options come after --, as in -- -m {options.module})"
                )
            options.arguments.insert(0, name)
        _put_name(options, options.module)
    return options


def _place_of_option(words: Sequence[str]) -> int:
    return next(i for i, word in enumerate(words) if word.startswith(("-m", "--m")))


def _name_in(options: argparse.Namespace) -> str | None:
    name: str | None = options.graph if hasattr(options, "graph") else options.program
    return name


def _put_name(options: argparse.Namespace, name: str) -> None:
    setattr(options, "graph" if hasattr(options, "graph") else "program", name)


def resume_module(options: argparse.Namespace, remembered: Mapping[str, Any]) -> None:
    """Run the module that a session was of, if it was of one."""
    if isinstance(name := remembered.get(MODULE), str):
        options.graph = options.module = name


def kind_of(options: argparse.Namespace) -> Kind:
    """Return what the options name."""
    return Kind.PROGRAM if options.module is not None else reader_of(options.graph).kind


def runnable_of(options: argparse.Namespace) -> Runnable:
    """Return the program or the module that the options name."""
    from mfdebug.running.runnable import Runnable

    name = _name_in(options)
    assert name is not None
    return Runnable(name, is_module=options.module is not None)

"""What the shell completes: functions from the typed prefix of a word to its completions."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mfdebug.opening.readers import PROGRAM, READERS, Kind, reader_of

Completer = Callable[..., Iterable[str]]
# The commands of the command line besides `mfdebug GRAPH`, with what they do.
COMMANDS = {
    "record": "record a program's run into a file, without a screen",
    "demo": "play a demonstration: a graph and a script",
    "quiz": "predict what backpropagation computes, graph by graph",
    "diff": "find the first node that differs between two files",
    "config": "show the settings in force, and where each comes from",
    "keys": "list the keys in force, in the format of the settings file",
    "completion": "print the completion code for bash, zsh or fish",
}


def complete_with(action: argparse.Action, completer: Completer) -> None:
    """Let a completer complete an argument."""
    # argcomplete looks for this attribute.
    action.completer = completer  # type: ignore[attr-defined]


def nothing(**_: Any) -> Iterable[str]:
    """Complete nothing: the word is free text."""
    return ()


def any_file(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a path."""
    return _paths(prefix, ("",))


def program_argument(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> Iterable[str]:
    """Complete an argument of a program, which may be a path; graphs take no arguments."""
    is_program = reader_of(parsed_args.graph).kind is Kind.PROGRAM
    takes_arguments = is_program or parsed_args.module
    return _paths(prefix, ("",)) if takes_arguments else ()


def programs(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a program."""
    return _paths(prefix, (PROGRAM.suffix,))


def modules(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a module of this folder: of a package those in it, and itself if it can be run."""
    above, dot, typed = prefix.rpartition(".")
    folder = Path(*above.split("."))
    found = []
    for name, is_module in _modules_in(folder):
        if name.startswith(typed):
            inside = [] if is_module else [inner for inner, _ in _modules_in(folder / name)]
            found += [name] * (is_module or "__main__" in inside)
            found += [f"{name}.{inner}" for inner in inside if inner != "__main__"]
    return sorted(above + dot + name for name in found)


def _modules_in(folder: Path) -> list[tuple[str, bool]]:
    """Return the names of what can be imported from a folder; and whether each is a file."""
    suffix = PROGRAM.suffix
    try:
        entries = [(entry.name.removesuffix(suffix), entry) for entry in os.scandir(folder)]
    except OSError:
        return []
    known = [(name, name != entry.name) for name, entry in entries if name != "__init__"]
    return [(name, is_file) for name, is_file in known if name.isidentifier()]


def graphs_and_commands(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a graph, a program, a run file or a command."""
    from mfdebug.opening.shipped import names

    found = [*names(), *COMMANDS]
    files = _paths(prefix, tuple(reader.suffix for reader in READERS))
    return [*(name for name in found if name.startswith(prefix)), *files]


def comparable(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a graph, a model or a run file."""
    from mfdebug.opening.shipped import names

    files = _paths(prefix, tuple(r.suffix for r in READERS if r.kind is not Kind.PROGRAM))
    return [*(name for name in names() if name.startswith(prefix)), *files]


def demos(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a demo."""
    from mfdebug.opening.shipped import shipped_demos

    found = [demo.name for demo in shipped_demos()]
    return [*(name for name in found if name.startswith(prefix)), *_paths(prefix, (".demo",))]


def course_graphs(prefix: str, **_: Any) -> Iterable[str]:
    """Complete a graph of the quiz's course."""
    from mfdebug.opening.shipped import COURSE

    return [name for name in COURSE if name.startswith(prefix)]


def _paths(prefix: str, endings: tuple[str, ...]) -> list[str]:
    """Return the folders that start with `prefix`, and the files with one of the `endings`."""
    folder, slash, typed = prefix.rpartition("/")
    before = folder + slash
    try:
        entries = list(os.scandir(os.path.expanduser(before) or "."))
    except (OSError, ValueError):
        return []
    found = []
    for entry in entries:
        if not entry.name.startswith(typed) or (entry.name.startswith(".") and not typed):
            continue
        if entry.is_dir():
            found.append(f"{before}{entry.name}/")
        elif entry.name.endswith(endings):
            found.append(before + entry.name)
    return sorted(found)

"""What the options of `mfdebug [GRAPH] ...` come to: settings, lines, feeds, and what clashes."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfdebug.config.ascii import register
from mfdebug.config.terminal import Abilities, abilities, has_screen
from mfdebug.opening.readers import Kind, reader_of

if TYPE_CHECKING:
    from mfdebug.config.settings import Settings

# Options that are settings, by what they are there.
SETTINGS = {
    "theme": "--theme",
    "ascii_only": "--ascii",
    "history_memory": "--history-memory",
    "present": "--present",
    "show_keys": "--show-keys",
}


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings in force; raise `MiniflowError` for a file that cannot be used."""
    from mfdebug.config.settings import read_settings

    settings = read_settings()
    for name, option in SETTINGS.items():
        given = getattr(options, name, None)
        # Only one of them can be switched off: of the others False is what they are without.
        if given or (given is False and name == "ascii_only"):
            settings = settings.overruled(option, **{name: given})
    return settings


def lines_of(given: list[str | Path]) -> list[str]:
    """Return the lines of -c and -x in the order in which they were given.

    Raises `MiniflowError` with the line of a script that is none.
    """
    from mfdebug.core.commands.interpreter import read_commands

    lines: list[str] = []
    for one in given:
        if isinstance(one, Path):
            lines += [line for _, line in read_commands(one).lines]
        else:
            lines.append(one)
    return lines


def feeds_of(given: list[str]) -> dict[str, Any]:
    """Return the values of `--feed`; raise `FeedError` for one that is not NODE=VALUE."""
    import json

    from miniflow.errors import FeedError

    feeds: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            if not (name and equals):
                raise ValueError
            feeds[name] = json.loads(value)
        except (ValueError, RecursionError):
            raise FeedError(
                f"{text!r} is not NODE=VALUE with a number or list",
                where="--feed",
                hint="as in --feed x=3 or --feed 'X=[[1,2],[3,4]]'",
            ) from None
    return feeds


def problem_with(options: argparse.Namespace) -> str:
    """Return what is wrong with the options taken together, or nothing."""
    if options.attach:
        return ""
    if options.batch and options.plain:
        return "--batch and --plain exclude each other"
    if options.check and options.plain:
        return "--check and --plain exclude each other"
    if options.json and not (options.batch or options.check):
        return "--json goes with --batch or --check"
    if problem := _program_clash(options) if is_recorded(options) else _graph_clash(options):
        return problem
    if options.batch and not (options.commands or options.check or options.save):
        return '--batch needs commands: -c "COMMAND" or -x SCRIPT'
    if options.resume:
        return ""
    if options.graph is None and (options.batch or options.plain or options.check or options.feed):
        return "name a graph file, or a shipped graph (see mfdebug --list)"
    return ""


def is_recorded(options: argparse.Namespace) -> bool:
    """Whether what is debugged is the run of a program, which computes elsewhere or has done so."""
    return bool(options.attach) or reader_of(options.graph).recorded


def _program_clash(options: argparse.Namespace) -> str:
    if options.feed:
        return "--feed goes with a graph: a program feeds its own"
    if options.arguments and reader_of(options.graph).kind is Kind.RUN:
        return f"{options.arguments[0]!r} is too much: only a program takes arguments"
    return ""


def _graph_clash(options: argparse.Namespace) -> str:
    if options.arguments:
        return f"{options.arguments[0]!r} is too much: only a program takes arguments"
    return "--save goes with a program" if options.save else ""


def wants_screen(options: argparse.Namespace) -> bool:
    """Whether the app is asked for, and there is a terminal for it."""
    without = options.batch or options.plain or options.check or options.save
    return not without and has_screen()


def write_ascii(options: argparse.Namespace, settings: Settings) -> None:
    """Write ASCII alone where that is wanted, or where a person sits at such a terminal.

    What programs read stays UTF-8: JSON is, and a pipe is taken to be.
    """
    if options.json:
        return
    ascii_only = settings.ascii_only
    for stream in (sys.stdout, sys.stderr):
        if ascii_only is None and stream.isatty():
            ascii_only = abilities().ascii_only
        if ascii_only and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="ascii", errors=register())


def abilities_of(settings: Settings) -> Abilities:
    """Return what the terminal can show; Textual, which must not be loaded yet, is told."""
    able = abilities(theme=settings.theme, ascii_only=settings.ascii_only)
    able.prepare()
    return able

"""The command line. `--help`, `--version` and `--list` load neither numpy nor textual."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfdebug import __version__
from mfdebug.terminal import abilities, has_screen

if TYPE_CHECKING:
    from mfdebug.core.commands.console import Console
    from mfdebug.core.shelf import Shelf
    from mfdebug.opening import Opened
    from mfdebug.program.running import Program

OK, FAILED, UNUSABLE = 0, 1, 2

EPILOG = """\
examples:
  mfdebug xor                              step through a shipped graph (see --list)
  mfdebug my-graph.json                    or through your own
  mfdebug prog.py                          or through a program, pass by pass
  mfdebug xor --batch -c "sgd 3" -c "print cost"
  mfdebug xor --plain                      the same commands at a line prompt
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever has started this
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left, as `head` does: nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _unusable(f"what was to be said cannot be written: {error.strerror}")
    return status


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_intermixed_args(arguments)
    if options.list:
        return _list()
    if problem := _clash(options):
        return _unusable(problem)
    from miniflow.errors import MiniflowError

    try:
        return _open(options)
    except MiniflowError as error:
        return _unusable(str(error))


def _open(options: argparse.Namespace) -> int:
    """Open the graph in the way that was asked for; raise `MiniflowError` if it is unusable."""
    from mfdebug.core.shelf import Shelf
    from mfdebug.opening import open_graph

    shelf = Shelf()
    feeds = _feeds(options.feed)
    if options.resume and options.graph is None:
        left = shelf.latest()
        options.graph, feeds = left.graph, {**left.feeds, **feeds}
    if options.graph and options.graph.endswith(".py"):
        return _program(options)
    opened = open_graph(options.graph, feeds) if options.graph else None
    lines = _lines(options.commands or [])
    if not (options.batch or options.plain or options.check) and has_screen():
        return _app(opened, lines, shelf, options)
    if opened is None:
        return _unusable("name a graph file, or a shipped graph (see mfdebug --list)")
    return _without_screen(opened, lines, shelf, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mfdebug",
        description="Step through backpropagation, one node at a time, forwards and back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "graph",
        nargs="?",
        help="a graph file, the name of a shipped graph, or a Python program; none: choose one",
    )
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="args",
        help="of a program: its own arguments; those that begin with - after --",
    )
    parser.add_argument("--list", action="store_true", help="list the shipped graphs")
    parser.add_argument("--version", action="version", version=f"mfdebug {__version__}")
    parser.add_argument("--batch", action="store_true", help="run commands without a screen")
    parser.add_argument("--plain", action="store_true", help="a line prompt instead of a screen")
    parser.add_argument(
        "-c",
        dest="commands",
        metavar="COMMAND",
        action="append",
        help="run a command first (repeatable)",
    )
    parser.add_argument(
        "-x",
        dest="commands",
        metavar="SCRIPT",
        action="append",
        type=Path,
        help="run the commands of a file first (repeatable)",
    )
    parser.add_argument(
        "--json", action="store_true", help="with --batch or --check: one JSON object a command"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="check all gradients against finite differences; status 1 if one is wrong",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where the graph (without one: the last graph) was left",
    )
    parser.add_argument(
        "--feed",
        metavar="NODE=VALUE",
        action="append",
        default=[],
        help="give an input its value: a number or a list (repeatable)",
    )
    parser.add_argument(
        "--own-miniflow",
        action="store_true",
        help="of a program: step its own copy of miniflow, not this one",
    )
    parser.add_argument(
        "--save",
        metavar="FILE",
        help="of a program: save its network as a graph file, after all commands",
    )
    parser.add_argument(
        "--history-memory",
        metavar="MB",
        type=_megabytes,
        default=256,
        help="memory for going back in time (default 256)",
    )
    return parser


def _lines(given: list[str | Path]) -> list[str]:
    """Return the lines of -c and -x in the order in which they were given.

    Raises `MiniflowError` with the line of a script that is none.
    """
    from mfdebug.core.commands.console import Console

    lines: list[str] = []
    for one in given:
        if isinstance(one, Path):
            lines += [line for _, line in Console.read(one).lines]
        else:
            lines.append(one)
    return lines


def _megabytes(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of megabytes above 0")
    return size


def _clash(options: argparse.Namespace) -> str:
    """Return what is wrong with the options taken together, or nothing."""
    if options.batch and options.plain:
        return "--batch and --plain exclude each other"
    if options.check and options.plain:
        return "--check and --plain exclude each other"
    if options.json and not (options.batch or options.check):
        return "--json goes with --batch or --check"
    program = options.graph is not None and options.graph.endswith(".py")
    if problem := _program_clash(options) if program else _graph_clash(options):
        return problem
    if options.batch and not (options.commands or options.check or options.save):
        return '--batch needs commands: -c "COMMAND" or -x SCRIPT'
    if options.resume:
        return ""
    if options.graph is None and (options.batch or options.plain or options.check or options.feed):
        return "name a graph file, or a shipped graph (see mfdebug --list)"
    return ""


def _program_clash(options: argparse.Namespace) -> str:
    if options.resume:
        return "--resume goes with a graph: a program begins anew"
    if options.feed:
        return "--feed goes with a graph: a program feeds its own"
    return ""


def _graph_clash(options: argparse.Namespace) -> str:
    if options.arguments:
        return f"{options.arguments[0]!r} is too much: only a program takes arguments"
    if options.own_miniflow or options.save:
        return f"{'--own-miniflow' if options.own_miniflow else '--save'} goes with a program"
    return ""


def _unusable(problem: str) -> int:
    sys.stderr.write(f"mfdebug: {problem}\n")
    return UNUSABLE


def _list() -> int:
    from mfdebug.shipped import shipped

    graphs = shipped()
    width = max(len(graph.name) for graph in graphs)
    for graph in graphs:
        first = graph.description.split(". ")[0].rstrip(".")
        sys.stdout.write(f"{graph.name:{width}}  {first}\n")
    return OK


def _feeds(given: list[str]) -> dict[str, Any]:
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


def _without_screen(
    opened: Opened, lines: list[str], shelf: Shelf, options: argparse.Namespace
) -> int:
    from mfdebug.batch import run_batch
    from mfdebug.core.commands.console import Console
    from mfdebug.core.debugger import Debugger
    from mfdebug.core.shelf import Keeper
    from mfdebug.plain import Plain

    debugger = Debugger(opened.graph, history_memory=_history_memory(options))
    origin = opened.origin
    keeper = Keeper(shelf, origin)
    if options.resume:
        lines = ["resume", *lines]
        keeper.must_be_left()
    console = Console(debugger, origin=origin, left=keeper.left)
    console.left_before = keeper.before
    if options.batch or options.check:
        return run_batch(console, lines, as_json=options.json, check_all=options.check)
    return Plain(console, keeper if sys.stdin.isatty() else None).run(lines)


def _program(options: argparse.Namespace) -> int:
    """Run a program, and debug it."""
    from mfdebug.batch import ProgramText, run_batch
    from mfdebug.plain import Plain
    from mfdebug.program.opening import run_program

    lines = _lines(options.commands or [])
    if options.save:
        lines.append(f"save {options.save}")
    on_screen = not (options.batch or options.plain or options.check) and has_screen()
    batch = options.batch or options.check or (options.save and not options.plain)
    told = None if on_screen and not batch else ProgramText(as_json=options.json)
    program, console = run_program(
        options.graph,
        options.arguments,
        memory=_history_memory(options),
        own_miniflow=options.own_miniflow,
        reads=options.plain,
        told=told,
    )
    try:
        for note in program.notes:
            sys.stderr.write(f"mfdebug: {note}\n")
        if batch:
            status = run_batch(console, lines, as_json=options.json, check_all=options.check)
        elif on_screen:
            status = _program_app(program, console, lines)
        else:
            status = Plain(console).run(lines)
    finally:
        program.kill()
    return status or (FAILED if program.error else OK)


def _program_app(program: Program, console: Console, lines: list[str]) -> int:
    able = abilities()
    able.prepare()
    from mfdebug.tui.app import run_console

    return run_console(console, commands=lines, began=program.divert, abilities=able)


def _history_memory(options: argparse.Namespace) -> int:
    return int(options.history_memory * 2**20)


def _app(opened: Opened | None, lines: list[str], shelf: Shelf, options: argparse.Namespace) -> int:
    able = abilities()
    able.prepare()
    from mfdebug.core.shelf import Keeper
    from mfdebug.tui.app import run

    if options.resume and opened is not None:
        lines = ["resume", *lines]
        Keeper(shelf, opened.origin).must_be_left()
    return run(
        opened,
        commands=lines,
        history_memory=_history_memory(options),
        shelf=shelf,
        abilities=able,
    )

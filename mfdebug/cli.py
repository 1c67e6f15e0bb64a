"""The command line. `--help`, `--version` and `--list` load neither numpy nor textual."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfdebug import __version__

if TYPE_CHECKING:
    from mfdebug.core.debugger import Debugger
    from miniflow.graph import Graph

OK, COMMAND_FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130

EPILOG = """\
examples:
  mfdebug xor                              step through a shipped graph (see --list)
  mfdebug my-graph.json                    or through your own
  mfdebug xor --batch -c "sgd 3" -c "print cost"
  mfdebug xor --plain                      the same commands at a line prompt
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left, as `head` does: nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COMMAND_FAILED
    return status


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    if options.list:
        return _list()
    if problem := _clash(options):
        return _unusable(problem)
    from miniflow.errors import MiniflowError

    try:
        graph = load_graph(options.graph, _feeds(options.feed)) if options.graph else None
        if not (options.batch or options.plain) and _has_screen():
            return _app(graph, options)
        if graph is None:
            return _unusable("name a graph file, or a shipped graph (see mfdebug --list)")
        debugger = _debugger(graph, options)
    except MiniflowError as error:
        return _unusable(str(error))
    return _batch(debugger, options) if options.batch else _plain(debugger, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mfdebug",
        description="Step through backpropagation, one node at a time, forwards and back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "graph", nargs="?", help="a graph file, or the name of a shipped graph; none: choose one"
    )
    parser.add_argument("--list", action="store_true", help="list the shipped graphs")
    parser.add_argument("--version", action="version", version=f"mfdebug {__version__}")
    parser.add_argument("--batch", action="store_true", help="run commands without a screen")
    parser.add_argument("--plain", action="store_true", help="a line prompt instead of a screen")
    parser.add_argument(
        "-c",
        dest="commands",
        metavar="COMMAND",
        action=_AddCommand,
        help="run a command first (repeatable)",
    )
    parser.add_argument(
        "-x",
        dest="commands",
        metavar="SCRIPT",
        action=_AddScript,
        help="run the commands of a file first (repeatable)",
    )
    parser.add_argument(
        "--json", action="store_true", help="with --batch: one JSON object a command"
    )
    parser.add_argument(
        "--feed",
        metavar="NODE=VALUE",
        action="append",
        default=[],
        help="give an input its value: a number or a list (repeatable)",
    )
    parser.add_argument(
        "--history-memory",
        metavar="MB",
        type=_megabytes,
        default=256,
        help="memory for going back in time (default 256)",
    )
    return parser


class _AddCommand(argparse.Action):
    """Collect -c and -x in the order in which they were given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        collected = [*(getattr(namespace, self.dest) or []), *self.lines(parser, values)]
        setattr(namespace, self.dest, collected)

    def lines(self, _parser: argparse.ArgumentParser, value: str) -> list[str]:
        return [value]


class _AddScript(_AddCommand):
    def lines(self, parser: argparse.ArgumentParser, value: str) -> list[str]:
        try:
            text = Path(value).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            parser.error(f"cannot read the script {value!r}: {reason}")
        return [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]


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
    if options.json and not options.batch:
        return "--json goes with --batch"
    if options.batch and not options.commands:
        return '--batch needs commands: -c "COMMAND" or -x SCRIPT'
    if options.graph is None and (options.batch or options.plain or options.feed):
        return "name a graph file, or a shipped graph (see mfdebug --list)"
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


def _history_memory(options: argparse.Namespace) -> int:
    return int(options.history_memory * 2**20)


def _debugger(graph: Graph, options: argparse.Namespace) -> Debugger:
    from mfdebug.core.debugger import Debugger

    return Debugger(graph, history_memory=_history_memory(options))


def load_graph(name: str, feeds: dict[str, Any] | None = None) -> Graph:
    """Load a graph file, or the shipped graph of that name.

    Raises `MiniflowError` with the nearest shipped name when there is neither.
    """
    from mfdebug.shipped import find, shipped
    from miniflow.errors import FileError, nearest
    from miniflow.files import load

    path = Path(name)
    if not path.exists():
        found = find(name)
        if found is None:
            bare = path.name.removesuffix(".json")
            hint = nearest(bare, [graph.name for graph in shipped()])
            raise FileError(
                "there is no such file, nor a shipped graph of that name",
                where=name,
                hint=hint or "mfdebug --list names the shipped graphs",
            )
        path = found
    return load(path, feeds=feeds)


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


# Without a screen ------------------------------------------------------------------------------


def _batch(debugger: Debugger, options: argparse.Namespace) -> int:
    from mfdebug.core.commands.console import Console

    with _Interrupt() as interrupt:
        console = Console(debugger, interrupt.asked)
        failed = not _run_lines(console, options.commands, as_json=options.json)
    if interrupt.happened:
        return INTERRUPTED
    return COMMAND_FAILED if failed else OK


def _run_lines(console: Any, lines: Sequence[str], *, as_json: bool) -> bool:
    """Run lines until one of them leaves; return whether all went well."""
    fine = True
    for line in lines:
        fine = _run_one(console, line, as_json=as_json) and fine
        if console.closed or (console.progress is not None and console.progress(0)):
            break
    return fine


class _Interrupt:
    """Ctrl+C while commands run: a run ends at the end of an SGD step, nothing is torn."""

    def __init__(self) -> None:
        self.happened = False

    def __enter__(self) -> _Interrupt:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: object) -> None:
        self.happened = True

    def asked(self, _moment: int) -> bool:
        return self.happened


def _run_one(console: Any, line: str, *, as_json: bool) -> bool:
    from mfdebug.core import results
    from miniflow.errors import MiniflowError

    answer: dict[str, Any]
    try:
        reply = console.run(line)
    except MiniflowError as error:
        if not as_json:
            sys.stderr.write(f"{line}: {error}\n")
            return False
        answer = {"ok": False, "error": str(error)}
    else:
        if not as_json:
            if reply.text:
                sys.stdout.write(f"{reply.text}\n")
            return True
        answer = {"ok": True, "result": results.as_json(reply.data)}
    where = console.debugger.where
    node = None if where.node is None else console.debugger.graph.nodes[where.node].label
    place = {
        "command": line,
        "moment": where.number,
        "sgd_step": where.sgd_step,
        "phase": where.phase,
        "node": node,
    }
    sys.stdout.write(json.dumps({**place, **answer}, ensure_ascii=False, allow_nan=False) + "\n")
    return bool(answer["ok"])


def _plain(debugger: Debugger, options: argparse.Namespace) -> int:
    """Read commands from standard input, with a prompt when a person types them."""
    from mfdebug.core.commands.console import Console
    from mfdebug.core.commands.status import status

    console = Console(debugger)
    typed = sys.stdin.isatty()
    with _Interrupt() as interrupt:
        console.progress = interrupt.asked
        failed = not _run_lines(console, options.commands or (), as_json=False)
    if typed and not console.closed:
        sys.stdout.write(f"{debugger.graph.name}: {debugger.graph.description}\n")
        sys.stdout.write(f"{status(debugger)}\nhelp lists the commands, quit leaves\n")
    while not console.closed:
        if typed:
            sys.stdout.write("(mfdebug) ")
            sys.stdout.flush()
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            continue
        if not line:
            break
        with _Interrupt() as interrupt:
            console.progress = interrupt.asked
            failed = not _run_lines(console, [line.rstrip("\n")], as_json=False) or failed
    return COMMAND_FAILED if failed and not typed else OK


def _has_screen() -> bool:
    dumb = os.environ.get("TERM", "") in ("dumb", "")
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb


def _few_colours() -> bool:
    term = os.environ.get("TERM", "")
    return "256color" not in term and "COLORTERM" not in os.environ


# With a screen ---------------------------------------------------------------------------------


def _app(graph: Graph | None, options: argparse.Namespace) -> int:
    if os.environ.get("NO_COLOR") or _few_colours():
        # Textual reads this when it is imported; its other themes are black on black here.
        os.environ.setdefault("TEXTUAL_THEME", "ansi-dark")
    from mfdebug.tui.app import run

    return run(graph, commands=options.commands or (), history_memory=_history_memory(options))

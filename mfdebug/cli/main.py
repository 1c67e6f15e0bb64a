"""The command line. `--help`, `--version` and `--list` load neither numpy nor textual.

Nor what reads settings and completes for the shell, where neither is asked for.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfdebug.cli.parsers import PARSERS, is_program, is_run_file, main_parser
from mfdebug.config.ascii import register
from mfdebug.config.terminal import Abilities, abilities, has_screen

if TYPE_CHECKING:
    from mfdebug.config.settings import Settings
    from mfdebug.core.session.script import Origin
    from mfdebug.core.session.session import Session
    from mfdebug.core.session.store import SessionStore
    from mfdebug.opening.graphs import Opened
    from mfdebug.running.debuggee import Debuggee

OK, FAILED, UNUSABLE = 0, 1, 2
# The variables that a shell sets to request completion.
COMPLETION_ASKED = {"_ARGCOMPLETE", "COMP_LINE"}
# Options that are settings, by the name of the setting.
SETTINGS = {
    "theme": "--theme",
    "ascii_only": "--ascii",
    "history_memory": "--history-memory",
    "present": "--present",
    "show_keys": "--show-keys",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115
    if os.environ.keys() >= COMPLETION_ASKED:
        from mfdebug.cli.shell_completion import answer

        answer()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Characters missing in the stream's encoding are written as similar ones.
            stream.reconfigure(errors=register())
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has closed it, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _unusable(f"what was to be said cannot be written: {error.strerror}")
    return status


def _run(arguments: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in PARSERS:
        options = PARSERS[words[0]]().parse_intermixed_args(words[1:])
        run = COMMANDS[words[0]]
    else:
        options = main_parser().parse_intermixed_args(words)
        if options.list:
            return _list()
        if problem := _clash(options):
            return _unusable(problem)
        run = _open
    if run is _record or (run is _open and _is_recorded(options)):
        _load_numpy()
    from miniflow.errors import MiniflowError

    try:
        return run(options)
    except MiniflowError as error:
        return _unusable(str(error))


def _load_numpy() -> None:
    """Load NumPy without threads for matrices, which would only delay the first screen.

    The program finds the environment as it was.
    """
    name = "OPENBLAS_NUM_THREADS"
    if name in os.environ:
        return
    os.environ[name] = "1"
    try:
        importlib.import_module("numpy")
    finally:
        del os.environ[name]


def _settings(options: argparse.Namespace) -> Settings:
    """Return the current settings; raise `MiniflowError` for an invalid file."""
    from mfdebug.config.settings import read_settings

    settings = read_settings()
    for name, option in SETTINGS.items():
        given = getattr(options, name, None)
        # Only one of them can be switched off: for the others False is the default.
        if given or (given is False and name == "ascii_only"):
            settings = settings.overruled(option, **{name: given})
    return settings


def _write_ascii(options: argparse.Namespace, settings: Settings) -> None:
    """Write only ASCII if the options say so, or for an interactive ASCII terminal.

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


def _abilities(settings: Settings) -> Abilities:
    """Return what the terminal can show, and set it for Textual, which must not be loaded yet."""
    able = abilities(theme=settings.theme, ascii_only=settings.ascii_only)
    able.prepare()
    return able


def _open(options: argparse.Namespace) -> int:
    """Open the graph as the options say; raise `MiniflowError` if it is unusable."""
    from mfdebug.core.commands.interpreter import check_known
    from mfdebug.core.session.store import SessionStore
    from mfdebug.opening.graphs import open_graph

    settings = _settings(options)
    store = SessionStore(check_known)
    feeds = _feeds(options.feed)
    if options.resume and options.graph is None:
        left = store.latest()
        options.graph, feeds = left.graph, {**left.feeds, **feeds}
        options.arguments = list(left.arguments)
    if options.attach:
        return _attached(options, settings)
    if is_program(options.graph):
        return _program(options, settings)
    if is_run_file(options.graph):
        return _run_file(options, settings)
    opened = open_graph(options.graph, feeds) if options.graph else None
    lines = _lines(options.commands or [])
    if not (options.batch or options.plain or options.check) and has_screen():
        return _app(opened, lines, store, options, settings)
    _write_ascii(options, settings)
    if opened is None:
        return _unusable("name a graph file, or a shipped graph (see mfdebug --list)")
    return _without_screen(opened, lines, store, options, settings)


def _lines(given: list[str | Path]) -> list[str]:
    """Return the lines of -c and -x in the order on the command line.

    Raises `MiniflowError` naming the line of a script that is not a command.
    """
    from mfdebug.core.commands.interpreter import read_commands

    lines: list[str] = []
    for source in given:
        if isinstance(source, Path):
            lines += [line for _, line in read_commands(source).lines]
        else:
            lines.append(source)
    return lines


def _clash(options: argparse.Namespace) -> str:
    """Return a conflict between options, or an empty text."""
    if options.attach:
        return ""
    if options.batch and options.plain:
        return "--batch and --plain exclude each other"
    if options.check and options.plain:
        return "--check and --plain exclude each other"
    if options.json and not (options.batch or options.check):
        return "--json goes with --batch or --check"
    if problem := _program_clash(options) if _is_recorded(options) else _graph_clash(options):
        return problem
    if options.batch and not (options.commands or options.check or options.save):
        return '--batch needs commands: -c "COMMAND" or -x SCRIPT'
    if options.resume:
        return ""
    if options.graph is None and (options.batch or options.plain or options.check or options.feed):
        return "name a graph file, or a shipped graph (see mfdebug --list)"
    return ""


def _is_recorded(options: argparse.Namespace) -> bool:
    """Whether the debuggee is the run of a program, live or recorded."""
    return bool(options.attach) or is_program(options.graph) or is_run_file(options.graph)


def _program_clash(options: argparse.Namespace) -> str:
    if options.feed:
        return "--feed goes with a graph: a program feeds its own"
    if options.arguments and is_run_file(options.graph):
        return f"{options.arguments[0]!r} is too much: only a program takes arguments"
    return ""


def _graph_clash(options: argparse.Namespace) -> str:
    if options.arguments:
        return f"{options.arguments[0]!r} is too much: only a program takes arguments"
    return "--save goes with a program" if options.save else ""


def _unusable(problem: str) -> int:
    sys.stderr.write(f"mfdebug: {problem}\n")
    return UNUSABLE


def _list() -> int:
    from mfdebug.opening.shipped import shipped

    graphs = shipped()
    width = max(len(graph.name) for graph in graphs)
    for graph in graphs:
        first = graph.description.split(". ")[0].rstrip(".")
        sys.stdout.write(f"{graph.name:{width}}  {first}\n")
    return OK


def _feeds(given: list[str]) -> dict[str, Any]:
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


def _without_screen(
    opened: Opened,
    lines: list[str],
    store: SessionStore,
    options: argparse.Namespace,
    settings: Settings,
) -> int:
    from mfdebug.cli.batch import run_batch
    from mfdebug.cli.prompt import Plain
    from mfdebug.core.commands.interpreter import open_session
    from mfdebug.core.session.store import AutoSaver
    from mfdebug.core.timeline.debugger import Debugger

    debugger = Debugger(opened.graph, history_memory=settings.history_bytes)
    origin = opened.origin
    autosaver = AutoSaver(store, origin)
    if options.resume:
        lines = ["resume", *lines]
        autosaver.must_be_left()
    session = open_session(debugger, origin=origin, left=autosaver.left)
    session.left_before = autosaver.before
    if options.batch or options.check:
        return run_batch(session, lines, as_json=options.json, check_all=options.check)
    return Plain(session, autosaver if sys.stdin.isatty() else None).run(lines)


def _program(options: argparse.Namespace, settings: Settings) -> int:
    """Run and debug a program."""
    from mfdebug.cli.batch import OutputLines
    from mfdebug.opening.programs import open_program, origin_of

    lines = _lines(options.commands or [])
    on_screen = _wants_screen(options)
    running = open_program(
        options.graph,
        options.arguments,
        memory=settings.history_bytes,
        streams="on a terminal" if on_screen else "piped" if options.json else "inherited",
        told=OutputLines().write if options.json else None,
        # At a prompt Ctrl+C starts a new line, or ends a run of moments.
        interruptible=not options.plain,
        meanwhile=(lambda: _load_app(settings)) if on_screen else lambda: None,
    )
    program = running.run.program
    try:
        origin = origin_of(options.graph, options.arguments)
        status = _debug(running.session, lines, options, settings, origin, on_screen=on_screen)
        # What has ended it later is our own signal.
        failed = program.ended and program.failed
    finally:
        running.run.close()
    return status or (FAILED if failed else OK)


def _load_app(settings: Settings) -> None:
    """Import the modules of the screen while the program starts."""
    _abilities(settings)
    importlib.import_module("mfdebug.tui.app")


def _attached(options: argparse.Namespace, settings: Settings) -> int:
    """Debug the program that started this process."""
    from mfdebug.opening.programs import attach

    ring, reading, name = options.attach
    running = attach(ring, int(reading), name, memory=settings.history_bytes)
    on_screen = not options.plain
    try:
        return _debug(running.session, [], options, settings, None, on_screen=on_screen)
    finally:
        running.run.program.kill()
        if on_screen:
            _drain(running.run.program)
        running.run.close()


def _drain(program: Debuggee) -> None:
    """Show the output of a program since the app opened, and what it prints until it waits."""
    from mfdebug.running.attached import Attached

    assert isinstance(program, Attached)
    # Ctrl+C is the program's again.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = program.output
    if output.dropped:
        sys.stdout.write(f"... {output.dropped} lines before these are not kept\n")
    sys.stdout.write("\n".join([*output.lines, output.unfinished]))

    def show(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    output.on_text = show
    program.drain()


def _run_file(options: argparse.Namespace, settings: Settings) -> int:
    """Debug a recorded run."""
    from mfdebug.opening.programs import open_run, origin_of

    lines = _lines(options.commands or [])
    session = open_run(options.graph, memory=settings.history_bytes)
    origin = origin_of(options.graph, [])
    return _debug(session, lines, options, settings, origin, on_screen=_wants_screen(options))


def _wants_screen(options: argparse.Namespace) -> bool:
    without = options.batch or options.plain or options.check or options.save
    return not without and has_screen()


def _debug(
    session: Session,
    lines: list[str],
    options: argparse.Namespace,
    settings: Settings,
    origin: Origin | None,
    *,
    on_screen: bool,
) -> int:
    """Debug the run of a program as the options say."""
    from mfdebug.core.commands.interpreter import check_known
    from mfdebug.core.session.store import AutoSaver, SessionStore

    autosaver = None if origin is None else AutoSaver(SessionStore(check_known), origin)
    if autosaver is not None:
        session.origin, session.left, session.left_before = origin, autosaver.left, autosaver.before
        if options.resume:
            autosaver.must_be_left()
            lines = ["resume", *lines]
    if on_screen:
        able = _abilities(settings)
        from mfdebug.tui.app import run_session

        return run_session(
            session, commands=lines, settings=settings, abilities=able, autosaver=autosaver
        )
    _write_ascii(options, settings)
    if options.save:
        # Where the command was given, and not where the program has gone.
        lines.append(f"save {Path(options.save).absolute()}")
    if options.batch or options.check or (options.save and not options.plain):
        from mfdebug.cli.batch import run_batch

        return run_batch(session, lines, as_json=options.json, check_all=options.check)
    from mfdebug.cli.prompt import Plain

    # Of what comes after a command the program may be the reader.
    autosaver = autosaver if sys.stdin.isatty() else None
    return Plain(session, autosaver, shares_input=not is_run_file(options.graph)).run(lines)


def _app(
    opened: Opened | None,
    lines: list[str],
    store: SessionStore,
    options: argparse.Namespace,
    settings: Settings,
) -> int:
    able = _abilities(settings)
    from mfdebug.core.session.store import AutoSaver
    from mfdebug.tui.app import run

    if options.resume and opened is not None:
        lines = ["resume", *lines]
        AutoSaver(store, opened.origin).must_be_left()
    return run(opened, commands=lines, settings=settings, store=store, abilities=able)


# The commands that are words -----------------------------------------------------------------


def _record(options: argparse.Namespace) -> int:
    from mfdebug.running.record import record

    most_bytes = int(options.most * 2**20)
    return record(options.program, options.arguments, options.output, most_bytes=most_bytes)


def _demo(options: argparse.Namespace) -> int:
    from mfdebug.opening.shipped import shipped_demos

    if options.check and options.export:
        return _unusable("--check and --export exclude each other")
    if options.size and not options.export:
        return _unusable("--size goes with --export")
    if options.demo is None:
        if options.check or options.export:
            return _unusable("name a demo (mfdebug demo lists them)")
        demos = shipped_demos()
        width = max((len(demo.name) for demo in demos), default=0)
        for demo in demos:
            sys.stdout.write(f"{demo.name:{width}}  {demo.title}\n")
        return OK
    from mfdebug.cli.demo import run_demo

    return run_demo(options, _settings(options))


def _config(options: argparse.Namespace) -> int:
    from mfdebug.config.settings import settings_path

    if options.path:
        path = settings_path()
        sys.stdout.write("" if path is None else f"{path}\n")
        return OK
    from mfdebug.config.listing import settings_lines

    sys.stdout.write("".join(f"{line}\n" for line in settings_lines(_settings(options))))
    return OK


def _keys(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from mfdebug.config.listing import key_lines

    sys.stdout.write("".join(f"{line}\n" for line in key_lines(settings)))
    return OK


def _completion(options: argparse.Namespace) -> int:
    from mfdebug.cli.shell_completion import code_for

    sys.stdout.write(code_for(options.shell))
    return OK


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "record": _record,
    "demo": _demo,
    "config": _config,
    "keys": _keys,
    "completion": _completion,
}

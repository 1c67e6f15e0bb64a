"""`mfdebug prog.py` and `mfdebug run.mfrun`: debugs a program's run, while it runs or later."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event, Timer

from rich.cells import cell_len

from mfdebug.cli.exit_status import FAILED, OK
from mfdebug.cli.parsed_options import abilities_of, every_of, lines_of, wants_screen, write_ascii
from mfdebug.cli.program_words import runnable_of
from mfdebug.config.settings import Settings
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.script import Origin
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.loading import loaded, raise_interrupts
from mfdebug.opening.programs import attach, open_program
from mfdebug.opening.runs import open_run, program_origin
from mfdebug.running.attached import Attached
from mfdebug.running.debuggee import Debuggee
from miniflow.errors import printable

# Seconds after which it is said what is waited for; columns of a file's name there.
PATIENCE, WIDEST = 1.0, 30


def debug_program(options: argparse.Namespace, settings: Settings) -> int:
    """Start a program and debug it."""
    from mfdebug.cli.batch import OutputLines

    lines = lines_of(options.commands or [])
    on_screen = wants_screen(options)
    runs = runnable_of(options)
    # The program that is started must be ended, too.
    raise_interrupts()
    with _waiting_said(options.graph) if on_screen else nullcontext():
        running = open_program(
            runs,
            options.arguments,
            memory=settings.history_bytes,
            every=every_of(options),
            streams="on a terminal" if on_screen else "piped" if options.json else "inherited",
            on_output=OutputLines().write if options.json else None,
            # At a prompt Ctrl+C starts a new line, or interrupts a command.
            interruptible=not options.plain,
            on_started=(lambda: _load_app(settings)) if on_screen else lambda: None,
        )
    program = running.run.program
    try:
        origin = program_origin(runs, options.arguments)
        if on_screen and settings.live:
            lines.append("continue")
        status = _debug(running.session, lines, options, settings, origin, on_screen=on_screen)
        # Checked before `close`, which ends the program by a signal.
        failed = program.ended and program.failed
    finally:
        running.run.close()
    return status or (FAILED if failed else OK)


@contextmanager
def _waiting_said(program: str) -> Iterator[None]:
    """Say on the terminal what is waited for, if that takes long: there is no screen yet."""
    name = printable(Path(program).name, WIDEST)
    words = f"{name} runs to the end of its first pass; an interrupt ends it"
    said = Event()

    def say() -> None:
        said.set()
        print(words, end="", file=sys.stderr, flush=True)

    timer = Timer(PATIENCE, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if said.is_set():
            print(f"\r{' ' * cell_len(words)}\r", end="", file=sys.stderr, flush=True)


def _load_app(settings: Settings) -> None:
    """Import the app while the program starts."""
    abilities_of(settings)
    importlib.import_module("mfdebug.tui.app")


def debug_attached(options: argparse.Namespace, settings: Settings) -> int:
    """Debug the program that started this process."""
    ring, reading, name = options.attach
    running = attach(ring, int(reading), name, memory=settings.history_bytes)
    on_screen = not options.plain
    try:
        return _debug(running.session, [], options, settings, None, on_screen=on_screen)
    finally:
        running.run.program.kill()
        if on_screen:
            _write_remaining_output(running.run.program)
        running.run.close()


def _write_remaining_output(program: Debuggee) -> None:
    """Write what a program printed while the app was open, and what it prints until it waits."""
    assert isinstance(program, Attached)
    # Ctrl+C goes to the program again.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def show(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    program.pass_output_to(show)
    program.drain()


def debug_run_file(options: argparse.Namespace, settings: Settings) -> int:
    """Debug a recorded run."""
    lines = lines_of(options.commands or [])
    session = open_run(options.graph)
    on_screen = wants_screen(options)
    return _debug(
        session, lines, options, settings, session.origin, on_screen=on_screen, is_run=True
    )


def _debug(
    session: Session,
    lines: list[str],
    options: argparse.Namespace,
    settings: Settings,
    origin: Origin | None,
    *,
    on_screen: bool,
    is_run: bool = False,
) -> int:
    """Debug a program, or a recorded run, as the options say."""
    store = SessionStore(check_known)
    autosaver = None if origin is None else AutoSaver(store, origin)
    if autosaver is None and options.resume:
        raise DebuggerError("its session is not saved: only Python knows where the module is")
    if autosaver is not None:
        session.origin, session.left, session.left_before = origin, autosaver.left, autosaver.before
        if options.resume:
            autosaver.must_be_left()
            lines = ["resume", *lines]
    if on_screen:
        able = abilities_of(settings)
        from mfdebug.tui.app import run_session

        return run_session(
            session,
            commands=lines,
            settings=settings,
            abilities=able,
            autosaver=autosaver,
            store=store if is_run else None,
        )
    loaded()
    write_ascii(options, settings)
    if options.summary:
        from mfdebug.cli.summary import write_summary

        return write_summary(session, as_json=options.json)
    if options.save:
        # Relative to the folder of the command, not to one that the program changes to.
        lines.append(f"save {Path(options.save).absolute()}")
    draws = options.draw or options.html
    if options.batch or options.check or draws or (options.save and not options.plain):
        from mfdebug.cli.batch import run_batch
        from mfdebug.cli.draw import last_of

        last = last_of(options, settings)
        return run_batch(session, lines, as_json=options.json, check_all=options.check, last=last)
    from mfdebug.cli.prompt import Plain

    autosaver = autosaver if sys.stdin.isatty() else None
    # The program may read the input after a command.
    return Plain(session, autosaver, shares_input=not is_run).run(lines)

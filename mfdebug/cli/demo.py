"""`mfdebug demo`: play a demo on the screen, run it as a test, or export it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mfdebug.config.settings import Settings
from mfdebug.config.terminal import abilities, has_screen
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.demo import SUFFIX, Demo, read_demo, run_through
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.loading import loaded
from mfdebug.opening.graphs import open_graph
from mfdebug.opening.readers import Kind, reader_of
from mfdebug.opening.sessions import session_of
from mfdebug.opening.shipped import shipped_demos
from miniflow.errors import FileError, nearest

_RECORDED = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def run_demo(options: argparse.Namespace, settings: Settings) -> int:
    """Play, check or export a demo, as the options say; return the exit status.

    Raises `MiniflowError` if there is no such demo, or if one of its lines fails.
    """
    demo = read_demo(_find(options.demo), check_known)
    if options.check or options.export:
        session = session_of(demo.graph, settings.history_bytes)
        loaded()
    if options.check:
        return _check(demo, session)
    if options.export:
        # Independent of this terminal, on which nothing is drawn.
        able = abilities(_RECORDED, theme=settings.theme, ascii_only=settings.ascii_only or False)
        able.prepare()
        from mfdebug.tui.export.demo import export

        written = export(
            demo,
            session,
            Path(options.export),
            size=options.size,
            settings=settings,
            abilities=able,
        )
        sys.stdout.writelines(f"wrote {path}\n" for path in written)
        return 0
    if not has_screen():
        raise FileError(
            "a demo needs a terminal, and there is none",
            where=options.demo,
            hint="--check runs it without a terminal, --export writes it to a file",
        )
    able = abilities(theme=settings.theme, ascii_only=settings.ascii_only)
    able.prepare()
    from mfdebug.core.session.store import SessionStore
    from mfdebug.tui.app import run, run_session

    store = SessionStore(check_known)
    if reader_of(demo.graph).kind is Kind.RUN:
        session = session_of(demo.graph, settings.history_bytes)
        return run_session(
            session, commands=[], settings=settings, abilities=able, store=store, demo=demo
        )
    # Its inputs may be asked for.
    opened = open_graph(demo.graph)
    return run(opened, commands=[], settings=settings, store=store, abilities=able, demo=demo)


def _find(name: str) -> Path:
    """Return the file of a demo, given its path or the name of a shipped demo."""
    path = Path(name)
    if path.suffix == SUFFIX or "/" in name:
        return path
    known = {demo.name: demo.path for demo in shipped_demos()}
    if name not in known:
        hint = nearest(name, list(known)) or "mfdebug demo lists them"
        raise FileError("there is no demo of that name", where=name, hint=hint)
    return known[name]


def _check(demo: Demo, session: Session) -> int:
    try:
        met = run_through(session, demo)
    except DebuggerError as error:
        sys.stderr.write(f"mfdebug: {error}\n")
        return 1
    beats = f"{len(demo.beats)} beat{'s' * (len(demo.beats) != 1)}"
    expectations = f"{met} expectation{'s' * (met != 1)}"
    sys.stdout.write(f"{demo.name}: {beats}, {expectations} met\n")
    return 0

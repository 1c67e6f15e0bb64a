"""`mfdebug GRAPH`: debugs a graph, in the app, at a line prompt or in a batch."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from mfdebug.cli.exit_status import unusable
from mfdebug.cli.parsed_options import (
    abilities_of,
    lines_of,
    model_options_of,
    wants_screen,
    write_ascii,
)
from mfdebug.config.settings import Settings
from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.loading import loaded
from mfdebug.opening.graphs import Opened, located, open_graph, others_of
from mfdebug.opening.readers import reader_of


def debug_graph(options: argparse.Namespace, settings: Settings, feeds: Mapping[str, Any]) -> int:
    """Open the graph as the options say; raise `MiniflowError` if it cannot be used."""
    store = SessionStore(check_known)
    asked = {**getattr(options, "resumed_options", {}), **model_options_of(options)}
    if options.resume and options.graph:
        # What was given is that of the session, unless it is given anew.
        left = store.origin(located(options.graph)[1])
        if left is not None:
            feeds, asked = {**left.feeds, **feeds}, {**left.options, **asked}
    opened = open_graph(options.graph, feeds, asked) if options.graph else None
    lines = lines_of(options.commands or [])
    if wants_screen(options):
        return _app(opened, lines, store, options, settings)
    loaded()
    write_ascii(options, settings)
    if opened is None:
        return unusable("name a graph file, or a shipped graph (see mfdebug --list)")
    return _without_screen(opened, lines, store, options, settings)


def _without_screen(
    opened: Opened,
    lines: list[str],
    store: SessionStore,
    options: argparse.Namespace,
    settings: Settings,
) -> int:
    from mfdebug.cli.batch import run_batch
    from mfdebug.cli.draw import last_of
    from mfdebug.cli.prompt import Plain
    from mfdebug.core.timeline.computed_debugger import ComputedDebugger

    debugger = ComputedDebugger(opened.graph, history_memory=settings.history_bytes)
    origin = opened.origin
    autosaver = AutoSaver(store, origin)
    if options.resume:
        lines = ["resume", *lines]
        autosaver.must_be_left()
    session = open_session(debugger, origin=origin, left=autosaver.left)
    session.left_before = autosaver.before
    session.open_other = others_of(origin)
    if options.summary:
        from mfdebug.cli.summary import write_summary

        return write_summary(session, as_json=options.json)
    if options.batch or options.check or options.draw or options.html:
        if reader_of(options.graph).is_model:
            _write_notes(opened, as_json=options.json)
        last = last_of(options, settings)
        return run_batch(session, lines, as_json=options.json, check_all=options.check, last=last)
    return Plain(session, autosaver if sys.stdin.isatty() else None).run(lines)


def _write_notes(opened: Opened, *, as_json: bool) -> None:
    """Write how a model was read: its cost, and what was drawn at random."""
    notes = opened.graph.description.splitlines()
    if as_json:
        sys.stdout.write(json.dumps({"notes": notes}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{note}\n" for note in notes)


def _app(
    opened: Opened | None,
    lines: list[str],
    store: SessionStore,
    options: argparse.Namespace,
    settings: Settings,
) -> int:
    able = abilities_of(settings)
    from mfdebug.tui.app import run

    if options.resume and opened is not None:
        lines = ["resume", *lines]
        AutoSaver(store, opened.origin).must_be_left()
    return run(opened, commands=lines, settings=settings, store=store, abilities=able)

"""Open a session on whatever computes or records numbers: a graph, a model or a run file."""

from __future__ import annotations

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import open_graph, others_of
from mfdebug.opening.readers import Kind, reader_of


def session_of(name: str, history_memory: int) -> Session:
    """Return a session on the graph, model or run file of a name, at its start.

    `history_memory` bounds the checkpoints of a graph, in bytes. Raises `MiniflowError` if it
    cannot be used.
    """
    if reader_of(name).kind is Kind.RUN:
        # Most sessions open no run file.
        from mfdebug.opening.runs import open_run

        return open_run(name)
    opened = open_graph(name)
    debugger = ComputedDebugger(opened.graph, history_memory=history_memory)
    session = open_session(debugger, origin=opened.origin)
    session.open_other = others_of(opened.origin)
    return session

"""Sessions on shipped graphs, after some commands."""

from __future__ import annotations

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph


def session(graph: str = "xor", *lines: str) -> Session:
    run = open_session(ComputedDebugger(load_graph(graph)))
    for line in lines:
        run.run(line)
    return run

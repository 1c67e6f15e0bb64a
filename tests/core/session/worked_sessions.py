"""A session in which a user has worked."""

from __future__ import annotations

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.replay import session_lines
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import open_graph
from tests.soak.commands import everything

WORK = [
    "sgd 3",
    "set W1[0,1] = 0.1",
    "step 4",
    "set lr = 0.3",
    "set b1 = [nan, -0.0]",
    "undo",
    "sgd 2",
    "break l1 backward if any(l1.grad > 0)",
    "break nan",
    "ignore 1 3",
    "disable 2",
    "watch norm(W1.grad)",
    "quiz",
    "step 2",
]


def session(graph: str = "xor", **options: object) -> Session:
    opened = open_graph(graph)
    return open_session(ComputedDebugger(opened.graph), origin=opened.origin, **options)  # type: ignore[arg-type]


def worked(graph: str = "xor", lines: list[str] = WORK) -> Session:
    there = session(graph)
    for line in lines:
        there.run(line)
    return there


def as_seen(run: Session) -> list[object]:
    """Return all that a session keeps, and all that is seen of the moment."""
    told = [run.run(line).text for line in ("stops", "watch", "branches")]
    return [*told, session_lines(run), everything(run.debugger)]

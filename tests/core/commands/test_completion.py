"""Completion of what can be set, and of the layers that can be unrolled."""

from __future__ import annotations

import pytest

from mfdebug.core.commands.completion import complete
from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph


def opened(name: str) -> Session:
    return open_session(ComputedDebugger(load_graph(name)))


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("set s", ["set s1", "set s2", "set schedule"]),
        ("set schedule = c", ["set schedule = constant(", "set schedule = cosine("]),
        ("set schedule =n", ["set schedule = none"]),
        ("set W1.", ["set W1.grad", "set W1.trainable"]),
        ("set W1.t", ["set W1.trainable"]),
        ("set l1.", ["set l1.grad"]),
        ("set cost.", []),
        ("set W1.trainable = ", ["set W1.trainable = true", "set W1.trainable = false"]),
        ("set W1.trainable = f", ["set W1.trainable = false"]),
        ("unroll ", []),
    ],
)  # fmt: skip
def test_what_can_be_set(line: str, completed: list[str]) -> None:
    assert complete(opened("xor"), line) == completed


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("unroll ", ["unroll lstm/state"]),
        ("unroll x", []),
        ("unroll lstm/state o", ["unroll lstm/state on", "unroll lstm/state off"]),
    ],
)
def test_layers_that_can_be_unrolled(line: str, completed: list[str]) -> None:
    session = opened("lstm")
    assert complete(session, line) == completed
    session.run("unroll lstm/state")
    assert complete(session, line) == completed


@pytest.mark.parametrize("name", ["xor", "lstm"])
def test_what_is_completed_is_accepted(name: str) -> None:
    session = opened(name)
    session.debugger.move(session.debugger.timeline.length)
    parameter = session.debugger.graph.nodes[session.debugger.graph.trainables[0]].label
    for line in (f"set {parameter}.trainable = ", "set schedule = n", "unroll "):
        for completed in complete(session, line):
            session.run(completed)

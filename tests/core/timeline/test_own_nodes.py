"""A node of one's own that raises in the middle of a pass: its error, and time can be gone back."""

from __future__ import annotations

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from miniflow.errors import GraphError
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops.arithmetic import Mul
from miniflow.ops.reduce import Sum


class Fragile(Node):
    """Doubles its input, and raises for anything below `least`: once w has been trained so far."""

    least = 0.9

    def forward(self) -> None:
        value = self.inbound_nodes[0].value
        if np.min(value) < self.least:
            raise ValueError(f"{np.min(value):.2f} is too small")
        self.value = 2 * value

    def backward(self) -> None:
        sent = sum(consumer.gradients[self] for consumer in self.outbound_nodes)
        self.gradients = {self.inbound_nodes[0]: 2 * sent}


def debugger() -> Debugger:
    w = Input("w", value=np.ones((2, 3)), trainable=True)
    m = Mul(w, Input("x", value=np.full((2, 3), 0.5)), name="m")
    graph = Graph.of(Sum(Fragile([m], name="own"), name="cost"))
    Fragile.least = 0.45
    return ComputedDebugger(graph)


@pytest.mark.parametrize("way", ["sgd 1000", "goto sgd 700", "next 500", "step 900"])
def test_it_is_that_nodes_error_and_the_cursor_stands_before_it(way: str) -> None:
    session = open_session(debugger())
    with pytest.raises(
        GraphError, match=r"own: forward\(\) of Fragile raised ValueError"
    ) as raised:
        session.run(way)
    assert "[m 2x3]" in str(raised.value)
    here = session.debugger
    assert (here.sgd_step, here.where.phase) == (10, "forward")
    assert here.graph.nodes[here.where.node or 0].label == "m"
    assert here.state.value(here.graph.by_name["m"]).min() < Fragile.least
    # It still works: back, at the start, and here again, bit for bit.
    twin = debugger()
    for moment in (here.moment - 1, 0, here.moment - 9, here.moment):
        here.move(moment)
        twin.move(moment)
        for node in range(len(here.graph)):
            assert here.state.value(node).tobytes() == twin.state.value(node).tobytes()
    with pytest.raises(GraphError, match="is too small"):
        session.run("step")
    session.run("set w = 2")
    session.run("step")
    assert here.state.value(here.graph.by_name["own"]).tobytes()

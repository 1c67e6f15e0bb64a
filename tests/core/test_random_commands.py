"""Random walks of commands: the state at a moment depends on the moment and the edits alone."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.console import Console
from mfdebug.core.debugger import Debugger, Standing
from mfdebug.opening import load_graph
from miniflow.errors import MiniflowError
from miniflow.node import Input

GRAPHS = ["xor", "wx", "diamond", "log-nan", "exploding", "dead-relu", "valley-momentum"]
COMMANDS = [
    "step",
    "step 7",
    "back",
    "back 5",
    "next 2",
    "previous",
    "sgd 3",
    "sgd 40",
    "sgd -2",
    "goto start",
    "goto sgd 12",
    "continue",
    "reverse-continue",
    "until {node}",
    "last {node}",
    "last {node}.grad",
    "why {node}",
    "why grad {node}",
    "check {node}",
    "break {node}",
    "break {node} backward if any({node}.grad > 0)",
    "break on-change {node} by 0.01",
    "break if cost > prev(cost)",
    "break health",
    "tbreak {node}",
    "disable all",
    "delete all",
    "watch mean({node})",
    "watch prev(cost)",
    "watch",
    "diff 3",
    "diff 5 now@0",
    "set {input} = 0.3",
    "set lr = 0.01",
    "undo",
    "redo",
    "quiz",
    "answer 1",
    "answer +",
    "quiz off",
    "explain",
    "find i",
    "branches",
    "print prev({node})",
]


def everything(debugger: Debugger) -> list[object]:
    """Return all that can be seen: what has not been computed is nothing."""
    unseen = (Standing.NONE, Standing.WAITING)
    shown: list[object] = [repr(debugger.learning_rate), repr(debugger.where)]
    for i in range(len(debugger.graph)):
        for standing, array in (
            (debugger.value_standing(i), debugger.value(i)),
            (debugger.gradient_standing(i), debugger.gradient(i)),
        ):
            shown.append((standing, None if standing in unseen else array.tobytes()))
    return shown


@pytest.mark.parametrize("graph", GRAPHS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_walk_ends_where_a_straight_way_ends(graph: str, data: st.DataObject) -> None:
    run = Console(Debugger(load_graph(graph)))
    nodes = run.debugger.graph.nodes
    names = [node.label for node in nodes]
    inputs = [node.label for node in nodes if isinstance(node, Input)]
    # A search without an end is not what is tested here.
    looked = 0

    def enough(_moment: int) -> bool:
        nonlocal looked
        looked += 1
        return looked % 200 == 0

    run.progress = enough
    for template in data.draw(st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=14)):
        line = template.replace("{node}", data.draw(st.sampled_from(names)))
        line = line.replace("{input}", data.draw(st.sampled_from(inputs)))
        with contextlib.suppress(MiniflowError):
            run.run(line)
    twin = Debugger(load_graph(graph))
    for edit in run.debugger.edits:
        twin.move(edit.after)
        if edit.node is None:
            twin.set_learning_rate(float(edit.value))
        else:
            twin.set_value(edit.node, edit.index, edit.value)
    assert [edit.after for edit in twin.edits] == [edit.after for edit in run.debugger.edits]
    for moment in range(0, run.debugger.moment, max(1, run.debugger.moment // 3)):
        twin.move(moment)
    twin.move(run.debugger.moment)
    assert everything(run.debugger) == everything(twin)

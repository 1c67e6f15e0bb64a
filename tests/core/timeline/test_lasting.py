"""What ops keep from pass to pass is part of the state of a moment: moves, edits, checks, saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.files import load, save
from miniflow.ops import BatchNorm
from tests.support.debuggers import normalised, state
from tests.support.sizes import examples

LAST = 60
STEPPED: dict[str, list[Any]] = {}


def stepped(dtype: str) -> list[dict[str, Any]]:
    """What there is to see at each moment of a run stepped from the start."""
    if dtype not in STEPPED:
        debugger = ComputedDebugger(normalised(dtype))
        seen = [state(debugger)]
        while debugger.moment < LAST:
            debugger.cursor.step()
            seen.append(state(debugger))
        STEPPED[dtype] = seen
    return STEPPED[dtype]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(moments=st.lists(st.integers(0, LAST), min_size=1, max_size=6))
@settings(deadline=None, max_examples=examples(25))
def test_any_path_to_a_moment_gives_the_same_bits(dtype: str, moments: list[int]) -> None:
    debugger = ComputedDebugger(normalised(dtype))
    for moment in moments:
        debugger.move(moment)
        assert state(debugger) == stepped(dtype)[moment]


def test_they_change_in_the_forward_of_their_node_alone() -> None:
    debugger = ComputedDebugger(normalised())
    node = debugger.graph.index_of("second")
    changed = []
    before = debugger.plan.lasting(node)["running_var"].copy()
    for _ in range(2 * debugger.timeline.length):
        debugger.cursor.step()
        now = debugger.plan.lasting(node)["running_var"].copy()
        if not np.array_equal(now, before):
            changed.append((debugger.where.phase, debugger.where.node))
        before = now
    assert changed == [("forward", node)] * 2


def test_a_check_leaves_the_moment_as_it_is() -> None:
    debugger = ComputedDebugger(normalised())
    for moment in (9, 25):
        debugger.move(moment)
        assert {verdict.judgement for verdict in debugger.check()} == {"right"}
        assert state(debugger) == stepped("float64")[moment]


def test_an_edit_moves_them_and_its_end_restores_them() -> None:
    debugger = ComputedDebugger(normalised())
    debugger.move(24)
    debugger.set_value(debugger.graph.index_of("W"), (0, 0), 5.0)
    debugger.move(50)
    edited = state(debugger)
    assert edited["first running_mean"] != stepped("float64")[50]["first running_mean"]
    debugger.move(10)
    debugger.move(50)
    assert state(debugger) == edited
    debugger.undo()
    debugger.move(50)
    assert state(debugger) == stepped("float64")[50]


@given(
    moment=st.integers(0, LAST),
    more=st.integers(1, 3),
    channels=st.sampled_from([3, 3, 1200]),
    dtype=st.sampled_from(["float64", "float32"]),
)
@settings(
    deadline=None,
    max_examples=examples(12),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_run_from_the_file_goes_on_bit_for_bit(
    moment: int, more: int, channels: int, dtype: str, tmp_path: Path
) -> None:
    graph = normalised(dtype, channels)
    debugger = ComputedDebugger(graph)
    length = debugger.timeline.length
    # In the middle of a step the run repeats it, so no update may have been made.
    updates = length - len(graph.trainables)
    moment -= (moment % length) * (moment % length > updates)
    debugger.move(moment)
    states = [graph.nodes[i].state for i in graph.forward_nodes]  # type: ignore[attr-defined]
    debugger.save(tmp_path / "g.json")
    assert all(
        graph.nodes[i].state is before  # type: ignore[attr-defined]
        for i, before in zip(graph.forward_nodes, states, strict=True)
    )
    again = ComputedDebugger(load(tmp_path / "g.json"))
    start = moment // length * length
    for end in (start + length // 2, start + more * length):
        debugger.move(end)
        again.move(end - start)
        kept, loaded = (state(d) for d in (debugger, again))
        stale = [key for key in kept if "stale" in key]
        del kept["moment"], loaded["moment"]
        assert {k: v for k, v in kept.items() if k not in stale} == {
            k: v for k, v in loaded.items() if k not in stale
        }
    # A second save of what was loaded is the same file.
    save(load(tmp_path / "g.json"), tmp_path / "h.json")
    texts = [(tmp_path / name).read_text() for name in ("g.json", "h.json")]
    assert texts[0].replace("g.", "h.") == texts[1] or channels > 1000


def test_a_trained_graph_is_evaluated_with_what_they_became(tmp_path: Path) -> None:
    graph = normalised()
    graph.train(40)
    save(graph, tmp_path / "g.json")
    text = (tmp_path / "g.json").read_text()
    text = text.replace('"momentum": 0.3', '"momentum": 0.3, "training": false')
    (tmp_path / "g.json").write_text(text)
    debugger = ComputedDebugger(load(tmp_path / "g.json"))
    plan, node = debugger.plan, debugger.graph.index_of("second")
    trained = graph["second"]
    assert isinstance(trained, BatchNorm)
    for _ in range(2 * debugger.timeline.length):
        debugger.cursor.step()
        if debugger.where.node == node and debugger.where.phase == "forward":
            mean, var = trained.state["running_mean"], trained.state["running_var"]
            wanted = (plan.value(debugger.graph.index_of("s")) - mean) / np.sqrt(var + 1e-5)
            np.testing.assert_allclose(plan.value(node), wanted, 1e-13)
    for name, array in trained.state.items():
        assert plan.lasting(node)[name].tobytes() == array.tobytes()


def test_accumulated_passes_each_move_them() -> None:
    graph = normalised()
    graph.training = replace(graph.training, accumulate=3)
    debugger, plain = ComputedDebugger(graph), ComputedDebugger(normalised())
    node = graph.index_of("first")
    for each_debugger in (debugger, plain):
        each_debugger.cursor.sgd(1)
    found = [
        each_debugger.plan.lasting(node)["running_mean"].tobytes()
        for each_debugger in (debugger, plain)
    ]
    assert found[0] == found[1]
    debugger.cursor.sgd(1)
    assert debugger.plan.lasting(node)["running_mean"].tobytes() != found[0]

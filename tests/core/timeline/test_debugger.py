"""The cursor: wherever it goes and however it came there, the same bits."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Freshness
from mfdebug.opening.shipped import shipped
from miniflow.errors import ShapeError
from miniflow.files import load
from miniflow.training.optimizers import SGD, Adam, Momentum, Optimizer
from tests.support.debuggers import network, run_until, state

SHIPPED = [graph.path for graph in shipped()]


def walk_randomly(debugger: Debugger, twin: Debugger, seed: int, moves: int) -> None:
    """Move at random; at every moment a second debugger that only moves forward must agree."""
    rng = random.Random(seed)
    length = debugger.timeline.length
    known: dict[int, dict[str, Any]] = {}
    furthest = 6 * length
    for moment in range(debugger.timeline.clamp(furthest) + 1):
        twin.move(moment)
        known[moment] = state(twin)
    for _ in range(moves):
        rng.choice(
            [
                lambda: debugger.cursor.step(rng.randint(-length, length)),
                lambda: debugger.cursor.phases(rng.randint(-3, 3)),
                lambda: debugger.cursor.sgd(rng.randint(-3, 3)),
                lambda: debugger.move(rng.randint(0, furthest)),
            ]
        )()
        if debugger.moment > furthest:
            debugger.move(rng.randint(0, furthest))
        assert state(debugger) == known[debugger.moment]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_graph_shows_the_same_bits_whichever_way_one_comes(path: Path) -> None:
    walk_randomly(ComputedDebugger(load(path)), ComputedDebugger(load(path)), seed=1, moves=25)


@pytest.mark.parametrize("sampling", ["all", "epoch", "replacement"])
@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.05), Adam(0.01)], ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_so_does_every_optimizer_with_every_sampling(
    optimizer: Optimizer, sampling: str, dtype: str
) -> None:
    debugger = ComputedDebugger(network(optimizer, sampling, dtype))
    walk_randomly(debugger, ComputedDebugger(network(optimizer, sampling, dtype)), seed=2, moves=30)


@pytest.mark.parametrize("memory", [1, 2_000, 20_000])
def test_memory_is_bounded_and_time_travel_still_exact(memory: int) -> None:
    debugger = ComputedDebugger(network(Adam(0.01)), history_memory=memory)
    length = debugger.timeline.length
    debugger.move(700 * length)
    far = state(debugger)
    # The first state and the last one walked through are always kept.
    assert debugger.cursor.checkpoints.bytes <= max(memory, 3 * debugger.plan.state_bytes)
    debugger.move(3 * length + 5)
    debugger.move(700 * length)
    assert state(debugger) == far


def test_a_long_run_and_single_steps_agree() -> None:
    ran, stepped = (
        ComputedDebugger(network(Momentum(0.05))),
        ComputedDebugger(network(Momentum(0.05))),
    )
    moment = 40 * ran.timeline.length + 7
    ran.move(moment)
    for _ in range(moment):
        stepped.cursor.step()
    assert state(ran) == state(stepped)
    assert ran.cursor.costs == stepped.cursor.costs


def test_costs_are_noted_for_every_step() -> None:
    debugger = ComputedDebugger(load(next(p for p in SHIPPED if p.stem == "wx")))
    debugger.cursor.sgd(4)
    np.testing.assert_allclose(debugger.cursor.costs, [900, 576, 368.64, 235.9296], rtol=1e-12)
    debugger.cursor.sgd(-3)
    assert len(debugger.cursor.costs) == 4


def test_a_run_can_be_stopped_at_the_end_of_a_step() -> None:
    debugger, twin = ComputedDebugger(network(SGD(0.01))), ComputedDebugger(network(SGD(0.01)))
    debugger.move(10**9, progress=lambda _moment: True)
    assert 0 < debugger.moment < 10**9
    assert debugger.moment % debugger.timeline.length == 0
    twin.move(debugger.moment)
    assert state(debugger) == state(twin)


# Edits -----------------------------------------------------------------------------------------


def at(debugger: Debugger, name: str) -> int:
    return debugger.graph.index_of(name)


def test_an_edit_works_out_again_what_lies_downstream() -> None:
    debugger = ComputedDebugger(load(next(p for p in SHIPPED if p.stem == "circuit-a")))
    debugger.move(10**6)
    debugger.set_value(at(debugger, "x"), None, 7.0)
    assert float(debugger.state.value(at(debugger, "f"))) == (7 + 5) * -4
    assert float(debugger.state.gradient(at(debugger, "z"))) == 12
    debugger.undo()
    assert float(debugger.state.value(at(debugger, "f"))) == -12
    debugger.redo()
    assert float(debugger.state.value(at(debugger, "f"))) == -48


def test_an_edit_in_the_middle_of_a_step_counts_from_its_feed() -> None:
    debugger = ComputedDebugger(network(SGD(0.1)))
    debugger.move(debugger.timeline.length + 8)
    debugger.set_value(at(debugger, "W1"), (1, 2), 0.5)
    edited = state(debugger)
    length = debugger.timeline.length
    debugger.move(5 * length + 3)
    later = state(debugger)
    debugger.move(0)
    debugger.move(length + 8)
    assert state(debugger) == edited
    debugger.move(5 * length + 3)
    assert state(debugger) == later
    debugger.undo()
    assert state(debugger) != later
    twin = ComputedDebugger(network(SGD(0.1)))
    twin.move(5 * length + 3)
    assert state(debugger) == state(twin)


def test_a_changed_learning_rate_counts_from_here_on() -> None:
    debugger = ComputedDebugger(load(next(p for p in SHIPPED if p.stem == "wx")))
    debugger.cursor.sgd(1)
    debugger.set_learning_rate(0.005)
    debugger.cursor.sgd(1)
    assert float(debugger.state.value(at(debugger, "w"))) == pytest.approx(2.0)
    debugger.cursor.sgd(-1)
    assert float(debugger.state.value(at(debugger, "w"))) == pytest.approx(4.4)


def test_random_walks_over_edits_agree_with_a_twin() -> None:
    def edited() -> Debugger:
        debugger = ComputedDebugger(network(Adam(0.02)))
        for moment, name in ((30, "W1"), (47, "X"), (60, "b2"), (61, "W2")):
            debugger.move(moment)
            debugger.set_value(at(debugger, name), None, 0.25)
        debugger.move(75)
        debugger.set_learning_rate(0.5)
        debugger.move(0)
        return debugger

    walk_randomly(edited(), edited(), seed=4, moves=40)


def test_an_edit_of_the_past_leaves_later_edits_behind_until_undone() -> None:
    debugger = ComputedDebugger(network(SGD(0.1)))
    debugger.move(60)
    debugger.set_learning_rate(0.5)
    debugger.move(20)
    assert debugger.set_learning_rate(0.2) == 1
    debugger.move(80)
    assert debugger.state.learning_rate == 0.2
    debugger.undo()
    assert debugger.state.learning_rate == 0.5


def test_what_cannot_be_edited_is_said() -> None:
    debugger = ComputedDebugger(network(SGD(0.1)))
    with pytest.raises(DebuggerError, match="backward starts with cost"):
        debugger.set_gradient(debugger.graph.cost, None, 1.0)
    with pytest.raises(DebuggerError, match="the factor is one number"):
        debugger.scale(at(debugger, "l1"), None, [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"W1\[9,9\] does not exist: its shape is 3x4"):
        debugger.set_value(at(debugger, "W1"), (9, 9), 1.0)
    with pytest.raises(ShapeError, match="W1 has shape 3x4, the value has shape 2"):
        debugger.set_value(at(debugger, "W1"), None, [1.0, 2.0])
    with pytest.raises(DebuggerError, match="nothing to undo"):
        debugger.undo()


# Freshness --------------------------------------------------------------------------------------


def test_not_computed_partly_there_current_and_stale() -> None:
    debugger = ComputedDebugger(load(next(p for p in SHIPPED if p.stem == "diamond")))
    x, y = at(debugger, "x"), at(debugger, "y")
    assert debugger.state.value_freshness(y) is Freshness.WAITING
    run_until(debugger, y, "backward")
    assert debugger.state.value_freshness(y) is Freshness.CURRENT
    assert debugger.state.gradient_freshness(x) is Freshness.WAITING
    debugger.cursor.step()
    assert debugger.state.gradient_freshness(x) is Freshness.PARTIAL
    assert debugger.state.reported(x) == 1
    debugger.move(10**6)
    assert debugger.state.gradient_freshness(x) is Freshness.CURRENT
    assert float(debugger.state.gradient(x)) == sum(
        float(c.sent) for c in debugger.state.contributions(x) if c.sent is not None
    )


def test_in_the_next_pass_what_is_not_yet_computed_is_stale() -> None:
    debugger = ComputedDebugger(network(SGD(0.1)))
    debugger.cursor.sgd(1)
    debugger.cursor.step()
    assert debugger.state.value_freshness(at(debugger, "l1")) is Freshness.STALE
    assert debugger.state.gradient_freshness(at(debugger, "W1")) is Freshness.STALE
    assert debugger.state.written_at(at(debugger, "l1")) == 2

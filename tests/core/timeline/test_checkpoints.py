"""Checkpoints: how far they are apart, and how little is computed again from one."""

from __future__ import annotations

import pytest

from mfdebug.core.timeline.checkpoints import FIRST_STRIDE, Checkpoints
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import MSE, Linear
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.training.optimizers import SGD
from tests.support.counting import lines_run
from tests.support.debuggers import network, state

# Seconds of an SGD step: so long that no copy of a small network takes a sixteenth of it.
LONG = 60.0


class Counted(Node):
    """Its input; counts its forward passes."""

    passes = 0

    def __init__(self, x: Node) -> None:
        super().__init__([x])

    def forward(self) -> None:
        type(self).passes += 1
        self.value = self.inbound_nodes[0].value

    def backward(self) -> None:
        (x,) = self.inbound_nodes
        self.gradients = {x: sum(n.gradients[self] for n in self.outbound_nodes)}


def counted() -> ComputedDebugger:
    nodes = {name: Input(name, value=2.0, trainable=name in "wb") for name in "xwbt"}
    line = Linear(nodes["x"], nodes["w"], nodes["b"])
    cost = MSE(nodes["t"], Counted(line))
    # Enough nodes that checkpoints are those of an ordinary network.
    for _ in range(70):
        cost = cost + Input(value=0.0)
    return ComputedDebugger(Graph.of(cost, training=Training(SGD(0.01))))


@pytest.mark.parametrize(
    ("from_end", "passes"),
    [(0, 1), (2, 1), (3, 2), (20, 2)],
    ids=["the end", "all updates ahead", "a gradient ahead", "many gradients ahead"],
)
def test_a_move_back_to_a_checkpoint_computes_no_pass_that_is_not_shown(
    from_end: int, passes: int
) -> None:
    debugger = counted()
    length = debugger.timeline.length
    assert debugger.cursor.checkpoints.stride == FIRST_STRIDE
    # Where the target's own pass is incomplete, the pass before it is shown too.
    target = (FIRST_STRIDE + passes) * length - from_end
    twin = counted()
    twin.move(target)
    debugger.move(50 * length)
    before = Counted.passes
    debugger.move(target)
    assert Counted.passes - before == passes
    assert state(debugger) == state(twin)


def test_a_move_far_ahead_to_the_end_of_a_step_is_as_exact_as_stepping() -> None:
    there, stepped = (ComputedDebugger(network(SGD(0.01))) for _ in range(2))
    moment = 33 * there.timeline.length
    there.move(moment)
    while stepped.moment < moment:
        stepped.cursor.step()
    assert state(there) == state(stepped)


# How far they are apart -------------------------------------------------------------------------


def plan() -> Plan:
    return compile_plan(counted().graph)


def test_where_a_replay_takes_long_they_are_closer_together() -> None:
    run = plan()
    checkpoints = Checkpoints(run)
    assert checkpoints.stride == FIRST_STRIDE
    # The first of them says how long a copy takes.
    checkpoints.record(0, run)
    checkpoints.pace(LONG)
    assert checkpoints.stride == 1


def test_an_sgd_step_that_is_slow_once_does_not_bring_them_closer() -> None:
    checkpoints = Checkpoints(plan())
    checkpoints.pace(1e-6)
    checkpoints.pace(LONG)
    assert checkpoints.stride == FIRST_STRIDE


def test_they_are_never_so_close_that_copies_take_a_large_part_of_a_run() -> None:
    checkpoints = Checkpoints(plan())
    # As if the copy of the first state had taken a second: a quarter of a step.
    checkpoints.copy_seconds = 1.0
    checkpoints.pace(4.0)
    assert checkpoints.stride == 4


def test_once_the_memory_is_full_they_stay_apart() -> None:
    run = plan()
    checkpoints = Checkpoints(run, memory=8 * run.state_bytes)
    for step in range(0, 20 * FIRST_STRIDE, FIRST_STRIDE):
        checkpoints.record(step, run)
    stride = checkpoints.stride
    assert stride > FIRST_STRIDE
    checkpoints.pace(LONG)
    assert checkpoints.stride == stride
    assert checkpoints.bytes <= 8 * run.state_bytes


@pytest.mark.parametrize(("states", "room"), [(4, 1), (5, 2), (7, 4), (26, 20)])
@pytest.mark.parametrize("steps", [1, 7, 100, 1000])
def test_they_fill_the_memory_and_none_is_more_than_two_strides_from_the_next(
    states: int, room: int, steps: int
) -> None:
    run = plan()
    # The others: the start, the last 1 to 4 steps that were walked, and one to be written over.
    checkpoints = Checkpoints(run, memory=states * run.state_bytes)
    for step in range(0, steps * FIRST_STRIDE, FIRST_STRIDE):
        checkpoints.record(step, run)
        assert checkpoints.bytes <= checkpoints.memory
    assert len(checkpoints) - 1 >= min(room - 1, steps)
    found = [checkpoints.before(step) for step in range(steps * FIRST_STRIDE)]
    furthest = max(step - at[0] for step, at in enumerate(found) if at is not None)
    assert furthest < 2 * checkpoints.stride
    assert checkpoints.stride <= FIRST_STRIDE * max(1, 2 * steps / room)


def test_forgetting_the_end_of_a_run_does_not_thin_what_comes_next() -> None:
    run = plan()
    checkpoints = Checkpoints(run, memory=22 * run.state_bytes)
    for step in range(0, 30 * FIRST_STRIDE, FIRST_STRIDE):
        checkpoints.record(step, run)
    stride = checkpoints.stride
    checkpoints.forget_from(2 * stride + 1)
    for step in range(0, 6 * stride, FIRST_STRIDE):
        checkpoints.record(step, run)
    found = [checkpoints.before(step) for step in range(2 * stride, 6 * stride, stride)]
    assert [at and at[0] for at in found] == list(range(2 * stride, 6 * stride, stride))


def test_brought_closer_they_are_found_before_and_after() -> None:
    run = plan()
    checkpoints = Checkpoints(run)
    for step in (0, FIRST_STRIDE):
        checkpoints.record(step, run)
    checkpoints.pace(LONG)
    checkpoints.record(FIRST_STRIDE + 1, run)
    found = [checkpoints.before(step) for step in (FIRST_STRIDE - 1, FIRST_STRIDE, 99)]
    assert [None if at is None else at[0] for at in found] == [0, FIRST_STRIDE, FIRST_STRIDE + 1]


@pytest.mark.parametrize("memory", [4, 6, 9])
def test_no_state_is_written_over_that_is_still_to_be_restored(memory: int) -> None:
    size = compile_plan(network(SGD(0.05))).state_bytes
    bounded = ComputedDebugger(network(SGD(0.05)), history_memory=memory * size)
    free = ComputedDebugger(network(SGD(0.05)))
    length = free.timeline.length
    for step in (900, 3, 640, 641, 642, 643, 644, 645, 640, 31, 899, 0, 1200, 5):
        bounded.move(step * length + 7)
        free.move(step * length + 7)
        assert state(bounded) == state(free)
    bounded.move(0)
    free.move(0)
    assert state(bounded) == state(free)


def test_one_is_found_at_once_for_a_step_that_no_run_will_reach() -> None:
    run = plan()
    checkpoints = Checkpoints(run)
    checkpoints.record(FIRST_STRIDE, run)
    found = []
    assert lines_run(lambda: found.append(checkpoints.before(10_000 * FIRST_STRIDE))) < 100
    assert [known and known.sgd_step for known in found] == [FIRST_STRIDE]

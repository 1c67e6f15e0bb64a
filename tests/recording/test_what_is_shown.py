"""What the debugger shows of a recorded run is what the loop saw, bit for bit, at every moment."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.debugger import DebuggerError, OtherRun
from mfdebug.core.timeline.state import Freshness
from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from miniflow.node import Input
from miniflow.ops.base import Array, shape_text
from tests.recording.memory import MemoryRun, Seen
from tests.recording.programs import PROGRAMS
from tests.support.sizes import quick


def opened(name: str, *, to_the_end: bool = True) -> tuple[MemoryRun, RecordedLines]:
    run = MemoryRun(name, PROGRAMS[name], to_the_end=to_the_end)
    return run, RecordedLines(run)


def same(shown: Array, seen: Array) -> bool:
    """Whether the bits are equal, in the shape of a value or of a gradient sent as (n,)."""
    return shown.size == seen.size and shown.tobytes() == seen.astype(shown.dtype).tobytes()


def compare(debugger: RecordedDebugger, passes: list[Seen]) -> None:
    """Compare all that is shown as current at the present moment with what the loop saw."""
    if debugger.moment == 0:
        return
    step, place = debugger.sgd_step, debugger.timeline.position(debugger.moment)
    seen, timeline = passes[step], debugger.timeline
    done = [timeline.name(timeline.start_of(step) + at) for at in range(1, place + 1)]
    forward = [moment.node for moment in done if moment.phase == "forward"]
    backward = [moment.node for moment in done if moment.phase == "backward"]
    updated = [moment.node for moment in done if moment.phase == "update"]
    assert forward == seen.forward_ops(debugger.graph.inbound)[: len(forward)]
    for i, node in enumerate(debugger.graph.nodes):
        freshness = debugger.state.value_freshness(i)
        if i in seen.texts:
            assert freshness is not Freshness.CURRENT
        elif isinstance(node, Input) or i in forward:
            assert freshness is Freshness.CURRENT
            after = debugger.plan.recorded_run.inputs_after(debugger.cursor.steps[step])
            expected = after[i] if i in updated else seen.values[i]
            for (consumer, input_index), value in seen.changed.items():
                if consumer in forward and debugger.graph.inbound[consumer][input_index] == i:
                    expected = value
            assert same(debugger.plan.typed_value(i), expected)
            assert debugger.plan.typed_value(i).dtype.kind == expected.dtype.kind
        elif freshness is Freshness.STALE:
            before = passes[step - 1].last_value(i, debugger.graph.inbound)
            assert same(debugger.plan.typed_value(i), before)
        compare_gradient(debugger, seen, i, backward)


def compare_gradient(
    debugger: RecordedDebugger, seen: Seen, i: int, backward: list[int | None]
) -> None:
    graph = debugger.graph
    for edge in debugger.state.contributions(i):
        assert edge.reported == (edge.consumer in backward)
        if edge.sent is not None and graph.inbound[edge.consumer].count(i) == 1:
            assert same(edge.sent, seen.sent[edge.consumer, edge.input_index])
    freshness = debugger.state.gradient_freshness(i)
    if freshness in (Freshness.CURRENT, Freshness.PARTIAL):
        if i in backward and i in seen.own:
            assert same(debugger.state.gradient(i), seen.own[i])
        elif i != graph.cost:
            sent = [
                value
                for (consumer, input_index), value in sorted(seen.sent.items())
                if consumer in backward and graph.inbound[consumer][input_index] == i
            ]
            total = np.zeros(debugger.state.gradient(i).shape)
            for contribution in sent:
                total = total + contribution.reshape(total.shape)
            assert same(debugger.state.gradient(i), total)


def debugger_of(other: OtherRun) -> RecordedDebugger:
    assert isinstance(other.debugger, RecordedDebugger)
    return other.debugger


def moments(debugger: RecordedDebugger) -> list[int]:
    debugger.cursor.go(0)
    found = [0]
    while not debugger.cursor.at_end:
        debugger.cursor.go(debugger.moment + 1)
        if debugger.moment == found[-1]:
            break
        found.append(debugger.moment)
    return found


@pytest.mark.parametrize("name", quick(PROGRAMS, 8))
def test_every_moment_shows_what_the_loop_saw_forward_back_and_anyhow(name: str) -> None:
    run, lines = opened(name)
    draw = random.Random(name)
    for line, debugger in enumerate(lines.all()):
        passes = [seen for seen in run.seen if seen.line == line]
        all_moments = moments(debugger)
        for moment in [*all_moments, *reversed(all_moments), *draw.choices(all_moments, k=60)]:
            assert debugger.cursor.go(moment) == moment
            compare(debugger, passes)


@pytest.mark.parametrize("name", quick(PROGRAMS, 8))
def test_a_live_run_shows_the_same_moments_as_a_recorded_one(name: str) -> None:
    _, recorded = opened(name)
    run, live = opened(name, to_the_end=False)
    debugger = live.debugger(0)
    for _ in range(2000):
        try:
            debugger.cursor.step()
        except OtherRun as other:
            debugger = debugger_of(other)
        except DebuggerError:
            break
        compare(debugger, [seen for seen in run.seen if seen.line == debugger.plan.line])
    assert run.ending
    assert len(live) == len(recorded)
    for mine, theirs in zip(live.all(), recorded.all(), strict=True):
        assert moments(mine) == moments(theirs)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_costs_of_the_curve_are_those_of_the_passes(name: str) -> None:
    run, lines = opened(name)
    for line, debugger in enumerate(lines.all()):
        last = moments(debugger)[-1]
        debugger.cursor.go(0)
        debugger.cursor.go(last)
        costs = [seen.cost for seen in run.seen if seen.line == line]
        found = np.array(debugger.cursor.costs)
        assert found.tobytes() == np.array(costs[: len(found)]).tobytes()
        assert len(costs) - len(found) <= 1


def test_the_program_runs_no_further_than_it_is_asked_to() -> None:
    run, lines = opened("update_by_hand", to_the_end=False)
    debugger = lines.debugger(0)
    for _ in range(8):
        debugger.cursor.step()
    assert len(run) == 1
    debugger.cursor.step()
    assert (len(run), debugger.where.phase) == (2, "update")
    debugger.cursor.go(3)
    assert len(run) == 2


def test_a_pass_of_which_little_was_kept_shows_no_number_but_its_cost() -> None:
    run = MemoryRun(
        "sparse", PROGRAMS["falling_rate"], kept=lambda number: number != 1, to_the_end=True
    )
    debugger = RecordedLines(run).debugger(0)
    start, length = debugger.timeline.start_of(1), debugger.timeline.length
    line = debugger.graph.index_of("linear1")
    for place in range(1, length + 1):
        debugger.cursor.go(start + place)
        computed = place >= (debugger.timeline.position_of("forward", line) or 0)
        assert debugger.state.value_freshness(line) is (
            Freshness.UNKNOWN if computed else Freshness.STALE
        )
        if computed:
            assert debugger.state.unknown(line) == "not kept"
            assert np.isnan(debugger.state.value(line)).all()
        assert debugger.state.gradient_freshness(line).absent or not computed
        assert "only the cost" in debugger.state.remark
    assert debugger.plan.cost() == run.seen[1].cost
    debugger.cursor.go(debugger.timeline.first_of(2))
    assert debugger.state.value_freshness(line) is Freshness.WAITING


def test_batches_of_another_size_differ_by_their_shapes() -> None:
    _, lines = opened("batches_of_two_sizes")
    debugger = lines.debugger(0)
    debugger.cursor.go(debugger.timeline.first_of(2))
    session = open_session(debugger)
    sizes = [debugger.plan.recorded_run.inputs(step)[0].shape for step in debugger.cursor.steps[:3]]
    other = next(i for i in (1, 2) if sizes[i] != sizes[0])
    text = session.run(f"diff sgd 0 sgd {other}").text
    a, b = shape_text(sizes[0]), shape_text(sizes[other])
    rows = [line.split() for line in text.split("\n")]
    assert [debugger.graph.nodes[0].label, "shape", a, "shape", b] in [row[:5] for row in rows]
    assert text.split("\n")[0].endswith("bit for bit")
    assert "differ" in text.split("\n")[0]

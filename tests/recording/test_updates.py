"""What is trained and by which rule: only what follows its gradient, at the rate of each pass."""

from __future__ import annotations

import math

import pytest

from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from tests.recording.memory import MemoryRun
from tests.recording.programs import PROGRAMS


def opened(name: str) -> RecordedDebugger:
    debugger = RecordedLines(MemoryRun(name, PROGRAMS[name], to_the_end=True)).debugger(0)
    debugger.cursor.go(debugger.timeline.first_of(len(debugger.cursor.steps) - 1))
    return debugger


def names(debugger: RecordedDebugger, nodes: set[int] | list[int]) -> set[str]:
    return {debugger.graph.nodes[i].label for i in nodes}


@pytest.mark.parametrize(
    ("name", "trained", "fed", "rates"),
    [
        ("update_by_hand", {"w"}, set(), [0.001] * 3),
        ("falling_rate", {"w", "b"}, set(), [0.1, 0.05, 0.01]),
        ("batches_by_hand", {"W", "b"}, {"X", "t"}, [0.05] * 4),
        ("batches_of_two_sizes", {"W", "b"}, {"X", "t"}, [0.5] * 5),
        ("labels_with_zero_gradient", {"w"}, {"y"}, [0.1] * 3),
        ("momentum_and_decay", {"W", "b"}, set(), [math.nan] * 20),
        ("adam", {"W", "b"}, {"X", "y"}, [math.nan] * 30),
        ("evaluates_between", {"W"}, set(), [0.1, math.nan, 0.1, math.nan, 0.1, math.nan]),
        ("zero_upstream", {"W1", "W2"}, set(), [0.01] * 3),
        ("rebuilds_its_graph", {"w"}, set(), [0.1, 0.1, 0.1, math.nan]),
        ("twins", {"input1"}, set(), [0.1] * 8),
        ("forward_only", set(), {"x"}, [math.nan] * 3),
        ("accumulates", {"w"}, set(), [0.001] * 3),
    ],
)
def test_what_is_trained_what_is_fed_and_the_rate_of_each_pass(
    name: str, trained: set[str], fed: set[str], rates: list[float]
) -> None:
    debugger = opened(name)
    assert names(debugger, debugger.graph.trainables) == trained
    given = [i for i in range(len(debugger.graph)) if debugger.graph.fed_from_data(i)]
    assert names(debugger, given) == fed
    found = [debugger.plan.updates.of(step).rate for step in range(len(rates))]
    assert list(map(str, found)) == list(map(str, rates))


def test_a_pass_after_which_nothing_was_updated_has_no_update() -> None:
    debugger = opened("evaluates_between")
    timeline = debugger.timeline
    last = [debugger.cursor.last_position(step) for step in range(6)]
    forward = 1 + len(timeline.forward)
    assert last == [timeline.length, forward] * 3


def test_another_graphs_numbers_are_no_update() -> None:
    """After the last pass of a net comes the next net's first: nothing leads from one to the other.

    During the run, too, an update shows the new value of the network's own input.
    """
    for to_the_end in (False, True):
        run = MemoryRun("nets", PROGRAMS["one_after_another"], to_the_end=to_the_end)
        debugger = RecordedLines(run).debugger(0)
        shown = 0
        while not debugger.cursor.at_end:
            debugger.cursor.step()
            made = debugger.cursor.last_update
            if made is None:
                continue
            step = debugger.sgd_step
            following = run.seen[step + 1].began if step % 6 < 5 else run.seen[step].end
            assert made.after.tobytes() == following[debugger.where.node or 0].tobytes()
            shown += 1
        assert shown


def test_what_is_known_to_be_trained_stays_so_while_the_run_grows() -> None:
    run = MemoryRun("grows", PROGRAMS["adam"])
    debugger = RecordedLines(run).debugger(0)
    known: set[str] = set()
    while not debugger.cursor.at_end:
        debugger.cursor.sgd()
        now = names(debugger, debugger.graph.trainables)
        assert known <= now <= {"W", "b"}
        known = now
        if len(debugger.cursor.steps) == len(run) and run.ending and debugger.sgd_step == 29:
            break
    assert known == {"W", "b"}

"""Stops: what a run at a stretch finds is what stepping through finds, forwards and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfdebug.core.breakpoints.parser import RULE_NAMES
from mfdebug.core.breakpoints.stop import Hit
from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from miniflow.files import load
from tests.support.counting import lines_run
from tests.support.paths import ROOT
from tests.support.sizes import examples, quick

GRAPHS = sorted(path.stem for path in (ROOT / "graphs").glob("*.json"))


def session(graph: str) -> Session:
    return open_session(ComputedDebugger(load_graph(graph)))


def state(debugger: Debugger) -> bytes:
    """Return all that is shown at the present moment, as bytes."""
    nodes = range(len(debugger.graph))
    shown = [debugger.state.value(i).tobytes() for i in nodes]
    shown += [debugger.state.gradient(i).tobytes() for i in nodes if debugger.graph.reaches_cost[i]]
    return b"".join(shown)


def walked(run: Session, steps: int) -> list[int]:
    """Return the moments of so many SGD steps at which a stop is met, by stepping through."""
    debugger = run.debugger
    end = debugger.timeline.clamp(steps * debugger.timeline.length)
    met = []
    while debugger.moment < end:
        before = {stop.number: stop.hits for stop in run.stops}
        run.stops._prepare()
        debugger.cursor.step()
        if run.stops._met():
            met.append(debugger.moment)
        del before
    return met


def continued(run: Session, steps: int) -> list[int]:
    """Return the same, by continuing."""
    debugger = run.debugger
    end = debugger.timeline.clamp(steps * debugger.timeline.length)
    met = []
    while debugger.moment < end:
        if run.stops.run(end):
            met.append(debugger.moment)
    return met


def reversed_from(run: Session, steps: int) -> list[int]:
    """Return the same, going back from the end."""
    debugger = run.debugger
    debugger.move(debugger.timeline.clamp(steps * debugger.timeline.length) + 1)
    end = debugger.moment
    met: list[int] = []
    while run.stops.run_back():
        met.insert(0, debugger.moment)
    assert debugger.moment == 0
    return [moment for moment in met if moment < end]


@pytest.mark.parametrize("graph", quick(GRAPHS, 8))
def test_every_rule_is_met_where_stepping_meets_it(graph: str) -> None:
    steps = 4 if graph in ("digits", "diabetes") else 40
    slow, fast = session(graph), session(graph)
    for run in (slow, fast):
        run.run("break health")
    expected = walked(slow, steps)
    assert continued(fast, steps) == expected
    assert state(fast.debugger) == state(slow.debugger)
    hits = [stop.hits for stop in slow.stops]
    assert [stop.hits for stop in fast.stops] == hits


@pytest.mark.parametrize("rate", [0.0001, 0.01, 0.011, 1e-9])
def test_rules_on_the_cost_are_met_where_stepping_meets_them(rate: float) -> None:
    runs = [session("wx") for _ in range(3)]
    for run in runs:
        for line in (f"set lr = {rate}", "break health", "break update-ratio 2.1"):
            run.run(line)
    slow, fast, back = runs
    expected = walked(slow, 45)
    assert bool(expected) == (rate != 0.0001)
    assert continued(fast, 45) == expected
    end = 45 * slow.debugger.timeline.length
    assert [m for m in reversed_from(back, 45) if m <= end] == expected


@pytest.mark.parametrize(
    "graph",
    quick(["xor", "wx", "log-nan", "exploding", "vanishing", "diamond"], 3),
)
def test_going_back_meets_the_same_stops(graph: str) -> None:
    steps = 12
    forth, back = session(graph), session(graph)
    for run in (forth, back):
        for rule in ("nan", "inf", "vanishing 1e-6", "exploding 100"):
            run.run(f"break {rule}")
    end = forth.debugger.timeline.clamp(steps * forth.debugger.timeline.length)
    expected = [moment for moment in walked(forth, steps) if moment < end + 1]
    assert [m for m in reversed_from(back, steps) if m <= end] == expected


CONDITIONS = [
    "break if cost > 0.25",
    "break if cost > prev(cost)",
    "break if norm(W1.grad) > 0.01",
    "break if W1[0,0] > W1[0,1]",
    "break if abs(W1[0,0] - prev(W1[0,0])) > 0.0001",
    "break if max(s1) > 0.7",
    "break if sgd_step == 5",
    "break if moment == 61",
    "break s1 backward if mean(s1.grad) > 0",
    "break if cost > prev(prev(cost)) - 1e-6",
    "break if cost > 0.2505 or cost < prev(cost) - 1e-5",
    "break if sgd_step == 7 and prev(cost) > 0",
    "break if prev(cost) > 0 and prev(prev(prev(cost))) < 9",
    "break if prev(lr) != lr",
    "break if any(prev(W1.grad) > W1.grad)",
    "break if norm(X.grad - prev(X.grad)) > 1e-4",
    "break s1 backward if norm(prev(s1.grad)) > 0",
    "break W1 update if any(prev(W1) > W1)",
    "break if any(W1 - prev(W1) > 1e-4) or any(prev(prev(W2)) > W2)",
    "break W1 update if W1[0,0] > 0.5",
    "break l1",
    "break W2 update",
    "break on-change W1[0,0] by 0.0001",
    "break on-change cost",
    "break on-change s1.grad[0,0] by 1e-5",
    "break on-change X",
    "break on-change X.grad[0,0] by 1e-5",
    "break if X.grad[0,0] > 0",
    "break vanishing 0.01",
    "break exploding 0.05",
    "break saturated 0.1",
    "break dead 0.1",
    "break update-ratio",
    "break unchanged at W1",
    "break nan at s1",
]


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lines=st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3, unique=True),
    edit=st.sampled_from(["", "set lr = 2", "set W1[0,0] = 0.9", "set X[0,0] = 1"]),
    at=st.integers(0, 80),
    stretch=st.sampled_from([1, 2, 3, 16]),
    copies=st.booleans(),
)
def test_conditions_are_met_where_stepping_meets_them(
    lines: list[str], edit: str, at: int, stretch: int, copies: bool
) -> None:
    """Also where a trace begins, whether it is of many steps or of the last one alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mfdebug.core.breakpoints.breakpoints.FIRST_BATCH", stretch)
        patch.setattr("mfdebug.core.breakpoints.breakpoints.LONGEST_TRACE", stretch)
        if not copies:
            patch.setattr("miniflow.plans.arrays.TRACE_BYTES", 0)
        met_where_stepping_meets_them(lines, edit, at)


def met_where_stepping_meets_them(lines: list[str], edit: str, at: int) -> None:
    steps = 9
    runs = [session("xor") for _ in range(3)]
    for run in runs:
        if edit:
            run.run(f"goto {at}")
            run.run(edit)
            run.run("goto start")
        for line in lines:
            run.run(line)
    slow, fast, back = runs
    expected = walked(slow, steps)
    assert continued(fast, steps) == expected
    assert state(fast.debugger) == state(slow.debugger)
    end = steps * slow.debugger.timeline.length
    assert [m for m in reversed_from(back, steps) if m <= end] == expected


@pytest.mark.parametrize(
    ("graph", "condition"),
    [
        ("xor", "if cost > 2 * prev(cost)"),
        ("xor", "if cost > prev(prev(cost)) + 1"),
        ("xor", "if max(abs(W1 - prev(W1))) > 1"),
        ("xor", "if norm(X.grad - prev(X.grad)) > 9"),
        ("wx", "if abs(w - prev(w)) > 10"),
        ("xor", "on-change cost by 1"),
        ("xor", "on-change W1[0,0] by 1"),
        ("xor", "on-change l1.grad[0,0] by 1"),
        ("wx", "on-change w by 10"),
    ],
)
def test_a_look_at_the_step_before_costs_a_long_run_little(graph: str, condition: str) -> None:
    """Only the last step is gone through moment by moment, as with a condition without `prev`."""

    def run(line: str) -> Callable[[], object]:
        armed = session(graph)
        armed.run(f"break {line}")
        return lambda: armed.run("sgd 1000")

    assert lines_run(run(condition)) < 1.5 * lines_run(run("if cost > 1e9"))


@pytest.mark.parametrize("graph", ["xor", "wx"])
def test_a_run_that_goes_on_knows_the_step_before(graph: str) -> None:
    """Nor is a step more gone through where a run begins in the middle of a step."""
    run = session(graph)
    run.run("break if cost > 2 * prev(cost)")
    walked: list[int] = []
    walk = run.stops._walk

    def counted(target: int, last: int | None) -> tuple[Hit, ...]:
        walked.append(target)
        return walk(target, last)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.stops, "_walk", counted)
        for line in ("step 3", "sgd 500", "step 5", "sgd 500"):
            run.run(line)
    assert len(walked) < 12


def test_a_stop_shows_what_stepping_there_shows() -> None:
    """Gradients that training leaves out are there too."""
    run = session("diabetes")
    run.run("break if sgd_step == 30 and cost > 0")
    run.run("continue")
    twin = session("diabetes")
    twin.debugger.cursor.step(run.debugger.moment)
    assert state(run.debugger) == state(twin.debugger)


def test_the_curve_does_not_show_what_lies_beyond_the_stop() -> None:
    run = session("wx")
    run.run("break if cost < 10")
    run.run("continue")
    assert len(run.debugger.cursor.costs) == run.debugger.sgd_step + 1


def test_tbreak_is_met_once_and_ignore_passes_over() -> None:
    run = session("xor")
    run.run("tbreak l1 forward")
    run.run("break s1 forward")
    run.run("ignore 2 2")
    assert "stop 1" in run.run("continue").text
    assert [stop.number for stop in run.stops] == [2]
    run.run("continue")
    assert run.debugger.sgd_step == 2
    assert next(iter(run.stops)).hits == 3
    assert run.run("stops").text == (
        "stop  condition         hits  last at  state\n   2  break s1 forward     3       45  on"
    )


def test_disabled_stops_are_not_met() -> None:
    run = session("xor")
    run.run("break l1")
    run.run("break s1 backward")
    run.run("disable 1")
    run.run("continue")
    assert run.debugger.where.phase == "backward"
    run.run("enable all")
    run.run("delete 2")
    run.run("continue")
    assert run.debugger.graph.nodes[run.debugger.where.node or 0].label == "l1"


@pytest.mark.parametrize("line", ["step 100", "sgd 5", "next 4", "until l2 backward"])
def test_going_on_stops_at_stops(line: str) -> None:
    run = session("xor")
    run.run("break s1 forward")
    reply = run.run(line)
    (stop,) = reply.data["stops"]
    assert stop["reason"].startswith("forward of s1: s1 (shape 4x2, values ")
    assert f"stop 1: {stop['reason']}" in reply.text


def test_nan_is_told_with_its_inputs() -> None:
    run = session("log-nan")
    run.run("break nan")
    text = run.run("continue").text
    assert "if_0[3,0] = nan, made by Mul of not_t" in text
    assert run.debugger.moment == 279


def test_inf_is_found_where_it_is_made() -> None:
    run = session("exploding")
    run.run("break inf")
    run.run("continue")
    assert run.debugger.moment == 84
    assert run.debugger.where.phase == "forward"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("break", "break where?"),
        ("break nothing", "not a node or a rule"),
        ("break vanishin", "did you mean 'vanishing'"),
        ("break l1 sideways", "not understood"),
        ("break l1[0,0]", "on-change"),
        ("break X forward", "no forward moment"),
        ("break l1 if", "no condition given"),
        ("break if", "no condition given"),
        ("break if l1 > 0", "any(...) or all(...)"),
        ("break if l1[9,9] > 0", "does not fit"),
        ("break if cots > 1", "did you mean 'cost'"),
        ("break if __import__('os')", "column"),
        ("break l1 forward if l1.grad[0,0] > 0", "not computed there yet"),
        ("break on-change", "break on a change of what?"),
        ("break on-change W1[5,5]", "does not exist"),
        ("break on-change W1 by lots", "not a number"),
        ("break nan 3", "takes no threshold"),
        ("break dead at W1", "does not concern W1"),
        ("delete 7", "there is no stop 7"),
        ("delete x", "not the number of a stop"),
        ("ignore 1", "there is no stop 1"),
        ("continue", "no stop is set"),
        ("continue 3", "takes no argument"),
        ("reverse-continue", "this is the start"),
    ],
)
def test_what_is_wrong_is_said(line: str, words: str) -> None:
    run = session("xor")
    with pytest.raises(MiniflowError) as caught:
        run.run(line)
    assert words in str(caught.value)
    assert not len(run.stops)


def test_a_graph_without_trainables_runs_to_its_end() -> None:
    run = session("circuit-a")
    run.run("break nan")
    reply = run.run("continue")
    assert "no stop was met" in reply.text
    assert run.debugger.cursor.at_end
    run.run("break q backward")
    run.run("reverse-continue")
    assert run.debugger.where.phase == "backward"


def test_a_search_can_be_interrupted() -> None:
    run = session("wx")
    run.run("break if cost < 0")
    asked = []

    def enough(moment: int) -> bool:
        asked.append(moment)
        return len(asked) > 3

    run.progress = enough
    run.run("continue")
    moment = run.debugger.moment
    assert 0 < moment < 100_000
    asked.clear()
    twin = session("wx")
    twin.debugger.move(moment)
    assert state(run.debugger) == state(twin.debugger)
    run.run("goto sgd 5000")
    run.run("reverse-continue")
    assert run.debugger.moment == run.debugger.timeline.first_of(5000)


@given(text=st.text(max_size=60))
@settings(max_examples=examples(300), deadline=None)
def test_no_break_line_ends_in_a_traceback(text: str) -> None:
    run = session("xor")
    try:
        run.run(f"break {text}")
        run.run("sgd 2")
    except MiniflowError:
        pass


def test_a_node_called_like_a_rule_is_reached_in_backquotes(tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    file.write_text(
        '{"miniflow": 1, "name": "odd", "nodes": ['
        '{"name": "x", "op": "Input", "value": 1}, {"name": "y", "op": "Input", "value": 2},'
        '{"name": "nan", "op": "Mul", "inputs": ["x", "y"]}]}'
    )
    run = open_session(ComputedDebugger(load(file)))
    run.run("break nan")
    assert "forward of nan: nan = 2" in run.run("continue").text


def test_all_rules_have_a_line_in_the_help() -> None:
    text = session("xor").run("help break health").text
    assert all(rule in text for rule in RULE_NAMES)


def test_armed_and_unarmed_runs_agree_bit_for_bit() -> None:
    armed, plain = session("diabetes"), session("diabetes")
    armed.run("break nan")
    armed.run("break exploding")
    armed.run("sgd 100")
    plain.run("sgd 100")
    assert armed.debugger.moment == plain.debugger.moment
    assert state(armed.debugger) == state(plain.debugger)
    assert np.array_equal(armed.debugger.cursor.costs, plain.debugger.cursor.costs)


def test_the_upper_bound_of_the_update_ratio_can_be_chosen() -> None:
    loud, quiet = session("wx"), session("wx")
    for run in (loud, quiet):
        run.run("set lr = 0.02")
    loud.run("break update-ratio 1.5 at w")
    quiet.run("break update-ratio 1000 at w")
    assert "update-ratio" in loud.run("sgd 30").text.split("\n")[-1]
    assert "update-ratio" not in quiet.run("sgd 30").text
    assert next(iter(quiet.stops)).line == "break update-ratio 1000 at w"


def test_going_back_passes_over_ignored_stops_and_counts_none() -> None:
    run = session("xor")
    for line in ("break s1", "ignore 1 100", "sgd 5"):
        run.run(line)
    left = next(iter(run.stops)).ignored
    reply = run.run("reverse-continue")
    assert run.debugger.moment == 0
    assert "this is the start" in reply.text
    assert next(iter(run.stops)).ignored == left


def test_continue_counts_the_steps_that_it_ran() -> None:
    run = session("xor")
    run.run("break if cost < -1")
    assert "in 10,000 SGD steps" in run.run("continue").text

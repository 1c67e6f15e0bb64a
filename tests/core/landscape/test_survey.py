"""Landscapes: published numbers, what lies on them, and that they are computed in slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.landscape.landscape import Landscape
from mfdebug.core.landscape.survey import Surveyor
from mfdebug.core.landscape.views import view_named
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from tests.support.debuggers import state
from tests.support.sizes import examples


def surveyed(debugger: Debugger, text: str = "") -> Landscape:
    before, costs = state(debugger), debugger.cursor.costs[:]
    *slices, last = Surveyor(debugger).survey(view_named(debugger, text))
    assert isinstance(last, Landscape)
    assert all(isinstance(words, str) for words in slices)
    assert state(debugger) == before
    assert debugger.cursor.costs == costs
    return last


def at_step(name: str, steps: int) -> Debugger:
    debugger = ComputedDebugger(load_graph(name))
    debugger.cursor.sgd(steps)
    return debugger


def test_wx_walks_down_its_parabola_as_the_lesson_says() -> None:
    found = surveyed(at_step("wx", 3))
    assert found.title == "cost against w"
    assert [round(mark.at[0], 9) for mark in found.path] == [5, 4.4, 3.92]
    assert [mark.cost for mark in found.path] == pytest.approx([900, 576, 368.64])
    assert found.present.at[0] == pytest.approx(3.536)
    assert found.present.cost == pytest.approx(235.9296)
    assert found.slope == pytest.approx(200 * (3.536 - 2))
    landings = {landing.rate: landing.at[0] for landing in found.landings}
    assert landings == pytest.approx({0.001: 3.2288, 0.002: 2.9216, 0.005: 2, 0.01: 0.464})
    x, costs = found.axes[0].at, found.costs
    assert costs == pytest.approx((20 - 10 * x) ** 2)
    # Both sides of the valley are there.
    assert costs[0] > 500
    assert costs[-1] > 500


def test_wx_at_the_start_shows_where_four_rates_lead() -> None:
    found = surveyed(at_step("wx", 0))
    assert found.path == ()
    assert found.present.at == (5.0,)
    assert found.slope == 600
    assert [landing.at[0] for landing in found.landings] == pytest.approx([4.4, 3.8, 2, -1])


def test_named_rates_are_those_that_land() -> None:
    found = surveyed(at_step("wx", 0), "lr 0.001 0.005 0.01 0.02")
    assert [landing.rate for landing in found.landings] == [0.001, 0.005, 0.01, 0.02]
    assert [landing.at[0] for landing in found.landings] == pytest.approx([4.4, 2, -1, -7])
    assert found.axes[0].at[0] < -7


def test_the_slope_at_3_92_is_384() -> None:
    assert surveyed(at_step("wx", 2)).slope == pytest.approx(384)


def test_between_two_updates_nothing_is_said_of_a_landing() -> None:
    debugger = at_step("valley", 1)
    debugger.cursor.step(-1)
    assert debugger.where.phase == "update"
    assert surveyed(debugger).landings == ()
    debugger.cursor.step(-1)
    assert surveyed(debugger).landings != ()


@settings(max_examples=examples(40), deadline=None)
@given(
    name=st.sampled_from(["wx", "valley", "valley-momentum", "linear-regression", "xor"]),
    steps=st.integers(0, 12),
    position=st.integers(0, 20),
)
def test_the_points_of_the_path_are_the_parameters_of_the_steps(
    name: str, steps: int, position: int
) -> None:
    debugger = ComputedDebugger(load_graph(name))
    timeline = debugger.timeline
    debugger.move(timeline.start_of(steps) + position % timeline.length)
    text = "W1[0,1] b1[1]" if name == "xor" else ""
    found = surveyed(debugger, text)
    last = debugger.sgd_step if debugger.moment else -1
    assert [mark.step for mark in found.path] == list(range(last + 1))
    other = ComputedDebugger(load_graph(name))
    for mark in found.path:
        other.move(timeline.start_of(mark.step))
        values = [other.plan.value(i).reshape(-1) for i in other.graph.trainables]
        flat = np.concatenate(values)
        view = found.view.entries
        assert mark.at == tuple(float(flat[entry]) for entry in view)
        if mark.cost is not None:
            assert mark.cost == debugger.cursor.costs[mark.step]


def test_along_the_gradient_the_axis_is_the_learning_rate() -> None:
    debugger = at_step("xor", 300)
    found = surveyed(debugger)
    assert found.title == "cost along the gradient"
    assert found.axes[0].name == "learning rate"
    rates = {landing.rate: landing.cost for landing in found.landings}
    debugger.cursor.sgd(1)
    debugger.move(debugger.cursor.cost_moment(301))
    assert rates[2.0] == debugger.plan.cost()


def test_the_path_lies_in_its_principal_plane() -> None:
    found = surveyed(at_step("digits", 20), "path")
    assert found.costs is not None
    assert found.costs.shape == (len(found.axes[1].at), len(found.axes[0].at))
    assert found.present.at == (0.0, 0.0)
    assert any("Li et al. 2018" in note for note in found.notes)
    assert any("64 of 1797 rows" in note for note in found.notes)


def test_edits_are_in_the_path_and_a_branch_repeats_only_what_differs() -> None:
    debugger = at_step("wx", 2)
    surveyor = Surveyor(debugger)

    def path() -> list[float]:
        *_, last = surveyor.survey(view_named(debugger, ""))
        assert isinstance(last, Landscape)
        return [round(mark.at[0], 6) for mark in last.path]

    assert path() == [5, 4.4]
    debugger.set_learning_rate(0.005)
    debugger.cursor.sgd(2)
    assert path() == [5, 4.4, 3.92, 2]
    debugger.undo()
    assert path() == [5, 4.4, 3.92, 3.536]
    debugger.cursor.go(0)
    assert path() == []
    debugger.set_value(debugger.graph.by_name["w"], None, -1)
    debugger.cursor.sgd(1)
    assert path() == [-1]


def test_a_parameter_that_is_not_finite_has_no_landscape() -> None:
    debugger = at_step("wx", 0)
    debugger.set_learning_rate(1e200)
    debugger.cursor.sgd(3)
    with pytest.raises(DebuggerError, match="infinite or NaN"):
        surveyed(debugger)


def test_a_long_path_is_thinned() -> None:
    found = surveyed(at_step("xor", 900), "b2")
    assert len(found.path) <= 200
    steps = [mark.step for mark in found.path]
    assert steps == list(range(0, 900, steps[1]))
    assert f"the path has a point for every {steps[1]} SGD steps" in found.notes


def test_an_entry_among_others_says_so() -> None:
    notes = surveyed(at_step("xor", 3), "b2").notes
    assert notes == ("with the other parameters as they are now; the steps had others",)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("square", "", "nothing is trained"),
        ("wx", "x", "x is not a parameter"),
        ("wx", "q", "q"),
        ("wx", "w w", "the two entries are the same"),
        ("xor", "W1", r"W1 has 4 entries \(2x2\)"),
        ("xor", "W1[2,0]", "does not exist"),
        ("xor", "b1[0] b1[1] b2", "at most two"),
        ("wx", "lr", "1 to 5 learning rates"),
        ("wx", "w lr 0.1 x", "1 to 5 learning rates"),
        ("wx", "lr -1", "1 to 5 learning rates"),
        ("wx", "lr 1 2 3 4 5 6", "1 to 5 learning rates"),
    ],
)
def test_what_has_no_landscape_is_an_error(name: str, text: str, problem: str) -> None:
    with pytest.raises(MiniflowError, match=problem):
        view_named(ComputedDebugger(load_graph(name)), text)


def test_the_view_follows_from_the_number_of_parameters() -> None:
    views = {
        name: view_named(ComputedDebugger(load_graph(name)), "")
        for name in ("wx", "linear-regression", "xor")
    }
    assert views["wx"].entries == (0,)
    assert views["linear-regression"].entries == (0, 1)
    assert views["xor"].kind == "gradient"
    named = view_named(ComputedDebugger(load_graph("xor")), "W1[1,-1] b2")
    assert named.entries == (3, 8)


def test_the_line_along_the_gradient_takes_no_second_run() -> None:
    debugger = at_step("xor", 3000)
    view = view_named(debugger, "gradient")
    slices = [part for part in Surveyor(debugger).survey(view) if isinstance(part, str)]
    assert not any("path" in words for words in slices)
    assert any(
        "path" in str(part) for part in Surveyor(debugger).survey(view_named(debugger, "path"))
    )

"""Moments, named and numbered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfdebug.core.timeline.timeline import Timeline
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import MSE, Add, Mul


def wx(*, trainable: bool = True) -> Graph:
    x, wanted = Input("x", value=10.0), Input("wanted", value=20.0)
    w = Input("w", value=5.0, trainable=trainable)
    y = Mul(w, x, name="y")
    return Graph([x, w, y, wanted, MSE(wanted, y, name="cost")])


def names(graph: Graph, count: int) -> list[str]:
    timeline = Timeline(graph)
    found = []
    for number in range(count):
        moment = timeline.name(number)
        node = "" if moment.node is None else f" {graph.nodes[moment.node].label}"
        found.append(f"{moment.sgd_step} {moment.phase}{node}")
    return found


def test_a_training_run_is_feed_forward_backward_update_and_again() -> None:
    assert names(wx(), 12) == [
        "0 start",
        "0 feed",
        "0 forward y",
        "0 forward cost",
        "0 backward cost",
        "0 backward wanted",
        "0 backward y",
        "0 backward w",
        "0 backward x",
        "0 update w",
        "1 feed",
        "1 forward y",
    ]


def test_without_trainables_the_line_ends_after_one_backward_pass() -> None:
    timeline = Timeline(wx(trainable=False))
    assert timeline.end == 8
    assert timeline.clamp(1000) == 8
    assert timeline.phase_after(8) == 8


def test_with_trainables_the_line_has_no_end() -> None:
    timeline = Timeline(wx())
    assert timeline.end is None
    assert timeline.clamp(10**9) == 10**9
    assert timeline.clamp(-5) == 0


def test_a_node_that_the_cost_does_not_depend_on_has_no_backward_moment() -> None:
    x = Input("x", value=1.0)
    aside = Add(x, x, name="aside")
    graph = Graph([x, aside, cost := Mul(x, x, name="cost")], cost)
    timeline = Timeline(graph)
    assert timeline.position_of("forward", graph.index_of("aside")) is not None
    assert timeline.position_of("backward", graph.index_of("aside")) is None
    assert timeline.end == 1 + 2 + 2


def test_phases_end_and_begin_where_they_should() -> None:
    timeline = Timeline(wx())
    ends = [0]
    while ends[-1] < 18:
        ends.append(timeline.phase_after(ends[-1]))
    assert ends == [0, 1, 3, 8, 9, 10, 12, 17, 18]
    back = [18]
    while back[-1] > 0:
        back.append(timeline.phase_before(back[-1]))
    assert back == ends[::-1]


def test_the_next_moment_of_a_node() -> None:
    graph = wx()
    timeline = Timeline(graph)
    y, w = graph.index_of("y"), graph.index_of("w")
    assert timeline.next_of(0, "forward", y) == 2
    assert timeline.next_of(2, "forward", y) == 11
    assert timeline.next_of(2, "backward", y) == 6
    assert timeline.next_of(9, "update", w) == 18
    assert timeline.next_of(0, "update", y) is None


@given(st.integers(min_value=1, max_value=10**12))
def test_a_name_leads_back_to_its_number(number: int) -> None:
    timeline = Timeline(wx())
    moment = timeline.name(number)
    place = timeline.position_of(moment.phase, moment.node)
    assert place is not None
    assert timeline.start_of(moment.sgd_step) + place == number == moment.number


@pytest.mark.parametrize("moment", [0, 1, 9, 10, 18])
def test_a_place_counts_what_has_happened_in_the_step(moment: int) -> None:
    timeline = Timeline(wx())
    assert timeline.position(moment) == (0 if moment == 0 else (moment - 1) % 9 + 1)


def test_what_was_looked_up_is_looked_up_again_after_a_build() -> None:
    graph = wx()
    timeline, w = Timeline(graph), graph.index_of("w")
    cost, y = graph.cost, graph.index_of("y")
    sent = timeline.position_of("backward", y)
    assert timeline.first_report(w) == timeline.last_report(w) == sent
    assert timeline.report_positions(cost) == []
    assert timeline.first_report(cost) > timeline.length
    assert timeline.last_report(cost) == 0
    assert [timeline.first_trained(node) for node in (w, y, cost)] == [w, w, w]
    assert timeline.first_trained(graph.index_of("x")) is None

    timeline.build(wx(trainable=False), backward=False)
    assert timeline.first_report(w) > timeline.length
    assert timeline.last_report(w) == 0
    assert timeline.first_trained(cost) is None


def test_the_numbers_of_an_sgd_step_are_complete_from_its_last_backward_on() -> None:
    timeline = Timeline(wx())
    complete = [
        name for name, n in zip(names(wx(), 14), range(14), strict=True) if timeline.is_complete(n)
    ]
    assert complete == ["0 backward x", "0 update w"]
    assert not Timeline(wx(trainable=False)).is_complete(0)

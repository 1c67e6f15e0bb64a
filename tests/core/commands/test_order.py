"""`order`: Kahn's algorithm, a node at a time."""

from __future__ import annotations

import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.replay import session_lines
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add, Exp, Mul


def opened(graph: str | Graph = "circuit-b") -> Session:
    found = load_graph(graph) if isinstance(graph, str) else graph
    return open_session(ComputedDebugger(found))


def test_every_step_says_what_is_taken_and_who_waits_for_less() -> None:
    session = opened()
    assert session.run("order on").text == (
        "order 0 of 9 ∙ before the start\n"
        "Kahn's algorithm: every node counts its inputs\n"
        "  a node may be placed when all its inputs are: it waits for as many as it takes\n"
        "  those that wait for nothing are in the queue; each step places its first\n"
        "  queue: x, y, z, w, two\n"
        "  order: empty"
    )
    assert session.run("step 4").text == (
        "order 4 of 9 ∙ before the start\n"
        "take w from the queue and place it: 4th\n"
        "  takes nothing: it never had to wait\n"
        "  larger waited for 1, now for none: it joins the queue\n"
        "  queue: two, xy, larger\n"
        "  order: x, y, z, w"
    )
    assert session.run("step 5").text == (
        "order 9 of 9 ∙ before the start\n"
        "take f from the queue and place it: 9th\n"
        "  takes two, total: placed before\n"
        "  queue: empty\n"
        "  order: x, y, z, w, two, xy, larger, total, f\n"
        "  all are placed: forward runs this list from its start, backward from its end"
    )
    assert "the start: nothing has happened yet" in session.run("step").text
    session.run("step")
    assert session.debugger.where.phase == "feed"


def test_a_file_out_of_order_is_put_in_order() -> None:
    x, w = Input("x", value=2.0), Input("w", value=3.0)
    product = Mul(x, w, name="product")
    cost = Exp(product, name="cost")
    session = opened(Graph([cost, product, w, x], cost))
    text = session.run("order on").text
    assert "as written: cost, product, w, x" in text
    assert "queue: w, x" in text
    assert "order: w, x, product, cost" in session.run("step 4").text


def test_an_input_taken_twice_counts_twice() -> None:
    x = Input("x", value=2.0)
    session = opened(Graph([x, Mul(x, x, name="exp")]))
    session.run("order on")
    assert "exp waited for 2, now for none: it joins the queue" in session.run("step").text
    assert "takes x: placed before" in session.run("step").text


def test_a_wide_graph_keeps_its_lines_short() -> None:
    x = Input("x", value=2.0)
    many = [Exp(x, name=f"exp{i}") for i in range(400)]
    session = opened(Graph.of(Add(*many, name="cost")))
    session.run("order on")
    text = session.run("step").text
    assert "… 392 more consumers" in text
    assert "… 388 more" in text
    assert len(text) < 1500


def test_off_returns_to_the_start_and_the_line_begins_there() -> None:
    session = opened()
    session.run("order on")
    session.run("order off")
    assert session.debugger.moment == 0
    with pytest.raises(DebuggerError, match="this is the start"):
        session.run("back")
    with pytest.raises(DebuggerError, match="the order is not shown"):
        session.run("goto order 3")


def test_without_an_argument_it_goes_there_and_back() -> None:
    session = opened("wx")
    session.run("sgd 3")
    session.run("order")
    assert session.debugger.where.phase == "order"
    session.run("order")
    assert session.debugger.moment == 0
    assert len(session.debugger.cursor.costs) == 3


def test_a_stop_is_met_on_the_way_out_of_the_order() -> None:
    session = opened("wx")
    session.run("break y forward")
    session.run("order on")
    session.run("step 3")
    assert session.run("continue").data["stops"]
    assert session.debugger.where.phase == "forward"


@pytest.mark.parametrize("last", ["goto order 4", "goto 7", "goto start"])
def test_a_saved_session_returns_into_the_order(last: str) -> None:
    session = opened("xor")
    session.run("order on")
    session.run("set W1[0,0] = 2")
    session.run(last)
    again = opened("xor")
    for line in session_lines(session):
        again.run(line)
    assert again.debugger.moment == session.debugger.moment
    assert again.debugger.timeline.shows_order
    assert session_lines(again) == session_lines(session)


@pytest.mark.parametrize("line", ["why cost", "why w", "print w", "watch cost", "check", "last w"])
def test_other_commands_find_the_start_there(line: str) -> None:
    session, start = opened("wx"), opened("wx")
    session.run("order on")
    session.run("step 2")
    found = []
    for run in (session, start):
        try:
            found.append(run.run(line).text)
        except MiniflowError as error:
            found.append(str(error))
    assert found[0] == found[1]

"""What is said of a recorded run: by commands, in every graph of a program."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.replay import run_script, session_lines
from mfdebug.core.session.script import Script
from mfdebug.core.session.session import Session
from mfdebug.recording.debugger import RecordedLines
from mfdebug.recording.nodes import Recorded, RecordedGraph, graph_of
from mfdebug.recording.passes import RecordedPass
from mfdebug.recording.records import RecordedNode, Structure
from miniflow import load
from miniflow.errors import MiniflowError
from miniflow.gradcheck.checker import Verdict
from miniflow.node import Input
from tests.recording.memory import MemoryRun
from tests.recording.programs import PROGRAMS


def opened(name: str, *lines: str, to_the_end: bool = False) -> Session:
    run = MemoryRun(name, PROGRAMS[name], to_the_end=to_the_end)
    session = open_session(RecordedLines(run).debugger(0))
    for line in lines:
        session.run(line)
    return session


def said(name: str, *lines: str) -> str:
    *before, last = lines
    session = opened(name, *before)
    try:
        return session.run(last).text
    except MiniflowError as error:
        return f"error: {error}"


@pytest.mark.parametrize(
    ("name", "lines", "words"),
    [
        ("update_by_hand", ["sgd"], "w = 5 - 0.001 × 600 = 4.4"),
        ("falling_rate", ["sgd"], "b[0] = 0 - 0.1 × (-3) = 0.3"),
        ("falling_rate", ["sgd 2"], "lr 0.05"),
        ("momentum_and_decay", ["sgd 3"], "by the program's own rule"),
        ("batches_by_hand", ["sgd", "step"], "X  shape 2x1, values 3, 4  (from the program)"),
        ("batches_by_hand", ["sgd", "step"], "W  shape 1x1, value 0.75  (trained)"),
        ("normalises", ["until present forward"], "(1 - 2)/√(1 + 1e-05) × 2 = -1.99999"),
        ("normalises", ["until running forward"], "(x - running mean)/√(running variance + 1e-05)"),
        ("normalises", ["until running forward", "why running[0,0]"], "variance are not known"),
        ("normalises", ["sgd", "print running.running_mean"], "of running is not in the record"),
        ("times_itself", ["continue"], "∂cost/∂x = 48 + 48 = 96"),
        ("times_itself", ["continue", "why grad x"], "16 × 3 + 16 × 3"),
        ("overwrites_its_input", ["step 3"], "it changes h[1,0]: -2 before, 0 now"),
        ("overwrites_its_input", ["step 4", "why h[1,0]"], "r changed it at moment 3; before"),
        (
            "overwrites_its_input",
            ["step 8"],
            "to h[0,0]: r.gradients[h][0,0] = 2, by rules of its own: the local derivative is not",
        ),
        ("overwrites_its_input", ["step 3"], "made in prog.py, line 8"),
        ("text_for_a_value", ["step 3"], "own: not a number but str 'text'"),
        ("text_for_a_value", ["step 3", "print own"], "error: own: not a number but str 'text'"),
        ("integer_labels", ["step", "print y"], "y = [0 2]"),
        ("forward_only", ["step 2", "print f"], "f = 9"),
        ("forward_only", ["check"], "there is nothing to check"),
        ("catches_an_error", ["step 3"], "forward of f raised ValueError: too large"),
        ("catches_an_error", ["step 4"], "x = 2"),
        ("raises_in_a_node", ["step 3", "step"], "forward of f raised ValueError: too large"),
        ("raises_in_a_node", ["step 3"], "[its inputs: x 2]"),
        ("raises_in_a_node", ["step 3", "back"], "f[0] = 1"),
        (
            "accumulates",
            ["sgd 2", "check"],
            "1 of 1  is not the sum of what came to it",
        ),
        ("accumulates", ["sgd 2", "check w"], "1 gradient is wrong"),
        (
            "zero_upstream",
            ["sgd", "check s"],
            "not tested  to h   Square is the program's own class",
        ),
        ("update_by_hand", ["set w = 1"], "the values of a program cannot be changed"),
        ("update_by_hand", ["set w.grad = 1"], "the values of a program cannot be changed"),
        ("update_by_hand", ["scale w.grad 2"], "the values of a program cannot be changed"),
        (
            "zero_upstream",
            ["step", "save out.json"],
            "s (Square): a graph file can hold only miniflow's own",
        ),
        ("update_by_hand", ["sgd 2", "why w"], "4.4 - 0.001 × 480"),
        ("update_by_hand", ["sgd 2", "diff 8 17"], "differ"),
        ("update_by_hand", ["watch w - prev(w)", "sgd 2", "watch"], "    1  w - prev(w)  -0.48"),
        (
            "update_by_hand",
            ["break if cost < 500", "continue"],
            "stop 1: cost < 500: cost = 368.64",
        ),
        ("update_by_hand", ["break if cost < prev(cost)", "continue"], "stop 1"),
        ("update_by_hand", ["break w update", "continue"], "5 - 0.001 × 600 = 4.4"),
        ("update_by_hand", ["sgd 3", "last w"], "w changed: 4.4 -> 3.92"),
        ("update_by_hand", ["graph 2"], "error: there is no graph 2 (there is only one)"),
        ("update_by_hand", ["quiz on", "step 2", "answer 900"], "1 of 1 right"),
    ],
)
def test_what_a_command_says(name: str, lines: list[str], words: str) -> None:
    assert words in said(name, *lines)


def test_a_wrong_shape_is_said_and_makes_no_number() -> None:
    session = opened("wrong_shape", "step 3")
    text = session.run("explain").text
    assert "to x: wrong shape: it sent 7, x's value has 2x3" in text
    assert "nan" not in text


# Graphs of a program --------------------------------------------------------------------------


def test_stops_hold_in_all_graphs() -> None:
    session = opened("two_graphs", "break nan")
    reply = session.run("continue")
    assert reply.stopped == "stop 1: nan: W[0,0] = nan was fed"
    assert session.debugger.graph.name == "two_graphs 2"
    assert [stop.hits for stop in session.stops] == [1]


def test_stepping_goes_from_graph_to_graph_in_the_order_of_the_program() -> None:
    session = opened("alternates", to_the_end=True)
    way = []
    while not session.debugger.cursor.at_end:
        session.run("step")
        way.append((session.debugger.graph.name, session.debugger.moment))
    back = [way[-1]]
    while session.debugger.moment:
        session.run("back")
        back.append((session.debugger.graph.name, session.debugger.moment))
    assert [name for name, _ in way].count("alternates 2") > 4
    assert back == [*reversed(way), ("alternates", 0)]


def test_going_back_to_a_stop_passes_through_all_graphs() -> None:
    lines = ["graph 2", "break d forward", "graph 1", "break t backward"]
    session = opened("alternates", *lines, to_the_end=True)
    seen = []
    while not session.debugger.cursor.at_end:
        assert session.run("continue").stopped.startswith("stop")
        seen.append((session.debugger.graph.name, session.debugger.moment))
    assert {name for name, _ in seen} == {"alternates", "alternates 2"}
    met = []
    while session.run("reverse-continue").stopped.startswith("stop"):
        met.append((session.debugger.graph.name, session.debugger.moment))
    assert met == list(reversed(seen[:-1]))


def test_a_stop_at_a_node_of_another_graph_waits_and_comes_back() -> None:
    session = opened("two_graphs", "break s forward", "watch s", "sgd", "sgd")
    assert session.debugger.graph.name == "two_graphs 2"
    assert "not in this graph" in session.run("stops").text
    assert "not in this graph" in session.run("watch").text
    session.run("graph 1")
    assert "not in this graph" not in session.run("stops").text
    assert "    1  s               3" in session.run("watch").text


def test_graphs_are_listed_and_returned_to() -> None:
    session = opened("two_graphs", "sgd", "sgd", "sgd")
    assert session.run("graph").text.splitlines() == [
        "graph  name          nodes  cost  passes",
        "    1  two_graphs        3  s          1",
        "    2  two_graphs 2      6  cost       1  <- here",
    ]
    assert "s = 3" in session.run("graph 1").text


def test_a_session_comes_back_in_its_graph_with_its_stops() -> None:
    session = opened("alternates", "sgd", "break t backward", "sgd", "break d forward", "step 3")
    lines = session_lines(session)
    again = opened("alternates")
    run_script(again, Script("session", tuple(enumerate(lines, 1)), None))
    assert session_lines(again) == lines
    assert again.debugger.graph.name == session.debugger.graph.name
    assert [stop.line for stop in again.stops] == ["break t backward", "break d forward"]


# Files and checks -----------------------------------------------------------------------------


def test_a_line_of_ours_is_saved_as_a_graph_file(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    session = opened("batches_by_hand", "sgd 2", f"save {file}")
    graph = load(file)
    assert graph["W"].value == session.debugger.state.value(session.debugger.graph.index_of("W"))
    assert graph.training.optimizer.learning_rate == 0.05
    assert {graph.nodes[i].label for i in graph.trainables} == {"W", "b"}


class FalseAlarm:
    def __init__(self) -> None:
        self.asked: list[tuple[int, tuple[int, ...]]] = []

    def check(
        self, graph: RecordedGraph, recorded: RecordedPass, nodes: Sequence[int]
    ) -> list[Verdict]:
        self.asked.append((recorded.number, tuple(nodes)))
        return [Verdict(nodes[0], 0, 0, "wrong", 1, (), 1.0, 2.0, 0.5)]


def test_the_programs_own_nodes_are_checked_by_the_program() -> None:
    checker = FalseAlarm()
    run = MemoryRun("zero_upstream", PROGRAMS["zero_upstream"])
    session = open_session(RecordedLines(run, checker=checker).debugger(0))
    session.run("sgd 2")
    square = session.debugger.graph.index_of("s")
    assert "1 gradient is wrong" in session.run("check").text
    assert checker.asked == [(1, (square,))]


def test_an_op_of_ours_whose_record_departs_from_its_rule_is_found() -> None:
    run = MemoryRun("update_by_hand", PROGRAMS["update_by_hand"], to_the_end=True)
    seen = run.seen[0]
    (place,) = [i for i, value in seen.values.items() if value == 50.0]
    seen.values[place] = seen.values[place] + 1.0
    seen.sent[place, 0] = seen.sent[place, 0] * 2
    session = open_session(RecordedLines(run).debugger(0))
    text = session.run("step 2").text
    assert "the program's number is another: 51, by the rule 50" in text
    assert "5 × 10 = 51" not in text
    session.run("step 3")
    heads, row = session.run("check y").text.splitlines()[1:3]
    assert "  found  expected  " in heads
    assert "  1200       600  1 of 1  does not follow the rule" in row


# Nodes ----------------------------------------------------------------------------------------


def test_names_are_unique_and_printable_and_nothing_of_the_program_can_run() -> None:
    nodes = (
        RecordedNode("Input", name="x", ours=True),
        RecordedNode("Strange\x1b[31m", (0,), name="x"),
        RecordedNode("Strange\x1b[31m", (1,), name="a\nb"),
        RecordedNode("Mul", (0, 2), ours=True),
        RecordedNode("NoSuchOp", (3,), ours=True),
    )
    graph = graph_of(Structure(nodes, (1, 2, 3, 4), (), 4), "names")
    assert [node.label for node in graph.nodes] == ["x", "x_2", "a b", "mul1", "nosuchop1"]
    assert all("\x1b" not in type(node).__name__ for node in graph.nodes)
    for node in graph.nodes:
        if isinstance(node, Recorded) and not isinstance(node, Input):
            with pytest.raises(MiniflowError):
                node.forward()
            with pytest.raises(MiniflowError):
                node.backward()


def test_a_node_before_its_input_is_refused() -> None:
    nodes = (RecordedNode("Neg", (1,), ours=True), RecordedNode("Input", ours=True))
    with pytest.raises(MiniflowError, match="comes before one of its inputs"):
        graph_of(Structure(nodes, (), (), 0), "upside down")


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_whole_passes_end_where_they_end_without_a_stop(name: str) -> None:
    """A pass whose updates are known only when the next one begins is whole with them."""
    reached = []
    for stop in ("", "break nan"):
        session = opened(name, stop)
        moments = []
        for _ in range(3):
            with suppress(MiniflowError):
                session.run("sgd")
            moments.append((session.debugger.graph.name, session.debugger.moment))
        reached.append(moments)
    assert reached[0] == reached[1]

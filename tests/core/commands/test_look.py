"""Commands that tell what there is: why, last, check, diff, watch, find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.commands.table import COMMANDS
from mfdebug.core.expressions.names import typed
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Freshness
from mfdebug.opening.graphs import load_graph
from miniflow.errors import MiniflowError
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import MSE, Linear, Mul, Sigmoid
from tests.core.commands.sessions import session
from tests.support.sizes import examples

# Last ------------------------------------------------------------------------------------


def entry_history(run: Session, name: str, attribute: str, end: int) -> list[bytes | None]:
    """Return what an entry was at every moment; None where it had not been computed."""
    debugger = run.debugger
    node = debugger.graph.by_name[name]
    debugger.move(0)
    found: list[bytes | None] = []
    for moment in range(end + 1):
        debugger.move(moment)
        gradient = attribute == "grad"
        freshness = debugger.state.freshness(node, gradient=gradient)
        array = debugger.state.gradient(node) if gradient else debugger.state.value(node)
        known = freshness in (Freshness.CURRENT, Freshness.STALE)
        found.append(array.reshape(-1)[:1].tobytes() if known else None)
    return found


@settings(max_examples=examples(40), deadline=None)
@given(
    name=st.sampled_from(["W1", "b1", "l1", "s1", "l2", "cost", "X"]),
    start=st.integers(1, 120),
    edit=st.sampled_from(["", "set W1[0,0] = 0.9", "set X[0,0] = 1", "set lr = 3"]),
    at=st.integers(0, 100),
)
def test_last_finds_the_moment_that_changed_a_value(
    name: str, start: int, edit: str, at: int
) -> None:
    run = session("xor", f"goto {at}", *([edit] if edit else []))
    seen = entry_history(run, name, "value", start)
    changes = [t for t in range(1, start) if seen[t] != seen[t - 1]]
    run.debugger.move(start)
    index = "[0,0]" if run.debugger.plan.shapes[run.debugger.graph.by_name[name]] else ""
    index = index.replace("0,0", "0") if name == "b1" else index
    if changes:
        run.run(f"last {name}{index}")
        assert run.debugger.moment == changes[-1]
    else:
        with pytest.raises(MiniflowError, match="changed"):
            run.run(f"last {name}{index}")
        assert run.debugger.moment == start


def test_last_pressed_again_finds_the_one_before() -> None:
    run = session("xor", "goto sgd 5")
    moments = [run.run("last W1[0,0]") and run.debugger.moment for _ in range(3)]
    length = run.debugger.timeline.length
    assert [m - moments[0] for m in moments] == [0, -length, -2 * length]


def test_last_of_a_gradient_says_both_numbers() -> None:
    run = session("xor", "goto sgd 3", "step 4")
    reply = run.run("last grad W1[0,1]")
    assert run.debugger.where.phase == "backward"
    assert "∂cost/∂W1[0,1] changed:" in reply.stopped


# Why -------------------------------------------------------------------------------------


def test_why_gives_the_terms_of_a_value() -> None:
    text = session("xor", "sgd", "until l1").run("why l1[2,1]").text
    assert text.startswith("l1[2,1] = Σₖ X[2,k]·W1[k,1] + b1[1]")


def test_why_grad_and_grad_attribute_are_the_same() -> None:
    run = session("xor", "until W1 backward")
    text = run.run("why grad W1[0,1]").text
    assert text == run.run("why W1.grad[0,1]").text
    assert "Σₙ X[n,0]·∂cost/∂l1[n,1]" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("why", "which number?"),
        ("why l1[0,0]", "not computed yet"),
        ("why l1[9,9]", "does not exist"),
        ("why nosuch", "unknown name"),
        ("why l1[0,0] + 1", "not understood"),
        ("last", "which number?"),
        ("check nosuch", "unknown name"),
        ("diff", "compare which moments?"),
        ("diff 1 2 3", "compare which moments?"),
        ("diff 1@7 1", "there is no branch 7"),
        ("diff xor", "only a graph, a model or a recorded run is compared with a file"),
        ("find", "find what?"),
        ("find zzz", "no node's name"),
        ("unwatch 3", "there is no watch 3"),
        ("watch nosuch", "unknown name"),
    ],
)
def test_what_is_wrong_is_said(line: str, words: str) -> None:
    with pytest.raises(MiniflowError) as caught:
        session().run(line)
    assert words in str(caught.value)


# Check -----------------------------------------------------------------------------------


class Wrong(Node):
    """A Linear in the lesson's style with one of the classic mistakes."""

    mistake = ""

    def __init__(self, x: Node, w: Node, b: Node, name: str) -> None:
        Node.__init__(self, [x, w, b], name=name)

    def forward(self) -> None:
        x, w, b = (node.value for node in self.inbound_nodes)
        self.value = np.dot(x, w) + b

    def backward(self) -> None:
        x, w, b = self.inbound_nodes
        self.gradients = {node: np.zeros_like(node.value) for node in self.inbound_nodes}
        for consumer in self.outbound_nodes:
            grad = consumer.gradients[self]
            if self.mistake == "assigned":
                self.gradients[x] = np.dot(grad, w.value.T)
            else:
                self.gradients[x] += np.dot(grad, w.value.T)
            if self.mistake == "transpose":
                self.gradients[w] += np.dot(x.value, grad)
            else:
                self.gradients[w] += np.dot(x.value.T, grad)
            rows = grad[0] if self.mistake == "no sum" else grad.sum(0)
            self.gradients[b] += rows


def planted(mistake: str) -> Graph:
    rng = np.random.default_rng(0)

    class Planted(Wrong):
        pass

    Planted.mistake = mistake
    x = Input("X", value=rng.normal(size=(3, 3)))
    w = Input("W", value=rng.normal(size=(3, 3)), trainable=True)
    b = Input("b", value=rng.normal(size=3), trainable=True)
    y = Input("y", value=rng.normal(size=(3, 3)))
    hidden: Any = Linear(x, w, b, name="hidden")
    l1 = Planted(hidden, w, b, "l1")
    # Two consumers, so that = for += shows.
    return Graph.of(MSE(y, Mul(l1, l1, name="product"), name="cost"), name=mistake)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [("transpose", "l1 (Planted) to W["), ("no sum", "l1 (Planted) to b[")],
)
def test_a_planted_wrong_gradient_is_named(mistake: str, words: str) -> None:
    reply = open_session(ComputedDebugger(planted(mistake))).run("check")
    first = reply.text.splitlines()[2]
    node, _, to = words.partition(" to ")
    assert first.startswith(f"  {node} ")
    assert f"  WRONG    to {to}" in first
    assert not reply.data["all_right"]
    worst = reply.data["verdicts"][0]
    assert worst["judgement"] == "wrong"
    assert worst["relative_error"] > 1e-3


def test_an_assigned_gradient_is_named() -> None:
    """The second consumer overwrites what the first one sent."""
    x = Input("x", value=np.array([[1.0, 2.0, 3.0]]))
    w = Input("W", value=np.eye(3), trainable=True)
    b = Input("b", value=np.zeros(3), trainable=True)

    class Planted(Wrong):
        mistake = "assigned"

    l1 = Planted(x, w, b, "l1")
    y = Input("y", value=np.zeros((1, 3)))
    left, right = MSE(y, l1, name="left"), MSE(y, l1, name="right")
    cost = Mul(left, right, name="cost")
    reply = open_session(ComputedDebugger(Graph.of(cost, name="assigned"))).run("check l1")
    assert "WRONG    to x[" in reply.text


def test_sound_graphs_are_found_so() -> None:
    for graph in ("xor", "diamond", "circuit-b", "wx"):
        reply = session(graph).run("check")
        assert reply.data["all_right"], reply.text
        assert reply.text.startswith("no gradient is wrong")


def test_a_check_changes_nothing() -> None:
    run, twin = session("xor", "step 7"), session("xor", "step 7")
    run.run("check")
    for i in range(len(run.debugger.graph)):
        assert run.debugger.state.value(i).tobytes() == twin.debugger.state.value(i).tobytes()


# Diff, branches, watch, find -------------------------------------------------------------


def test_diff_of_a_branch_with_the_run_without_edits() -> None:
    run = session("xor", "goto sgd 1", "set lr = 5", "goto sgd 3")
    text = run.run("diff now@0 now").text
    assert "  learning rate " in text
    assert "differ" in text
    assert run.run("branches").text.splitlines()[2].endswith("<- here")
    same = run.run("diff 5@0 5").text
    assert "equal bit for bit" in same


def test_diff_against_the_present_moment() -> None:
    run = session("wx", "sgd 2")
    assert "moment 9 and moment 18" in run.run("diff 9").text
    assert "equal bit for bit" in run.run("diff 18").text


def test_watches_are_told_at_every_moment() -> None:
    run = session("wx", "watch w", "watch cost - prev(cost)", "sgd 3")
    readings = run.watches.read()
    assert [reading.number for reading in readings] == [1, 2]
    assert readings[0].shown == "3.536"
    assert readings[1].known
    run.run("sgd")
    now = run.debugger.state.value(run.debugger.graph.by_name["w"]).item()
    assert run.watches.read()[0].trend == pytest.approx((5.0, 3.536, now))
    run.run("unwatch 1")
    assert [reading.text for reading in run.watches.read()] == ["cost - prev(cost)"]
    heads, row = run.run("watch").text.splitlines()
    assert heads.split() == ["watch", "expression", "value"]
    assert row == f"    2  cost - prev(cost)  {run.watches.read()[0].shown}"


def test_a_watch_of_what_is_not_computed_says_so() -> None:
    run = session("wx", "watch w.grad")
    assert run.watches.read()[0].shown == "not computed yet"


def test_an_edit_forgets_what_a_watch_has_seen() -> None:
    run = session("wx", "watch w", "sgd")
    run.watches.read()
    run.run("sgd")
    assert len(run.watches.read()[0].trend) >= 2
    run.run("set w = 1")
    assert len(run.watches.read()[0].trend) == 1


def test_find_looks_at_names_ops_and_shapes() -> None:
    run = session("xor")
    assert "l1" in run.run("find linear").text
    assert run.run("find W").data[0] == "W1"
    assert run.run("find 4x2").data


# What a stop was met for --------------------------------------------------------------------


def test_the_number_that_a_stop_names_is_the_one_that_is_told() -> None:
    run = session("log-nan", "break nan")
    reply = run.run("continue")
    assert "if_0[3,0] = 0 × (-inf) = nan" in reply.text
    assert reply.ref is not None
    assert reply.ref.index == (3, 0)
    for line in ("why", "why if_0", "why if_0[3,0]"):
        assert run.run(line).text.startswith("if_0[3,0] = "), line
    assert run.run("why if_0[0,0]").text.startswith("if_0[0,0] = ")
    run.run("step")
    with pytest.raises(MiniflowError, match="which number"):
        run.run("why")
    assert run.run("why if_0").text.startswith("if_0[0,0] = ")


def test_so_is_the_number_that_last_changes() -> None:
    run = session("xor", "sgd", "last W1[1,0]")
    assert "W1[1,0] = " in run.run("explain [1,0]").text
    assert run.debugger.where.phase == "update"


# Numbers as people see them -----------------------------------------------------------------


def test_a_saturated_sigmoid_shows_the_digits_that_its_slope_takes() -> None:
    x = Input("x", value=20.0)
    run = open_session(ComputedDebugger(Graph.of(Sigmoid(x, name="s"))))
    run.run("next 3")
    assert run.run("why grad x").text == (
        "∂s/∂x = ∂s/∂s·s(1-s)\n  = 1 × (0.999999997939 × (1-0.999999997939))\n  = 2.06115e-09"
    )


def test_a_printed_matrix_begins_on_its_own_line_and_zero_has_no_sign() -> None:
    w = Input("w", value=np.array([[-0.0, 1.0]]))
    run = open_session(ComputedDebugger(Graph.of(Mul(w, w, name="y"))))
    run.run("step")
    assert run.run("print w").text == "w =\n[[0. 1.]]"


def test_a_gradient_whose_turn_has_not_come_says_so() -> None:
    run = session("wx", "until cost backward")
    with pytest.raises(
        MiniflowError, match="all contributions have arrived, but its backward has not run"
    ):
        run.run("print y.grad")


def test_a_diff_counts_what_it_leaves_out() -> None:
    run = session("digits", "sgd")
    tail = run.run("diff 0 40").text.split("\n")
    assert any("cannot be compared" in line for line in tail)


def test_a_watch_that_never_has_a_value_is_refused_and_one_is_set_once() -> None:
    debugger = ComputedDebugger(load_graph("xor"), history_memory=2**24)
    session = open_session(debugger)
    with pytest.raises(MiniflowError, match="9"):
        session.run("watch W1[9,9]")
    session.run("watch s1[0,0]")
    session.run("watch W1.grad")
    assert session.run("watch s1[0,0]").text.startswith("1  s1[0,0] = not computed yet")
    assert len(session.watches) == 2


NODE_KEYS = [
    key.line for command in COMMANDS.values() for key in command.keys if "{node}" in key.line
]


@pytest.mark.parametrize("line", NODE_KEYS)
def test_a_key_names_a_node_whose_name_is_not_a_plain_word(line: str) -> None:
    x, w, wanted = Input(), Input(), Input()
    product = Mul(x, w)
    product.name = "model.layer 1"
    one = np.ones((1, 1))
    graph = Graph.of(MSE(wanted, product), feeds={x: one, w: one, wanted: one})
    run = open_session(ComputedDebugger(graph))
    run.run("next 2")
    command = line.replace("{node}", typed("model.layer 1"))
    problem = ""
    try:
        run.run(command)
    except MiniflowError as error:
        problem = error.problem
    assert "there is no node" not in problem

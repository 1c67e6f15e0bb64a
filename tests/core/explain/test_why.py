"""Where a number comes from: its terms add up to it, and each leads on to others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.explain.cause_text import cause_data, cause_lines
from mfdebug.core.explain.why import MAX_IN_ORDER, MAX_TERMS, Cause, EntryRef, why
from mfdebug.core.expressions.ast import NotComputed
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger, Freshness
from miniflow.errors import MiniflowError, ShapeError
from miniflow.files import load
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import MSE, OPS, Add, Linear, Log, MatMul, Max, Mul, Sigmoid, Sum, Take, Tile
from miniflow.plans.without_gradient import inputs_without_gradient
from miniflow.training.optimizers import Adam
from tests.support.counting import lines_run
from tests.support.debuggers import debugger_of, nodes_asked, run_until
from tests.support.op_cases import cases
from tests.support.paths import ROOT
from tests.support.sizes import examples, pick, quick

GRAPHS = ROOT / "graphs"
SHIPPED = sorted(path.name for path in GRAPHS.glob("*.json"))


def debugger_at_end(cost: Node) -> Debugger:
    debugger = ComputedDebugger(Graph.of(cost))
    debugger.move(debugger.timeline.length)
    return debugger


def shipped(name: str) -> Debugger:
    return ComputedDebugger(load(GRAPHS / name))


def lines(debugger: Debugger, name: str, index: tuple[int, ...] = (), grad: bool = False) -> Any:
    ref = EntryRef(debugger.graph.index_of(name), "grad" if grad else "value", index)
    return cause_lines(why(debugger, ref), debugger)


def refs(debugger: Debugger, entries: int = 3) -> Iterator[EntryRef]:
    """Yield a few entries of values and gradients of the nodes asked, the last among them."""
    for node in nodes_asked(debugger):
        shape = debugger.plan.shapes[node]
        count = int(np.prod(shape))
        for flat in sorted({*range(min(count, entries)), count - 1}):
            index = tuple(map(int, np.unravel_index(flat, shape)))
            yield EntryRef(node, "value", index)
            yield EntryRef(node, "grad", index)


def check(debugger: Debugger, cause: Cause) -> None:
    """Hold what must be true of every cause: sums, order, text, data, and where it leads."""
    graph = debugger.graph
    amounts = [term.amount for term in cause.terms]
    if len(amounts) > MAX_IN_ORDER and np.isfinite(amounts).all():
        assert amounts == sorted(amounts, key=abs, reverse=True)
    if cause.terms:
        total = sum(amounts) + cause.left_out_sum
        scale = sum(map(abs, amounts))
        slack = max(scale, abs(cause.number)) * (1e-9 if graph.dtype == np.float64 else 1e-4)
        if np.isfinite(cause.number):
            assert total == pytest.approx(cause.number, rel=1e-9, abs=slack)
            assert cause.terms[-1].running == pytest.approx(sum(amounts), abs=slack)
    else:
        assert cause.note
    assert cause_lines(cause, debugger)
    assert json.dumps(cause_data(cause, debugger))
    for term in cause.terms[:20]:
        assert term.symbols
        assert term.numbers
        for ref in term.leads_to:
            with suppress(NotComputed):
                assert why(debugger, ref).ref == ref


def ask_all(debugger: Debugger, entries: int = 3) -> int:
    """Ask for every node; return how many numbers had terms."""
    with_terms = 0
    for ref in refs(debugger, entries):
        try:
            cause = why(debugger, ref)
        except NotComputed:
            continue
        check(debugger, cause)
        with_terms += bool(cause.terms)
    return with_terms


@pytest.mark.parametrize("name", sorted(OPS))
@given(data=st.data())
@settings(deadline=None, max_examples=examples(8))
def test_every_op_tells_where_its_numbers_come_from(name: str, data: st.DataObject) -> None:
    debugger = debugger_of(data.draw(cases(name)))
    place = debugger.graph.index_of("op")
    while not debugger.cursor.at_end:
        debugger.cursor.step()
        if debugger.state.gradient_freshness(place) is not Freshness.WAITING:
            ask_all(debugger, pick(3, 1))
    for index in np.ndindex(debugger.plan.shapes[place]):
        cause = why(debugger, EntryRef(place, "value", index))
        assert cause.terms
        assert all(term.leads_to for term in cause.terms)
    for source in debugger.graph.inbound[place]:
        ref = EntryRef(source, "grad", (0,) * len(debugger.plan.shapes[source]))
        if reason := debugger.state.no_gradient(source):
            assert source in inputs_without_gradient(debugger.graph, debugger.plan.shapes)
            with pytest.raises(NotComputed, match=f"has no gradient: {reason}"):
                why(debugger, ref)
            continue
        cause = why(debugger, ref)
        assert cause.terms or "leaves" in cause.note


@pytest.mark.parametrize(("number", "name"), quick(enumerate(SHIPPED), 8))
def test_every_shipped_graph_tells_every_node_at_several_moments(number: int, name: str) -> None:
    debugger = shipped(name)
    length = debugger.timeline.length
    moments = 3, length // 2, length, length + 2, 3 * length - 2
    # Of each graph one of them, another one than of the graph before.
    for moment in pick(moments, (moments[number % 5],)):
        debugger.move(moment)
        assert ask_all(debugger, 2)


@pytest.mark.slow
def test_a_run_that_trains_is_told_at_every_moment_of_an_sgd_step() -> None:
    debugger = shipped("xor.json")
    length = debugger.timeline.length
    for moment in range(2 * length, 3 * length + 1):
        debugger.move(moment)
        assert ask_all(debugger, pick(3, 1))


def xor_after_backward() -> Debugger:
    debugger = shipped("xor.json")
    run_until(debugger, debugger.graph.index_of("X"), "backward")
    return debugger


def test_an_entry_of_a_linear_layer_is_products_and_the_bias() -> None:
    x = Input("X", value=[[0.5, 2.0], [1.0, -1.0]])
    w = Input("W", value=[[1.0, 1.2], [3.0, -0.25]])
    layer = Linear(x, w, Input("b", value=[0.0, 0.1]), name="l")
    debugger = debugger_at_end(Sum(layer, name="cost"))
    assert lines(debugger, "l", (0, 1)) == [
        "l[0,1] = Σₖ X[0,k]·W[k,1] + b[1]",
        "  = X[0,0]·W[0,1] + X[0,1]·W[1,1] + b[1]",
        "  = 0.5 × 1.2 + 2 × (-0.25) + 0.1",
        "  = 0.2",
        "  term  sum so far",
        "   0.6         0.6  X[0,0]·W[0,1] = 0.5 × 1.2",
        "  -0.5         0.1  X[0,1]·W[1,1] = 2 × (-0.25)",
        "   0.1         0.2  b[1] = 0.1",
    ]
    cause = why(debugger, EntryRef(debugger.graph.index_of("l"), "value", (0, 1)))
    texts = [[ref.text(debugger) for ref in term.leads_to] for term in cause.terms]
    assert texts == [["X[0,0]", "W[0,1]"], ["X[0,1]", "W[1,1]"], ["b[1]"]]


def weighted(layer: Node, weights: Any) -> Debugger:
    return debugger_at_end(Sum(Mul(layer, Input("v", value=weights), name="p"), name="cost"))


def test_the_gradient_of_a_weight_is_a_sum_over_the_rows() -> None:
    x = Input("X", value=[[0.5, 2.0], [1.0, -1.0]])
    w = Input("W", value=[[1.0, 1.2], [3.0, -0.25]])
    layer = Linear(x, w, Input("b", value=[0.0, 0.1]), name="l")
    debugger = weighted(layer, [[1.0, 2.0], [3.0, -4.0]])
    assert lines(debugger, "W", (1, 0), grad=True) == [
        "∂cost/∂W[1,0] = Σₙ X[n,1]·∂cost/∂l[n,0]",
        "  = X[0,1]·∂cost/∂l[0,0] + X[1,1]·∂cost/∂l[1,0]",
        "  = 2 × 1 + (-1) × 3",
        "  = -1",
        "  term  sum so far",
        "     2           2  X[0,1]·∂cost/∂l[0,0] = 2 × 1",
        "    -3          -1  X[1,1]·∂cost/∂l[1,0] = (-1) × 3",
    ]
    assert lines(debugger, "b", (1,), grad=True)[:4] == [
        "∂cost/∂b[1] = Σₙ ∂cost/∂l[n,1]",
        "  = ∂cost/∂l[0,1] + ∂cost/∂l[1,1]",
        "  = 2 + (-4)",
        "  = -2",
    ]
    assert lines(debugger, "X", (0, 1), grad=True)[:3] == [
        "∂cost/∂X[0,1] = Σⱼ ∂cost/∂l[0,j]·W[1,j]",
        "  = ∂cost/∂l[0,0]·W[1,0] + ∂cost/∂l[0,1]·W[1,1]",
        "  = 1 × 3 + 2 × (-0.25)",
    ]
    cause = why(debugger, EntryRef(debugger.graph.index_of("W"), "grad", (1, 0)))
    texts = [ref.text(debugger) for ref in cause.terms[0].leads_to]
    assert texts == ["∂cost/∂l[0,0]", "X[0,1]"]


def test_two_consumers_are_two_terms() -> None:
    debugger = shipped("diamond.json")
    debugger.move(10)
    assert lines(debugger, "x", grad=True) == [
        "∂y/∂x = -∂y/∂right + ∂y/∂left·2·x",
        "  = -25 + (-5) × (2 × 5)",
        "  = -75",
        "  term  sum so far",
        "   -25         -25  -∂y/∂right = -25",
        "   -50         -75  ∂y/∂left·2·x = (-5) × (2 × 5)",
    ]


def test_a_gradient_that_not_all_consumers_have_sent_to_says_so() -> None:
    debugger = shipped("diamond.json")
    run_until(debugger, debugger.graph.index_of("right"), "backward")
    assert debugger.state.gradient_freshness(debugger.graph.index_of("x")) is Freshness.PARTIAL
    told = lines(debugger, "x", grad=True)
    assert told[-1] == "  (not complete: 1 of 2 contributions so far)"
    assert told[0] == "∂y/∂x = -∂y/∂right"


def test_a_max_names_its_winner() -> None:
    x, y = Input("x", value=[1.0, 4.0]), Input("y", value=[1.0, 7.0])
    debugger = debugger_at_end(Sum(Max(x, y, name="m"), name="cost"))
    assert lines(debugger, "m", (1,)) == [
        "m[1] = max(x[1], y[1])",
        "  = max(4, 7)",
        "  = 7",
        "  (y[1] won)",
    ]
    assert lines(debugger, "m", (0,))[-1] == "  (x[0] won: on a tie the first one does)"
    assert lines(debugger, "x", (1,), grad=True)[:3] == [
        "∂cost/∂x[1] = ∂cost/∂m[1]·[x[1] won]",
        "  = 1 × 0",
        "  = 0",
    ]


def test_a_mean_square_error_is_a_sum_of_squares_over_m() -> None:
    y, a = Input("y", value=[1.0, 2.0, 3.0]), Input("a", value=[4.5, 5.0, 10.0])
    debugger = debugger_at_end(MSE(y, a, name="cost"))
    assert lines(debugger, "cost")[:5] == [
        "cost = Σ(y - a)^2 / m",
        "  = (y[0] - a[0])^2/m + (y[1] - a[1])^2/m + (y[2] - a[2])^2/m",
        "  = (1 - 4.5)^2/3 + (2 - 5)^2/3 + (3 - 10)^2/3",
        "  = 23.4167",
        "      term  sum so far",
    ]
    assert lines(debugger, "a", (1,), grad=True) == [
        "∂cost/∂a[1] = ∂cost/∂cost·(-2(y[1] - a[1])/m)",
        "  = 1 × (-2 × (2 - 5)/3)",
        "  = 2",
        "  (m = 3, the number of entries)",
    ]
    cause = why(debugger, EntryRef(debugger.graph.cost, "value", ()))
    assert [s.text(debugger) for s in cause.terms[0].leads_to] == ["a[0]", "y[0]"]


def test_a_sigmoid_is_one_term() -> None:
    x = Input("x", value=[-1.0, 2.0])
    debugger = debugger_at_end(Sum(Sigmoid(x, name="s"), name="cost"))
    assert lines(debugger, "s", (0,)) == [
        "s[0] = σ(x[0]) = 1/(1 + e^-x[0])",
        "  = σ(-1)",
        "  = 0.268941",
    ]
    assert lines(debugger, "x", (0,), grad=True) == [
        "∂cost/∂x[0] = ∂cost/∂s[0]·s[0](1-s[0])",
        "  = 1 × (0.268941 × (1-0.268941))",
        "  = 0.196612",
    ]


def test_a_node_used_twice_is_two_terms_of_its_gradient() -> None:
    x = Input("x", value=3.0)
    debugger = debugger_at_end(Mul(x, x, name="y"))
    assert lines(debugger, "y") == ["y = x·x", "  = 3 × 3", "  = 9"]
    assert lines(debugger, "x", grad=True) == [
        "∂y/∂x = ∂y/∂y·x + ∂y/∂y·x",
        "  = 1 × 3 + 1 × 3",
        "  = 6",
        "  term  sum so far",
        "     3           3  ∂y/∂y·x = 1 × 3   (input 1 of y)",
        "     3           6  ∂y/∂y·x = 1 × 3   (input 2 of y)",
    ]


def test_following_the_first_term_leads_from_the_cost_to_the_data() -> None:
    debugger = xor_after_backward()
    graph = debugger.graph
    ref = EntryRef(graph.cost, "value", ())
    walked = [ref.text(debugger)]
    while not isinstance(graph.nodes[ref.node], Input):
        ref = why(debugger, ref).terms[0].leads_to[0]
        walked.append(ref.text(debugger))
    names = [text.partition("[")[0] for text in walked]
    assert names[:3] == ["cost", "s2", "l2"]
    assert names[-1] in ("X", "b2", "b1")
    assert len(names) <= 6


def test_the_walk_goes_on_after_the_update_too() -> None:
    debugger = shipped("xor.json")
    debugger.cursor.sgd(3)
    graph = debugger.graph
    ref = EntryRef(graph.cost, "value", ())
    while not isinstance(graph.nodes[ref.node], Input):
        ref = why(debugger, ref).terms[0].leads_to[0]
    ref = EntryRef(graph.index_of("W1"), "grad", (0, 1))
    while ref.node != graph.cost:
        ref = why(debugger, ref).terms[0].leads_to[0]


def test_following_a_weights_gradient_leads_back_to_the_cost() -> None:
    debugger = xor_after_backward()
    graph = debugger.graph
    ref = EntryRef(graph.index_of("W1"), "grad", (0, 1))
    walked = [ref.text(debugger)]
    while ref.node != graph.cost:
        ref = why(debugger, ref).terms[0].leads_to[0]
        walked.append(ref.text(debugger))
    assert [text.partition("[")[0] for text in walked] == [
        f"∂cost/∂{name}" for name in ("W1", "l1", "s1", "l2", "s2", "cost")
    ]
    assert why(debugger, ref).note == "the start of backward"


def test_the_parameter_gradient_can_be_told_right_after_its_update() -> None:
    debugger = shipped("xor.json")
    w1 = debugger.graph.index_of("W1")
    run_until(debugger, w1, "update")
    cause = why(debugger, EntryRef(w1, "grad", (1, 0)))
    assert len(cause.terms) == 4
    assert not cause.note
    update = why(debugger, EntryRef(w1, "value", (1, 0)))
    assert update.note == f"trainable: last updated at moment {debugger.moment}"
    assert [term.symbols for term in update.terms] == ["W1[1,0] before", "-lr·∂cost/∂W1[1,0]"]


def test_an_old_number_is_explained_with_the_numbers_of_its_own_moment() -> None:
    debugger = shipped("xor.json")
    graph = debugger.graph
    w1, l1 = graph.index_of("W1"), graph.index_of("l1")
    before = float(debugger.state.value(w1)[0, 0])
    run_until(debugger, w1, "update")
    moment, written = debugger.moment, debugger.state.written_at(l1)
    assert float(debugger.state.value(w1)[0, 0]) != before
    cause = why(debugger, EntryRef(l1, "value", (3, 0)))
    assert [term.symbols for term in cause.terms] == ["X[3,0]·W1[0,0]", "X[3,1]·W1[1,0]", "b1[0]"]
    assert cause.terms[0].numbers == f"1 × ({before:g})"
    assert [ref.moment for ref in cause.terms[0].leads_to] == [written, written]
    assert cause.note == (
        f"computed at moment {written}, from the values of that moment: "
        f"W1 (moment {moment}) has changed since"
    )
    assert debugger.moment == moment
    cause = why(debugger, EntryRef(graph.index_of("X"), "grad", (0, 0)))
    assert [term.symbols for term in cause.terms] == [
        "∂cost/∂l1[0,0]·W1[0,0]",
        "∂cost/∂l1[0,1]·W1[0,1]",
    ]
    assert "W1" in cause.note


@pytest.mark.parametrize("name", ["wx.json", "valley-momentum.json", "xor.json"])
def test_a_weight_leads_by_its_updates_back_to_the_first_moment(name: str) -> None:
    debugger = shipped(name)
    debugger.cursor.sgd(3)
    graph = debugger.graph
    ref = EntryRef(
        graph.trainables[0], "value", (0,) * len(debugger.plan.shapes[graph.trainables[0]])
    )
    updates = 0
    while (cause := why(debugger, ref)).terms:
        assert sum(term.amount for term in cause.terms) == pytest.approx(cause.number, rel=1e-9)
        assert ref.number(debugger) == cause.number
        updates += 1
        ref = cause.terms[0].leads_to[0]
    assert updates == 3
    assert cause.note == "trainable: its starting value, not updated yet"


@pytest.mark.parametrize("name", ["wx.json", "valley-momentum.json", "xor.json"])
def test_a_weight_leads_through_its_update_and_gradient_to_the_cost(name: str) -> None:
    debugger = shipped(name)
    debugger.cursor.sgd(2)
    debugger.cursor.step(3)
    moment, graph = debugger.moment, debugger.graph
    node = graph.trainables[0]
    ref = EntryRef(node, "value", (0,) * len(debugger.plan.shapes[node]))
    walked = []
    while not (ref.node == graph.cost and ref.attribute == "grad"):
        # The last term: of an update what was added, of a momentum the gradient.
        ref = why(debugger, ref).terms[-1].leads_to[0]
        walked.append(ref)
        assert len(walked) < 20
    assert {ref.attribute for ref in walked} >= {"grad"}
    assert "valley" not in name or walked[0].attribute == "v"
    assert debugger.moment == moment


def test_adam_leads_through_both_moments() -> None:
    w = Input("w", value=2.0, trainable=True)
    cost = Mul(w, w, name="cost")
    debugger = ComputedDebugger(Graph.of(cost, training=Training(Adam(0.1))))
    debugger.cursor.sgd(2)
    assert lines(debugger, "w")[:4] == [
        "w ← w - lr × m̂ / (√v̂ + 1e-08)",
        "w = w before - lr·m̂/(√v̂ + ε)",
        "  = 1.9 - 0.1 × 3.89474/(√15.2196 + 1e-08)",
        "  = 1.80017",
    ]
    change = why(debugger, EntryRef(0, "value", ())).terms[1]
    assert [ref.text(debugger) for ref in change.leads_to] == ["m of w", "v of w"]
    m = why(debugger, change.leads_to[0])
    assert [term.numbers for term in m.terms] == ["0.9 × 0.4", "(1-0.9) × 3.8"]
    assert m.number == pytest.approx(0.74)
    v = why(debugger, change.leads_to[1])
    assert [term.numbers for term in v.terms] == ["0.999 × 0.016", "(1-0.999) × 3.8^2"]


def test_stale_numbers_say_so() -> None:
    debugger = shipped("xor.json")
    debugger.move(debugger.timeline.length + 1)
    for attribute in ("value", "grad"):
        cause = why(debugger, EntryRef(debugger.graph.index_of("l1"), attribute, (0, 0)))
        assert cause.note.startswith("stale: of SGD step 0")


def test_what_is_not_computed_or_not_there_is_refused() -> None:
    debugger = shipped("xor.json")
    l1 = debugger.graph.index_of("l1")
    for attribute in ("value", "grad"):
        with pytest.raises(NotComputed, match="l1"):
            why(debugger, EntryRef(l1, attribute, (0, 0)))
    debugger.move(5)
    with pytest.raises(ShapeError, match="does not exist"):
        why(debugger, EntryRef(l1, "value", (4, 0)))
    with pytest.raises(MiniflowError, match="no node"):
        why(debugger, EntryRef(99, "value", ()))
    assert why(debugger, EntryRef(l1, "value", (-1, -1))).ref == EntryRef(l1, "value", (3, 1))


def test_an_input_tells_who_set_it() -> None:
    debugger = shipped("xor.json")
    x, w1 = debugger.graph.index_of("X"), debugger.graph.index_of("W1")
    debugger.move(3)
    assert why(debugger, EntryRef(x, "value", (2, 0))).note == (
        "fed from the data, row 2 (the first is 0)"
    )
    assert why(debugger, EntryRef(w1, "value", (0, 0))).note == (
        "trainable: its starting value, not updated yet"
    )
    debugger.set_value(w1, (0, 0), 5.0)
    assert why(debugger, EntryRef(w1, "value", (0, 0))).note == "set at moment 1: W1[0,0] = 5"
    debugger.cursor.sgd(2)
    assert "last updated at moment" in why(debugger, EntryRef(w1, "value", (0, 0))).note


class Double(Node):
    """A node in the lesson's style: only it knows how."""

    def forward(self) -> None:
        self.value = 2 * self.inbound_nodes[0].value

    def backward(self) -> None:
        received = sum(n.gradients[self] for n in self.outbound_nodes)
        self.gradients = {self.inbound_nodes[0]: 2 * received}


def test_a_node_in_the_lessons_style_is_told_as_far_as_it_is_known() -> None:
    x = Input("x", value=[1.0, 4.0])
    debugger = debugger_at_end(Sum(Double([x], name="d"), name="cost"))
    cause = why(debugger, EntryRef(debugger.graph.index_of("d"), "value", (1,)))
    assert [s.text(debugger) for s in cause.terms[0].leads_to] == ["x[1]"]
    assert "its own forward()" in cause.note
    cause = why(debugger, EntryRef(debugger.graph.index_of("x"), "grad", (1,)))
    assert cause.number == 2
    assert [s.text(debugger) for s in cause.terms[0].leads_to] == ["∂cost/∂d[1]"]
    assert "its own backward()" in cause.note


def test_of_many_terms_the_largest_are_listed() -> None:
    numbers = np.random.default_rng(0).normal(size=5000)
    debugger = debugger_at_end(Sum(Input("x", value=numbers), name="cost"))
    cause = why(debugger, EntryRef(debugger.graph.cost, "value", ()))
    assert len(cause.terms) == MAX_TERMS
    assert cause.left_out == 4000
    check(debugger, cause)
    assert cause.terms[0].amount == numbers[np.abs(numbers).argmax()]
    told = cause_lines(cause, debugger)
    assert told[1].endswith(" + … (4,996 more)")
    assert told[-1].startswith("  … 4,988 more, together ")


def test_a_single_term_is_not_left_out() -> None:
    debugger = debugger_at_end(Sum(Input("x", value=np.arange(1.0, 14.0)), name="cost"))
    cause = why(debugger, EntryRef(debugger.graph.cost, "value", ()))
    assert cause_lines(cause, debugger)[-1].split() == ["1", "91", "x[0]", "=", "1"]


@pytest.mark.parametrize("op", ["take", "tile"])
def test_only_copies_of_an_entry_are_terms_of_its_gradient(op: str) -> None:
    table = Input("E", value=[1.0, 2.0, 3.0, 4.0, 5.0], trainable=True)
    if op == "take":
        rows = Input("i", value=[1, 0, 1, 2, 0, 0, 3, 2, 2, 3, 1, 3])
        copied = Take(table, rows, axis=0, name="t")
        factors = ["∂cost/∂t[0]·[i[0] = 1]", "∂cost/∂t[2]·[i[2] = 1]", "∂cost/∂t[10]·[i[10] = 1]"]
    else:
        copied = Tile(table, repeats=[3], name="t")
        factors = ["∂cost/∂t[1]", "∂cost/∂t[6]", "∂cost/∂t[11]"]
    debugger = debugger_at_end(Sum(Mul(copied, copied), name="cost"))
    cause = why(debugger, EntryRef(debugger.graph.index_of("E"), "grad", (1,)))
    assert [term.amount for term in cause.terms] == [4.0, 4.0, 4.0]
    for term, factor in zip(cause.terms, factors, strict=True):
        assert factor in term.symbols
    assert cause.left_out == 0
    # One that has no copy says so, instead of a row for every copy of another.
    if op == "take":
        cause = why(debugger, EntryRef(debugger.graph.index_of("E"), "grad", (4,)))
        assert cause.number == 0.0
        assert len(cause.terms) <= 1


@pytest.mark.slow
def test_a_larger_layer_takes_no_more_lines_to_explain() -> None:
    def explained(width: int) -> int:
        rng = np.random.default_rng(0)
        x = Input("X", value=rng.normal(size=(8, width)))
        w = Input("W", value=rng.normal(size=(width, width)))
        layer = Linear(x, w, Input("b", value=np.zeros(width)), name="l")
        debugger = debugger_at_end(Sum(Sigmoid(layer, name="s"), name="cost"))
        graph = debugger.graph
        asked = [
            EntryRef(graph.index_of("l"), "value", (3, 19)),
            EntryRef(graph.index_of("W"), "grad", (5, 7)),
            EntryRef(graph.index_of("X"), "grad", (5, 7)),
            EntryRef(graph.index_of("b"), "grad", (5,)),
            EntryRef(graph.index_of("l"), "grad", (5, 7)),
            EntryRef(graph.index_of("s"), "grad", (5, 7)),
        ]

        def explain_all() -> None:
            for ref in asked:
                cause = why(debugger, ref)
                total = sum(term.amount for term in cause.terms) + cause.left_out_sum
                assert total == pytest.approx(cause.number, rel=1e-9)

        explain_all()
        return lines_run(explain_all)

    # Terms are listed up to a number, the rest is summed.
    assert explained(2200) < 1.1 * explained(1100)


def test_a_sum_over_rows_of_a_broadcast_input() -> None:
    x, y = Input("x", value=[[1.0], [2.0]]), Input("y", value=[[1.0, 3.0], [2.0, 5.0]])
    debugger = debugger_at_end(Sum(Mul(Add(x, y, name="a"), y, name="p"), name="cost"))
    assert lines(debugger, "x", (1, 0), grad=True)[:3] == [
        "∂cost/∂x[1,0] = Σⱼ ∂cost/∂a[1,j]",
        "  = ∂cost/∂a[1,0] + ∂cost/∂a[1,1]",
        "  = 2 + 5",
    ]


@pytest.mark.parametrize("stacks", [((3, 1), (1, 2)), ((3, 2), (2,)), ((), (3, 2)), ((1,), (3, 1))])
def test_stacked_products_are_told_for_every_entry(stacks: Any) -> None:
    rng = np.random.default_rng(3)
    x = Input("x", value=rng.normal(size=(*stacks[0], 2, 3)))
    w = Input("w", value=rng.normal(size=(*stacks[1], 3, 2)))
    product = MatMul(x, w, name="m")
    shape = product.output_shape(np.shape(x.value), np.shape(w.value))
    ask_all(weighted(product, rng.normal(size=shape)), entries=100)


def test_infinities_and_nan_are_told_without_a_warning() -> None:
    x = Input("x", value=[[0.0, np.inf], [np.nan, -1.0]])
    layer = Linear(x, Input("w", value=[[np.inf], [0.0]]), Input("b", value=[1.0]), name="l")
    debugger = debugger_at_end(Sum(Max(layer, Log(layer, name="g"), name="m"), name="cost"))
    assert ask_all(debugger)
    cause = why(debugger, EntryRef(debugger.graph.index_of("l"), "value", (0, 0)))
    assert np.isnan(cause.terms[0].amount)

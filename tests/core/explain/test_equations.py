"""Every equation in every text has equal sides: all ops, graphs, phases and optimizers."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.updates import assignments
from mfdebug.core.explain.why import why
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef
from miniflow.errors import MiniflowError
from miniflow.files import load
from miniflow.graph import Graph, Training
from miniflow.node import Input
from miniflow.ops import MSE, OPS, Linear, Mul, Sum, Tanh
from miniflow.training.groups import Group
from miniflow.training.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, RMSProp
from miniflow.training.schedules import Cosine
from tests.support.debuggers import debugger_of, nodes_asked
from tests.support.equations import Judgement
from tests.support.judged_texts import judge_why, lookup_in
from tests.support.op_cases import cases
from tests.support.paths import ROOT
from tests.support.sizes import examples, pick, quick, some

GRAPHS = sorted((ROOT / "graphs").glob("*.json"))


def judgement_of(debugger: Debugger) -> Judgement:
    precision = 1e-12 if debugger.graph.dtype == np.float64 else 1e-5
    return Judgement(debugger.graph.names(), precision)


def judge_explain(judgement: Judgement, debugger: Debugger, index: tuple[int, ...] | None) -> None:
    judgement.judge(explain(debugger, index), lookup_in(debugger))


def judge_all(judgement: Judgement, debugger: Debugger, entries: int) -> None:
    """Judge the present moment's explanation and why of several entries of the nodes asked."""
    for node in nodes_asked(debugger):
        shape = debugger.plan.shapes[node]
        size = int(np.prod(shape))
        for flat in sorted({*range(min(size, entries)), size - 1}):
            index = tuple(map(int, np.unravel_index(flat, shape)))
            if debugger.where.node == node:
                judge_explain(judgement, debugger, index)
            for attribute in ("value", "grad"):
                judge_why(judgement, debugger, EntryRef(node, attribute, index))
    if debugger.where.node is None:
        judge_explain(judgement, debugger, None)


@pytest.mark.parametrize("name", sorted(OPS))
@given(data=st.data())
@settings(deadline=None, max_examples=examples(6))
def test_of_every_op(name: str, data: st.DataObject) -> None:
    debugger = debugger_of(data.draw(cases(name)))
    judgement = judgement_of(debugger)
    while not debugger.cursor.at_end:
        debugger.cursor.step()
        judge_all(judgement, debugger, pick(3, 1))
    assert judgement.false == []
    assert judgement.read > 20


@pytest.mark.parametrize("name", quick(some(sorted(OPS), 40), 14))
@given(data=st.data())
@settings(deadline=None, max_examples=examples(6))
def test_of_every_op_whose_inputs_have_been_updated_since(name: str, data: st.DataObject) -> None:
    debugger = debugger_of(data.draw(cases(name)), trains=True)
    judgement = judgement_of(debugger)
    length = debugger.timeline.length
    # With each update, one more input is another one than that of the pass.
    updates = [at for at in range(1, length + 1) if debugger.timeline.name(at).phase == "update"]
    for moment in pick([*updates, length + 2], updates[-1:]):
        debugger.move(moment)
        judge_all(judgement, debugger, pick(3, 1))
    assert judgement.false == []


# What formulas have for counts, subscripts, masks, states of optimizers, and e.
LETTERS = [*"mnskvjtpliehruxaoMNCqw", "lr", "mask", "kept", "log", "exp", "σ", "tanh", "max"]


@pytest.mark.parametrize("name", some(sorted(OPS), 14))
@given(data=st.data())
@settings(deadline=None, max_examples=examples(12))
def test_of_every_op_among_nodes_called_like_the_letters(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    count = len(case.values) + 3
    names = data.draw(
        st.lists(st.sampled_from(LETTERS), min_size=count, max_size=count, unique=True)
    )
    debugger = debugger_of(case, names=names)
    judgement = judgement_of(debugger)
    while not debugger.cursor.at_end:
        debugger.cursor.step()
        judge_all(judgement, debugger, pick(3, 1))
    assert judgement.false == []
    assert judgement.read > 10


OPTIMIZERS = [
    SGD(0.1),
    SGD(0.1, weight_decay=0.2),
    Momentum(0.1, 0.8),
    Momentum(0.1, 0.8, nesterov=True, weight_decay=0.1),
    Adam(0.05),
    AdamW(0.05, weight_decay=0.2),
    RMSProp(0.05, 0.8),
    Adagrad(0.05),
]
# What leads from a gradient to an update, besides the optimizer.
TRAININGS = [
    Training(SGD(0.1), clip_norm=0.01),
    Training(Momentum(0.1, weight_decay=0.1), clip_norm=5.0),
    Training(Adam(0.1), clip_value=0.02),
    Training(AdamW(0.1), accumulate=2),
    Training(Momentum(0.1, nesterov=True, weight_decay=0.3), clip_norm=0.01, accumulate=3),
    Training(RMSProp(0.1), clip_value=0.01, accumulate=2),
    Training(SGD(0.1), schedule=Cosine(5, warmup=3)),
    Training(AdamW(0.1), groups=(Group("b", 0.5, 0.0), Group("w", 0.1, 0.2))),
    Training(SGD(0.1), groups=(Group("b", frozen=True),), clip_norm=0.01),
]
LETTER_NAMES = ["v m lr", "lr v t", "m p q", "v u w", "t e m", "p q u"]


@pytest.mark.parametrize(
    ("optimizer", "names"),
    # Two optimizers for each of the names, and four names for each optimizer.
    [
        pytest.param(optimizer, names, id=f"{optimizer!r}-{names}")
        for i, names in enumerate(LETTER_NAMES)
        for j, optimizer in enumerate(OPTIMIZERS)
        if pick(True, i % 3 != j)
    ],
)
def test_of_every_optimizer_of_parameters_called_like_its_letters(
    optimizer: Any, names: str
) -> None:
    first, second, cost = names.split()
    w = Input(first, value=[0.3, -0.4], trainable=True)
    b = Input(second, value=[0.5, 0.75], trainable=True)
    graph = Graph.of(
        Sum(Tanh(Mul(w, b, name="x"), name="y"), name=cost), training=Training(optimizer)
    )
    debugger = ComputedDebugger(graph)
    judgement = judgement_of(debugger)
    for _ in range(2 * debugger.timeline.length):
        debugger.cursor.step()
        updates = debugger.where.phase == "update"
        if pick(True, updates):
            judge_all(judgement, debugger, 2)
        if (node := debugger.where.node) is None or not updates:
            continue
        label = graph.nodes[node].label
        # What is assigned is the parameter itself, or nothing that is called like a node of it.
        for assignment in assignments(debugger, node, (1,)):
            assigned = assignment.rule.split(" ← ")[0]
            assert assigned == f"{label}[1]" or assigned not in (label, cost)
            rest = assignment.rule.replace(f"{label}[1]", "").replace(f"∂{cost}/∂", "")
            assert not re.search(rf"(?<!\w)(?:{label}|{cost})(?!\w|\(\)|̂|')", rest), assignment.rule
        for attribute in optimizer.state_names:
            judge_why(judgement, debugger, EntryRef(node, attribute, (1,)))
    assert judgement.false == []
    assert judgement.numeric > 50


@pytest.mark.parametrize("name", some(sorted(OPS), 10))
@given(data=st.data())
@settings(deadline=None, max_examples=examples(6))
def test_of_every_op_among_overridden_numbers(name: str, data: st.DataObject) -> None:
    debugger = debugger_of(data.draw(cases(name)))
    judgement = judgement_of(debugger)
    nodes = [i for i in range(len(debugger.graph)) if i != debugger.graph.cost]
    edits = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, debugger.timeline.length),
                st.sampled_from(nodes),
                st.sampled_from(["value", "grad", "scale"]),
                st.booleans(),
            ),
            min_size=1,
            max_size=4,
        )
    )
    # Each at its moment, which is judged right after it too.
    for moment in range(1, debugger.timeline.length + 1):
        debugger.move(moment)
        for at, node, kind, whole in edits:
            index = None if whole else (0,) * len(debugger.plan.shapes[node])
            if at != moment:
                continue
            with contextlib.suppress(MiniflowError):
                if kind == "scale":
                    debugger.scale(node, index, -0.5, gradient=whole)
                else:
                    change = debugger.set_value if kind == "value" else debugger.set_gradient
                    change(node, index, 0.75)
        judge_all(judgement, debugger, 2)
    assert judgement.false == []
    assert judgement.read > 5


@pytest.mark.parametrize("optimizer", [SGD(0.1), Momentum(0.1, 0.8), Adam(0.05)], ids=repr)
def test_of_updates_with_overridden_gradients(optimizer: Any) -> None:
    w = Input("w", value=[0.3, -0.4], trainable=True)
    cost = Sum(Tanh(Mul(w, w, name="x"), name="y"), name="cost")
    debugger = ComputedDebugger(Graph.of(cost, training=Training(optimizer)))
    judgement, node = judgement_of(debugger), debugger.graph.index_of("w")
    debugger.set_gradient(node, (1,), 0.5)
    for _ in range(3 * debugger.timeline.length):
        debugger.cursor.step()
        if debugger.where.phase == "update" and debugger.sgd_step == 1:
            # Right after the update, which has used another.
            debugger.scale(node, None, 3.0, gradient=True)
        for other in range(len(debugger.graph)):
            for attribute in ("value", "grad"):
                # What an update has made is judged below: its terms are of the moment before.
                if (other, attribute) != (node, "value"):
                    index = (0,) * len(debugger.plan.shapes[other])
                    judge_why(judgement, debugger, EntryRef(other, attribute, index))
        if debugger.where.phase == "update":
            judge_explain(judgement, debugger, (1,))
            made = assignments(debugger, node, (1,))
            assert all(assignment.working for assignment in made)
            judgement.judge((f"{a.working} = {a.number!r}" for a in made), lookup_in(debugger))
            (before, change) = why(debugger, EntryRef(node, "value", (1,))).terms
            after = float(debugger.state.value(node)[1])
            assert before.amount + change.amount == pytest.approx(after)
            for term in (before, change):
                for ref in term.leads_to:
                    assert ref.moment in (None, debugger.moment - 1)
    assert judgement.false == []


@pytest.mark.parametrize("name", quick(some(sorted(OPS), 40), 14))
@given(data=st.data())
@settings(deadline=None, max_examples=examples(12))
def test_of_every_op_as_a_sink(name: str, data: st.DataObject) -> None:
    """Of a sink with several entries all gradients are those of their sum, and are called so."""
    debugger = debugger_of(data.draw(cases(name)), sink=True)
    judgement = judgement_of(debugger)
    told = []
    while not debugger.cursor.at_end:
        debugger.cursor.step()
        judge_all(judgement, debugger, 2)
        told += explain(debugger)
    assert judgement.false == []
    several = debugger.state.value(debugger.graph.cost).size > 1
    of = {text.removeprefix("∂") for text in re.findall("∂[^/ ]*(?=/∂)", "\n".join(told))}
    assert of == {"Σop" if several else "op"}


@pytest.mark.parametrize(("number", "path"), quick(enumerate(GRAPHS), 10))
def test_of_every_shipped_graph_in_every_phase(number: int, path: Path) -> None:
    debugger = ComputedDebugger(load(path))
    judgement = judgement_of(debugger)
    length = debugger.timeline.length
    for moment in range(1, length + 2):
        debugger.move(moment)
        judge_explain(judgement, debugger, None)
        if moment % max(1, length // 4) == 0 and pick(True, moment > length * (number % 4) // 4):
            judge_all(judgement, debugger, 1)
    later = length + 3, 2 * length - 1, 2 * length + 1
    # Of each graph one of them, another one than of the graph before.
    for moment in pick(later, (later[number % 3],)):
        debugger.move(moment)
        judge_all(judgement, debugger, 1)
    assert judgement.false == []
    assert judgement.numeric > length


@pytest.mark.parametrize(
    "training",
    quick([*map(Training, OPTIMIZERS), *TRAININGS], 6),
    ids=lambda training: repr(training)[:90],
)
def test_of_every_way_to_train(training: Training) -> None:
    x = Input("x", value=[[0.5, -1.5], [2.0, 0.25]])
    w = Input("w", value=[[0.3, -0.4], [0.1, 0.9]], trainable=True)
    b = Input("b", value=[0.0, 0.1], trainable=True)
    t = Input("t", value=[[0.0, 1.0], [1.0, 0.0]])
    cost = MSE(t, Tanh(Linear(x, w, b, name="l"), name="h"), name="cost")
    debugger = ComputedDebugger(Graph.of(cost, training=training))
    judgement = judgement_of(debugger)
    length = debugger.timeline.length
    updates = [length * step - back for step in range(2, 5) for back in (0, 1)]
    for moment in [*pick([*range(1, 2 * length + 1, 2)], [length // 2]), *updates]:
        debugger.move(moment)
        judge_all(judgement, debugger, 2)
        if debugger.where.phase == "update":
            node = debugger.where.node
            assert node is not None
            index = (1,) * len(debugger.plan.shapes[node])
            made = assignments(debugger, node, index)
            assert all(assignment.working or "frozen" in assignment.rule for assignment in made)
            for attribute in training.state_names:
                ref = EntryRef(debugger.graph.index_of("w"), cast("Attribute", attribute), (1, 0))
                judge_why(judgement, debugger, ref)
    assert judgement.false == []
    assert judgement.numeric > 100


@pytest.mark.parametrize(
    ("line", "false"),
    [
        ("y = 2 × 3 = 6", 0),
        ("y = 2 × 3 = 7", 1),
        ("  to x: upstream × local = ∂y/∂y × (1-y^2) = 1 × 0.75 = 0.75", 0),
        ("  to x: upstream × local = ∂y/∂y × 1-y^2 = 0.5", 1),
        ("  to x: upstream × local = ∂y/∂y × 2·x = 2 × 3 (2 terms are 0) = 6", 0),
        ("y = -log 0/2 = 475", 1),
        ("y = 0.5 × 2 + … (3 more, together -0.25) = 0.75", 0),
        ("y = 0.5 × 2 + … (3 more, together -0.25) = 0.85", 1),
        ("a word = another = 3", 0),
        ("y = x/m = 1   (m = 3, the number of entries)", 0),
        ("y = x/y = 1   (y = 3, the number of entries)", 1),
        ("y = Σₖ x[k]·y[k] = 0.5", 0),
        ("y = Σₓ x[x]·y[x] = 0.5", 1),
    ],
)
def test_the_judge_finds_what_is_false(line: str, false: int) -> None:
    judgement = Judgement(["x", "y"])
    lookup = {("x", False): 3.0, ("y", False): 0.5, ("y", True): 1.0}
    # The line's own name is not what is judged here.
    judgement.judge([line.removeprefix("y = ")], lambda name, grad: lookup[name, grad])
    assert len(judgement.false) == false

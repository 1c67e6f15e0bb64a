"""Ops of any number of inputs: calls, memory and text are linear in that number.

Calls and bytes are counted, for n inputs and for four times as many; seconds are not.
"""

from __future__ import annotations

import sys
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from miniflow import forward_and_backward
from miniflow.errors import MiniflowError
from miniflow.files import load, save
from miniflow.graph import Graph
from miniflow.graph_text import as_table
from miniflow.node import Input, Node
from miniflow.ops import OPS, Op, Sum
from miniflow.plans.arrays import ArrayPlan
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.text.lists import series
from tests.support.sizes import pick, quick

WIDE = sorted(name for name, op in OPS.items() if op.arity[1] is None)
FEW, TIMES = pick(32, 16), 4
# What does not grow with the inputs makes the ratio smaller than 4; what is sorted, a bit larger.
LINEAR = TIMES * 1.2

Shapes = tuple[tuple[int, ...], tuple[int, ...]]
# The shape of the first input and of the others: numbers, rows, and rows that are broadcast.
SHAPES: dict[str, Shapes] = {
    "numbers": ((), ()),
    "rows": ((2,), (2,)),
    "broadcast": ((3, 2), (2,)),
}
CASES = [
    (name, kind, same)
    for name in WIDE
    for kind in SHAPES
    for same in (False, True)
    # What has one shape is not broadcast, and numbers do not join.
    if not (kind == "broadcast" and (same or name in ("Linear", "Stack")))
    if not (kind != "rows" and name == "Concat")
]


def inputs_of(name: str, kind: str, count: int, *, same: bool) -> list[Node]:
    first, others = SHAPES[kind]
    if name == "Linear" and first:
        first = others = (2, 2)  # of every matrix, and of the bias
    rng = np.random.default_rng(count)

    def value(shape: tuple[int, ...]) -> Any:
        return float(rng.uniform(0.9, 1.1)) if shape == () else rng.uniform(0.9, 1.1, shape)

    one = Input("a0", value=value(first), trainable=True)
    if same:
        return [one] * count
    return [one, *(Input(f"a{i}", value=value(others), trainable=True) for i in range(1, count))]


def wide(name: str, kind: str, count: int, *, same: bool) -> Graph:
    """Return the sum of one op of `count` inputs."""
    if name == "Linear":
        count += 1 - count % 2
    op = OPS[name](*inputs_of(name, kind, count, same=same), name="wide")
    return Graph.of(Sum(op, name="cost"))


def counted(work: Callable[[], Any]) -> tuple[int, int, Any]:
    """Return the calls that `work` makes, the bytes that it takes at most, and what it returns."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        result = work()
    finally:
        sys.setprofile(None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return calls, peak, result


def walk(plan: Plan) -> None:
    plan.feed(0)
    plan.walk(1, 1 + len(plan.graph.forward_nodes) + len(plan.graph.backward_nodes))


def uses(
    name: str, kind: str, count: int, same: bool, path: Path
) -> Iterator[tuple[str, int, int]]:
    """Yield each thing that is done with a wide node, the calls it makes and the bytes it takes."""

    def use(what: str, work: Callable[[], Any]) -> Iterator[tuple[str, int, int]]:
        nonlocal made
        calls, peak, made = counted(work)
        yield what, calls, peak

    made: Any = None
    yield from use("building", lambda: wide(name, kind, count, same=same))
    graph: Graph = made
    for compiled in (compile_plan, lambda graph: ArrayPlan(graph, graph.shapes())):
        yield from use("compiling", lambda compiled=compiled: compiled(graph))
        plan: Plan = made
        yield from use("stepping", lambda plan=plan: walk(plan))
        yield from use("running", lambda plan=plan: plan.run(0, 2, array("d")))
        yield from use("storing", plan.store)
    yield from use("the lesson's protocol", lambda: forward_and_backward(graph.nodes))
    yield from use("saving", lambda: save(graph, path))
    yield from use("loading", lambda: load(path))


@pytest.mark.parametrize(("name", "kind", "same"), quick(CASES, 10))
def test_calls_and_bytes_are_linear(name: str, kind: str, same: bool, tmp_path: Path) -> None:
    few = uses(name, kind, FEW, same, tmp_path / "few.json")
    many = uses(name, kind, FEW * TIMES, same, tmp_path / "many.json")
    for (what, calls, peak), (_, more_calls, larger_peak) in zip(few, many, strict=True):
        assert more_calls <= LINEAR * calls + 100, what
        assert larger_peak <= LINEAR * peak + 100_000, what


@pytest.mark.parametrize(("name", "kind", "same"), CASES)
def test_stepping_running_and_the_lesson_agree(name: str, kind: str, same: bool) -> None:
    graph = wide(name, kind, 7, same=same)
    stepped, run = compile_plan(graph), compile_plan(graph)
    walk(stepped)
    run.run(0, 1, array("d"))
    forward_and_backward(graph.nodes)
    for i, node in enumerate(graph.nodes):
        assert stepped.gradient(i).tobytes() == run.gradient(i).tobytes()
        if isinstance(node, Input):
            np.testing.assert_allclose(node.gradients[node], stepped.gradient(i), rtol=1e-12)


TEXTS: dict[str, Callable[[Op, list[str]], str]] = {
    "formula": lambda op, names: op.formula(*names),
    "local": lambda op, names: op.local(1, op.label, *names),
    "legend": lambda op, names: op.legend(*((2,) for _ in names)),
}


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_as_short_for_many_inputs_as_for_some(name: str, text: str) -> None:
    lengths = []
    for count in (11, 2001):
        op = wide(name, "rows", count, same=False)["wide"]
        assert isinstance(op, Op)
        lengths.append(len(TEXTS[text](op, [node.label for node in op.inbound_nodes])))
    assert lengths[1] <= lengths[0] + 20


def test_many_terms_are_counted() -> None:
    terms = [f"a{i}" for i in range(1, 2001)]
    assert series(terms[:8], " + ") == "a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8"
    assert series(terms, " + ") == "a1 + a2 + a3 + … 1,997 more"


@pytest.mark.parametrize("name", WIDE)
def test_errors_name_a_few_inputs(name: str) -> None:
    nodes = [Input(f"a{i}", value=np.ones((2 + i % 7, 2 + i % 5))) for i in range(501)]
    with pytest.raises(MiniflowError) as raised:
        Graph.of(Sum(OPS[name](*nodes, name="wide"))).shapes()
    assert "wide: " in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("name", WIDE)
def test_a_table_of_the_graph_names_a_few_inputs(name: str) -> None:
    few, many = (as_table(wide(name, "rows", count, same=True)) for count in (11, 2001))
    assert len(many) <= len(few) + 100


# The rules of wide ops ---------------------------------------------------------------------------

SPECIAL = [0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("count", range(1, 8))
def test_a_product_is_exact_where_an_entry_is_0_or_infinite(count: int) -> None:
    """Its gradients are the products of the other entries, whatever these are."""
    rng = np.random.default_rng(count)
    values = [rng.choice(SPECIAL, 400) for _ in range(count)]
    op = OPS["Mul"](*(Input(f"a{i}", value=value) for i, value in enumerate(values)))
    graph = Graph.of(Sum(op))
    plan = ArrayPlan(graph, graph.shapes())
    with np.errstate(all="ignore"):
        walk(plan)
        for i in range(count):
            others = np.prod([np.ones(400), *values[:i], *values[i + 1 :]], axis=0)
            np.testing.assert_array_equal(plan.gradient(i), others)


@pytest.mark.parametrize("count", range(1, 8))
def test_products_of_numbers_have_the_bits_of_products_of_arrays(count: int) -> None:
    values = np.random.default_rng(count).uniform(-2, 2, count)
    op = OPS["Mul"](*(Input(value=value, trainable=True) for value in values))
    rule = op.scalar()
    assert rule is not None
    graph = Graph.of(op)
    plan = ArrayPlan(graph, graph.shapes())
    walk(plan)
    sent = rule.vjp(1.0, rule.forward(*values), *values.tolist())
    assert list(sent) == [float(plan.gradient(i)) for i in range(count)]

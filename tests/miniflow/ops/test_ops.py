"""Every op against central differences, over all shapes it takes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniflow.errors import GraphError, ShapeError
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import (
    GELU,
    MSE,
    OPS,
    Abs,
    Add,
    Clip,
    Elu,
    HardSigmoid,
    LeakyReLU,
    Linear,
    MatMul,
    Max,
    Min,
    Mul,
    Op,
    PRelu,
    ReLU,
    Reshape,
    Selu,
    Sigmoid,
    SoftmaxCrossEntropy,
    Sum,
)
from miniflow.ops.base import Calls
from miniflow.plans.arrays import ArrayPlan
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.plans.scalars import ScalarPlan
from miniflow.plans.without_gradient import inputs_without_gradient
from tests.support.op_cases import COVERED, Case, cases
from tests.support.sizes import examples

NAMES = sorted(OPS)


def build(case: Case, dtype: str = "float64") -> Graph:
    """Return a graph of the op alone, its cost a weighted sum of its value's entries."""
    if case.same:
        shared = Input("x0", value=case.values[0])
        inputs = [shared] * len(case.values)
    else:
        inputs = [Input(f"x{i}", value=value) for i, value in enumerate(case.values)]
    op = case.op(*inputs, name="op", **case.attributes)
    shape = op.output_shape(*(np.shape(node.value) for node in inputs))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, shape)
    cost = Sum(Mul(op, Input("weights", value=weights)), name="cost")
    return Graph.of(cost, dtype=dtype)


def run(plan: Plan) -> None:
    plan.feed(0)
    nodes = range(len(plan.graph.nodes))
    for i in nodes:
        plan.forward(i)
    for i in reversed(nodes):
        plan.backward(i)


def central_difference(graph: Graph, node: int, step: float = 1e-6) -> Any:
    """(f(x + h) - f(x - h)) / 2h for every entry of an input."""
    plan = ArrayPlan(graph, graph.shapes())
    base = np.array(plan.value(node))
    found = np.zeros_like(base)
    for index in np.ndindex(base.shape):
        ends = []
        for sign in (1, -1):
            moved = base.copy()
            moved[index] += sign * step
            plan.set_value(node, moved)
            for i in range(len(graph.nodes)):
                plan.forward(i)
            ends.append(plan.cost())
        plan.set_value(node, base)
        found[index] = (ends[0] - ends[1]) / (2 * step)
    return found


def inputs_of(graph: Graph) -> list[int]:
    return [i for i, n in enumerate(graph.nodes) if isinstance(n, Input) and n.label != "weights"]


def test_every_op_has_cases() -> None:
    assert set(OPS) == COVERED


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=examples(40))
def test_gradients_are_central_differences(name: str, data: st.DataObject) -> None:
    graph = build(data.draw(cases(name)))
    plan = ArrayPlan(graph, graph.shapes())
    run(plan)
    without_gradient = inputs_without_gradient(graph, plan.shapes)
    for node in inputs_of(graph):
        if node in without_gradient:
            wanted = np.zeros(plan.value(node).shape)
        else:
            wanted = central_difference(graph, node)
        assert plan.gradient(node).shape == plan.value(node).shape
        np.testing.assert_allclose(plan.gradient(node), wanted, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=examples(25))
def test_float32_agrees_with_float64(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    exact, single = build(case), build(case, "float32")
    plans = [ArrayPlan(graph, graph.shapes()) for graph in (exact, single)]
    for plan in plans:
        run(plan)
    for node in range(len(exact)):
        assert plans[1].value(node).dtype == plans[1].gradient(node).dtype == np.float32
        np.testing.assert_allclose(
            plans[1].gradient(node), plans[0].gradient(node), rtol=2e-4, atol=2e-5
        )


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=examples(25))
def test_the_lessons_protocol_gives_the_same_bits(name: str, data: st.DataObject) -> None:
    graph = build(data.draw(cases(name)))
    plan = ArrayPlan(graph, graph.shapes())
    run(plan)
    for node in graph.nodes:
        node.forward()
    for node in reversed(graph.nodes):
        node.backward()
    for i, node in enumerate(graph.nodes):
        np.testing.assert_array_equal(plan.value(i), node.value)
        if isinstance(node, Input):
            np.testing.assert_array_equal(plan.gradient(i), node.gradients[node])


SCALAR_NAMES = [name for name, op in sorted(OPS.items()) if op.scalar is not Op.scalar]
EDGES = [0.0, 1.0, -1.0, 2.5, -800.0, 800.0, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("name", SCALAR_NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=examples(60))
def test_python_floats_say_what_arrays_say(name: str, data: st.DataObject) -> None:
    op = OPS[name]
    count = max(op.arity[0], 2 if op.arity[1] is None else op.arity[1])
    count = 5 if name == "Linear" else count
    number = st.one_of(st.floats(-5, 5), st.sampled_from(EDGES))
    values = [np.array(data.draw(number)) for _ in range(count)]
    inputs = [Input(f"x{i}", value=value) for i, value in enumerate(values)]
    graph = Graph([*inputs, op(*inputs, name="op")])
    plans = [kind(graph, graph.shapes()) for kind in (ScalarPlan, ArrayPlan)]
    for plan in plans:
        run(plan)
    for node in range(len(graph)):
        for look in (Plan.value, Plan.gradient):
            floats, arrays = (getattr(plan, look.__name__)(node) for plan in plans)
            np.testing.assert_allclose(floats, arrays, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", SCALAR_NAMES)
@given(data=st.data())
@settings(deadline=None, max_examples=examples(60))
def test_for_any_gradient_that_comes_to_them(name: str, data: st.DataObject) -> None:
    arity = OPS[name].arity
    least = 3 if name == "Linear" else arity[0]
    counts = [3, 5] if name == "Linear" else range(least, (arity[1] or 4) + 1)
    number = st.one_of(st.floats(-5, 5), st.floats(), st.sampled_from(EDGES))
    xs = [data.draw(number) for _ in range(data.draw(st.sampled_from(counts)))]
    op = OPS[name](*(Input(value=x) for x in xs))
    rule, do = op.scalar(), Calls(np.float64)
    assert rule is not None
    arrays = [np.array(x) for x in xs]
    value, grad = np.zeros(()), np.array(data.draw(number))
    op.forward_calls(do, value, *arrays)
    sent = [np.zeros(()) for _ in xs]
    for input_index, out in enumerate(sent):
        op.vjp_calls(do, input_index, out, grad, value, *arrays)
    with np.errstate(all="ignore"):
        for call in do.take():
            call()
    np.testing.assert_allclose(rule.forward(*xs), value, rtol=1e-12, atol=1e-300)
    # The array's own value, so that one last bit of it cannot tip an overflow.
    found = rule.vjp(float(grad), float(value), *xs)
    assert all(type(number) is float for number in found)
    np.testing.assert_allclose(found, sent, rtol=1e-12, atol=1e-300)


# Rules at kinks and edges ------------------------------------------------------------------------


def gradient_of(op: Op, *names: str) -> list[Any]:
    graph = Graph.of(op)
    plan = ArrayPlan(graph, graph.shapes())
    run(plan)
    return [plan.gradient(graph.index_of(name)).tolist() for name in names]


def test_on_a_tie_the_first_winner_gets_the_whole_gradient() -> None:
    for gate in (Max, Min):
        x, y, z = (Input(name, value=[1.0, 2.0]) for name in "xyz")
        assert gradient_of(gate(x, y, z), "x", "y", "z") == [[1, 1], [0, 0], [0, 0]]
        x = Input("x", value=3.0)
        assert gradient_of(gate(x, x), "x") == [1]


def test_at_their_kinks_relu_and_abs_send_nothing_and_leaky_relu_its_slope() -> None:
    assert gradient_of(ReLU(Input("x", value=[0.0, -0.0])), "x") == [[0, 0]]
    assert gradient_of(Abs(Input("x", value=0.0)), "x") == [0]
    assert gradient_of(LeakyReLU(Input("x", value=0.0), slope=0.5), "x") == [0.5]


def test_at_their_kinks_linear_units_send_the_slope_of_the_lower_side() -> None:
    assert gradient_of(Elu(Input("x", value=0.0), alpha=0.5), "x") == [0.5]
    (selu,) = gradient_of(Selu(Input("x", value=0.0)), "x")
    assert selu == pytest.approx(1.7580993408473768, rel=1e-15)
    assert gradient_of(PRelu(Input("x", value=0.0), Input("a", value=0.5)), "x", "a") == [0.5, 0.0]


def test_at_its_limits_a_clip_passes_the_gradient_and_a_hard_sigmoid_does_not() -> None:
    x = Input("x", value=[-2.0, -1.0, 0.0, 1.0, 2.0])
    assert gradient_of(Clip(x, low=-1, high=1), "x") == [[0, 1, 1, 1, 0]]
    assert gradient_of(HardSigmoid(x, slope=0.5), "x") == [[0, 0, 0.5, 0, 0]]


def test_the_forms_of_gelu_differ_by_less_than_5e_4() -> None:
    x = Input("x", value=np.linspace(-6, 6, 101))
    values = []
    for form in ("tanh", "erf"):
        graph = Graph.of(GELU(x, form=form))
        plan = compile_plan(graph)
        run(plan)
        values.append(plan.value(1).copy())
    assert 1e-4 < np.abs(values[0] - values[1]).max() < 5e-4


def test_the_same_node_twice_gets_both_contributions() -> None:
    assert gradient_of(Mul(x := Input("x", value=3.0), x), "x") == [6]
    assert gradient_of(Add(x := Input("x", value=3.0), x, x), "x") == [3]


def test_a_sigmoid_far_out_is_exact_and_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype, far in (("float64", 1000.0), ("float32", 100.0)):
            x = Input("x", value=[-far, far])
            graph = Graph([x, Sigmoid(x, name="s")], dtype=dtype)
            plan = compile_plan(graph)
            run(plan)
            assert plan.value(1).tolist() == [0.0, 1.0]


def test_class_numbers_and_one_hot_rows_give_the_same_cost() -> None:
    logits = np.array([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]])
    found = []
    for labels in (np.array([1, 2]), np.array([[0, 1, 0], [0, 0, 1]])):
        z, y = Input("z", value=logits), Input("y", value=labels)
        graph = Graph([z, y, SoftmaxCrossEntropy(z, y)])
        plan = compile_plan(graph)
        run(plan)
        found.append((plan.cost(), plan.gradient(0).copy()))
    assert found[0][0] == pytest.approx(found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1])


def test_a_mean_square_error_divides_by_the_same_m_both_ways() -> None:
    y, a = Input("y", value=np.zeros((4, 3))), Input("a", value=np.ones((4, 3)))
    (gradient,) = gradient_of(MSE(y, a), "a")
    np.testing.assert_allclose(gradient, np.full((4, 3), 2 / 12))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda x, y: Add(x, y, name="s"), "s: shapes 2x3 and 4 do not broadcast together"),
        (lambda x, y: MatMul(x, y, name="p"), "p: 2x3 · 4 does not fit: 3 columns, 4 rows"),
        (lambda x, y: MSE(x, y, name="c"), "c: target 2x3 and prediction 4 differ in shape"),
        (
            lambda x, y: Reshape(x, shape=[4], name="r"),
            "r: 6 entries of shape 2x3 cannot have the shape [4]",
        ),
        (
            lambda x, y: Linear(x, Input("W", value=np.ones((3, 2))), y, name="l"),
            "l: a bias of shape 4 does not fit X·W of shape 2x2",
        ),
        (
            lambda x, y: OPS["Concat"](x, y, name="j"),
            "j: 2x3 and 4 cannot be concatenated along axis 0 [x 2x3, y 4]",
        ),
        (lambda x, y: OPS["Concat"](x, x, axis=2, name="j"), "j: axis 2 does not exist in"),
        (lambda x, y: OPS["Sum"](x, axis=2, name="t"), "t: axis 2 does not exist in shape 2x3"),
        (lambda x, y: OPS["Softmax"](Sum(x), name="p"), "p: axis -1 does not exist in shape ()"),
        (lambda x, y: OPS["Transpose"](x, axes=[0, 0], name="t"), "t: axes [0, 0] do not name"),
        (lambda x, y: OPS["Slice"](x, start=5, name="s"), "s: the slice of 2x3 is empty"),
        (lambda x, y: OPS["Split"](x, parts=2, axis=1, name="s"), "s: 2x3 does not split into 2"),
        (
            lambda x, y: OPS["Split"](x, parts=[2, 2], axis=1, name="s"),
            "s: 2x3 does not split into",
        ),
        (lambda x, y: OPS["Split"](x, part=2, name="s"), "s: there is no part 2 of 2"),
        (lambda x, y: OPS["Split"](x, axis=2, name="s"), "s: axis 2 does not exist in shape 2x3"),
        (
            lambda x, y: OPS["Stack"](x, y, name="j"),
            "j: 2x3 and 4 cannot be stacked [x 2x3, y 4]",
        ),
        (lambda x, y: OPS["Stack"](x, axis=3, name="j"), "j: axis 3 does not exist in shape"),
        (lambda x, y: OPS["Squeeze"](x, axis=0, name="q"), "q: axis 0 of 2x3 has size 2, not 1"),
        (lambda x, y: OPS["Unsqueeze"](x, axis=3, name="q"), "q: axis 3 does not exist in a value"),
        (lambda x, y: OPS["Unsqueeze"](x, axis=[0, -4], name="q"), "q: axis [0, -4] names an axis"),
        (lambda x, y: OPS["Expand"](x, shape=[3, 3], name="e"), "e: 2x3 does not expand to 3x3"),
        (lambda x, y: OPS["Take"](x, y, axis=2, name="r"), "r: axis 2 does not exist in shape 2x3"),
        (
            lambda x, y: SoftmaxCrossEntropy(x, y, name="c"),
            "c: labels 4 do not fit logits 2x3",
        ),
    ],
)
def test_shapes_that_clash_are_named_with_their_node(make: Any, problem: str) -> None:
    x, y = Input("x", value=np.ones((2, 3))), Input("y", value=np.ones(4))
    with pytest.raises(ShapeError) as caught:
        Graph.of(make(x, y)).shapes()
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda x: OPS["Sub"](x, name="d"), "d: Sub takes 2 inputs, not 1"),
        (lambda x: Sigmoid(x, x, name="s"), "s: Sigmoid takes 1 input, not 2"),
        (lambda x: Add(), "Add takes 1 to any number of inputs, not 0"),
        (lambda x: Add(x, 3, name="s"), "input 2 of Add is a int, not a node"),
        (lambda x: LeakyReLU(x, slop=0.1), "LeakyReLU has no attribute 'slop'"),
        (
            lambda x: Clip(x, low=2, high=1, name="c"),
            "c: attribute 'low' of Clip, 2, is above 'high', 1",
        ),
        (lambda x: Clip(x, low=math.nan), "attribute 'low' of Clip is nan"),
        (lambda x: GELU(x, form="exact"), 'it takes "tanh" or "erf"'),
        (lambda x: LeakyReLU(x, slope="a"), "attribute 'slope' of LeakyReLU is 'a'"),
        (lambda x: Linear(x, x, name="l"), "l: Linear takes"),
    ],
)
def test_wrong_arguments_are_named(make: Any, problem: str) -> None:
    with pytest.raises((GraphError, ShapeError)) as caught:
        make(Input("x", value=1.0))
    assert problem in str(caught.value)


def test_a_share_that_rounds_to_0_still_has_a_finite_logarithm() -> None:
    z, y = Input("z", value=[1000.0, 0.0]), Input("y", value=[0.0, 1.0])
    assert gradient_of(SoftmaxCrossEntropy(z, y), "y") == [[0, 1000]]

"""Recurrent layers: PyTorch's numbers, states, directions, shapes and edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import miniflow as mf
from miniflow.errors import GraphError, ShapeError
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import GRU, LSTM, OPS, RNN, Concat, Mul, Slice, Sum, Take
from miniflow.ops.recurrent import Recurrent
from miniflow.plans.arrays import ArrayPlan
from tests.support.one_pass import one_pass
from tests.support.recurrent_layers import waves, weights

KINDS = [RNN, LSTM, GRU]


def passed(*layers: Node, upstream: Any = None) -> ArrayPlan:
    """Return a plan after one pass; the gradient of the last node is `upstream`."""
    shape = Graph.of(layers[-1]).shapes()[-1]
    given = waves(*shape, start=5) if upstream is None else upstream
    cost = Sum(Mul(layers[-1], Input("upstream", value=given)), name="cost")
    graph = Graph.of(cost)
    return one_pass(graph)


def value(plan: ArrayPlan, node: Node) -> Any:
    return plan.value(plan.graph.index[node])


def gradient(plan: ArrayPlan, node: Node) -> Any:
    return plan.gradient(plan.graph.index[node])


# Of torch.nn.RNN(2, 2) and so on, with these weights: the output of three steps of one sequence,
# the gradient of x, and the sum of the gradient of each weight.
PYTORCH = {
    "RNN": (
        [
            -0.7948181661171101,
            -0.20610675237998344,
            -0.9443477781405885,
            -0.6694930428863386,
            -0.2863264094896665,
            0.015407206404161693,
        ],
        [
            0.6943112172590364,
            -0.08783571270772139,
            -0.5821925001520922,
            0.3004767922453847,
            0.08601718670403527,
            -0.6068536248688248,
        ],
        [0.33708368532494204, -0.8173219245392818, -0.37158893775041824, -0.3715889377504182],
    ),
    "LSTM": (
        [
            0.04557567213806122,
            0.12070622982051235,
            0.017451090283239684,
            0.07388514823916992,
            0.35505801126162795,
            0.016834487416041804,
        ],
        [
            0.02795117563765267,
            -0.0025558083851023794,
            -0.11731282247517538,
            0.026211577444216892,
            -0.12672328610034653,
            -0.04211639675706136,
        ],
        [-0.18673879396407436, 0.039388699438406706, 0.1790101352457981, 0.17901013524579815],
    ),
    "GRU": (
        [
            0.2628247519975215,
            0.3774739299249813,
            0.07120806092311696,
            0.44797745301510494,
            0.5532543813141553,
            0.24926551513552486,
        ],
        [
            0.14499290861350383,
            -0.08664306010498772,
            -0.04392751213202992,
            0.19770724231059222,
            -0.1650750228931152,
            0.10427985868281991,
        ],
        [0.16650180420213662, 0.15331510154258574, 0.32834906986555645, 0.2546921866812569],
    ),
}


@pytest.mark.parametrize("name", PYTORCH)
def test_numbers_are_those_that_pytorch_gave(name: str) -> None:
    kind = OPS[name]
    assert issubclass(kind, Recurrent)
    x, parameters = Input("x", value=waves(3, 1, 2)), weights(kind)
    layer = kind(x, *parameters)
    plan = passed(layer)
    theirs, of_x, sums = PYTORCH[name]
    np.testing.assert_allclose(value(plan, layer).reshape(-1), theirs, rtol=1e-13)
    np.testing.assert_allclose(gradient(plan, x).reshape(-1), of_x, rtol=1e-12)
    ours = [gradient(plan, parameter).sum() for parameter in parameters]
    np.testing.assert_allclose(ours, sums, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_sequence_is_computed_as_if_it_were_alone(kind: type[Recurrent], dtype: str) -> None:
    """The gates of one unit are columns, of which numbers are not next to each other."""
    values = waves(2, 5, 3)

    def outputs(x: Any) -> Any:
        layer = kind(Input("x", value=x), *weights(kind, 3, 1), name="layer")
        return one_pass(Graph.of(layer, dtype=dtype)).value(5)

    together = outputs(values)
    for k in range(5):
        np.testing.assert_allclose(together[:, k : k + 1], outputs(values[:, k : k + 1]), 1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reversed_layer_is_one_on_the_reversed_sequence(kind: type[Recurrent]) -> None:
    x, parameters = Input("x", value=waves(4, 3, 2)), weights(kind)
    flipped = Slice(kind(Slice(x, step=-1), *parameters), step=-1)
    reverse = kind(x, *parameters, reverse=True)
    plans = [passed(flipped), passed(reverse)]
    nodes = (flipped, reverse)
    np.testing.assert_array_equal(*(value(p, node) for p, node in zip(plans, nodes, strict=True)))
    for node in (x, *parameters):
        np.testing.assert_allclose(*(gradient(p, node) for p in plans), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts_is_the_whole(kind: type[Recurrent]) -> None:
    """The last state of the first part begins the second: here both states of an LSTM."""
    x, parameters = Input("x", value=waves(5, 2, 2)), weights(kind)
    whole = kind(x, *parameters)
    attributes: dict[str, Any] = {"output": "both"} if kind is LSTM else {}
    first = kind(Slice(x, stop=3), *parameters, **attributes)
    last = Take(first, Input("end", value=-1), axis=1 if kind is LSTM else 0)
    zero, one = Input("zero", value=0), Input("one", value=1)
    states = [Take(last, zero), Take(last, one)] if kind is LSTM else [last]
    rest = kind(Slice(x, start=3), *parameters, *states)
    hidden = Take(first, zero) if kind is LSTM else first
    parts = Concat(hidden, rest)
    plans = [passed(whole), passed(parts)]
    np.testing.assert_allclose(value(plans[1], parts), value(plans[0], whole), rtol=1e-13)
    for node in (x, *parameters):
        np.testing.assert_allclose(*(gradient(p, node) for p in plans), rtol=1e-11, atol=1e-14)


def test_two_directions_are_two_nodes_and_a_concat() -> None:
    x = Input("x", value=waves(4, 3, 2))
    there, back = (GRU(x, *weights(GRU), reverse=reverse) for reverse in (False, True))
    both = Concat(there, back, axis=2)
    for parameter in back.inbound_nodes[1:]:
        parameter.name = f"{parameter.name}_reverse"
    plan = passed(both)
    assert value(plan, both).shape == (4, 3, 4)
    assert (value(plan, both)[-1, :, 2:] != value(plan, there)[-1]).all()


def test_a_number_is_a_bias_of_every_row() -> None:
    x, (w_ih, w_hh, *_) = Input("x", value=waves(3, 2, 2)), weights(GRU)
    zero = Input("zero", value=0.0)
    layer = GRU(x, w_ih, w_hh, zero, zero)
    zeros = [Input(f"zeros{k}", value=np.zeros(6)) for k in range(2)]
    full = GRU(x, w_ih, w_hh, *zeros)
    np.testing.assert_array_equal(value(passed(layer), layer), value(passed(full), full))


def test_gates_that_saturate_keep_the_cell_and_send_no_gradient_to_themselves() -> None:
    # The forget gate is 1, the input gate 0: a cell keeps its first state, for all steps.
    bias = Input("bias", value=np.repeat([-1e5, 1e5, 0.0, 0.0], 2))
    x, (w_ih, w_hh, *_) = Input("x", value=waves(6, 1, 2)), weights(LSTM)
    begin = [Input("h_0", value=np.zeros((1, 2))), Input("c_0", value=[[0.25, -0.5]])]
    layer = LSTM(x, w_ih, w_hh, bias, Input("zero", value=0.0), *begin, output="both")
    upstream = np.zeros((2, 6, 1, 2))
    upstream[1, -1] = 1.0
    plan = passed(layer, upstream=upstream)
    assert (value(plan, layer)[1] == [0.25, -0.5]).all()
    np.testing.assert_array_equal(gradient(plan, begin[1]), np.ones((1, 2)))
    np.testing.assert_array_equal(gradient(plan, bias), np.zeros(8))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_stays_in_its_sequence_and_does_not_reach_earlier_steps(
    kind: type[Recurrent], number: float
) -> None:
    x = waves(4, 2, 2)
    x[2, 1, 0] = number
    plan = passed(layer := kind(Input("x", value=x), *weights(kind)))
    found = value(plan, layer)
    clean = value(passed(other := kind(Input("x", value=waves(4, 2, 2)), *weights(kind))), other)
    np.testing.assert_array_equal(found[:2], clean[:2])
    np.testing.assert_array_equal(found[:, 0], clean[:, 0])
    assert np.isnan(found[2:, 1]).any() == bool(np.isnan(number))


def test_a_relu_sends_nothing_at_its_kink() -> None:
    zeros = [Input("w", value=np.zeros((1, 1))), Input("u", value=np.ones((1, 1)))]
    x, bias = Input("x", value=waves(3, 1, 1)), Input("b", value=[0.0])
    plan = passed(RNN(x, *zeros, bias, Input("zero", value=0.0), activation="relu"))
    assert gradient(plan, bias).tolist() == [0.0]


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        (
            [(4, 2), (8, 2), (8, 2), (8,), (8,)],
            r"x of shape \(steps, .*\), not 4x2",
        ),
        ([(4, 3, 2), (8, 2), (8, 3), (8,), (8,)], r"hidden weights .* \(4·H, H\), not 8x3"),
        ([(4, 3, 2), (8, 3), (8, 2), (8,), (8,)], "input weights of LSTM .* 8x2 here, not 8x3"),
        ([(4, 3, 2), (8, 2), (8, 2), (2,), (8,)], "a bias of LSTM has shape 8 here.* not 2"),
        (
            [(4, 3, 2), (8, 2), (8, 2), (8,), (8,), (1, 3, 2), (3, 2)],
            "initial state h_0 has shape 3x2 here, not 1x3x2",
        ),
        (
            [(4, 3, 2), (8, 2), (8, 2), (8,), (8,), (3, 2), (2, 2)],
            "initial state c_0 has shape 3x2 here, not 2x2",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes: list[tuple[int, ...]], problem: str) -> None:
    inputs = [Input(f"x{i}", value=np.zeros(shape)) for i, shape in enumerate(shapes)]
    with pytest.raises(ShapeError, match=f"^layer: .*{problem}.*x0 "):
        Graph.of(LSTM(*inputs, name="layer")).shapes()


def test_an_lstm_begins_with_both_states_or_none() -> None:
    with pytest.raises(ShapeError, match="two states, h_0 and c_0, or with none"):
        LSTM(*(Input() for _ in range(6)))
    with pytest.raises(GraphError, match='it takes "h" or "both"'):
        LSTM(*(Input() for _ in range(5)), output="c")
    with pytest.raises(GraphError, match="it takes true or false"):
        GRU(*(Input() for _ in range(5)), reverse=1)


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_stepping_and_goes_on_from_a_file_bit_for_bit(
    kind: type[Recurrent], tmp_path: Path
) -> None:
    def made() -> Graph:
        layer = kind(Input("x", value=waves(4, 3, 2)), *weights(kind), name="layer", reverse=True)
        cost = mf.mse(Input("t", value=waves(4, 3, 2, start=3)), layer, name="cost")
        return Graph.of(cost, optimizer=mf.Adam(0.05))

    trained, saved = made(), made()
    trained.train(6)
    saved.train(3)
    mf.save(saved, tmp_path / "layer.json")
    loaded = mf.load(tmp_path / "layer.json")
    loaded.train(3)
    for node in trained.nodes:
        if isinstance(node, Input):
            np.testing.assert_array_equal(node.value, loaded[node.label].value)
    plan = ArrayPlan(fresh := made(), fresh.shapes())
    for step in range(6):
        plan.feed(step)
        plan.walk(1, 1 + len(fresh.forward_nodes) + len(fresh.backward_nodes))
        for number in range(len(fresh.trainables)):
            plan.update(number)
    for i in fresh.trainables:
        np.testing.assert_array_equal(plan.value(i), trained.nodes[i].value)


def test_a_graph_has_a_bounded_number_of_steps_and_gates() -> None:
    parameters = weights(RNN, 1, 1)
    layers = [
        RNN(Input(f"x{k}", value=np.zeros((steps, 1, 1))), *parameters)
        for k, steps in enumerate((6_000, 4_001))
    ]
    with pytest.raises(ShapeError, match="recurrent layers would have 10,001 time steps"):
        Graph.of(Concat(*layers)).shapes()
    big = [Input(value=np.zeros(shape)) for shape in [(1, 2**19, 1), (80, 1), (80, 20), (), ()]]
    with pytest.raises(ShapeError, match="its gates would have 41,943,040 numbers"):
        Graph.of(LSTM(*big)).shapes()

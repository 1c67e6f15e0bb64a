"""Convolutions and pools: what PyTorch gave, sizes and errors of windows, blocks of the batch.

The gradients of each op over all its arguments are in `test_ops.py`, and thousands of comparisons
with PyTorch in `tests/peers`.
"""

from __future__ import annotations

import itertools
import math
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from miniflow.files import load, save
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import (
    OPS,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Conv,
    ConvTranspose,
    MaxPool,
    Mul,
    Op,
    Sum,
    columns,
)
from miniflow.ops.base import Calls
from miniflow.ops.windows import Share, Slide
from miniflow.plans.arrays import ArrayPlan
from tests.support.one_pass import one_pass

Array = np.ndarray[Any, Any]


class Known(NamedTuple):
    """An op on the numbers of `filled`, and its value and gradients as PyTorch 2.13 gave them."""

    name: str
    op: str
    shapes: list[list[int]]
    attributes: dict[str, Any]
    value_shape: list[int]
    value: list[float]
    gradients: list[list[float]]
    ties: bool = False


# fmt: off
KNOWN = [
    Known(
        "one axis, dilated",
        "Conv",
        [[2, 1, 6], [2, 1, 2], [2]],
        {'dilation': 2, 'padding': 1, 'stride': 2},
        [2, 2, 3],
        [2, 2, -23, -3, -9, 7, -2, 4, -21, 1, -5, 11],
        [[0, -4, 0, -13, 0, 10, 0, 5, 0, -4, 0, -4], [15, -24, 0, 1], [-2, 3]],
    ),
    Known(
        "two axes, in groups",
        "Conv",
        [[1, 2, 3, 4], [2, 1, 2, 3]],
        {'groups': 2, 'padding': [0, 1]},
        [1, 2, 2, 4],
        [-10, 12, 8, 8, -7, 7, 3, -25, 8, 6, -23, 0, 8, -22, 4, 8],
        [[-6, -9, 9, -2, 1, -16, 22, -6, 10, -6, 7, -8, -3, -8, 7, -8, 5, -10, 22, -13,
          4, -8, 9, -9],
         [-9, 16, -5, 1, 9, 12, 3, 1, 18, -7, 12, -5]],
    ),
    Known(
        "unlike padding at both ends",
        "Conv",
        [[1, 1, 3, 3], [1, 1, 2, 2], [1]],
        {'padding': [[1, 0], [0, 1]]},
        [1, 1, 3, 3],
        [-6, 2, -2, 15, -6, 4, -15, -3, 7],
        [[3, -2, 10, -3, 13, -10, 0, -2, 6], [15, 4, 16, -1], [-3]],
    ),
    Known(
        "three axes",
        "Conv",
        [[1, 1, 2, 3, 2], [1, 1, 2, 2, 1]],
        {'stride': [1, 2, 1]},
        [1, 1, 1, 1, 2],
        [19, -2],
        [[9, 0, -6, 0, 0, 0, 0, 0, 6, 0, 0, 0], [15, 6, -12, 12]],
    ),
    Known(
        "transposed",
        "ConvTranspose",
        [[1, 2, 2, 2], [2, 1, 2, 3], [1]],
        {'stride': 2, 'padding': [0, 1], 'output_padding': 1},
        [1, 1, 5, 4],
        [-15, -3, 11, -8, -19, -8, 10, -9, -18, -9, 8, -2, -16, -2, 13, 3, -2, -2, -2, -2],
        [[-2, 10, -5, -22, -1, -22, 13, 10], [15, 16, 2, 1, -19, 2, 0, -12, 15, 6, -9, 11], [-1]],
    ),
    Known(
        "max, overlapping, with ties",
        "MaxPool",
        [[1, 1, 4, 5]],
        {'kernel': 3, 'stride': [1, 2], 'padding': 1},
        [1, 1, 4, 3],
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [[0, -2, 0, 0, 1, 0, 0, -3, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0]],
        ties=True,
    ),
    Known(
        "max, dilated, ceil",
        "MaxPool",
        [[1, 2, 6]],
        {'kernel': 2, 'dilation': 2, 'stride': 3, 'ceil_mode': True},
        [1, 2, 2],
        [-2, 5, 4, 3],
        [[0, 0, -3, 0, 0, 0, 3, 0, 0, -1, 0, 0]],
    ),
    Known(
        "mean, with the padding",
        "AveragePool",
        [[1, 1, 3, 4]],
        {'kernel': 2, 'padding': 1, 'ceil_mode': True},
        [1, 1, 2, 3],
        [-1.25, 0, 1.25, -0.75, 0.75, -1.25],
        [[-0.75, 0, 0, 0.75, -0.25, 0.5, 0.5, -0.5, -0.25, 0.5, 0.5, -0.5]],
    ),
    Known(
        "mean, without the padding",
        "AveragePool",
        [[1, 1, 3, 4]],
        {'kernel': 2, 'padding': 1, 'ceil_mode': True, 'count_include_pad': False},
        [1, 1, 2, 3],
        [-5, 0, 5, -1.5, 0.75, -2.5],
        [[-3, 0, 0, 3, -0.5, 0.5, 0.5, -1, -0.5, 0.5, 0.5, -1]],
    ),
    Known(
        "adaptive max",
        "AdaptiveMaxPool",
        [[1, 1, 3, 5]],
        {'size': [2, 3]},
        [1, 1, 2, 3],
        [1, 1, 1, 1, 1, 1],
        [[0, -3, 0, 0, 3, 0, 0, 2, 0, 0, -1, 0, 0, -2, 0]],
        ties=True,
    ),
    Known(
        "adaptive mean",
        "AdaptiveAveragePool",
        [[1, 1, 3, 4]],
        {'size': 2},
        [1, 1, 2, 2],
        [-1.25, 1.75, -0.75, -0.5],
        [[-0.75, -0.75, 0, 0, 0, 0, -0.25, -0.25, 0.75, 0.75, -0.25, -0.25]],
    ),
]
# fmt: on


def filled(shape: list[int], step: int, modulus: int, shift: int) -> Array:
    """Return small integers in an order that looks like none."""
    numbers = np.arange(math.prod(shape)) * step % modulus - shift
    return numbers.astype(np.float64).reshape(shape)


def inputs_of(known: Known) -> list[Array]:
    first = (5, 3, 1) if known.ties else (7, 11, 5)
    fillings = [first, (5, 7, 3), (3, 5, 2)]
    return [filled(shape, *by) for shape, by in zip(known.shapes, fillings, strict=False)]


def run(op: type[Op], values: list[Array], attributes: dict[str, Any], grad: Any) -> list[Array]:
    """Return an op's value and its inputs' gradients if the gradient of its value is `grad`."""
    nodes = [Input(f"x{i}", value=value) for i, value in enumerate(values)]
    node = op(*nodes, name="op", **attributes)
    cost = Sum(Mul(node, Input("weights", value=grad)), name="cost")
    graph = Graph.of(cost, dtype=str(values[0].dtype))
    plan = one_pass(graph)
    return [
        plan.value(graph.index[node]).copy(),
        *(plan.gradient(graph.index[input_node]).copy() for input_node in nodes),
    ]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_they_give_what_pytorch_gave(known: Known) -> None:
    grad = filled(known.value_shape, 3, 7, 3)
    value, *gradients = run(OPS[known.op], inputs_of(known), known.attributes, grad)
    assert list(value.shape) == known.value_shape
    np.testing.assert_allclose(value.reshape(-1), known.value, rtol=1e-15)
    for found, wanted in zip(gradients, known.gradients, strict=True):
        np.testing.assert_allclose(found.reshape(-1), wanted, rtol=1e-15)


# Blocks of the batch, folded rows ----------------------------------------------------------------

LAYERS: list[tuple[type[Op], list[list[int]], dict[str, Any]]] = [
    (Conv, [[7, 4, 6, 9], [6, 2, 3, 3], [6]], {"groups": 2, "padding": 1}),
    (Conv, [[5, 2, 9, 8], [3, 2, 4, 3], [3]], {"stride": [2, 3], "padding": [[0, 3], [2, 0]]}),
    (Conv, [[5, 2, 9, 8], [3, 2, 3, 3]], {"stride": 3, "dilation": 2, "padding": 4}),
    (Conv, [[3, 70, 5, 5], [70, 70, 3, 3], [70]], {"padding": 1}),
    (Conv, [[7, 3, 8, 7], [3, 1, 3, 3], [3]], {"groups": 3, "padding": 1}),
    (Conv, [[5, 3, 5, 4], [4, 3, 1, 1], [4]], {}),
    (ConvTranspose, [[5, 3, 4, 5], [3, 2, 4, 3], [2]], {"stride": [2, 1], "padding": 1}),
    (ConvTranspose, [[5, 3, 4, 5], [3, 2, 2, 2], [2]], {"stride": 2}),
]


@pytest.mark.parametrize(("op", "shapes", "attributes"), LAYERS)
@pytest.mark.parametrize(("block", "width"), [(1, 1), (1500, 1), (4000, 64), (2**19, 10**6)])
def test_the_numbers_do_not_depend_on_how_the_batch_is_cut(
    op: type[Op],
    shapes: list[list[int]],
    attributes: dict[str, Any],
    block: int,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fillings = [(7, 11, 5), (5, 7, 3), (3, 5, 2)]
    values = [filled(shape, *by) for shape, by in zip(shapes, fillings, strict=False)]
    node = op(*(Input(value=value) for value in values), **attributes)
    grad = filled(list(node.output_shape(*map(np.shape, values))), 3, 7, 3)
    wanted = run(op, values, attributes, grad)
    monkeypatch.setattr(columns, "BLOCK", block)
    monkeypatch.setattr(columns, "COLUMNS", width)
    for found, expected in zip(run(op, values, attributes, grad), wanted, strict=True):
        # Integers: their sums are exact in any order.
        np.testing.assert_array_equal(found, expected)


def test_a_transposed_convolution_is_the_gradient_of_a_convolution() -> None:
    x, weights = filled([2, 3, 9, 7], 7, 11, 5), filled([4, 3, 3, 2], 5, 7, 3)
    attributes = {"stride": 2, "padding": 1}
    grad = filled([2, 4, 5, 4], 3, 7, 3)
    _, to_x, _ = run(Conv, [x, weights], attributes, grad)
    back, *_ = run(ConvTranspose, [grad, weights], {**attributes, "output_padding": [0, 1]}, to_x)
    np.testing.assert_array_equal(back, to_x)


def test_every_call_of_a_step_writes_into_an_array_that_it_is_given() -> None:
    values = [filled([8, 3, 12, 12], 7, 11, 5), filled([4, 3, 3, 3], 5, 7, 3), filled([4], 3, 5, 2)]
    do = Calls(np.float64)
    conv = Conv(*(Input(value=value) for value in values), padding=1)
    out = np.zeros(conv.output_shape(*map(np.shape, values)))
    conv.forward_calls(do, out, *values)
    for input_index, value in enumerate(values):
        conv.vjp_calls(do, input_index, np.zeros_like(value), out, out, *values)
    for call in do.take():
        bound: Any = call
        target = bound.args[0] if bound.func is np.copyto else bound.args[-1]
        assert isinstance(target, np.ndarray), bound


def test_inputs_in_any_order_of_memory_are_read_as_they_are() -> None:
    x = filled([2, 3, 6, 5], 7, 11, 5)
    weights = filled([4, 3, 3, 3], 5, 7, 3)
    wanted = run(Conv, [x, weights], {}, filled([2, 4, 4, 3], 3, 7, 3))[0]
    turned = [np.asfortranarray(array) for array in (x, weights)]
    do, out = Calls(np.float64), np.zeros(wanted.shape)
    Conv(*(Input(value=array) for array in turned)).forward_calls(do, out, *turned)
    for call in do.take():
        call()
    np.testing.assert_array_equal(out, wanted)


# Where there is a choice --------------------------------------------------------------------------


def test_a_batch_of_nothing_gives_nothing_and_a_gradient_of_0() -> None:
    values = [np.zeros((0, 2, 5, 5)), filled([3, 2, 3, 3], 5, 7, 3), filled([3], 3, 5, 2)]
    value, _, to_weights, to_bias = run(Conv, values, {}, np.zeros((0, 3, 3, 3)))
    assert value.shape == (0, 3, 3, 3)
    assert not to_weights.any()
    assert not to_bias.any()


def test_nan_wins_no_window_and_infinity_does() -> None:
    x = np.array([[[1.0, math.nan, math.inf, 2.0, -math.inf, -math.inf]]])
    value, to_x = run(MaxPool, [x], {"kernel": 2}, [[[3.0, 5.0, 7.0]]])
    np.testing.assert_array_equal(value, [[[math.nan, math.inf, -math.inf]]])
    # On a tie of -infinities, too, the first one wins.
    np.testing.assert_array_equal(to_x, [[[0.0, 0.0, 5.0, 0.0, 7.0, 0.0]]])


def test_an_infinite_gradient_goes_to_the_winner_alone() -> None:
    x = np.array([[[1.0, 2.0, 3.0, 0.0]]])
    _, to_x = run(MaxPool, [x], {"kernel": 3, "stride": 1}, [[[math.inf, 1.0]]])
    np.testing.assert_array_equal(to_x, [[[0.0, 0.0, math.inf, 0.0]]])


def test_a_global_pool_is_a_mean_or_a_maximum_over_axes() -> None:
    x = filled([2, 3, 4, 5], 7, 11, 5)
    grad = filled([2, 3, 1, 1], 3, 7, 3)
    for pool, reduction in ((AdaptiveAveragePool, "Mean"), (AdaptiveMaxPool, "Max")):
        over = {"axis": [2, 3], "keepdims": True}
        for found, wanted in zip(
            run(pool, [x], {}, grad), run(OPS[reduction], [x], over, grad), strict=True
        ):
            np.testing.assert_allclose(found, wanted, rtol=1e-15)


SLIDES = [
    Slide(
        size, kernel, stride, before, after, dilation, 1 + (size + before + after - reach) // stride
    )
    for size, kernel, stride, before, after, dilation in itertools.product(
        (1, 2, 5), (1, 2, 3), (1, 2, 3), (0, 2), (0, 1), (1, 2, 3)
    )
    if (reach := dilation * (kernel - 1) + 1) <= size + before + after
]


def test_a_window_has_what_its_definition_says() -> None:
    for slide in SLIDES:
        met = {
            (place, t, entry)
            for place in range(slide.count)
            for t in range(slide.kernel)
            if 0 <= (entry := place * slide.stride - slide.before + t * slide.dilation) < slide.size
        }
        found = set()
        for t in range(slide.kernel):
            if (tap := slide.tap(t)) is not None:
                places, entries = (range(part.start, part.stop, part.step or 1) for part in tap)
                found |= {(o, t, i) for o, i in zip(places, entries, strict=True)}
        assert found == met, slide
        for place in range(slide.count):
            assert list(slide.window(place)) == sorted(i for o, _, i in met if o == place)
        for entry in range(slide.size):
            assert list(slide.places(entry)) == sorted(o for o, _, i in met if i == entry)
        assert all(slide.tap_at(o, i) == t for o, t, i in met)
        empty = [o for o in range(slide.count) if not any(o == place for place, _, _ in met)]
        assert slide.empty_place() in (empty or [None])


def test_windows_share_an_axis_out() -> None:
    for size, count in itertools.product(range(1, 8), range(1, 8)):
        share = Share(size, count)
        had = {(o, i) for o in range(count) for i in share.window(o)}
        assert {i for _, i in had} == set(range(size))
        assert max(len(share.window(o)) for o in range(count)) <= -(-size // count) + 1
        taps = [
            (o, i)
            for places, entries in share.taps()
            for o, i in zip(
                range(places.start, places.stop, places.step or 1),
                range(entries.start, entries.stop, entries.step or 1),
                strict=True,
            )
        ]
        assert sorted(taps) == sorted(had)
        for entry in range(size):
            assert list(share.places(entry)) == sorted(o for o, i in had if i == entry)


def test_they_are_saved_and_loaded_with_all_of_their_attributes(tmp_path: Path) -> None:
    x, weights = filled([1, 2, 6, 6], 7, 11, 5), filled([2, 1, 3, 3], 5, 7, 3)
    w = Input("W", value=weights / 8, trainable=True)
    made = Conv(Input("x", value=x), w, padding=[(1, 0), (0, 2)], groups=2, stride=(2, 1), name="c")
    pooled = MaxPool(made, kernel=(2, 2), stride=1, padding=[[1, 0], [0, 1]], name="p")
    cost = Sum(AdaptiveAveragePool(pooled, size=[1, 2], name="q"), name="cost")
    save(Graph.of(cost), tmp_path / "graph.json")
    found = []
    for graph in (Graph.of(cost), load(tmp_path / "graph.json")):
        plan, costs = ArrayPlan(graph, graph.shapes()), array("d")
        plan.run(0, 3, costs)
        found.append((costs.tobytes(), plan.value(graph.by_name["W"]).tobytes()))
    assert found[0] == found[1]
    assert len(set(costs)) == 3

"""Pad and Resize: PyTorch's numbers, and attributes that make no sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mfdebug.core.explain.cause_text import cause_lines
from mfdebug.core.explain.why import why
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.errors import GraphError, ShapeError
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Mul, Pad, Resize, Sum
from tests.support.one_pass import one_pass

X = [[1.0, -2.0, 4.0], [0.5, 3.0, -1.0]]


def found(op: type[Node], x: Any = X, **attributes: Any) -> list[Any]:
    """Return the value, and the gradient of the input if the value's is 1, 2, 3, ..."""
    node = op(Input("x", value=x), name="op", **attributes)
    shape = Graph.of(node).shapes()[-1]
    weights = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    graph = Graph.of(Sum(Mul(node, Input("w", value=weights)), name="cost"))
    plan = one_pass(graph)
    return [plan.value(graph.by_name["op"]).copy(), plan.gradient(graph.by_name["x"]).copy()]


def lines(op: type[Node], attribute: Any, index: tuple[int, ...], **attributes: Any) -> list[str]:
    """Return what `why` says of an entry of the value, or of the input's gradient."""
    node = op(Input("x", value=X), name="op", **attributes)
    debugger = ComputedDebugger(Graph.of(Sum(node, name="cost")))
    while not debugger.cursor.at_end:
        debugger.cursor.step()
    name = "op" if attribute == "value" else "x"
    cause = why(debugger, EntryRef(debugger.graph.by_name[name], attribute, index))
    return cause_lines(cause, debugger)


# torch 2.13: nn.functional.pad and interpolate, (value * [1, 2, 3, ...]).sum().backward().
@pytest.mark.parametrize(
    ("op", "attributes", "value", "gradient"),
    [
        (
            Pad,
            {"pads": [1, 0, -1, 1], "value": 7},
            [[7.0, 0.5, 3.0, -1.0], [7.0, 7.0, 7.0, 7.0]],
            [[0.0, 0.0, 0.0], [2.0, 3.0, 4.0]],
        ),
        (
            Pad,
            {"pads": [2, 1, 1, 0], "mode": "reflect"},
            [
                [-1.0, 3.0, 0.5, 3.0, -1.0, 3.0],
                [4.0, -2.0, 1.0, -2.0, 4.0, -2.0],
                [-1.0, 3.0, 0.5, 3.0, -1.0, 3.0],
            ],
            [[9.0, 30.0, 18.0], [18.0, 60.0, 36.0]],
        ),
        (
            Pad,
            {"pads": [1, 2, 0, 1], "mode": "edge"},
            [
                [1.0, 1.0, -2.0, 4.0, 4.0, 4.0],
                [0.5, 0.5, 3.0, -1.0, -1.0, -1.0],
                [0.5, 0.5, 3.0, -1.0, -1.0, -1.0],
            ],
            [[3.0, 3.0, 15.0], [42.0, 24.0, 84.0]],
        ),
        (
            Pad,
            {"pads": [3, 1, 1, 0], "mode": "wrap"},
            [
                [0.5, 3.0, -1.0, 0.5, 3.0, -1.0, 0.5],
                [1.0, -2.0, 4.0, 1.0, -2.0, 4.0, 1.0],
                [0.5, 3.0, -1.0, 0.5, 3.0, -1.0, 0.5],
            ],
            [[33.0, 21.0, 23.0], [66.0, 42.0, 46.0]],
        ),
        (
            Resize,
            {"size": [3, 2]},
            [[1.0, -2.0], [1.0, -2.0], [0.5, 3.0]],
            [[4.0, 6.0, 0.0], [5.0, 6.0, 0.0]],
        ),
        (
            Resize,
            {"size": [3, 4], "mode": "linear"},
            [[1.0, -0.875, 0.25, 4.0], [0.75, 0.59375, 0.875, 1.5], [0.5, 2.0625, 1.5, -1.0]],
            [[5.375, 7.1875, 10.4375], [16.375, 17.1875, 21.4375]],
        ),
        (
            Resize,
            {"size": [3, 4], "mode": "linear", "align_corners": True},
            [[1.0, -1.0, 0.0, 4.0], [0.75, 7 / 12, 5 / 6, 1.5], [0.5, 13 / 6, 5 / 3, -1.0]],
            [[31 / 6, 23 / 3, 61 / 6], [95 / 6, 55 / 3, 125 / 6]],
        ),
        (
            Resize,
            {"scale": [1.5, 1.5], "mode": "linear"},
            [[1.0, -0.5, -1.0, 3.0], [0.75, 0.625, 2 / 3, 4 / 3], [0.5, 1.75, 7 / 3, -1 / 3]],
            [[6.0, 9.25, 7.75], [18.0, 21.25, 15.75]],
        ),
    ],
)
def test_they_are_pytorchs(
    op: type[Node], attributes: dict[str, Any], value: Any, gradient: Any
) -> None:
    mine = found(op, **attributes)
    np.testing.assert_allclose(mine[0], value, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(mine[1], gradient, rtol=1e-14, atol=1e-14)


def test_nothing_to_pad_or_resize_changes_nothing() -> None:
    weights = np.arange(1.0, 7.0).reshape(2, 3)
    for op, attributes in ((Pad, {}), (Resize, {"size": [2, 3]}), (Resize, {"scale": [1.0]})):
        value, gradient = found(op, **attributes)
        np.testing.assert_array_equal(value, X)
        np.testing.assert_array_equal(gradient, weights)


def test_an_infinity_stays_where_it_is_copied_to() -> None:
    value, _ = found(Resize, [[1.0, np.inf, 2.0, 3.0]], size=[8])
    np.testing.assert_array_equal(np.isfinite(value), [[1, 1, 0, 0, 1, 1, 1, 1]])
    value, _ = found(Resize, [[1.0, 3.0, 2.0, np.inf]], size=[8], mode="linear")
    np.testing.assert_array_equal(np.isfinite(value), [[1, 1, 1, 1, 1, 0, 0, 0]])


@pytest.mark.parametrize("entries", [5, 64, 65, 200])
@pytest.mark.parametrize("size", [1, 7, 64, 150, 400])
def test_a_linear_resize_interpolates(entries: int, size: int) -> None:
    x = np.random.default_rng(entries).normal(size=(2, entries))
    value, gradient = found(Resize, x, size=[size], mode="linear", align_corners=True)
    places = np.linspace(0, entries - 1, size) if size > 1 else np.zeros(1)
    for row, mine in zip(x, value, strict=True):
        np.testing.assert_allclose(mine, np.interp(places, np.arange(entries), row), atol=1e-12)
    # The gradient of Σ w·value is that of the same weights, transposed.
    weights = np.arange(1.0, 2 * size + 1).reshape(2, size)
    np.testing.assert_allclose((gradient * x).sum(), (weights * value).sum())


@pytest.mark.parametrize("entries", [6, 70])
def test_an_infinite_gradient_goes_to_its_neighbours_alone(entries: int) -> None:
    node = Resize(Input("x", value=np.ones(entries)), size=[2 * entries], mode="linear", name="op")
    weights = np.ones(2 * entries)
    weights[5] = np.inf
    graph = Graph.of(Sum(Mul(node, Input("w", value=weights)), name="cost"))
    plan = one_pass(graph)
    finite = np.isfinite(plan.gradient(graph.by_name["x"]))
    assert np.flatnonzero(~finite).tolist() == [2, 3]


@pytest.mark.parametrize(
    ("op", "attributes", "problem"),
    [
        (Pad, {"pads": [1]}, "attribute 'pads' of Pad is [1]; it takes a list of whole numbers"),
        (Pad, {"pads": [-1, 0], "mode": "edge"}, "is negative: only a pad with a constant takes"),
        (Pad, {"mode": "same"}, 'it takes "constant", "reflect", "edge" or "wrap"'),
        (Pad, {"pads": [1] * 6}, "6 pads for 2x3, which has 2 axes"),
        (Pad, {"pads": [-2, -1]}, "nothing is left of axis 1 of 2x3"),
        (Pad, {"pads": [-3, 4]}, "nothing is left of axis 1 of 2x3"),
        (Pad, {"pads": [3, 0], "mode": "reflect"}, "mode 'reflect' pads up to 2, not 3"),
        (Pad, {"pads": [0, 4], "mode": "wrap"}, "mode 'wrap' pads up to 3, not 4"),
        (Resize, {}, "Resize takes either 'size' or 'scale'"),
        (Resize, {"size": [1], "scale": 2}, "Resize takes either 'size' or 'scale'"),
        (Resize, {"size": [0]}, "it takes a list of sizes, or null"),
        (Resize, {"scale": -1}, "it takes a positive number, a list of them, or null"),
        (Resize, {"size": [2], "align_corners": True}, 'is for mode "linear"'),
        (Resize, {"scale": 2}, "2x3 has no axes after the first two"),
        (Resize, {"scale": [0.2]}, "nothing is left of axis 1 of 2x3"),
        (Resize, {"size": [1, 2, 3]}, "3 axes to resize, but 2x3 has 2"),
    ],
)
def test_what_makes_no_sense_is_refused(
    op: type[Node], attributes: dict[str, Any], problem: str
) -> None:
    with pytest.raises((GraphError, ShapeError)) as raised:
        Graph.of(op(Input("x", value=X), name="op", **attributes)).shapes()
    assert problem in str(raised.value)
    assert str(raised.value).startswith("op: ")


def test_why_names_the_copies_and_the_constant() -> None:
    said = lines(Pad, "grad", (0, 1), pads=[1, 1], mode="reflect")
    assert said[0] == "∂cost/∂x[0,1] = Σⱼ ∂cost/∂op[0,j]·[j = 0 or 2 or 4]"
    assert said[-1].split() == ["1", "3", "∂cost/∂op[0,4]", "=", "1"]
    assert lines(Pad, "value", (0, 0), pads=[1, 0], value=2.5)[-1] == (
        "  (the constant of the border)"
    )
    assert lines(Pad, "grad", (0, 0), pads=[-1, 0]) == [
        "∂cost/∂x[0,0] = 0",
        "  (op leaves x[0,0] out)",
    ]


def test_why_has_the_weights_of_the_entries_nearby() -> None:
    said = lines(Resize, "value", (1, 1), size=[3, 4], mode="linear")
    assert said[:3] == [
        "op[1,1] = x resized to [3, 4], linear",
        "  = 0.1875·x[0,0] + 0.3125·x[0,1] + 0.1875·x[1,0] + 0.3125·x[1,1]",
        "  = 0.1875 × 1 + 0.3125 × (-2) + 0.1875 × 0.5 + 0.3125 × 3",
    ]
    said = lines(Resize, "grad", (0, 1), size=[3, 4], mode="linear")
    assert said[0] == "∂cost/∂x[0,1] = Σₙⱼ ∂cost/∂op[n,j]·w[n,j]"
    assert said[-1] == "  (w is the weight of x[0,1] in each mean)"
    assert lines(Resize, "grad", (0, 2), size=[3, 2])[-1] == "  (op leaves x[0,2] out)"

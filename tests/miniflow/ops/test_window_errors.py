"""Windows that do not fit, and those that would cost too much: what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from miniflow.errors import GraphError, ShapeError
from miniflow.node import Input
from miniflow.ops import AdaptiveMaxPool, AveragePool, Conv, ConvTranspose, MaxPool, Op
from miniflow.ops.base import Calls


def of(*shapes: tuple[int, ...]) -> list[Input]:
    return [Input(name, value=np.ones(s)) for name, s in zip("xwb", shapes, strict=False)]


X = (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Conv(*of(X, (4, 2, 3, 3)), name="c"),
            "c: x 1x3x8x8 has 3 channels: weights 4x2x3x3 take 2 [x 1x3x8x8, w 4x2x3x3] "
            "(weights are (O, C/groups, *kernel))",
        ),
        (
            lambda: Conv(*of(X, (4, 3, 3, 3)), groups=3, name="c"),
            "c: 4 channels of the weights cannot be divided into 3 groups",
        ),
        (
            lambda: Conv(*of(X, (3, 3, 3, 3)), groups=3, name="c"),
            "c: x 1x3x8x8 has 3 channels in 3 groups, 1 in each: weights 3x3x3x3 take 3",
        ),
        (
            lambda: Conv(*of(X, (4, 3, 9, 3)), name="c"),
            "c: axis 2 has 8 entries: a window of 9 does not fit",
        ),
        (
            lambda: Conv(*of(X, (4, 3, 3, 3)), padding=[0, 1], dilation=[1, 6], name="c"),
            "c: axis 3 has 8 entries, 10 with its padding: a window of 3 that are 6 apart does not",
        ),
        (
            lambda: Conv(*of(X, (4, 3, 3)), name="c"),
            "c: weights 4x3x3 have 3 axes, x 1x3x8x8 has 4",
        ),
        (
            lambda: Conv(*of(X, (4, 3, 3, 3), (3,)), name="c"),
            "c: a bias of shape 3 does not fit 4 channels",
        ),
        (
            lambda: Conv(*of((3, 8), (4, 3)), name="c"),
            "c: Conv slides over the spatial axes of a tensor (N, C, *spatial), of which there are",
        ),
        (
            lambda: Conv(*of(X, (4, 3, 3, 3)), stride=[1, 2, 1], name="c"),
            "c: attribute 'stride' has 3 entries, [1, 2, 1], for 2 spatial axes",
        ),
        (
            lambda: ConvTranspose(*of(X, (3, 4, 1, 1)), padding=4, name="c"),
            "c: axis 2 would have 8 entries, and padding 4 + 4 removes them all",
        ),
        (
            lambda: ConvTranspose(*of(X, (3, 4, 3, 3)), stride=2, output_padding=2, name="c"),
            "c: output_padding 2 on axis 2 is not less than stride 2 or dilation 1",
        ),
        (
            lambda: MaxPool(*of(X), kernel=[2, 3], padding=[1, 3], name="p"),
            "p: the window at place 0 of axis 3 has nothing but padding: 3 entries, padding 3 + 3",
        ),
        (
            lambda: AveragePool(*of(X), kernel=9, name="p"),
            "p: axis 2 has 8 entries: a window of 9 does not fit",
        ),
        (
            lambda: AdaptiveMaxPool(*of((1, 3, 8, 0)), size=2, name="p"),
            "p: axis 3 has no entries",
        ),
    ],
)
def test_errors_name_the_node_the_axis_and_the_sizes(make: Callable[[], Op], said: str) -> None:
    op = make()
    with pytest.raises(ShapeError) as raised:
        op.shape_from(*(np.shape(node.value) for node in op.inbound_nodes))
    assert str(raised.value).startswith(said)


FAR = 10**9


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Conv(*of((1, 1, 4), (1, 1, 1)), padding=FAR, stride=FAR),
            "the windows of one sample have 2,000,000,001 numbers together",
        ),
        (
            lambda: Conv(*of((1, 1, 600, 600), (1, 1, 400, 400))),
            "its windows have 160,000 entries on the spatial axes",
        ),
        (
            lambda: MaxPool(*of((1, 1, 5)), kernel=FAR, padding=FAR - 3, stride=1),
            "its windows have 1,000,000,000 entries on the spatial axes",
        ),
        (
            lambda: MaxPool(*of((1, 1, 999, 999)), kernel=500),
            "its windows have 250,000 entries on the spatial axes",
        ),
        (
            lambda: AdaptiveMaxPool(*of((1, 1, 999, 999)), size=2),
            "its windows have 1,002,001 entries on the spatial axes",
        ),
    ],
)
def test_windows_that_cost_too_much_are_refused(make: Callable[[], Op], said: str) -> None:
    op = make()
    with pytest.raises(ShapeError, match=said):
        op.shape_from(*(np.shape(node.value) for node in op.inbound_nodes))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv(*of((1, 1, 4, 900), (1, 1, 1, 450)), padding=[0, 200], dilation=[9, 1]),
        lambda: AdaptiveMaxPool(*of((1, 1, 999, 999))),
        lambda: MaxPool(*of((1, 1, 5)), kernel=FAR, padding=FAR // 2, stride=FAR // 3),
    ],
)
def test_long_windows_and_far_paddings_take_few_calls(make: Callable[[], Op]) -> None:
    op = make()
    values = [np.ones(np.shape(node.value)) for node in op.inbound_nodes]
    shape = op.shape_from(*map(np.shape, values))
    do, out = Calls(np.float64), np.zeros(shape)
    op.forward_calls(do, out, *values)
    op.vjp_calls(do, 0, np.zeros_like(values[0]), out, out, *values)
    assert len(do.take()) < 5000


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        (Conv, {"stride": 0}),
        (Conv, {"stride": []}),
        (Conv, {"padding": -1}),
        (Conv, {"padding": [[1, 2, 3]]}),
        (Conv, {"padding": [1, [1, 2]]}),
        (Conv, {"dilation": 1.5}),
        (Conv, {"groups": True}),
        (ConvTranspose, {"output_padding": -1}),
        (MaxPool, {"kernel": 0}),
        (MaxPool, {"kernel": None}),
        (MaxPool, {"ceil_mode": 1}),
        (AdaptiveMaxPool, {"size": [0, 1]}),
    ],
)
def test_attributes_that_make_no_sense_are_refused(op: type[Op], attributes: Any) -> None:
    with pytest.raises(GraphError, match="it takes"):
        op(*of(X, (4, 3, 3, 3))[: op.arity[0]], **attributes)

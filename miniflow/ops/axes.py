"""The axes that an op reduces: the attributes `axis` and `keepdims`, and the shapes they give."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from miniflow.ops.base import Array, Attribute, Calls, Op, Shape, check_axis, is_integer


def is_axes(value: Any) -> bool:
    """Whether `value` names axes: an integer, or a list of integers."""
    return is_integer(value) or (isinstance(value, list | tuple) and all(map(is_integer, value)))


KEEPDIMS = Attribute(False, "true or false", lambda value: isinstance(value, bool))


class OverAxes(Op):
    """An op with the attributes `axis` and `keepdims`, which reduces axes of its only input."""

    attributes: ClassVar = {
        "axis": Attribute(
            None,
            "an integer, a list of integers, or null for all",
            lambda value: value is None or is_axes(value),
        ),
        "keepdims": KEEPDIMS,
    }

    def axes(self, shape: Shape) -> tuple[int, ...]:
        """Return the reduced axes of an input of `shape`, in ascending order."""
        axis = self.attrs["axis"]
        if axis is None or axis == "all":
            return tuple(range(len(shape)))
        axes = (axis,) if is_integer(axis) else tuple(axis)
        for index in axes:
            check_axis(index, shape)
        return tuple(sorted({index % len(shape) for index in axes}))

    def shape_with_ones(self, shape: Shape) -> Shape:
        """Return the shape of the value with size 1 at the reduced axes."""
        axes = self.axes(shape)
        return tuple(1 if axis in axes else n for axis, n in enumerate(shape))

    def count(self, shape: Shape) -> int:
        """Return the number of entries that one entry of the value reduces."""
        return math.prod(shape[axis] for axis in self.axes(shape))

    def reduced_shape(self, shape: Shape) -> Shape:
        """Return the shape of the value: without the reduced axes, or with size 1 there."""
        if self.attrs["keepdims"]:
            return self.shape_with_ones(shape)
        axes = self.axes(shape)
        return tuple(n for axis, n in enumerate(shape) if axis not in axes)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape without the reduced axes, or with size 1 there."""
        return self.reduced_shape(shapes[0])

    def reduce(self, do: Calls, ufunc: np.ufunc, x: Array, out: Array) -> None:
        """List the call that reduces `x` with `ufunc` into `out`, which has the value's shape."""
        do(ufunc.reduce, x, self.axes(x.shape), None, self.with_ones(out, x.shape), True)

    def with_ones(self, value: Array, shape: Shape) -> Array:
        """Return an array in the value's shape as one that broadcasts to the input's `shape`."""
        return value.reshape(self.shape_with_ones(shape))

    def along(self, text: str) -> str:
        """Return `text`, and along which axes, if not all are reduced."""
        axis = self.attrs["axis"]
        return text if axis is None or axis == "all" else f"{text} along axis {axis}"

"""Ops that arrange the same entries in another shape: Transpose, Reshape, Squeeze, Unsqueeze.

Their backward rules arrange the gradient in the old shape. Ops that take a part are in `slices.py`,
those that join in `joins.py`, those that copy entries in `copies.py`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.axes import is_axes
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    Shape,
    check_axis,
    is_integer,
    register,
    shape_text,
)
from miniflow.text.lists import counted


def _is_integers(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(is_integer, value))


@register
class Transpose(Op):
    """The axes permuted: reversed, or in the order of `axes`."""

    attributes: ClassVar = {
        "axes": Attribute(
            None,
            "a list of axes, or null for reversed",
            lambda value: value is None or _is_integers(value),
        )
    }
    role = "a transpose sends the gradient back transposed"

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        axes = self.attrs["axes"]
        if axes is None:
            return tuple(reversed(range(len(shape))))
        for axis in axes:
            check_axis(axis, shape)
        order = tuple(axis % len(shape) for axis in axes)
        if sorted(order) != list(range(len(shape))):
            raise ShapeError(f"axes {list(axes)} do not name each axis of {shape_text(shape)} once")
        return order

    def output_shape(self, *shapes: Shape) -> Shape:
        """The sizes in the new order."""
        return tuple(shapes[0][axis] for axis in self._axes(shapes[0]))

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Xᵀ."""
        do(np.copyto, out, inputs[0].transpose(self._axes(inputs[0].shape)))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """gradᵀ."""
        do(np.copyto, out.transpose(self._axes(out.shape)), grad)

    def formula(self, *names: str) -> str:
        """Xᵀ, or the order of the axes."""
        axes = self.attrs["axes"]
        if axes is None or list(axes) == [1, 0]:
            return f"{names[0]}ᵀ"
        return f"{names[0]}.transpose({', '.join(map(str, axes))})"


class SameEntries(Op):
    """Base of the ops that keep the entries in their order, and change the shape alone."""

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The same entries."""
        do(np.copyto, out, inputs[0].reshape(out.shape))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The same entries of the gradient."""
        do(np.copyto, out, grad.reshape(out.shape))


@register
class Reshape(SameEntries):
    """The same entries in another `shape`; one size may be -1, which is computed."""

    attributes: ClassVar = {"shape": Attribute((-1,), "a list of integers", _is_integers)}
    role = "a reshape sends the gradient back in the old shape"

    def output_shape(self, *shapes: Shape) -> Shape:
        """The attribute `shape`, with -1 replaced by the size that fits."""
        wanted = tuple(self.attrs["shape"])
        size = math.prod(shapes[0])
        known = math.prod(n for n in wanted if n != -1)
        unknown = wanted.count(-1)
        fits = all(n >= -1 for n in wanted) and (
            (unknown == 0 and known == size) or (unknown == 1 and known > 0 and size % known == 0)
        )
        if not fits:
            raise ShapeError(
                f"{counted(size, 'entry', 'entries')} of shape {shape_text(shapes[0])} cannot have "
                f"the shape {list(wanted)}"
            )
        return tuple(size // known if n == -1 else n for n in wanted)

    def formula(self, *names: str) -> str:
        """x as [shape]."""
        return f"{names[0]} as {list(self.attrs['shape'])}"


@register
class Squeeze(SameEntries):
    """The same entries without axes of size 1: without those in `axis`, or without all."""

    attributes: ClassVar = {
        "axis": Attribute(
            None,
            "an integer, a list of integers, or null for every axis of size 1",
            lambda value: value is None or is_axes(value),
        )
    }
    role = "a squeeze sends the gradient back in the old shape"

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape without these axes, which must have size 1."""
        shape, axis = shapes[0], self.attrs["axis"]
        if axis is None:
            return tuple(n for n in shape if n != 1)
        axes = set()
        for index in (axis,) if is_integer(axis) else axis:
            check_axis(index, shape)
            if shape[index] != 1:
                raise ShapeError(
                    f"axis {index} of {shape_text(shape)} has size {shape[index]}, not 1"
                )
            axes.add(index % len(shape))
        return tuple(n for i, n in enumerate(shape) if i not in axes)

    def formula(self, *names: str) -> str:
        """squeeze(x)."""
        return f"squeeze({names[0]})"


@register
class Unsqueeze(SameEntries):
    """The same entries with new axes of size 1; `axis` counts the axes of the value."""

    attributes: ClassVar = {"axis": Attribute(0, "an integer, or a list of integers", is_axes)}
    role = "an unsqueeze sends the gradient back in the old shape"

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape with size 1 at the new axes."""
        axis = self.attrs["axis"]
        given = (axis,) if is_integer(axis) else tuple(axis)
        count = len(shapes[0]) + len(given)
        for index in given:
            if not -count <= index < count:
                of = counted(count, "axis", "axes")
                raise ShapeError(f"axis {index} does not exist in a value of {of}")
        axes = {index % count for index in given}
        if len(axes) < len(given):
            raise ShapeError(f"axis {list(given)} names an axis twice")
        sizes = iter(shapes[0])
        return tuple(1 if i in axes else next(sizes) for i in range(count))

    def formula(self, *names: str) -> str:
        """unsqueeze(x)."""
        return f"unsqueeze({names[0]})"

"""Ops that join their inputs: Concat along an axis that they have, Stack along a new one.

Their backward rules give each input its own part of the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    Shape,
    Targets,
    check_axis,
    is_integer,
    register,
    series,
    shape_text,
)


class _Join(Op):
    """Base of Concat and Stack: each input has a part of the value."""

    arity = (1, None)
    attributes: ClassVar = {"axis": Attribute(0, "an integer", is_integer)}

    def parts(self, whole: Array, inputs: Sequence[Array]) -> Iterator[Array]:
        """Yield the part of `whole` that belongs to each input, in the input's shape."""
        raise NotImplementedError

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Each input copied into its part."""
        for part, x in zip(self.parts(out, inputs), inputs, strict=True):
            do(np.copyto, part, x)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """Each input's part of the gradient."""
        parts = list(self.parts(grad, inputs))
        for input_index, out in targets:
            do(np.copyto, out, parts[input_index])


@register
class Concat(_Join):
    """The inputs concatenated along `axis`."""

    role = "a concatenation splits the gradient: each input gets its own part"

    def output_shape(self, *shapes: Shape) -> Shape:
        """Sizes add up along the axis and must be equal elsewhere."""
        first = shapes[0]
        check_axis(self.attrs["axis"], first)
        axis = self.attrs["axis"] % len(first)
        for shape in shapes:
            if len(shape) != len(first) or any(
                n != m for i, (n, m) in enumerate(zip(shape, first, strict=True)) if i != axis
            ):
                raise ShapeError(
                    f"{shape_text(first)} and {shape_text(shape)} cannot be concatenated "
                    f"along axis {axis}"
                )
        return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])

    def parts(self, whole: Array, inputs: Sequence[Array]) -> Iterator[Array]:
        """Yield as much along the axis as each input has."""
        axis = self.attrs["axis"] % whole.ndim
        before, stop = (slice(None),) * axis, 0
        for x in inputs:
            start, stop = stop, stop + x.shape[axis]
            yield whole[(*before, slice(start, stop))]

    def formula(self, *names: str) -> str:
        """[x, y]."""
        return f"[{series(names, ', ')}]"


@register
class Stack(_Join):
    """The inputs, all of one shape, beside each other along a new `axis` of the value."""

    role = "a stack splits the gradient: each input gets its own part"

    def output_shape(self, *shapes: Shape) -> Shape:
        """The inputs' shape with their number inserted at the axis."""
        first = shapes[0]
        for shape in shapes:
            if shape != first:
                raise ShapeError(f"{shape_text(first)} and {shape_text(shape)} cannot be stacked")
        check_axis(self.attrs["axis"], (*first, len(shapes)))
        axis = self.attrs["axis"] % (len(first) + 1)
        return (*first[:axis], len(shapes), *first[axis:])

    def parts(self, whole: Array, inputs: Sequence[Array]) -> Iterator[Array]:
        """Yield one index of the axis for each input."""
        moved = np.moveaxis(whole, self.attrs["axis"], 0)
        for input_index in range(len(inputs)):
            yield moved[input_index, ...]

    def formula(self, *names: str) -> str:
        """stack(x, y)."""
        axis = self.attrs["axis"]
        return f"stack({series(names, ', ')})" + (f" along axis {axis}" if axis else "")

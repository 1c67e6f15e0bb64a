"""Ops that move entries without changing them: Transpose, Reshape, Concat, Slice.

Their backward rules move the gradient back the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

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


@register
class Reshape(Op):
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
                f"{size} entries of shape {shape_text(shapes[0])} do not fit {list(wanted)}"
            )
        return tuple(size // known if n == -1 else n for n in wanted)

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The same entries."""
        do(np.copyto, out, inputs[0].reshape(out.shape))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The same entries of the gradient."""
        do(np.copyto, out, grad.reshape(out.shape))

    def formula(self, *names: str) -> str:
        """x as [shape]."""
        return f"{names[0]} as {list(self.attrs['shape'])}"


@register
class Concat(Op):
    """The inputs concatenated along `axis`."""

    arity = (1, None)
    attributes: ClassVar = {"axis": Attribute(0, "an integer", is_integer)}
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

    def _parts(self, whole: Array, inputs: Sequence[Array]) -> Iterator[Array]:
        """Yield the part of `whole` that belongs to each input."""
        axis = self.attrs["axis"] % whole.ndim
        before, stop = (slice(None),) * axis, 0
        for x in inputs:
            start, stop = stop, stop + x.shape[axis]
            yield whole[(*before, slice(start, stop))]

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Each input copied into its part."""
        for part, x in zip(self._parts(out, inputs), inputs, strict=True):
            do(np.copyto, part, x)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """Each input's part of the gradient."""
        parts = list(self._parts(grad, inputs))
        for input_index, out in targets:
            do(np.copyto, out, parts[input_index])

    def formula(self, *names: str) -> str:
        """[x, y]."""
        return f"[{series(names, ', ')}]"


@register
class Slice(Op):
    """The entries from `start` up to, not including, `stop` along `axis`."""

    attributes: ClassVar = {
        "start": Attribute(0, "an integer", is_integer),
        "stop": Attribute(
            None, "an integer, or null for the end", lambda v: v is None or is_integer(v)
        ),
        "axis": Attribute(0, "an integer", is_integer),
    }
    role = "a slice sends the gradient back to the entries it took, and 0 to the others"

    def _index(self, shape: Shape) -> tuple[slice, ...]:
        axis = self.attrs["axis"]
        check_axis(axis, shape)
        index = [slice(None)] * len(shape)
        index[axis] = slice(self.attrs["start"], self.attrs["stop"])
        return tuple(index)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, with the size of the slice along the axis."""
        shape = tuple(
            len(range(*part.indices(n)))
            for part, n in zip(self._index(shapes[0]), shapes[0], strict=True)
        )
        if 0 in shape:
            raise ShapeError(f"the slice of {shape_text(shapes[0])} is empty")
        return shape

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x[start:stop]."""
        do(np.copyto, out, inputs[0][self._index(inputs[0].shape)])

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient in the slice, zeros elsewhere."""
        do(out.fill, 0.0)
        do(np.copyto, out[self._index(out.shape)], grad)

    def formula(self, *names: str) -> str:
        """x[start:stop]."""
        stop = self.attrs["stop"]
        along = f" along axis {self.attrs['axis']}" if self.attrs["axis"] else ""
        return f"{names[0]}[{self.attrs['start']}:{'' if stop is None else stop}]{along}"

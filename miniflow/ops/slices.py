"""Ops that take a part of their input along an axis: Slice and Split.

Their backward rules put the gradient back in its place.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from miniflow.errors import ShapeError
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


class Part(Op):
    """Base of Slice and Split: the entries of a range along `axis`."""

    def taken(self, shape: Shape) -> range:
        """Return the indices along the axis that are taken from an input of `shape`."""
        raise NotImplementedError

    def _part(self, x: Array) -> Array:
        """Return the part of `x` that is taken, as a view."""
        taken = self.taken(x.shape)
        # Of a step backwards to the first entry, the stop is none: -1 would be the last entry.
        stop = None if taken.stop < 0 else taken.stop
        before = (slice(None),) * (self.attrs["axis"] % x.ndim)
        part: Array = x[(*before, slice(taken.start, stop, taken.step))]
        return part

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape, with the size of the part along the axis."""
        shape = shapes[0]
        check_axis(self.attrs["axis"], shape)
        axis = self.attrs["axis"] % len(shape)
        size = len(self.taken(shape))
        if not size:
            raise ShapeError(f"the slice of {shape_text(shape)} is empty")
        return (*shape[:axis], size, *shape[axis + 1 :])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The part."""
        do(np.copyto, out, self._part(inputs[0]))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient in the part, zeros elsewhere."""
        do(out.fill, 0.0)
        do(np.copyto, self._part(out), grad)

    def along(self, text: str) -> str:
        """Return `text`, and along which axis if it is not the first."""
        axis = self.attrs["axis"]
        return f"{text} along axis {axis}" if axis else text


def _is_end(value: Any) -> bool:
    return value is None or is_integer(value)


@register
class Slice(Part):
    """The entries from `start` up to, not including, `stop` along `axis`, every `step`-th.

    As in Python, negative numbers count from the end, and a negative step goes backwards: without
    a `start` from the last entry, without a `stop` to the first.
    """

    attributes: ClassVar = {
        "start": Attribute(None, "an integer, or null for the first", _is_end),
        "stop": Attribute(None, "an integer, or null for the end", _is_end),
        "axis": Attribute(0, "an integer", is_integer),
        "step": Attribute(1, "an integer other than 0", lambda v: is_integer(v) and v != 0),
    }
    role = "a slice sends the gradient back to the entries it took, and 0 to the others"

    def taken(self, shape: Shape) -> range:
        """Return the range of the slice."""
        bounds = slice(self.attrs["start"], self.attrs["stop"], self.attrs["step"])
        return range(*bounds.indices(shape[self.attrs["axis"]]))

    def formula(self, *names: str) -> str:
        """x[start:stop:step]."""
        start, stop, step = (self.attrs[key] for key in ("start", "stop", "step"))
        first = "" if start is None and step < 0 else start or 0
        every = "" if step == 1 else f":{step}"
        return self.along(f"{names[0]}[{first}:{'' if stop is None else stop}{every}]")


def _are_parts(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(is_integer(size) and size > 0 for size in value)
    return is_integer(value) and value > 0


@register
class Split(Part):
    """One of several parts along `axis`: a number of equal `parts`, or a list of their sizes.

    `part` counts from 0. A node has one value, so each part is a node; `split` makes all of them.
    """

    attributes: ClassVar = {
        "parts": Attribute(2, "how many equal parts, or a list of their sizes", _are_parts),
        "part": Attribute(0, "an integer from 0", lambda v: is_integer(v) and v >= 0),
        "axis": Attribute(0, "an integer", is_integer),
    }
    role = "a split sends the gradient of its part back to where it was, and 0 to the others"

    def taken(self, shape: Shape) -> range:
        """Return the range of the part; raise `ShapeError` if the parts do not fit."""
        parts, part, size = self.attrs["parts"], self.attrs["part"], shape[self.attrs["axis"]]
        equal = is_integer(parts)
        sizes = [size // parts] * parts if equal else list(parts)
        if sum(sizes) != size:
            wanted = f"{parts} equal parts" if equal else f"parts of {list(parts)}"
            raise ShapeError(
                f"{shape_text(shape)} does not split into {wanted} along axis {self.attrs['axis']}"
            )
        if part >= len(sizes):
            raise ShapeError(f"there is no part {part} of {len(sizes)}, counted from 0")
        ends = [0, *accumulate(sizes)]
        return range(ends[part], ends[part + 1])

    def formula(self, *names: str) -> str:
        """part k of x."""
        parts = self.attrs["parts"]
        count = parts if is_integer(parts) else len(parts)
        return self.along(f"part {self.attrs['part']} of {count} of {names[0]}")

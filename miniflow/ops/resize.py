"""Resize: the last axes with another number of entries, by the nearest entry or between two.

Which entries meet is computed as PyTorch does, in `aten/src/ATen/native/UpSample.h`. A linear
resize of several axes is one of each in turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from miniflow.errors import GraphError, ShapeError
from miniflow.node import Node
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    Shape,
    is_integer,
    is_number,
    register,
    shape_text,
)
from miniflow.text.lists import counted

# Up to this many entries, a product with the matrix of weights is faster than taking neighbours.
_SMALL = 64


def _are_sizes(value: Any) -> bool:
    if value is None:
        return True
    sizes = isinstance(value, list | tuple) and len(value) > 0
    return sizes and all(is_integer(n) and n > 0 for n in value)


def _are_scales(value: Any) -> bool:
    several = value if isinstance(value, list | tuple) else [value]
    numbers = all(is_number(n) and 0 < n < math.inf for n in several)
    return value is None or (len(several) > 0 and numbers)


class Neighbours(NamedTuple):
    """Along one axis, the two entries that each place of the value is between, and their weights.

    For the nearest entry, `second` is None and all weights are 1.
    """

    first: Array
    second: Array | None
    of_first: Array
    of_second: Array

    def times(self, n: int) -> int:
        """Return how often each of n entries is copied, if all are as often; else 0."""
        times = len(self.first) // n
        equal = np.array_equal(self.first, np.repeat(np.arange(n), times))
        return times if equal else 0

    def matrix(self, n: int) -> Array:
        """Return the weights of n entries at each place, of shape (places, n)."""
        weights = np.zeros((len(self.first), n))
        places = np.arange(len(self.first))
        weights[places, self.first] += self.of_first
        if self.second is not None:
            weights[places, self.second] += self.of_second
        return weights

    def weight(self, place: int, entry: int) -> float:
        """Return the weight of an entry of the input at a place of the value."""
        weight = float(self.of_first[place]) if self.first[place] == entry else 0.0
        if self.second is not None and self.second[place] == entry:
            weight += float(self.of_second[place])
        return weight


@register
class Resize(Op):
    """The last axes of the input with the sizes `size`, or `scale` times theirs, rounded down.

    A single `scale` is for all axes after the first two. `mode` is "nearest" or "linear" (bilinear
    on two axes). Entries are the middles of equal parts; with `align_corners`, for "linear", the
    first and last entries stay where they are.
    """

    attributes: ClassVar = {
        "size": Attribute(None, "a list of sizes, or null", _are_sizes),
        "scale": Attribute(None, "a positive number, a list of them, or null", _are_scales),
        "mode": Attribute(
            "nearest", '"nearest" or "linear"', lambda value: value in ("nearest", "linear")
        ),
        "align_corners": Attribute(False, "true or false", lambda value: isinstance(value, bool)),
    }
    role = "a resize sends each entry the gradients of the places that it was copied to, by weight"

    def _set_up(self, nodes: list[Node], name: str | None, attributes: Any) -> None:
        super()._set_up(nodes, name, attributes)
        if (self.attrs["size"] is None) == (self.attrs["scale"] is None):
            raise GraphError("Resize takes either 'size' or 'scale'", where=name or "")
        if self.attrs["align_corners"] and self.attrs["mode"] == "nearest":
            raise GraphError("'align_corners' of Resize is for mode \"linear\"", where=name or "")

    def axes(self, shape: Shape) -> dict[int, tuple[int, float | None]]:
        """Return the new size of each axis that is resized, and its scale if that was given."""
        size, scale = self.attrs["size"], self.attrs["scale"]
        if is_number(scale):
            if len(shape) < 3:
                raise ShapeError(
                    f"{shape_text(shape)} has no axes after the first two",
                    hint="give 'scale' as a list: it is for the last axes",
                )
            scale = [scale] * (len(shape) - 2)
        count = len(scale if size is None else size)
        if count > len(shape):
            raise ShapeError(
                f"{counted(count, 'axis', 'axes')} to resize, but {shape_text(shape)} has "
                f"{len(shape)}"
            )
        first = len(shape) - count
        if size is not None:
            return {first + i: (n, None) for i, n in enumerate(size)}
        return {
            first + i: (math.floor(shape[first + i] * factor), float(factor))
            for i, factor in enumerate(scale)
        }

    def output_shape(self, *shapes: Shape) -> Shape:
        """The input's shape with the new sizes."""
        sizes = list(shapes[0])
        for axis, (n, _) in self.axes(shapes[0]).items():
            if n == 0 or sizes[axis] == 0:
                raise ShapeError(f"nothing is left of axis {axis} of {shape_text(shapes[0])}")
            sizes[axis] = n
        return tuple(sizes)

    def neighbours(self, shape: Shape) -> dict[int, Neighbours]:
        """Return the neighbours of each axis that is resized."""
        return {
            axis: self._of_axis(shape[axis], n, factor)
            for axis, (n, factor) in self.axes(shape).items()
        }

    def _of_axis(self, n: int, count: int, factor: float | None) -> Neighbours:
        places = np.arange(count)
        if self.attrs["mode"] == "nearest":
            # In float32, as PyTorch computes it whatever the dtype is.
            one = np.float32(n) / np.float32(count) if factor is None else np.float32(1.0 / factor)
            first = np.floor(places.astype(np.float32) * one).astype(np.intp)
            first = np.minimum(first, n - 1)
            return Neighbours(first, None, np.ones(count), np.zeros(count))
        if self.attrs["align_corners"]:
            at = places * ((n - 1) / (count - 1) if count > 1 else 0.0)
        else:
            step = n / count if factor is None else 1.0 / factor
            at = np.maximum((places + 0.5) * step - 0.5, 0.0)
        first = np.minimum(at.astype(np.intp), n - 1)
        second = np.minimum(first + 1, n - 1)
        part = np.clip(at - first, 0.0, 1.0)
        return Neighbours(first, second, 1.0 - part, part)

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """One axis after the other."""
        steps = list(self.neighbours(inputs[0].shape).items())
        source = inputs[0]
        for step, (axis, found) in enumerate(steps):
            shape = (*source.shape[:axis], len(found.first), *source.shape[axis + 1 :])
            target = out if step == len(steps) - 1 else do.scratch(shape)
            _list_copies(do, _in_three(source, axis), found, _in_three(target, axis))
            source = target

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """Of each axis, from the last, the sums of what an entry was copied to, by weight."""
        steps = list(self.neighbours(out.shape).items())
        source = grad
        for step, (axis, found) in reversed(list(enumerate(steps))):
            shape = (*source.shape[:axis], out.shape[axis], *source.shape[axis + 1 :])
            target = out if step == 0 else do.scratch(shape)
            _list_sums(do, _in_three(source, axis), found, _in_three(target, axis))
            source = target

    def formula(self, *names: str) -> str:
        """x resized to [size] by mode."""
        size, scale = self.attrs["size"], self.attrs["scale"]
        if size is not None:
            to = f"to {list(size)}"
        else:
            to = f"by {list(scale) if isinstance(scale, Sequence) else f'{scale:.6g}'}"
        return f"{names[0]} resized {to}, {self.attrs['mode']}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The weight."""
        return "1" if self.attrs["mode"] == "nearest" else "weight"


def _in_three(x: Array, axis: int) -> Array:
    """Return a view with the axes before `axis` and those after it as one axis each."""
    return x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))


def _list_copies(do: Calls, x: Array, found: Neighbours, y: Array) -> None:
    """List the calls that write the weighted neighbours along axis 1 of x into y."""
    if found.second is None:
        if times := found.times(x.shape[1]):
            copies = y.reshape(x.shape[0], x.shape[1], times, x.shape[2])
            # A call for each copy: NumPy is slow along an axis of a few entries.
            for k in range(times):
                do(np.copyto, copies[:, :, k], x)
        else:
            do(x.take, found.first, 1, y, "clip")
        return
    if x.shape[1] <= _SMALL:
        do(_mix, x, found, found.matrix(x.shape[1]).astype(do.dtype), y)
        return
    other = do.scratch(y.shape)
    do(x.take, found.first, 1, y, "clip")
    do(np.multiply, y, _column(found.of_first, do), y)
    do(x.take, found.second, 1, other, "clip")
    do(np.multiply, other, _column(found.of_second, do), other)
    do(np.add, y, other, y)


def _list_sums(do: Calls, g: Array, found: Neighbours, y: Array) -> None:
    """List the calls that add up along axis 1 what the rows of y were copied to, by weight."""
    n = y.shape[1]
    if found.second is None:
        if times := found.times(n):
            copies = g.reshape(g.shape[0], n, times, g.shape[2])
            do(np.copyto, y, copies[:, :, 0])
            for k in range(1, times):
                do(np.add, y, copies[:, :, k], y)
        else:
            _list_row_sums(do, g, found.first, y)
        return
    if n <= _SMALL:
        do(_mix_back, g, found, found.matrix(n).T.astype(do.dtype), y)
        return
    part, other = do.scratch(g.shape), do.scratch(y.shape)
    do(np.multiply, g, _column(found.of_first, do), part)
    _list_row_sums(do, part, found.first, y)
    do(np.multiply, g, _column(found.of_second, do), part)
    _list_row_sums(do, part, found.second, other)
    do(np.add, y, other, y)


def _column(weights: Array, do: Calls) -> Array:
    return weights.astype(do.dtype)[:, None]


def _mix(x: Array, found: Neighbours, matrix: Array, y: Array) -> None:
    # In a product of matrices 0 × infinity would spoil places that are not near it.
    if np.isfinite(np.add.reduce(x, None)):
        _product(matrix, x, y)
        return
    first, second = (w.astype(x.dtype)[:, None] for w in (found.of_first, found.of_second))
    np.copyto(y, x[:, found.first] * first + x[:, found.second] * second)


def _mix_back(g: Array, found: Neighbours, matrix: Array, y: Array) -> None:
    if np.isfinite(np.add.reduce(g, None)):
        _product(matrix, g, y)
        return
    y.fill(0.0)
    for rows, weights in ((found.first, found.of_first), (found.second, found.of_second)):
        at: Any = (slice(None), rows)
        np.add.at(y, at, g * weights.astype(g.dtype)[:, None])


def _product(matrix: Array, x: Array, y: Array) -> None:
    if x.shape[2] == 1:
        np.matmul(x[:, :, 0], matrix.T, y[:, :, 0])
    else:
        np.matmul(matrix, x, y)


def _list_row_sums(do: Calls, g: Array, taken: Array, out: Array) -> None:
    """List the calls that add up the rows of `g` by the row they were taken from, in order."""
    present, starts = np.unique(taken, return_index=True)
    if len(present) == out.shape[1]:
        do(np.add.reduceat, g, starts, 1, None, out)
        return
    do(out.fill, 0.0)
    part = do.scratch((out.shape[0], len(present), out.shape[2]))
    do(np.add.reduceat, g, starts, 1, None, part)
    do(_put_rows, out, present, part)


def _put_rows(out: Array, rows: Array, part: Array) -> None:
    out[:, rows] = part

"""Broadcasting: the shape, operands of it, gradients summed back, and the elementwise ops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import Array, Calls, Op, Shape, Targets, series, shape_text


def broadcast_shape(*shapes: Shape) -> Shape:
    """Return the shape that `shapes` broadcast to, or raise `ShapeError`."""
    if shapes.count(shapes[0]) == len(shapes):
        return shapes[0]
    different = list(dict.fromkeys(shapes))
    try:
        return np.broadcast_shapes(*different)
    except ValueError:
        texts = series([shape_text(shape) for shape in different], " and ")
        raise ShapeError(
            f"shapes {texts} do not broadcast together",
            hint="compared from the right, two sizes must be equal or one of them 1",
        ) from None


def spread(do: Calls, x: Array, shape: Shape) -> Array:
    """Return `x` broadcast to `shape`, as the fastest operand, and list the call that copies it.

    Copying first and then adding arrays of equal shape takes 0.65 times as long as a ufunc that
    broadcasts, and the same time on large arrays. A single entry needs no copy.
    """
    if x.shape == shape:
        return x
    if x.size == 1:
        return x.reshape(())
    full = do.scratch(shape)
    do(np.copyto, full, x)
    return full


def unbroadcast(do: Calls, full: Array, out: Array) -> None:
    """List the calls that sum `full` into `out`, which undoes the broadcast from out's shape.

    Each entry of `out` was copied to several entries of `full`, and gradients of copies add up.
    """
    if full.shape == out.shape:
        do(np.copyto, out, full)
    elif full.ndim == 2 and out.shape[-1:] == full.shape[1:] and out.size == full.shape[1]:
        # A product with ones takes 0.25 times as long as full.sum(0).
        do(np.ones(full.shape[0], full.dtype).dot, full, out.reshape(-1))
    else:
        padded = (1,) * (full.ndim - out.ndim) + out.shape
        axes = tuple(axis for axis, n in enumerate(padded) if n == 1 and (full.shape[axis] != 1))
        do(np.add.reduce, full, axes, None, out.reshape(padded), True)


class Elementwise(Op):
    """An elementwise op, which broadcasts its inputs to one shape.

    A subclass defines `local_calls`, or `all_local_calls` if it takes any number of inputs;
    contributions to broadcast inputs are summed here.
    """

    @property
    def is_elementwise(self) -> bool:
        """Whether it is: some have an attribute with which they reduce axes instead."""
        return True

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the broadcast shape."""
        return broadcast_shape(*shapes)

    def local_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """List the calls that write grad × local gradient into `out`, in the value's shape."""
        self.all_local_calls(do, [(input_index, out)], grad, value, inputs)

    def all_local_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """List `local_calls` for each target; all targets have the value's shape."""
        for input_index, out in targets:
            self.local_calls(do, input_index, out, grad, value, *inputs)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """List the local calls, each followed by the sum over the axes that were broadcast."""
        self.all_local_calls(do, _in_value_shape(do, targets, grad.shape), grad, value, inputs)


def _in_value_shape(do: Calls, targets: Targets, shape: Shape) -> Iterator[tuple[int, Array]]:
    """Yield targets in the value's shape; list the calls that sum each into its own target."""
    full: Array | None = None
    for input_index, out in targets:
        if out.shape == shape:
            yield input_index, out
        else:
            full = do.scratch(shape) if full is None else full
            yield input_index, full
            unbroadcast(do, full, out)

"""Which tensors are images, and the picture that contains an entry.

A graph says of an input that its rows are images. Then the weights that meet those rows are images
of the same shape: each column of W in X·W weighs the pixels of one image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from mfdebug.core.timeline.entry_ref import Index
from miniflow import ops
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array, Shape, shape_text

# The fewest pixels of a row that is shown as an image though the graph does not say so.
LEAST_PIXELS = 16


class Picture(NamedTuple):
    """Images in a tensor: each of its rows is one, or each column (`by_column`), or each slice.

    `height` and `width` are in pixels; `whole` says that the last two axes are the image.
    """

    height: int
    width: int
    by_column: bool = False
    whole: bool = False

    @property
    def pixels(self) -> int:
        """The number of pixels of an image."""
        return self.height * self.width

    def image(self, array: Array, entry: Index) -> Array:
        """Return the image that contains `entry`, as a matrix."""
        if self.whole:
            found: Array = array[entry[:-2]]
            return found
        if array.ndim > 1:
            block = array[entry[:-2]]
            array = block[:, entry[-1]] if self.by_column else block[entry[-2]]
        return array.reshape(self.height, self.width)

    def pixel(self, entry: Index) -> Index:
        """Return the row and the column of `entry` in its image."""
        if self.whole:
            return entry[-2:]
        return divmod(entry[-2] if self.by_column else entry[-1], self.width)

    def words(self, entry: Index) -> str:
        """Say which image contains `entry`: `row 3 as 8x8`."""
        size = shape_text((self.height, self.width))
        if self.whole:
            return f"as {size}"
        if self.by_column:
            return f"column {entry[-1]} as {size}"
        return f"row {entry[-2]} as {size}" if len(entry) > 1 else f"as {size}"


def picture_of(graph: Graph, node: int, shape: Shape) -> Picture | None:
    """Return the images of a node's value of `shape`, and of its gradient; None if it has none.

    They are known from the graph, or else guessed: a row or a column may be a square image.
    """
    known = _of_input(graph, node)
    if known is not None and (found := _fitting(known, shape)) is not None:
        return found
    for consumer, input_index in graph.consumers[node]:
        op = graph.nodes[consumer]
        if not isinstance(op, ops.Linear | ops.MatMul):
            continue
        sources = graph.inbound[consumer]
        # X1 … Xn, W1 … Wn, and a bias: a weight meets the X that is n before it.
        pairs = len(sources) // 2
        if pairs <= input_index < 2 * pairs and len(shape) > 1:
            size = _of_input(graph, sources[input_index - pairs])
            if size is not None and size[0] * size[1] == shape[-2]:
                return Picture(*size, by_column=True)
    return _guessed(shape)


def _of_input(graph: Graph, node: int) -> tuple[int, int] | None:
    target = graph.nodes[node]
    return target.image if isinstance(target, Input) else None


def _fitting(size: tuple[int, int], shape: Shape) -> Picture | None:
    if shape and size[0] * size[1] == shape[-1]:
        return Picture(*size)
    return Picture(*size, whole=True) if tuple(shape[-2:]) == size else None


def _guessed(shape: Shape) -> Picture | None:
    lengths: Sequence[tuple[int, bool]] = [(n, at > 0) for at, n in enumerate(shape[:-3:-1])]
    for length, by_column in lengths:
        side = math.isqrt(length)
        if length >= LEAST_PIXELS and side * side == length:
            return Picture(side, side, by_column)
    return None

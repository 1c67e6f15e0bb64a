"""Map entries of the factors of a matrix product to entries of the product, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mfdebug.core.explain.entries import Region, copies, matched
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.base import Shape
from miniflow.ops.linear import product_shape


class Product:
    """The subscripts of a matrix product x·w, with stacks, vectors and scalars as in `np.matmul`.

    `length` is the number of products summed in each entry of the result, or None if a factor is a
    scalar.
    """

    def __init__(self, x: Shape, w: Shape) -> None:
        self.x, self.w = x, w
        self.length = x[-1] if x and w else None
        self.shape = product_shape(x, w)
        self.stack = np.broadcast_shapes(x[:-2], w[:-2])

    def factors(self, index: Sequence[Any], k: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the entries of x and w in the k-th product of the result's entry `index`."""
        if self.length is None:
            whole = tuple(index)
            return (whole if self.x else ()), (whole if self.w else ())
        stack = index[: len(self.stack)]
        row = index[len(stack) : len(stack) + 1] if len(self.x) > 1 else ()
        column = index[-1:] if len(self.w) > 1 else ()
        of_x, of_w = matched(stack, self.x[:-2]), matched(stack, self.w[:-2])
        return (*of_x, *row, k), (*of_w, k, *column)

    def term_of(self, input_index: int, entry: Index) -> int:
        """Return which product of each sum contains an entry of x (input 0) or w (input 1)."""
        if self.length is None:
            return 0
        return entry[-1] if input_index == 0 or len(self.w) == 1 else entry[-2]

    def region(self, input_index: int, entry: Index) -> Region:
        """Return the entries of the result that depend on an entry of x or w."""
        own = self.w if input_index else self.x
        if self.length is None:
            return copies(entry, own, self.shape)
        region = copies(entry[:-2], own[:-2], self.stack)
        if len(self.x) > 1:
            i = entry[-2] if input_index == 0 else None
            region += (slice(0, self.x[-2]) if i is None else slice(i, i + 1),)
        if len(self.w) > 1:
            j = entry[-1] if input_index else None
            region += (slice(0, self.w[-1]) if j is None else slice(j, j + 1),)
        return region

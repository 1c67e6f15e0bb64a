"""The arguments of an op, and how those of a case are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from miniflow.ops import Op

Shape = tuple[int, ...]
SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)


@dataclass
class Case:
    """An op's arguments: the inputs' values, `same` for one node in every place, attributes."""

    op: type[Op]
    values: list[np.ndarray[Any, Any]]
    attributes: dict[str, Any] = field(default_factory=dict)
    same: bool = False


Draw = Callable[..., Any]


def numbers(draw: Draw, shape: Shape, low: float = -2.0, high: float = 2.0) -> Any:
    """Draw values that lie apart by at least 0.01 and off 0: no ties, no kinks."""
    size = int(np.prod(shape))
    seed = draw(st.integers(0, 2**32 - 1))
    grid = np.linspace(low, high, 4 * size + 7)
    grid = grid[np.abs(grid) > 0.02]
    return np.random.default_rng(seed).permutation(grid)[:size].reshape(shape)


def broadcastable(draw: Draw, shape: Shape) -> Shape:
    """Draw a shape that broadcasts to `shape`."""
    kept = shape[draw(st.integers(0, len(shape))) :]
    return tuple(1 if draw(st.booleans()) else n for n in kept)

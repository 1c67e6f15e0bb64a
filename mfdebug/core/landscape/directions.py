"""Principal directions of a path: the plane in which the parameters have moved most.

Li, Xu, Taylor, Studer and Goldstein, "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018,
section 7: the principal components of the parameters of the SGD steps minus those at the end.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from miniflow.ops.base import Array

# A direction counts if the path extends along it by this part of its extent along the first one:
# the squares have a rounding error of 1e-16.
LEAST = 1e-7


class Directions(Struct, frozen=True):
    """Orthonormal `rows` of shape (1 or 2, parameters), and the share of the path of each."""

    rows: Array
    shares: tuple[float, ...]


def principal_directions(path: Array, end: Array) -> Directions:
    """Return up to two principal directions of the points of `path`, of shape (points, parameters).

    They are none if the path never leaves `end`. Computed from the matrix of the dot products of
    the points, which is small however many parameters there are.
    """
    moved = path - end
    scale = float(np.abs(moved).max(initial=0.0))
    if not scale:
        return Directions(np.zeros((0, end.size)), ())
    moved = moved / scale
    squares, vectors = np.linalg.eigh(moved @ moved.T)
    rows, shares = [], []
    for k in (-1, -2):
        if len(squares) >= -k and squares[k] > squares[-1] * LEAST**2 and squares[k] > 0:
            row = vectors[:, k] @ moved
            row /= np.linalg.norm(row)
            # The sign of a principal direction is arbitrary: its largest entry is positive.
            row *= 1.0 if row[np.abs(row).argmax()] > 0 else -1.0
            rows.append(row)
            shares.append(float(squares[k] / squares.clip(0).sum()))
    return Directions(np.array(rows), tuple(shares))

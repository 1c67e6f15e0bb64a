"""The mean and the variance that normalised an entry, from the present values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from mfdebug.core.explain.arithmetic import checked_formula
from mfdebug.core.explain.entries import Region
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import EntryRef, Index
from miniflow.ops.base import Array
from miniflow.ops.norms import Grid, Normalization
from miniflow.text.lists import ALL_UP_TO

# The most refs in one term that the user can follow.
MAX_REFS = 100


class Statistics:
    """The entries of x that have one mean with an entry, their mean and their variance."""

    def __init__(self, view: NodeView, op: Normalization, index: Index) -> None:
        self.view, self.op = view, op
        shapes = [x.shape for x in view.inputs]
        self.grid, self._weight_grid = op.grid(*shapes), op.weight_grid(*shapes)
        self._at = _kept_of(self.grid, shapes[0], index)
        outer, kept, inner = self.grid
        starts = np.arange(outer)[:, None] * kept * inner + self._at * inner
        # Positions in x, counted from 0.
        self._members: Array = (starts + np.arange(inner)).reshape(-1)
        self.numbers = np.asarray(view.inputs[0].reshape(-1)[self._members], np.float64)
        self.eps = float(op.attrs["eps"])
        with np.errstate(all="ignore"):
            self.mean = float(self.numbers.mean()) if op.centred else 0.0
            self.variance = float(np.square(self.numbers - self.mean).mean())

    @classmethod
    def of(cls, view: NodeView, op: Normalization, index: Index) -> Self | None:
        """Return those that normalised an entry; None if they are running ones and not known."""
        found = cls(view, op, index)
        if op.reads_lasting:
            arrays = view.debugger.plan.lasting(view.node)
            if not arrays:
                return None
            found.mean = float(arrays["running_mean"][found._at])
            found.variance = float(arrays["running_var"][found._at])
        return found

    @property
    def size(self) -> int:
        """How many entries have this mean."""
        return self.numbers.size

    @property
    def below_numbers(self) -> list[float]:
        """The variance and eps."""
        return [self.variance, self.eps]

    @property
    def spread(self) -> np.float64:
        """√(variance + eps)."""
        return np.float64(np.sqrt(np.float64(self.variance) + self.eps))

    def normal(self, x: float) -> float:
        """Return a number normalised."""
        with np.errstate(all="ignore"):
            return float((np.float64(x) - self.mean) / self.spread)

    def normals(self) -> Array:
        """Return all the entries, normalised."""
        with np.errstate(all="ignore"):
            found: Array = (self.numbers - self.mean) / self.spread
        return found

    def normals_in(self, region: Region) -> Array:
        """Return x̂ of a region, each entry by its own mean and variance."""
        if self.op.reads_lasting:
            with np.errstate(all="ignore"):
                x = np.asarray(self.view.inputs[0][region], np.float64)
                return np.asarray((x - self.mean) / self.spread)
        x = np.asarray(self.view.inputs[0], np.float64)
        with np.errstate(all="ignore"):
            seen = x.reshape(self.grid)
            mean = seen.mean((0, 2), keepdims=True) if self.op.centred else 0.0
            variance = np.square(seen - mean).mean((0, 2), keepdims=True)
            normal = (seen - mean) / np.sqrt(variance + self.eps)
        return np.asarray(normal.reshape(x.shape)[region])

    def weighted(self, gradient: Array) -> Array:
        """Return the gradients of all the entries' x̂, from those of the value."""
        g = np.asarray(gradient.reshape(-1)[self._members], np.float64)
        if len(self.view.inputs) > 1:
            _, kept, inner = self._weight_grid
            of = self._members // inner % kept
            with np.errstate(all="ignore"):
                g = g * self.view.inputs[1].reshape(-1)[of]
        return g

    def mean_of(self, numbers: Array) -> float:
        """Return the mean of a number for each of the entries."""
        with np.errstate(all="ignore"):
            return float(numbers.mean())

    def refs(self) -> tuple[EntryRef, ...]:
        """Return refs to the first of the entries."""
        if self.op.reads_lasting:
            return ()
        shape = self.view.inputs[0].shape
        return tuple(
            self.view.ref(0, tuple(map(int, np.unravel_index(position, shape))))
            for position in self._members[:MAX_REFS]
        )

    # Words -------------------------------------------------------------------------------

    def normal_form(self, x: float) -> tuple[list[float], Callable[[Sequence[str]], str]]:
        """Return the numbers of x̂ of an entry x, and how they are written."""
        if not self.op.centred:
            return [x, *self.below_numbers], "{0[0]}/√({0[1]} + {0[2]})".format
        numbers = [x, self.mean, *self.below_numbers]
        return numbers, "({0[0]} - {0[1]})/√({0[2]} + {0[3]})".format

    def normal_note(self, x: float) -> str:
        """Return x̂ of an entry x in numbers."""
        numbers, write = self.normal_form(x)
        number = self.normal(x)
        text = checked_formula(numbers, write, number)
        return f"normalised: {text} = {scalar(number)}" if text else f"normalised: {scalar(number)}"

    def notes(self) -> list[str]:
        """Return the mean and the variance in words and numbers."""
        if self.op.reads_lasting:
            return [
                f"running mean: {scalar(self.mean)}",
                f"running variance: {scalar(self.variance)}",
            ]
        what = "variance" if self.op.centred else "mean square"
        of = f" of {self.size:,} entries"
        found = [f"mean{of}: {self._mean_text(self.mean, 1)}"] if self.op.centred else []
        return [*found, f"{what}{of}: {self._mean_text(self.variance, 2)}"]

    def _mean_text(self, number: float, power: int) -> str:
        """Return the mean of the entries, or of their squared distances from it, in numbers."""
        if self.size > ALL_UP_TO:
            return scalar(number)

        def write(texts: Sequence[str]) -> str:
            away = texts[:-1] if power == 1 else [self._away(x, texts[-1]) for x in texts[:-1]]
            return f"({' + '.join(away)})/{self.size}"

        text = checked_formula([*self.numbers.tolist(), self.mean], write, number)
        return f"{text} = {scalar(number)}" if text else scalar(number)

    def _away(self, x: str, mean: str) -> str:
        return f"({x} - {mean})^2" if self.op.centred else f"{x}^2"


def weight_index(view: NodeView, op: Normalization, index: Index) -> Index:
    """Return the entry of the weight, and of the bias, for an entry of x."""
    shapes = [x.shape for x in view.inputs]
    at = _kept_of(op.weight_grid(*shapes), shapes[0], index)
    return tuple(map(int, np.unravel_index(at, op.weight_shape(*shapes))))


def _kept_of(grid: Grid, shape: Sequence[int], index: Index) -> int:
    """Return where on the kept axis of a grid an entry is."""
    return int(np.ravel_multi_index(index, shape)) // grid.inner % grid.kept

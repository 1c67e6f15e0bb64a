"""Tables of examples, and the batches of rows that SGD steps see.

The rows of SGD step k depend on the seed and k alone, so that a debugger can return to any step
without repeating the draws before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from msgspec import Struct, field

from miniflow.errors import FeedError
from miniflow.ops.base import Array
from miniflow.text.lists import counted
from miniflow.training.settings import NamesArguments

Sampling = Literal["all", "epoch", "replacement"]
SAMPLINGS: tuple[Sampling, ...] = ("all", "epoch", "replacement")

# Draws with replacement are made for this many steps at a time, or fewer for large batches:
# creating a generator costs as much as a whole SGD step of a small network.
DRAWS = 256
DRAWN_ROWS = 2**20


class Data(Struct, metaclass=NamesArguments):
    """Tables that feed inputs by name; row r of each belongs to the same example.

    `file`, in `folder`, and `columns` are their source; `standardize` names the tables that were
    shifted to mean 0 and scaled to standard deviation 1.
    """

    feeds: dict[str, Array]
    file: str | None = None
    folder: Path | None = None
    columns: dict[str, list[str] | str] = field(default_factory=dict)
    standardize: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The number of examples."""
        return min(len(table) for table in self.feeds.values())

    def check(self) -> None:
        """Raise `FeedError` unless every table has the same number of rows, at least one."""
        sizes = {name: len(table) if table.ndim else 0 for name, table in self.feeds.items()}
        if len(set(sizes.values())) > 1:
            found = ", ".join(f"{name} {rows}" for name, rows in sizes.items())
            raise FeedError(f"tables differ in their number of rows: {found}", where="data")
        if not sizes or 0 in sizes.values():
            raise FeedError("the data has no rows", where="data")


class Batches:
    """The rows of each SGD step; `before` steps were taken by the run that this one continues.

    Raises `FeedError` if a batch without replacement is larger than the table.
    """

    def __init__(
        self, rows: int, batch_size: int | None, sampling: Sampling, seed: int, before: int = 0
    ) -> None:
        size = rows if batch_size is None or sampling == "all" else batch_size
        if sampling == "epoch" and size > rows:
            raise FeedError(
                f"a batch of {size} does not fit {counted(rows, 'row')} without replacement",
                where="training.batch_size",
            )
        self.rows = rows
        self.size = size
        self.sampling = sampling
        self.seed = seed
        self._before = before
        draws = max(1, min(DRAWS, DRAWN_ROWS // max(size, 1)))
        self._length = self.steps_per_epoch if sampling == "epoch" else draws
        self._block = -1
        self._drawn: list[Array] = []

    @property
    def steps_per_epoch(self) -> int:
        """SGD steps per pass over the table; a last batch that is not full is omitted."""
        return max(1, self.rows // self.size)

    def place_of(self, sgd_step: int) -> tuple[int, int] | None:
        """Return the epoch of an SGD step and its place in it, from 0; None if rows are drawn."""
        if self.sampling == "replacement":
            return None
        return divmod(self._before + sgd_step, self.steps_per_epoch)

    def rows_of(self, sgd_step: int) -> Array | None:
        """Return the row numbers of an SGD step, or None for the whole table."""
        if self.sampling == "all":
            return None
        block, position = divmod(self._before + sgd_step, self._length)
        if block != self._block:
            self._drawn = list(self._draw(block, self._length))
            self._block = block
        return self._drawn[position]

    def rows_from(self, first: int) -> Iterator[Array | None]:
        """Yield what `rows_of` returns for SGD step `first` and all later steps, endlessly."""
        while True:
            rows = self.rows_of(first)
            if rows is None:
                yield None
                continue
            for rows in self._drawn[(self._before + first) % self._length :]:
                yield rows
                first += 1

    def _draw(self, block: int, length: int) -> Array:
        rng = np.random.default_rng((self.seed, block))
        if self.sampling == "replacement":
            return rng.integers(self.rows, size=(length, self.size), dtype=np.intp)
        shuffled = rng.permutation(self.rows)[: length * self.size]
        return shuffled.reshape(length, self.size)

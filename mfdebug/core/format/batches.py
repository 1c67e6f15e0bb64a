"""The rows of an SGD step as text: `epoch 2  batch 3 of 28  rows 512 7 1033 … of 1797`."""

from __future__ import annotations

import numpy as np

from miniflow.ops.base import Array
from miniflow.training.data import Batches

# The rows that are listed of a batch whose rows are not consecutive.
FIRST_ROWS = 3


def batch_words(batches: Batches, sgd_step: int) -> list[str]:
    """Return the batch of an SGD step in words, the longest first; [] if it is all rows.

    Epochs are counted from 0, as SGD steps and rows are. With replacement there are no epochs.
    """
    rows = batches.rows_of(sgd_step)
    if rows is None:
        return []
    place = batches.place_of(sgd_step)
    listed = f"{rows_text(rows)} of {batches.rows}"
    if place is None:
        return [f"{listed}, drawn", f"{len(rows)} of {batches.rows} rows", f"{len(rows)} rows"]
    epoch, batch = place
    here, last = batch + 1, batches.steps_per_epoch
    words = f"epoch {epoch}  batch {here} of {last}"
    return [f"{words}  {listed}", words, f"epoch {epoch} {here}/{last}"]


def rows_text(rows: Array) -> str:
    """Return `rows 64-95` if they are consecutive, or the first few: `rows 512 7 1033 …`."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    if np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return f"rows {rows[0]}-{rows[-1]}"
    more = " …" if len(rows) > FIRST_ROWS else ""
    return f"rows {' '.join(map(str, rows[:FIRST_ROWS]))}{more}"

"""The batch of an SGD step as text."""

from __future__ import annotations

import numpy as np

from mfdebug.core.format.batches import batch_words, rows_text
from miniflow.training.data import Batches


def test_the_epoch_the_batch_and_its_first_rows() -> None:
    batches = Batches(100, 30, "epoch", seed=1)
    rows = batches.rows_of(4)
    assert rows is not None
    assert batch_words(batches, 4) == [
        f"epoch 1  batch 2 of 3  rows {rows[0]} {rows[1]} {rows[2]} … of 100",
        "epoch 1  batch 2 of 3",
        "epoch 1 2/3",
    ]


def test_a_run_that_continues_another_counts_its_epochs_on() -> None:
    assert batch_words(Batches(100, 30, "epoch", seed=1, before=7), 0)[2] == "epoch 2 2/3"


def test_with_replacement_there_are_no_epochs() -> None:
    words = batch_words(Batches(442, 11, "replacement", seed=1), 3)
    assert words[0].endswith(" … of 442, drawn")
    assert words[1:] == ["11 of 442 rows", "11 rows"]


def test_the_whole_table_is_no_batch() -> None:
    assert batch_words(Batches(442, None, "all", seed=1), 3) == []


def test_rows_are_a_range_where_they_are_consecutive() -> None:
    assert rows_text(np.arange(64, 96)) == "rows 64-95"
    assert rows_text(np.array([7])) == "row 7"
    assert rows_text(np.array([7, 3])) == "rows 7 3"
    assert rows_text(np.array([7, 3, 9, 1])) == "rows 7 3 9 …"

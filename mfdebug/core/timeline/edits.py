"""Edits of a run: the changes from which its branches are made."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from miniflow.ops.base import Array
from miniflow.training.schedules import Schedule


class Edit(Struct, frozen=True):
    """A change made right after moment `after`: an input's value or entry, or how updates are made.

    `index` is None for a whole value. `node` is None for a change of the updates: of the schedule,
    of whether a parameter is `frozen` (its trainable index, and True or False), or else of the
    learning rate.
    """

    after: int
    node: int | None
    index: tuple[int, ...] | None
    value: Array
    words: str
    schedule: Schedule | None = None
    frozen: tuple[int, bool] | None = None
    sets_schedule: bool = False


# One action in the log of edits.
EditAction = Edit | Literal["undo", "redo"]

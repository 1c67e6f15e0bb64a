"""Edits of a run: the changes from which its branches are made."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from miniflow.ops.base import Array


class Edit(Struct, frozen=True):
    """A change made right after moment `after`: an input's value or entry, or the learning rate.

    `node` is None for the learning rate; `index` is None for a whole value.
    """

    after: int
    node: int | None
    index: tuple[int, ...] | None
    value: Array
    words: str


# One action in the log of edits.
EditAction = Edit | Literal["undo", "redo"]

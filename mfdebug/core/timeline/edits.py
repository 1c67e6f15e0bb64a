"""Edits of a run: the changes from which its branches are made."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

from miniflow.ops.base import Array
from miniflow.training.schedules import Schedule


class Edit(Struct, frozen=True):
    """A change made right after moment `after`: of a value, a gradient, or how updates are made.

    `index` is None for all entries. `value` is what is set, or with `scales` the factor. A value
    that is fed or trained is changed once (`lasts` is False); a computed number is changed again
    whenever a later pass has computed it. `node` is None for a change of the updates: of the
    schedule, of whether a parameter is `frozen` (its trainable index, and True or False), or else
    of the learning rate.
    """

    after: int
    node: int | None
    index: tuple[int, ...] | None
    value: Array
    words: str
    schedule: Schedule | None = None
    frozen: tuple[int, bool] | None = None
    sets_schedule: bool = False
    gradient: bool = False
    scales: bool = False
    lasts: bool = False

    def applied_to(self, array: Array) -> Array:
        """Return a changed copy of a value or gradient."""
        changed = np.array(array)
        part = ... if self.index is None else self.index
        with np.errstate(all="ignore"):
            changed[part] = changed[part] * self.value if self.scales else self.value
        return changed

    def reaches(self, index: tuple[int, ...]) -> bool:
        """Whether it changes the entry `index`."""
        return self.index in (None, index)


# One action in the log of edits.
EditAction = Edit | Literal["undo", "redo"]

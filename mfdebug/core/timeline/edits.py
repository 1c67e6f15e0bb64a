"""Edits of a run: the changes from which its branches are made."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

from miniflow.ops.base import Array


class Edit(Struct, frozen=True):
    """A change made right after moment `after`: of a value, a gradient, or the learning rate.

    `node` is None for the learning rate; `index` is None for all entries. `value` is what is set,
    or with `scales` the factor. A value that is fed or trained is changed once (`lasts` is False);
    a computed number is changed again whenever a later pass has computed it.
    """

    after: int
    node: int | None
    index: tuple[int, ...] | None
    value: Array
    words: str
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

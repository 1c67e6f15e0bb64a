"""What the answers of a network consist of."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from miniflow.ops.base import Array

# Over two inputs, over one, by class, or the answer against the target of each row.
Kind = Literal["plane", "curve", "classes", "scatter"]


class Answers(Struct, frozen=True):
    """The answers at one moment.

    `axes` are the numbers of the inputs at which `values` are computed, of shape (len(y), len(x))
    or (len(x),); none for classes and scatter. With `classes_named`, values are class numbers.
    `rows` are the inputs of the data, `targets` and `given` what is wanted and what is answered
    there: numbers, or class numbers. `counts[t, a]` is how many rows of class t are answered a.
    """

    kind: Kind
    answer: str
    target: str
    names: tuple[str, ...]
    axes: tuple[Array, ...]
    values: Array | None
    rows: Array
    targets: Array | None
    given: Array
    classes_named: bool = False
    counts: Array | None = None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What is shown, in words: `s2 over X[:,0] and X[:,1]`."""
        if self.kind == "classes":
            return f"{self.answer} by class"
        if self.kind == "scatter":
            return f"{self.answer} against {self.target}"
        return f"{self.answer} over {' and '.join(self.names)}"

    @property
    def right(self) -> int:
        """How many rows are answered with their class."""
        return 0 if self.counts is None else int(self.counts.trace())

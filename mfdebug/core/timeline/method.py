"""How an optimizer of a program made an update, as far as that is known."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from miniflow.ops.base import Array
from miniflow.training.rules import Rule


class Method(Struct, frozen=True):
    """The optimizer in words, its rate for the parameter (NaN if it has none), and remarks.

    `rules` are empty unless they give what the program has, in every entry. Then `constants` are
    their numbers, `t` the number of the step, `old` and `new` what the optimizer kept before and
    after it, by letter; `before` is the parameter and `gradient` the gradient at the step, None if
    that is the one of the pass; `exact` is True where the result is the same to the last bit, and
    False where it is only to rounding. `left` is True where the step left the parameter as it was,
    since no gradient came there. Entries may have different rules: those of `cases`, by the number
    in `case`. `legend` says what the letters are that no rule assigns to, with letters in braces.
    """

    words: str
    rate: float
    remarks: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    constants: Mapping[str, float] = {}
    t: int = 1
    old: Mapping[str, Array] = {}
    new: Mapping[str, Array] = {}
    before: Array | None = None
    gradient: Array | None = None
    exact: Array | None = None
    left: Array | None = None
    cases: tuple[tuple[Rule, ...], ...] = ()
    case: Array | None = None
    legend: str = ""

    def rules_of(self, index: tuple[int, ...]) -> tuple[Rule, ...]:
        """Return the rules of an entry."""
        return self.rules if self.case is None else self.cases[int(self.case[index])]

    @property
    def sentence(self) -> str:
        """The optimizer and the remarks: `by SGD (lr 0.1)`."""
        return "; ".join((f"by {self.words}", *self.remarks))

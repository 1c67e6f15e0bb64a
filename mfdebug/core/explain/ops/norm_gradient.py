"""What a norm sends to an entry of x, as three terms.

With g the gradient of the normalised entry z, the terms of (g - mean of g - z × mean of (g·z)) are
each divided by √(variance + eps). (`miniflow/ops/norms.py` has the source of the formula.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.norm_statistics import Statistics, weight_index
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import EntryRef, Index
from miniflow.ops.norms import Normalization


class _Part(NamedTuple):
    """A term before the division: its sign, its name, and its factors in numbers."""

    sign: str
    name: str
    factors: list[float]
    refs: tuple[EntryRef, ...]

    @property
    def amount(self) -> float:
        """The product of the factors."""
        product = float(np.prod(self.factors))
        return -product if self.sign else product


class NormGradient:
    """The terms for an entry of x; `found` has its mean and variance."""

    def __init__(self, view: NodeView, op: Normalization, entry: Index, found: Statistics) -> None:
        self._view, self._op, self._found = view, op, found
        self._x = view.number(0, entry)
        upstream = view.debugger.state.gradient(view.node)
        g = found.weighted(upstream)
        self._letter, self._z = gradient_letters(view)
        self._mean, self._along = found.mean_of(g), found.mean_of(g * found.normals())
        self._own = _own_part(view, op, entry, float(upstream[entry]))
        others = (view.ref(0, entry), *found.refs())
        mean = _Part("-", f"mean of {self._letter}", [self._mean], others)
        product = f"{self._z}·mean of ({self._letter}·{self._z})"
        along = _Part("-", product, [found.normal(self._x), self._along], others)
        self._parts = [self._own, *([mean] if op.centred else []), along]

    def sums(self) -> Sums:
        """Return the terms, with notes on g, z and the means."""
        with np.errstate(all="ignore"):
            amounts = np.array([part.amount for part in self._parts]) / self._found.spread

        def term_text(k: int) -> TermText:
            part, amount = self._parts[k], float(amounts[k])
            text = checked_formula(
                [*part.factors, *self._found.below_numbers],
                lambda texts: f"{part.sign}{_product(texts[:-2])}/√({texts[-2]} + {texts[-1]})",
                amount,
            )
            symbols = f"{part.sign}{part.name}/{self._op.spread_text(self._view.labels[0])}"
            return TermText(symbols, text or bracketed(amount), part.refs)

        return Sums(
            gradient_rule(self._view, self._op), (Bundle(amounts, term_text),), self._notes()
        )

    def _notes(self) -> tuple[str, ...]:
        g, z, own = self._letter, self._z, self._own
        equation = f"{g} = {own.name}"
        if len(own.factors) > 1 and (text := checked_formula(own.factors, _product, own.amount)):
            equation += f" = {text} = {scalar(own.amount)}"
        return (
            *self._found.notes(),
            equation,
            *([f"mean of {g}: {scalar(self._mean)}"] if self._op.centred else []),
            f"{z}, {self._found.normal_note(self._x)}",
            f"mean of ({g}·{z}): {scalar(self._along)}",
        )


def _own_part(view: NodeView, op: Normalization, entry: Index, received: float) -> _Part:
    """Return g: the gradient of the value's entry, times the weight."""
    name, refs = view.gradient(entry), (EntryRef(view.node, "grad", entry),)
    if len(view.inputs) == 1:
        return _Part("", name, [received], refs)
    at = weight_index(view, op, entry)
    factors = [received, view.number(1, at)]
    return _Part("", f"{name}·{view.entry(1, at)}", factors, (*refs, view.ref(1, at)))


def gradient_rule(view: NodeView, op: Normalization) -> str:
    """Return the gradient of x in symbols."""
    g, z = gradient_letters(view)
    mean = f" - mean of {g}" if op.centred else ""
    return f"({g}{mean} - {z}·mean of ({g}·{z}))/{op.spread_text(view.labels[0])}"


def gradient_letters(view: NodeView) -> tuple[str, str]:
    """Return the letters for the gradient of a normalised entry, and for that entry."""
    return view.letters.free("g", "G", "h", "H"), view.letters.free("z", "Z", "q", "Q")


def _product(texts: Sequence[str]) -> str:
    return " × ".join(texts)

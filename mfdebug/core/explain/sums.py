"""A number as a sum of terms.

The amounts are kept in arrays; only the terms that are displayed are formatted as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from mfdebug.core.explain.meetings import Meeting
from mfdebug.core.explain.node_view import unique
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.ops.base import Array

# Terms that are looked through at once.
CHUNK = 4096


class TermText(NamedTuple):
    """One term in symbols and in numbers, and the refs that it depends on, the main ref first.

    `edge` names the input of the consumer where the same node is used as several inputs.
    """

    symbols: str
    numbers: str
    leads_to: tuple[EntryRef, ...]
    edge: str = ""


class Bundle(NamedTuple):
    """Terms of one kind: the amount of each, and a function that formats the k-th term."""

    amounts: Array
    term_text: Callable[[int], TermText]

    def with_edge(self, edge: str) -> Bundle:
        """Return the same terms, labelled with the edge that they belong to."""
        if not edge:
            return self
        return Bundle(self.amounts, lambda k: self.term_text(k)._replace(edge=edge))


class Sums(Struct, frozen=True):
    """How one number was computed: the general rule, the terms, additional notes, and what met.

    `reads` are nodes whose values it was computed from, besides those to which the terms lead. The
    sum is the number to the last bit if it is `exact`, else a program's number, to rounding.
    """

    rule: str
    bundles: tuple[Bundle, ...] = ()
    notes: tuple[str, ...] = ()
    meetings: tuple[Meeting, ...] = ()
    reads: tuple[int, ...] = ()
    exact: bool = True

    @property
    def amounts(self) -> Array:
        """The amount of each term, in the order of the rule."""
        parts = [np.asarray(bundle.amounts, np.float64) for bundle in self.bundles]
        if len(parts) == 1:
            return parts[0]
        joined: Array = np.concatenate(parts) if parts else np.zeros(0)
        return joined

    def term_texts(self, terms: Iterable[int]) -> list[TermText]:
        """Return the given terms as text; a term is counted in the order of the rule."""
        offsets = np.cumsum([0, *(len(bundle.amounts) for bundle in self.bundles)])
        texts = []
        for k in terms:
            number = int(np.searchsorted(offsets, k, "right")) - 1
            texts.append(self.bundles[number].term_text(k - int(offsets[number])))
        return texts

    def working(self, max_terms: int) -> str:
        """Return the sum in numbers, or an empty string if there are no terms.

        Up to `max_terms` terms are written out, followed by the sum of the others and the number
        of terms that are 0.
        """
        amounts = self.amounts
        chosen, counted, left = [*range(min(amounts.size, max_terms))], "", 0
        if amounts.size > max_terms:
            nonzero = int(np.count_nonzero(amounts))
            # A single term is not left out: the words for it are longer than most terms.
            most = max_terms + (nonzero == max_terms + 1)
            chosen = _first_nonzero(amounts, most) or [0]
            left = nonzero - len(chosen)
            zeros = amounts.size - nonzero - (not nonzero)
            if zeros:
                counted = f" ({zeros:,} {'terms are' if zeros > 1 else 'term is'} 0)"
        texts = [term.numbers for term in self.term_texts(chosen)]
        if left > 0:
            with np.errstate(all="ignore"):
                # Between those that are written out there are zeros alone.
                rest = amounts[chosen[-1] + 1 :].sum()
            texts.append(f"… ({left:,} more, together {scalar(rest)})")
        return joined(texts) + counted


def _first_nonzero(amounts: Array, most: int) -> list[int]:
    """Return the positions of the first terms that are not 0, at most so many."""
    found: list[int] = []
    # Of a large tensor not all positions: they take as much memory as the tensor.
    for start in range(0, amounts.size, CHUNK):
        found += (np.flatnonzero(amounts[start : start + CHUNK]) + start).tolist()
        if len(found) >= most:
            break
    return found[:most]


def one_term(number: float, symbols: str, numbers: str, leads_to: Iterable[EntryRef]) -> Bundle:
    """Return a bundle whose single term is the whole number."""
    term = TermText(symbols, numbers, unique(leads_to))
    return Bundle(np.array([number], np.float64), lambda _k: term)


def joined(texts: list[str]) -> str:
    """Join terms into a sum, with " - " before terms that start with a minus sign."""
    text = "".join(f" - {term[1:]}" if term.startswith("-") else f" + {term}" for term in texts)
    return text[3:] if text.startswith(" + ") else text.replace(" - ", "-", 1)

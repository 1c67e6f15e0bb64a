"""A number as the sum that it is.

A sum is kept as bundles of amounts in arrays; only the terms that are shown become text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from mfdebug.core.explain.node_view import unique
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.ops.base import Array


class TermText(NamedTuple):
    """One term in symbols and in numbers, and the refs it is made of, the main one first.

    `edge` says which input it is about, where the same node is several of them.
    """

    symbols: str
    numbers: str
    leads_to: tuple[EntryRef, ...]
    edge: str = ""


class Bundle(NamedTuple):
    """Terms of one kind: what each of them adds, and how the k-th is told."""

    amounts: Array
    tell: Callable[[int], TermText]

    def along(self, edge: str) -> Bundle:
        """Return the same terms, which all belong to one edge."""
        return Bundle(self.amounts, lambda k: self.tell(k)._replace(edge=edge)) if edge else self


class Sums(Struct, frozen=True):
    """How one number was made: the general rule, the terms, and what else is to be said."""

    rule: str
    bundles: tuple[Bundle, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def amounts(self) -> Array:
        """What each term adds, in the order of the rule."""
        parts = [np.asarray(bundle.amounts, np.float64) for bundle in self.bundles]
        joined: Array = np.concatenate(parts) if parts else np.zeros(0)
        return joined

    def tell(self, terms: Iterable[int]) -> list[TermText]:
        """Return terms as text, by their place in the order of the rule."""
        begins = np.cumsum([0, *(len(bundle.amounts) for bundle in self.bundles)])
        found = []
        for k in terms:
            number = int(np.searchsorted(begins, k, "right")) - 1
            found.append(self.bundles[number].tell(k - int(begins[number])))
        return found

    def working(self, most: int) -> str:
        """Return the sum in numbers: up to `most` terms, what the others come to, how many are 0.

        Nothing where there are no terms.
        """
        amounts = self.amounts
        chosen, counted = np.arange(amounts.size), ""
        if amounts.size > most:
            nonzero = np.flatnonzero(amounts)
            chosen = nonzero[:most] if nonzero.size else chosen[:1]
            zeros = amounts.size - nonzero.size - (not nonzero.size)
            if zeros:
                counted = f" ({zeros:,} {'terms are' if zeros > 1 else 'term is'} 0)"
        texts = [told.numbers for told in self.tell(chosen.tolist())]
        left = int(np.count_nonzero(amounts)) - len(chosen)
        if left > 0:
            with np.errstate(all="ignore"):
                rest = np.delete(amounts, chosen).sum()
            texts.append(f"… ({left:,} more, together {scalar(rest)})")
        return joined(texts) + counted


def one_term(number: float, symbols: str, numbers: str, leads_to: Iterable[EntryRef]) -> Bundle:
    """Return a bundle of one term, which is the whole number."""
    told = TermText(symbols, numbers, unique(leads_to))
    return Bundle(np.array([number], np.float64), lambda _k: told)


def joined(texts: list[str]) -> str:
    """Write a sum of terms: a minus before those that begin with one."""
    text = "".join(f" - {one[1:]}" if one.startswith("-") else f" + {one}" for one in texts)
    return text[3:] if text.startswith(" + ") else text.replace(" - ", "-", 1)

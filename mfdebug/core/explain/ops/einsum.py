"""Einsum: an entry is a sum of products, one term for each place of the summed indices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Array, Op
from miniflow.ops.einsum import Einsum, Indices

T = TypeVar("T", int, int | str)


class EinsumExplainer(Explainer):
    """Products of one entry of each input."""

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """The equation as it is: its letters are no names."""
        return op.formula(*names)

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term for each place of the summed indices."""
        found, given = _indices(view, op), dict(zip(_indices(view, op).result, index, strict=True))
        inputs = range(len(view.inputs))
        amounts = _products(view, found, inputs, given, found.summed).reshape(-1)
        sizes = [found.sizes[letter] for letter in found.summed]

        def term_text(k: int) -> TermText:
            at = np.unravel_index(k, sizes) if sizes else ()
            places = {**given, **dict(zip(found.summed, map(int, at), strict=True))}
            entries = [_entry(view, found, i, places) for i in inputs]
            numbers = [view.number(i, entry) for i, entry in enumerate(entries)]
            text = checked_formula(numbers, " × ".join, float(amounts[k]))
            return TermText(
                "·".join(view.entry(i, entry) for i, entry in enumerate(entries)),
                text or bracketed(float(amounts[k])),
                tuple(dict.fromkeys(view.ref(i, entry) for i, entry in enumerate(entries))),
            )

        letters = {a: view.letters.axis(n) for n, a in enumerate(reversed(found.summed))}
        rule = _product(view, found, inputs, {**given, **letters})
        over = "".join(letters[a] for a in found.summed)
        rule = f"Σ{view.letters.lowered(over)} {rule}" if over else rule
        return Sums(rule, (Bundle(amounts, term_text),))

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The products of the other inputs' entries, summed over what the value lacks."""
        found = _indices(view, op)
        given = _given(view, found, input_index, entry)
        if given is None:
            return None
        region = tuple(
            slice(given[a], given[a] + 1) if a in given else slice(0, found.sizes[a])
            for a in found.result
        )
        free = "".join(a for a in found.result if a not in given)
        others = [i for i in range(len(view.inputs)) if i != input_index]
        numbers = _products(view, found, others, given, free)
        return Locals(region, numbers.reshape([part.stop - part.start for part in region]))

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """An entry off the diagonal that is taken."""
        found = _indices(view, op)
        if _given(view, found, input_index, entry) is not None:
            return ""
        return f"{view.label} takes the diagonal only: {view.entry(input_index, entry)} is off it"

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The other inputs' entries; summed, if the value lacks an index of theirs."""
        found = _indices(view, op)
        given: dict[str, int | str] = dict(zip(found.result, output, strict=True))
        given.update(_given(view, found, input_index, entry) or {})
        others = [i for i in range(len(view.inputs)) if i != input_index]
        over = ""
        for letter in self._summed_in_others(view, found, input_index):
            given[letter] = view.letters.axis(len(output) + len(over))
            over += str(given[letter])
        text = _product(view, found, others, given)
        return f"Σ{view.letters.lowered(over)} {text}" if over else text

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The same in numbers, if it is no sum."""
        found = _indices(view, op)
        if self._summed_in_others(view, found, input_index):
            return bracketed(number)
        numbers = [
            view.number(ref_input, at)
            for ref_input, at in self._met(view, op, input_index, entry, output)
        ]
        return checked_formula(numbers, " × ".join, number) or bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The other inputs' entries."""
        if self._summed_in_others(view, _indices(view, op), input_index):
            return []
        met = self._met(view, op, input_index, entry, output)
        return [view.ref(other, at) for other, at in met]

    @staticmethod
    def _met(
        view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[tuple[int, Index]]:
        """Return the entry of each other input in the product with this one."""
        found = _indices(view, op)
        given = dict(zip(found.result, output, strict=True))
        given.update(_given(view, found, input_index, entry) or {})
        others = [i for i in range(len(view.inputs)) if i != input_index]
        return [(i, _entry(view, found, i, given)) for i in others]

    @staticmethod
    def _summed_in_others(view: NodeView, found: Indices, input_index: int) -> str:
        """Return the summed indices that this input lacks."""
        own = found.own(input_index, view.inputs[input_index].shape)
        return "".join(a for a in found.summed if a not in own)


def _indices(view: NodeView, op: Op) -> Indices:
    assert isinstance(op, Einsum)
    return op.indices(*(x.shape for x in view.inputs))


def _entry(
    view: NodeView, found: Indices, input_index: int, given: Mapping[str, T]
) -> tuple[T, ...]:
    """Return the entry of an input at a place of the indices."""
    letters, shape = found.operands[input_index], view.inputs[input_index].shape
    return tuple(
        given[a] if n == found.sizes[a] else 0 for a, n in zip(letters, shape, strict=True)
    )


def _product(
    view: NodeView, found: Indices, inputs: range | list[int], given: Mapping[str, int | str]
) -> str:
    return "·".join(view.entry(i, _entry(view, found, i, given)) for i in inputs) or "1"


def _given(view: NodeView, found: Indices, input_index: int, entry: Index) -> dict[str, int] | None:
    """Return the place of an input's entry by letter; None off the diagonal."""
    given: dict[str, int] = {}
    letters, shape = found.operands[input_index], view.inputs[input_index].shape
    for letter, n, i in zip(letters, shape, entry, strict=True):
        if n == found.sizes[letter] and given.setdefault(letter, i) != i:
            return None
    return given


def _products(
    view: NodeView, found: Indices, inputs: range | list[int], given: Mapping[str, int], result: str
) -> Array:
    """Return the products of some inputs at `given` indices, with the axes of `result`.

    Other indices are summed.
    """
    letters, arrays = [], []
    for i in inputs:
        own = found.own(i, view.inputs[i].shape)
        at = tuple(given.get(a, slice(None)) for a in own)
        letters.append("".join(a for a in own if a not in given))
        arrays.append(found.view(i, view.inputs[i])[(*at, ...)].astype(np.float64))
    sizes = [found.sizes[a] for a in result]
    if not arrays:
        return np.ones(sizes)
    kept = "".join(a for a in result if any(a in axes for axes in letters))
    with np.errstate(all="ignore"):
        products = np.einsum(f"{','.join(letters)}->{kept}", *arrays)
    ones = [found.sizes[a] if a in kept else 1 for a in result]
    full: Array = np.broadcast_to(np.reshape(products, ones), sizes)
    return full

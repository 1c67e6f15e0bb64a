"""Resize: an entry of the value is a mean of the entries that it lies between."""

from __future__ import annotations

import math
from functools import reduce
from itertools import product

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.timeline.entry_ref import Index, Subscripts, named
from miniflow.ops.base import Array, Op
from miniflow.ops.resize import Neighbours, Resize


class ResizeExplainer(Explainer):
    """By weights that add up to 1; of the nearest entry it is 1."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term for each entry nearby: its weight times its number."""
        found = _neighbours(view, op)
        by_axis = [_met(found.get(axis), i) for axis, i in enumerate(index)]
        entries = [tuple(i for i, _ in met) for met in product(*by_axis)]
        weights = [math.prod(weight for _, weight in met) for met in product(*by_axis)]
        numbers = [view.number(0, entry) for entry in entries]
        with np.errstate(all="ignore"):
            amounts = np.array([w * x for w, x in zip(weights, numbers, strict=True)], np.float64)

        def term_text(k: int) -> TermText:
            name, refs = view.entry(0, entries[k]), (view.ref(0, entries[k]),)
            if weights[k] == 1:
                return TermText(name, bracketed(numbers[k]), refs)
            pair = [weights[k], numbers[k]]
            text = checked_formula(pair, " × ".join, float(amounts[k]))
            weight = bracketed(weights[k])
            return TermText(f"{weight}·{name}", text or bracketed(float(amounts[k])), refs)

        return Sums(self.formula(view, op, view.labels), (Bundle(amounts, term_text),))

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals:
        """The weights; an entry meets neighbouring places."""
        found = _neighbours(view, op)
        region, weights = [], []
        for axis, i in enumerate(entry):
            if axis not in found:
                region.append(slice(i, i + 1))
                weights.append(np.ones(1))
                continue
            places = _places(found[axis], i)
            if not places.size:
                none: Array = np.zeros((0,) * len(entry))
                return Locals((slice(0, 0),) * len(entry), none)
            part = slice(int(places[0]), int(places[-1]) + 1)
            region.append(part)
            weights.append(
                np.array([found[axis].weight(place, i) for place in range(part.start, part.stop)])
            )
        return Locals(tuple(region), np.asarray(reduce(np.multiply.outer, weights)))

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """A smaller size may meet no part of an entry."""
        met = self.locals(view, op, input_index, entry).numbers.size
        return "" if met else f"{view.label} leaves {view.entry(input_index, entry)} out"

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The weight, as its number; in the rule for all, a letter."""
        if op.attrs["mode"] == "nearest":
            return "1"
        whole = [i for i in output if isinstance(i, int)]
        if len(whole) < len(output):
            return named(view.letters.weight, output)
        found = _neighbours(view, op)
        number = math.prod(
            found[axis].weight(place, i)
            for axis, (place, i) in enumerate(zip(whole, entry, strict=True))
            if axis in found
        )
        return bracketed(number)

    def notes(self, view: NodeView, op: Op, input_index: int, entry: Index) -> tuple[str, ...]:
        """What the letter means."""
        if op.attrs["mode"] == "nearest":
            return ()
        name = view.entry(input_index, entry)
        return (f"{view.letters.weight} is the weight of {name} in each mean",)


def _neighbours(view: NodeView, op: Op) -> dict[int, Neighbours]:
    assert isinstance(op, Resize)
    return op.neighbours(view.inputs[0].shape)


def _met(found: Neighbours | None, place: int) -> list[tuple[int, float]]:
    """Return the entries along one axis that a place lies between, with their weights."""
    if found is None:
        return [(place, 1.0)]
    first = int(found.first[place])
    met = [(first, found.weight(place, first))]
    if found.second is not None and (second := int(found.second[place])) != first:
        met.append((second, found.weight(place, second)))
    return met


def _places(found: Neighbours, entry: int) -> Array:
    """Return the places that an entry meets, with a weight of 0 too."""
    met = found.first == entry
    if found.second is not None:
        met = met | (found.second == entry)
    places: Array = np.flatnonzero(met)
    return places

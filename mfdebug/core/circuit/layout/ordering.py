"""The order of the items in each layer, with few crossings.

A walk from the cost gives the first order; barycentre sweeps (Sugiyama, Tagawa and Toda 1981)
improve it; the best order is kept.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from mfdebug.core.circuit.boxes import Box, Item, Parts, Wire

_SWEEPS, _FEW_SWEEPS = 10, 3
# With more ports, sweeps are too slow for what they gain.
_MANY_PORTS = 3000


def order_layers(parts: Parts, layers: list[list[Item]]) -> int:
    """Sort each layer in place; return the number of crossings."""
    _first_order(parts, layers)
    ordering = _Ordering(parts, layers)
    crossings, kept = ordering.crossings(), [[*layer] for layer in layers]
    sweeps = _SWEEPS if parts.edges < _MANY_PORTS else _FEW_SWEEPS
    for sweep in range(sweeps):
        if not crossings:
            break
        ordering.sweep(rightwards=sweep % 2 == 0)
        found = ordering.crossings()
        if found < crossings:
            crossings, kept = found, [[*layer] for layer in layers]
    layers[:] = kept
    return crossings


def _first_order(parts: Parts, layers: list[list[Item]]) -> None:
    """Sort each layer by a walk, depth first, from the cost through the inputs in their order."""
    seen: dict[Box, int] = {}
    ends = [box for box in parts.boxes if not any(wire.ends for wire in box.gives)]
    for end in reversed(ends):
        stack = [end]
        while stack:
            box = stack.pop()
            if box not in seen:
                seen[box] = len(seen)
                stack.extend(wire.source for wire in reversed(box.takes))

    def place(item: Item) -> float:
        if isinstance(item, Box):
            return seen[item]
        return min(seen[end] for end, _ in item.ends) + 0.5

    for layer in layers:
        layer.sort(key=place)


class _Ordering:
    """Positions of the items in their layers, and of their neighbours."""

    def __init__(self, parts: Parts, layers: list[list[Item]]) -> None:
        self._layers = layers
        self._at: list[dict[Item, int]] = [{} for _ in layers]
        for layer in range(len(layers)):
            self._number(layer)
        self._left: list[dict[Item, list[Item]]] = [{} for _ in layers]
        self._right: list[dict[Item, list[Item]]] = [{} for _ in layers]
        for wire in parts.wires:
            for layer in range(wire.source.layer, wire.last + 1):
                item: Item = wire.source if layer == wire.source.layer else wire
                following: list[Item] = [wire] if layer < wire.last else []
                following += [end for end, _ in wire.ends if end.layer == layer + 1]
                self._right[layer].setdefault(item, []).extend(following)
        for layer in range(1, len(layers)):
            for other in layers[layer]:
                self._left[layer][other] = [
                    wire if wire.source.layer < layer - 1 else wire.source
                    for wire in ([other] if isinstance(other, Wire) else other.takes)
                ]

    def _number(self, layer: int) -> None:
        self._at[layer] = {item: place for place, item in enumerate(self._layers[layer])}

    def crossings(self) -> int:
        """Count the crossings between neighbouring layers."""
        total = 0
        for layer in range(1, len(self._layers)):
            before = self._at[layer - 1]
            ends = sorted(
                [
                    (before[source], place)
                    for place, item in enumerate(self._layers[layer])
                    for source in self._left[layer][item]
                ]
            )
            total += _inversions([place for _, place in ends])
        return total

    def sweep(self, *, rightwards: bool) -> None:
        """Sort each layer by the mean position of its neighbours in the layer before."""
        last = len(self._layers) - 1
        for layer in range(1, last + 1) if rightwards else range(last - 1, -1, -1):
            beside = self._at[layer - 1 if rightwards else layer + 1]
            neighbours = (self._left if rightwards else self._right)[layer]
            at = self._at[layer]

            def mean(
                item: Item,
                beside: dict[Item, int] = beside,
                neighbours: dict[Item, list[Item]] = neighbours,
                at: dict[Item, int] = at,
            ) -> float:
                found = neighbours.get(item)
                return sum([beside[other] for other in found]) / len(found) if found else at[item]

            self._layers[layer].sort(key=mean)
            self._number(layer)


def _inversions(places: Sequence[int]) -> int:
    """Count the pairs that are not in order."""
    row: list[int] = []
    total = 0
    for place in places:
        total += len(row) - bisect_left(row, place + 1)
        insort(row, place)
    return total

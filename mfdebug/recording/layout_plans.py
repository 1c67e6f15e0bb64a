"""The plans by which a writer divides the bytes of its passes, one for a structure and a layout.

A program may have any number of layouts, so only some of them are in memory.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from mfdebug.recording.encoding import Plan, check_references, plan
from mfdebug.recording.records import Entry, Structure
from mfdebug.recording.schema import LAYOUT

# Layouts in memory, and the entries in them.
_MAX_LAYOUTS, _MAX_ENTRIES = 256, 1 << 20

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Shape(NamedTuple):
    """The part of a structure kept in memory: the number of inputs per node, and the cost."""

    input_counts: array[int]
    cost: int


class LayoutPlans:
    """The plans of the structures and layouts that were added.

    `stored` returns the JSON of a layout that is no longer in memory, or None.
    """

    def __init__(self, stored: Callable[[int], str | None]) -> None:
        self._stored = stored
        self._shapes: dict[int, _Shape] = {}
        self._layouts: OrderedDict[int, tuple[Entry, ...]] = OrderedDict()
        self._plans: OrderedDict[tuple[int, int], Plan] = OrderedDict()

    def add_structure(self, number: int, structure: Structure) -> None:
        """Add a structure under its number."""
        input_counts = array("I", [len(node.inbound) for node in structure.nodes])
        self._shapes[number] = _Shape(input_counts, structure.cost)

    def add_layout(self, number: int, entries: tuple[Entry, ...]) -> None:
        """Add a layout under its number."""
        _remember(self._layouts, number, entries, len)

    def of(self, structure: int, layout: int) -> Plan:
        """Return the plan of a pass; raise `KeyError` or `ValueError` if one was not added."""
        key = structure, layout
        if (found := self._plans.get(key)) is None:
            shape, entries = self._shapes[structure], self._entries(layout)
            check_references(entries, shape.input_counts)
            found = plan(entries, shape.input_counts, shape.cost)
            _remember(self._plans, key, found, lambda layout_plan: len(layout_plan.positions))
        return found

    def _entries(self, layout: int) -> tuple[Entry, ...]:
        if (found := self._layouts.get(layout)) is None:
            if (form := self._stored(layout)) is None:
                raise ValueError(f"there is no layout {layout}")
            found = LAYOUT.decode(form)
            _remember(self._layouts, layout, found, len)
        return found


def _remember(kept: OrderedDict[_K, _V], key: _K, value: _V, entries: Callable[[_V], int]) -> None:
    """Add a value, and drop the oldest ones while there are too many or they are too large."""
    kept[key] = value
    while len(kept) > 2 and (
        len(kept) > _MAX_LAYOUTS or sum(map(entries, kept.values())) > _MAX_ENTRIES
    ):
        kept.popitem(last=False)

"""Graphs by their very nodes: which of two graphs of the same structure a pass went over."""

from __future__ import annotations

from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Graphs that are remembered while their program keeps them; of graphs built anew all but one go.
MOST = 1000


class Instances:
    """Numbers graphs from 0 on; one is known again as long as its nodes live.

    They are not kept alive by that.
    """

    def __init__(self) -> None:
        self._count = 0
        self._known: dict[tuple[int, int], tuple[ref[Any], int]] = {}

    def number_of(self, nodes: list[Any], cost: Any) -> int:
        """Return the number of the graph of these nodes, `cost` being one of them."""
        # While the cost lives, and is at the end of the same nodes, none of their ids is another's.
        key = id(cost), hash(frozenset(map(id, nodes)))
        known = self._known.pop(key, None)
        if known is not None and known[0]() is cost:
            self._known[key] = known
            return known[1]
        number = self._count
        self._count += 1
        try:
            self._known[key] = ref(cost), number
        except TypeError:  # of a class with slots only
            return number
        if len(self._known) > MOST:
            self._forget()
        return number

    def _forget(self) -> None:
        """Forget the graphs that are gone, and the longest unused of too many."""
        living = [(key, one) for key, one in self._known.items() if one[0]() is not None]
        self._known = dict(living[-MOST // 2 :])

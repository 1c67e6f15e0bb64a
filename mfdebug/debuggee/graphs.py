"""The graphs that a program goes over, known again by their very nodes.

Graphs of one structure are told apart, and graphs that are built anew around the same inputs are
known to share them.
"""

from __future__ import annotations

from _weakref import ref

from .forms import Forms
from .reading import inputs_of
from .ring import SHARING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .passes import OpenPass
    from .ring import Ring
    from .script import Script

    # See `mfdebug.recording.records.Shared`.
    Shared = tuple[int, int, tuple[tuple[int, int], ...]]

# Graphs that are known whole, by the identity of their nodes, which therefore live on.
RECENT = 4
# Graphs that are remembered while their program keeps them; of graphs built anew all but one go.
MOST_LIVING = 1000
# Ways in which graphs share their inputs that are remembered.
MOST_SHARINGS = 5000


class KnownGraph:
    """The nodes of a pass that is over, which later passes may go over again, and the cost.

    `number` is the graph's: that of these very nodes. `sharing` says which inputs it has in common
    with other graphs. `script` is the fast way over it, if there is one.
    """

    __slots__ = (
        "calls",
        "cost",
        "nodes",
        "number",
        "numbers",
        "script",
        "sharing",
        "structure",
        "variables",
    )

    def __init__(self, one: OpenPass, structure: int, number: int, sharing: int) -> None:
        self.structure = structure
        self.number = number
        self.sharing = sharing
        self.nodes = one.nodes
        self.numbers = one.numbers
        self.calls = one.calls
        self.cost = one.cost
        self.variables = one.variables
        self.script: Script | None = None

    def has(self, nodes: list[Any]) -> bool:
        """Whether it consists of these nodes, in this order."""
        return list(map(id, nodes)) == list(map(id, self.nodes))


class Graphs:
    """The last few graphs that the program has gone over, and the numbers of all that live."""

    def __init__(self, ring: Ring) -> None:
        self._sharings = Forms(ring, SHARING, MOST_SHARINGS)
        self._living = _Living()
        self._recent: dict[tuple[Any, ...], KnownGraph] = {}

    def __iter__(self) -> Iterator[KnownGraph]:
        return iter(self._recent.values())

    def of(self, one: OpenPass) -> KnownGraph | None:
        """Return the graph whose nodes a pass has called in the same order."""
        return self._recent.get(_key(one))

    def remember(self, one: OpenPass, structure: int) -> KnownGraph:
        """Return the graph of a pass; it is known from now on if the pass shows it whole."""
        if one.graph is not None:
            # Its nodes are numbered as there.
            number, sharing = one.graph.number, one.graph.sharing
        else:
            number = self._number_of(one)
            sharing = self._sharing_of(one, number)
        graph = KnownGraph(one, structure, number, sharing)
        if one.gone_back or one.graph is None:
            self._recent[_key(one)] = graph
            if len(self._recent) > RECENT:
                del self._recent[next(iter(self._recent))]
        return graph

    def _number_of(self, one: OpenPass) -> int:
        """Return the number of the graph that consists of a pass's nodes."""
        if one.instance < 0:
            same = (g for g in self._recent.values() if g.numbers.keys() == one.numbers.keys())
            known = next(same, None)
            if known is not None:
                one.instance = known.number
            else:
                one.instance = self._living.number_of(one.nodes, one.nodes[one.cost])
        return one.instance

    def _sharing_of(self, one: OpenPass, graph: int) -> int:
        """Return the number of what a graph shares with others; -1 if it shares nothing.

        For graphs built anew around the same inputs it is the same each time.
        """
        found: dict[int, Shared] = {}
        inputs = _inputs_under(one.nodes[one.cost], one)
        for known in self._recent.values():
            if known.number == graph:
                continue
            numbers = [known.numbers.get(id(one.nodes[i]), -1) for i in inputs]
            pairs = [pair for pair in zip(inputs, numbers, strict=True) if pair[1] >= 0]
            if pairs:
                less = graph - known.number
                found[less] = less, known.structure, tuple(pairs)
        return self._sharings.number_of(tuple(sorted(found.values()))) if found else -1


class _Living:
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
        if len(self._known) > MOST_LIVING:
            self._forget()
        return number

    def _forget(self) -> None:
        """Forget the graphs that are gone, and the longest unused of too many."""
        living = [(key, one) for key, one in self._known.items() if one[0]() is not None]
        self._known = dict(living[-MOST_LIVING // 2 :])


def _key(one: OpenPass) -> tuple[Any, ...]:
    return tuple(map(id, one.nodes)), tuple(one.calls)


def _inputs_under(cost: Any, one: OpenPass) -> list[int]:
    """Return the inputs that the cost depends on: of others nobody asks later."""
    found, seen, todo = [], {id(cost)}, [cost]
    for node in todo:
        inbound = inputs_of(node)
        if not inbound:
            found.append(one.numbers[id(node)])
        for source in inbound:
            if id(source) not in seen:
                seen.add(id(source))
                todo.append(source)
    return sorted(found)

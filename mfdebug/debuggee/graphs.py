"""The graphs that a program runs, recognized by the identity of their nodes.

This distinguishes graphs of the same structure, and detects that graphs rebuilt around the same
inputs share them.
"""

from __future__ import annotations

from _weakref import ref

from .forms import Forms
from .known_graph import KnownGraph
from .reading import inputs_of
from .ring import SHARING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .open_pass import OpenPass
    from .ring import Ring

    # See `mfdebug.recording.records.Shared`.
    Shared = tuple[int, int, tuple[tuple[int, int], ...]]

# Graphs known in full. They hold references to their nodes, which keeps the nodes alive.
MAX_RECENT = 4
# Graphs remembered while the program keeps them; of rebuilt graphs all but one are freed.
MAX_LIVING = 1000
# Remembered sharings: which inputs two graphs have in common.
MAX_SHARINGS = 5000


class Graphs:
    """The last few graphs that the program ran, and the numbers of all that are alive."""

    def __init__(self, ring: Ring) -> None:
        self.sharings = Forms(ring, SHARING, MAX_SHARINGS)
        self._living = _LivingGraphs()
        self._recent: dict[tuple[Any, ...], KnownGraph] = {}

    def __iter__(self) -> Iterator[KnownGraph]:
        return iter(self._recent.values())

    def of(self, open_pass: OpenPass) -> KnownGraph | None:
        """Return the known graph with the same nodes and calls as a pass, or None."""
        return self._recent.get(_key(open_pass))

    def remember(self, open_pass: OpenPass, structure: int) -> KnownGraph:
        """Return the graph of a pass, and remember it if the pass shows all of it."""
        if open_pass.graph is not None:
            # The pass uses the node numbers of that graph.
            number, sharing = open_pass.graph.number, open_pass.graph.sharing
        else:
            number = self._number_of(open_pass)
            sharing = self._sharing_of(open_pass, number)
        graph = KnownGraph(
            structure,
            number,
            sharing,
            nodes=open_pass.nodes,
            numbers=open_pass.numbers,
            calls=open_pass.calls,
            cost=open_pass.cost,
            variables=open_pass.variables,
        )
        if open_pass.backward_done or open_pass.graph is None:
            self._recent[_key(open_pass)] = graph
            if len(self._recent) > MAX_RECENT:
                del self._recent[next(iter(self._recent))]
        return graph

    def _number_of(self, open_pass: OpenPass) -> int:
        """Return the number of the graph that consists of the nodes of a pass."""
        if open_pass.instance < 0:
            same = (
                g for g in self._recent.values() if g.numbers.keys() == open_pass.numbers.keys()
            )
            known = next(same, None)
            if known is not None:
                open_pass.instance = known.number
            else:
                open_pass.instance = self._living.number_of(
                    open_pass.nodes, open_pass.nodes[open_pass.cost]
                )
        return open_pass.instance

    def _sharing_of(self, open_pass: OpenPass, graph: int) -> int:
        """Return the number of the inputs that a graph shares with others; -1 if there are none.

        Graphs rebuilt around the same inputs get the same number each time.
        """
        found: dict[int, Shared] = {}
        inputs = _inputs_of_cost(open_pass.nodes[open_pass.cost], open_pass)
        for known in self._recent.values():
            if known.number == graph:
                continue
            numbers = [known.numbers.get(id(open_pass.nodes[i]), -1) for i in inputs]
            pairs = [pair for pair in zip(inputs, numbers, strict=True) if pair[1] >= 0]
            if pairs:
                less = graph - known.number
                found[less] = less, known.structure, tuple(pairs)
        return self.sharings.number_of(tuple(sorted(found.values()))) if found else -1


class _LivingGraphs:
    """Numbers graphs from 0, and recognizes a graph as long as its nodes live.

    It does not keep the nodes alive.
    """

    def __init__(self) -> None:
        self._count = 0
        self._known: dict[tuple[int, int], tuple[ref[Any], int]] = {}

    def number_of(self, nodes: list[Any], cost: Any) -> int:
        """Return the number of the graph of these nodes, one of which is `cost`."""
        # While the cost lives and has the same ancestors, no id of theirs can be reused.
        key = id(cost), hash(frozenset(map(id, nodes)))
        known = self._known.pop(key, None)
        if known is not None and known[0]() is cost:
            self._known[key] = known
            return known[1]
        number = self._count
        self._count += 1
        try:
            self._known[key] = ref(cost), number
        except TypeError:  # a class with __slots__ has no weak references
            return number
        if len(self._known) > MAX_LIVING:
            self._forget()
        return number

    def _forget(self) -> None:
        """Forget freed graphs and, if there are too many, the least recently used ones."""
        living = [(key, entry) for key, entry in self._known.items() if entry[0]() is not None]
        self._known = dict(living[-MAX_LIVING // 2 :])


def _key(open_pass: OpenPass) -> tuple[Any, ...]:
    return tuple(map(id, open_pass.nodes)), tuple(open_pass.calls)


def _inputs_of_cost(cost: Any, open_pass: OpenPass) -> list[int]:
    """Return the inputs that the cost depends on; no other input is asked for later."""
    found, seen, queue = [], {id(cost)}, [cost]
    for node in queue:
        inbound = inputs_of(node)
        if not inbound:
            found.append(open_pass.numbers[id(node)])
        for source in inbound:
            if id(source) not in seen:
                seen.add(id(source))
                queue.append(source)
    return sorted(found)

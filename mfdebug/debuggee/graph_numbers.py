"""Numbers the graphs of engines that build a new one in each pass, by the inputs that live on.

Whether an input of one pass is that of another is decided by identity alone: a parameter is the
same object, a batch or a constant is made anew.
"""

from __future__ import annotations

from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from .open_pass import Encoded
    from .pass_nodes import Held
    from .recorder import Recorder

# Sets of parameters remembered; a program may make new ones in each pass.
MAX_SETS = 1000


class Graph:
    """The graph of a pass: its number, its structure, its result, its inputs by number."""

    __slots__ = ("inputs", "number", "numbers", "result", "sharing", "structure")

    def __init__(
        self, number: int, structure: int, result: Held, inputs: list[tuple[int, Held]]
    ) -> None:
        self.number = number
        self.structure = structure
        self.result = result
        self.inputs = inputs
        self.numbers = {id(held()): i for i, held in inputs}
        self.sharing = -1


class GraphNumbers:
    """The last few graphs of an engine; `encode` returns the bytes of an input.

    Of so many the final values are written, and with so many a new graph is compared.
    """

    most = 4

    def __init__(self, recorder: Recorder, encode: Callable[[Any], Encoded | None]) -> None:
        self.encode = encode
        self._sharings = recorder.graphs.sharings
        self._recent: list[Graph] = []
        self._count = 0
        recorder.graph_numbers.append(self)

    def of(
        self, structure: int, result: Any, inputs: Sequence[tuple[int, Held]]
    ) -> tuple[int, int]:
        """Return the number of a pass's graph, and that of the inputs it shares with others, or -1.

        `inputs` are the numbers of its trained input nodes, and references to their objects.
        """
        raise NotImplementedError

    def _next(self) -> int:
        self._count += 1
        return self._count - 1

    def _add(self, graph: Graph) -> None:
        """Add the newest graph, and find out what it shares with the others."""
        held = [(i, x()) for i, x in graph.inputs]
        found = []
        for other in self._recent:
            if other.number == graph.number:
                continue
            # An id is the same object's only while it lives.
            living = dict(other.inputs)
            pairs = [
                (i, j)
                for i, x in held
                if (j := other.numbers.get(id(x), -1)) >= 0 and living[j]() is x
            ]
            if pairs:
                found.append((graph.number - other.number, other.structure, tuple(pairs)))
        if found:
            graph.sharing = self._sharings.number_of(tuple(sorted(found)))
        self._recent = [*self._recent[1 - self.most :], graph]

    def final_values(self) -> Iterable[tuple[int, int, list[Any], list[bytes]]]:
        """Yield graph, structure, entries and bytes of the inputs of the last graphs, as now."""
        for graph in self._recent:
            entries, parts = [], []
            for number, held in graph.inputs:
                thing = held()
                found = None if thing is None else self.encode(thing)
                if found is not None:
                    dtype, shape, data = found
                    entries.append(("v", number, -1, dtype, shape))
                    parts.append(data)
            if entries:
                yield graph.number, graph.structure, entries, parts


class ByResult(GraphNumbers):
    """A pass has the graph of an earlier one only if it goes back from the same object."""

    def of(
        self, structure: int, result: Any, inputs: Sequence[tuple[int, Held]]
    ) -> tuple[int, int]:
        """Return the number of a pass's graph, and that of the inputs it shares with others."""
        for known in self._recent:
            if known.structure == structure and known.result() is result:
                return known.number, known.sharing
        made = Graph(self._next(), structure, reference(result), [*inputs])
        self._add(made)
        return made.number, made.sharing


class ByParameters(GraphNumbers):
    """Passes over the same parameters have the same graph, also if they are of other structures."""

    most = 8

    def __init__(self, recorder: Recorder, encode: Callable[[Any], Encoded | None]) -> None:
        super().__init__(recorder, encode)
        self._sets: dict[tuple[int, ...], tuple[int, list[Held]]] = {}

    def of(
        self, structure: int, result: Any, inputs: Sequence[tuple[int, Held]]
    ) -> tuple[int, int]:
        """Return the number of a pass's graph, and that of the inputs it shares with others."""
        key = tuple([id(held()) for _, held in inputs])
        known = self._sets.pop(key, None)
        if known is None or any(held() is None for held in known[1]):
            known = self._next(), [held for _, held in inputs]
            if len(self._sets) >= MAX_SETS:
                del self._sets[next(iter(self._sets))]
        self._sets[key] = known
        number = known[0]
        self._recent = [
            graph
            for graph in self._recent
            if (graph.number, graph.structure) != (number, structure)
        ]
        made = Graph(number, structure, lambda: None, [*inputs])
        self._add(made)
        return number, made.sharing


def reference(thing: Any) -> Held:
    """Return a weak reference, or a strong one to what allows none."""
    try:
        return ref(thing)
    except TypeError:
        return lambda: thing

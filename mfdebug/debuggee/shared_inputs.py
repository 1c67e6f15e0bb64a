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
    from .recorder import Recorder

    Held = Callable[[], Any]

# A pass is compared with so many before it: the reader looks at as many.
MAX_RECENT = 4


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


class SharedInputs:
    """The last few graphs of an engine; `encode` returns the bytes of an input."""

    def __init__(self, recorder: Recorder, encode: Callable[[Any], Encoded | None]) -> None:
        self._sharings = recorder.graphs.sharings
        self._encode = encode
        self._recent: list[Graph] = []
        self._count = 0
        recorder.tapes.append(self)

    def graph_of(self, structure: int, result: Any, inputs: Sequence[tuple[int, Any]]) -> Graph:
        """Return the graph of a pass; `inputs` are its input nodes' numbers and their objects."""
        for known in self._recent:
            if known.structure == structure and known.result() is result:
                return known
        made = Graph(
            self._count, structure, reference(result), [(i, reference(x)) for i, x in inputs]
        )
        self._count += 1
        found = []
        for known in reversed(self._recent):
            living = dict(known.inputs)
            pairs = [
                (i, j)
                for i, x in inputs
                if (j := known.numbers.get(id(x), -1)) >= 0 and living[j]() is x
            ]
            if pairs:
                found.append((made.number - known.number, known.structure, tuple(pairs)))
        if found:
            made.sharing = self._sharings.number_of(tuple(found))
        self._recent = [*self._recent[1 - MAX_RECENT :], made]
        return made

    def final_values(self) -> Iterable[tuple[int, int, list[Any], list[bytes]]]:
        """Yield graph, structure, entries and bytes of the inputs of the last graphs, as now."""
        for graph in self._recent:
            entries, parts = [], []
            for number, held in graph.inputs:
                thing = held()
                found = None if thing is None else self._encode(thing)
                if found is not None:
                    dtype, shape, data = found
                    entries.append(("v", number, -1, dtype, shape))
                    parts.append(data)
            if entries:
                yield graph.number, graph.structure, entries, parts


def reference(thing: Any) -> Held:
    """Return a weak reference, or a strong one to what allows none."""
    try:
        return ref(thing)
    except TypeError:
        return lambda: thing

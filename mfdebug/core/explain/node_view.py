"""A node at the present moment with its inputs, whose entries are read and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from mfdebug.core.explain.entries import matched
from mfdebug.core.format.formula_letters import Letters
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import (
    EntryRef,
    Index,
    Subscripts,
    gradient_name,
    input_note,
    named,
)
from miniflow.ops.base import Op


class NodeView:
    """A node of a run: `value` and `inputs` are its arrays as they stand."""

    def __init__(self, debugger: Debugger, node: int) -> None:
        graph = debugger.graph
        self.debugger = debugger
        self.node = node
        self.op = graph.nodes[node]
        self.label = self.op.label
        self.value = debugger.value(node)
        self.sources = graph.inbound[node]
        self.inputs = [debugger.value(source) for source in self.sources]
        self.labels = [graph.nodes[source].label for source in self.sources]

    @cached_property
    def sgd_step(self) -> int:
        """The SGD step in which the value was computed, from the first of the run it continues."""
        step = self.debugger.timeline.sgd_step(self.debugger.written_at(self.node) or 0)
        return self.debugger.plan.steps_before + step

    @cached_property
    def letters(self) -> Letters:
        """The letters in what is told of the node."""
        return Letters(self.debugger.graph.by_name)

    def written(self, make: Callable[..., str], names: Sequence[str]) -> str:
        """Return what an op's words make of some names, in letters that no name is."""
        return self.letters.written(make, names)

    def legend(self) -> str:
        """Return what the letters of the op's formula stand for."""
        op = self.op
        shapes = [x.shape for x in self.inputs]
        return self.written(lambda: op.legend(*shapes), ()) if isinstance(op, Op) else ""

    @cached_property
    def _repeated(self) -> set[int]:
        return {source for source, count in Counter(self.sources).items() if count > 1}

    def input_note(self, input_index: int) -> str:
        """Return which input it is, in words, where the same node is several of them."""
        return input_note(input_index) if self.sources[input_index] in self._repeated else ""

    def target(self, input_index: int) -> str:
        """Name an input as that to which something is sent: `x`, or `x (input 2)`."""
        return self.labels[input_index] + self.input_note(input_index)

    def gradient(self, place: Subscripts = ()) -> str:
        """Name the gradient of the value, or of an entry of it."""
        return gradient_name(self.debugger, self.node, place)

    def entry(self, input_index: int, index: Subscripts) -> str:
        """Name an entry of an input: `X[2,0]`."""
        return named(self.labels[input_index], index)

    def number(self, input_index: int, index: Index) -> float:
        """Return an entry of an input."""
        return float(self.inputs[input_index][index])

    def ref(self, input_index: int, index: Index) -> EntryRef:
        """Return the ref of an entry of an input."""
        return EntryRef(self.sources[input_index], "value", index)

    def broadcast(self, place: Subscripts, most: int | None = None) -> list[Subscripts]:
        """Return the entry of each input, or of the first few, that is copied to `place`."""
        return [matched(place, x.shape) for x in self.inputs[:most]]

    def alike(self, place: Index) -> tuple[EntryRef, ...]:
        """Return the refs at `place` in those inputs that have such an entry, or only one."""
        found = []
        for input_index, x in enumerate(self.inputs):
            if x.shape == self.value.shape:
                found.append(self.ref(input_index, place))
            elif x.size == 1:
                found.append(self.ref(input_index, (0,) * x.ndim))
        return unique(found)


def unique(refs: Iterable[EntryRef]) -> tuple[EntryRef, ...]:
    """Return the refs in their order, each once."""
    return tuple(dict.fromkeys(refs))

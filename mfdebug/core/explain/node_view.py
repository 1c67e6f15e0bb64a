"""A node at the present moment, with names and values of its entries and its inputs' entries."""

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
    """A node at the present moment; `value` and `inputs` are its present arrays."""

    def __init__(self, debugger: Debugger, node: int) -> None:
        graph = debugger.graph
        self.debugger = debugger
        self.node = node
        self.op = debugger.state.op(node)
        self.label = graph.nodes[node].label
        self.value = debugger.state.value(node)
        self.sources = debugger.state.reads(node)
        self.inputs = [debugger.state.value(source) for source in self.sources]
        self.labels = [graph.nodes[source].label for source in self.sources]

    @cached_property
    def sgd_step(self) -> int:
        """The SGD step in which the value was computed, including steps of a continued run."""
        step = self.debugger.timeline.sgd_step(self.debugger.state.written_at(self.node) or 0)
        return self.debugger.plan.steps_before + step

    @cached_property
    def letters(self) -> Letters:
        """The letters that formulas of this node use."""
        return Letters(self.debugger.graph.by_name)

    def written(self, make: Callable[..., str], names: Sequence[str]) -> str:
        """Return the formula that `make` writes for `names`, in letters that are not node names."""
        return self.letters.written(make, names)

    def legend(self) -> str:
        """Return what the letters in the op's formula mean, such as `m = 4 rows`."""
        op = self.op
        shapes = [x.shape for x in self.inputs]
        return self.written(lambda: op.legend(*shapes), ()) if isinstance(op, Op) else ""

    @cached_property
    def _repeated(self) -> set[int]:
        return {source for source, count in Counter(self.sources).items() if count > 1}

    def input_note(self, input_index: int) -> str:
        """Return which input it is, such as ` (input 2)`, if the same node is several inputs."""
        return input_note(input_index) if self.sources[input_index] in self._repeated else ""

    def target(self, input_index: int) -> str:
        """Return an input's name as the target of a contribution: `x`, or `x (input 2)`."""
        return self.labels[input_index] + self.input_note(input_index)

    def gradient(self, index: Subscripts = ()) -> str:
        """Return the name of the value's gradient, or of an entry of it."""
        return gradient_name(self.debugger, self.node, index)

    def entry(self, input_index: int, index: Subscripts) -> str:
        """Return the name of an entry of an input: `X[2,0]`."""
        return named(self.labels[input_index], index)

    def number(self, input_index: int, index: Index) -> float:
        """Return the value of an entry of an input."""
        return float(self.inputs[input_index][index])

    def ref(self, input_index: int, index: Index) -> EntryRef:
        """Return the ref of an entry of an input."""
        return EntryRef(self.sources[input_index], "value", index)

    def broadcast(self, index: Subscripts, limit: int | None = None) -> list[Subscripts]:
        """Return the entry of each input (of the first `limit`) that broadcasts to `index`."""
        return [matched(index, x.shape) for x in self.inputs[:limit]]

    def matching_refs(self, index: Index) -> tuple[EntryRef, ...]:
        """Return refs to `index` in the inputs of the value's shape, and to single entries."""
        found = []
        for input_index, x in enumerate(self.inputs):
            if x.shape == self.value.shape:
                found.append(self.ref(input_index, index))
            elif x.size == 1:
                found.append(self.ref(input_index, (0,) * x.ndim))
        return unique(found)


def unique(refs: Iterable[EntryRef]) -> tuple[EntryRef, ...]:
    """Return the refs without duplicates, in their order."""
    return tuple(dict.fromkeys(refs))

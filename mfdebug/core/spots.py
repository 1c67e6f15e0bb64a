"""One number of a run: which node's value or gradient, which entry, and at which moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from msgspec import Struct

from mfdebug.core.debugger import Debugger
from miniflow.graph import Graph
from miniflow.ops.base import Array

Index = tuple[int, ...]
# A subscript may be a letter, so that a rule is written for all entries at once: `X[n,1]`.
Subscripts = tuple[int | str, ...]
# "m" and "v" are the numbers that an optimizer keeps for each entry of a parameter.
Attribute = Literal["value", "grad", "m", "v"]


# A longer name of the cost would drown the names that it is differentiated by.
SHORT_NAME = 8


class Spot(Struct, frozen=True):
    """An entry of a node's value or gradient; `moment` None is the present one."""

    node: int
    attribute: Attribute
    index: Index
    moment: int | None = None

    def text(self, graph: Graph) -> str:
        """Return `l1[2,3]`, `∂cost/∂l1[2,3]`, or `v of W[0,1]`."""
        label = graph.nodes[self.node].label
        entry = named(label, self.index)
        if self.attribute == "value":
            return entry
        if self.attribute == "grad":
            name = cost_name(graph) if self.node == graph.cost else label
            return gradient_name(graph, named(name, self.index))
        return f"{self.attribute} of {entry}"

    def array(self, debugger: Debugger) -> Array:
        """Return the array of which it is an entry, as it stands at the present moment."""
        if self.attribute == "value":
            return debugger.value(self.node)
        if self.attribute == "grad":
            return debugger.gradient(self.node)
        names = debugger.graph.training.optimizer.state_names
        state = debugger.plan.optimizer_state(debugger.graph.trainables.index(self.node))
        return state[names.index(self.attribute)]

    def number(self, debugger: Debugger) -> float:
        """Return the number at its moment."""
        with self.visited(debugger):
            return float(self.array(debugger)[self.index])

    @contextmanager
    def visited(self, debugger: Debugger) -> Iterator[None]:
        """Be at its moment for a while."""
        if self.moment is None or self.moment == debugger.moment:
            yield
        else:
            with debugger.visiting(self.moment):
                yield


def named(label: str, index: Iterable[int | str]) -> str:
    """Return an entry's name: `l1[2,3]`, or the label alone for a scalar."""
    inside = ",".join(map(str, index))
    return f"{label}[{inside}]" if inside else label


def input_note(slot: int) -> str:
    """Return which input an edge leads to, for a node that is several inputs of another one."""
    return f" (input {slot + 1})"


def cost_name(graph: Graph) -> str:
    """Return what the cost is called: by its node's name if that is short, as f or loss is."""
    label = graph.nodes[graph.cost].label
    short = len(label) <= SHORT_NAME and label.isidentifier()
    return label if short or "cost" in graph.by_name else "cost"


def gradient_name(graph: Graph, of: str) -> str:
    """Return how the gradient of something is written: `∂cost/∂W1`."""
    return f"∂{cost_name(graph)}/∂{of}"

"""A reference to one number of a run: node, value or gradient, entry, and moment."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from msgspec import Struct

from mfdebug.core.format.formula_letters import Letters
from mfdebug.core.timeline.debugger import Debugger
from miniflow.graph import Graph
from miniflow.ops.base import Array
from miniflow.ops.base import Index as Index

# A subscript may be a letter, for a rule that holds for all entries: `X[n,1]`.
Subscripts = tuple[int | str, ...]
# "m" and "v" are an optimizer's state for each entry of a parameter, "a" the accumulated gradient.
Attribute = Literal["value", "grad", "m", "v", "a"]


# A longer name of the cost would make ∂cost/∂name hard to read.
SHORT_NAME = 8


class EntryRef(Struct, frozen=True):
    """An entry of a node's value, gradient or optimizer state; `moment` None is the present."""

    node: int
    attribute: Attribute
    index: Index
    moment: int | None = None

    def text(self, debugger: Debugger) -> str:
        """Return `l1[2,3]`, `∂cost/∂l1[2,3]`, or `v of W[0,1]`."""
        if self.attribute == "grad":
            return gradient_name(debugger, self.node, self.index)
        entry = named(debugger.graph.nodes[self.node].label, self.index)
        if self.attribute == "value":
            return entry
        return f"{Letters(debugger.graph.by_name).state(self.attribute)} of {entry}"

    def array(self, debugger: Debugger) -> Array:
        """Return the array that contains the entry, at the present moment."""
        if self.attribute == "value":
            return debugger.state.value(self.node)
        if self.attribute == "grad":
            return debugger.state.gradient(self.node)
        names = debugger.graph.training.state_names
        state = debugger.plan.optimizer_state(debugger.graph.trainables.index(self.node))
        return state[names.index(self.attribute)]

    def number(self, debugger: Debugger) -> float:
        """Return the entry's number at its moment."""
        with self.visited(debugger):
            return float(self.array(debugger)[self.index])

    @contextmanager
    def visited(self, debugger: Debugger) -> Iterator[None]:
        """Move the debugger to the moment of the entry within a `with` block."""
        if self.moment is None or self.moment == debugger.moment:
            yield
        else:
            with debugger.visiting(self.moment):
                yield


def named(label: str, index: Iterable[int | str]) -> str:
    """Return an entry's name: `l1[2,3]`, or the label alone for a scalar."""
    inside = ",".join(map(str, index))
    return f"{label}[{inside}]" if inside else label


def input_note(input_index: int) -> str:
    """Return a note for an edge of a node that is several inputs of another: ` (input 2)`."""
    return f" (input {input_index + 1})"


def cost_name(graph: Graph) -> str:
    """Return the name of the cost in formulas: its node's if short, like f or loss, or `cost`."""
    label = graph.nodes[graph.cost].label
    short = len(label) <= SHORT_NAME and label.isidentifier()
    return label if short or "cost" in graph.by_name else "cost"


def is_summed(debugger: Debugger) -> bool:
    """Whether the cost has several entries: gradients are then those of their sum."""
    return math.prod(debugger.plan.shapes[debugger.graph.cost]) != 1


def descended_name(debugger: Debugger) -> str:
    """Return what is differentiated: the cost, or `Σq` for the sum of a cost's entries."""
    return f"{'Σ' if is_summed(debugger) else ''}{cost_name(debugger.graph)}"


def gradient_name(debugger: Debugger, node: int, index: Iterable[int | str] = ()) -> str:
    """Return the notation of a node's gradient or an entry of it: `∂cost/∂W1[0,1]`."""
    graph = debugger.graph
    name = cost_name(graph) if node == graph.cost else graph.nodes[node].label
    return f"∂{descended_name(debugger)}/∂{named(name, index)}"

"""What a program has done with one graph so far: its passes, each with the values it began with."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mfdebug.program.replay import Detail, as_array, replay
from mfdebug.program.store import Store
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops.base import Array
from miniflow.optimizers import SGD

# Passes whose every number is at hand; others are done again when they are looked at.
DETAILED = 6


@dataclass
class Pass:
    """One pass: what each input began with, and what the program did after it.

    An input's value is the number of an array in the store, or a value that was no array. `after`
    holds the updated values; `closed` says that they are known.
    """

    inputs: dict[int, Any]
    backward: bool
    cost: float = float("nan")
    after: dict[int, int] = field(default_factory=dict)
    updated: bool = False
    closed: bool = False


@dataclass(frozen=True)
class _Kept:
    """The number of an array in the store."""

    number: int


class ProgramGraph(Graph):
    """The graph of a program's nodes; `fed` are the inputs that the program sets before a pass."""

    feeder = "the program"

    def __init__(self, nodes: Sequence[Node], cost: Node, name: str) -> None:
        super().__init__(nodes, cost, name=name, description="run by a program")
        self.fed: set[int] = set()

    def fed_from_data(self, node: int) -> bool:
        """Whether the program gives this input its value before each pass."""
        return node in self.fed

    def train(self, places: Sequence[int], rate: float | None) -> None:
        """Know that the program updates these inputs, and at which learning rate."""
        self.trainables = sorted({*self.trainables, *places})
        for place in places:
            node = self.nodes[place]
            assert isinstance(node, Input)
            node.trainable = True
        if rate is not None:
            self.training = Training(SGD(rate))


class Passes:
    """The passes of a program over one graph, in their order.

    `ours`: it runs them by miniflow's own functions. `learned`: it is known what the program
    updates after a pass.
    """

    def __init__(self, graph: ProgramGraph, memory: int, *, ours: bool) -> None:
        self.graph = graph
        self.ours = ours
        self.learned = bool(graph.trainables)
        self.goes_back = False
        self.all: list[Pass] = []
        self._inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
        self._store = Store(memory)
        self._details: OrderedDict[int, Detail] = OrderedDict()

    def __len__(self) -> int:
        return len(self.all)

    # What the program does --------------------------------------------------------------------

    def begin(self, *, backward: bool) -> None:
        """Note that a pass begins: with which inputs."""
        self.close()
        inputs = {i: self._kept(i) for i in self._inputs}
        self.goes_back = self.goes_back or backward
        self.all.append(Pass(inputs, backward))

    def close(self) -> None:
        """Note what the program has done since the last pass: what it updated, what it feeds."""
        if not self.all or self.all[-1].closed:
            return
        last = self.all[-1]
        last.closed = True
        self.read_cost()
        for i in self._inputs:
            if i in last.after or not self._has_changed(i, last.inputs[i]):
                continue
            if i in self.graph.trainables or (not self.learned and self._goes_downhill(i, last)):
                self.note_update([i], None)
            else:
                self.graph.fed.add(i)
        self.learned = self.learned or last.backward

    def note_update(self, places: Sequence[int], rate: float | None) -> None:
        """Note the values that the program has just updated."""
        last = self.all[-1]
        self.read_cost()
        last.updated = True
        if not self.learned or set(places) <= set(self.graph.trainables):
            self.graph.train(places, rate)
        for i in places:
            last.after[i] = self._store.put(as_array(self.graph.nodes[i].value))
        if rate is not None:
            self.learned = True

    def read_cost(self) -> None:
        """Note the cost of the last pass, if there is one by now."""
        value = self.graph.nodes[self.graph.cost].value
        if value is not None:
            self.all[-1].cost = float(np.sum(value))

    def note_backward(self) -> None:
        """Note that the program goes back through the nodes of the last pass."""
        self.all[-1].backward = self.goes_back = True
        self.ours = False
        self._details.pop(len(self.all) - 1, None)

    def _kept(self, place: int) -> Any:
        value = self.graph.nodes[place].value
        if not isinstance(value, np.ndarray):
            return copy.deepcopy(value)
        if self.all:
            last = self.all[-1]
            was = last.inputs[place]
            if isinstance(was, _Kept) and _same(self._store.get(was.number), value):
                return was
        return _Kept(self._store.put(value.copy()))

    def _has_changed(self, place: int, was: Any) -> bool:
        before = self._store.get(was.number) if isinstance(was, _Kept) else was
        return not _same(np.asarray(before), np.asarray(self.graph.nodes[place].value))

    def _goes_downhill(self, place: int, last: Pass) -> bool:
        """Whether an input has moved against its gradient: an update that the program wrote out."""
        node = self.graph.nodes[place]
        slope = node.gradients.get(node)
        before, after = as_array(self.raw(last.inputs[place])), as_array(node.value)
        if slope is None or before.shape != after.shape:
            return False
        change = (after - before).reshape(-1)
        slope = as_array(slope).reshape(-1)
        return change.shape == slope.shape and bool((change * slope <= 0).all())

    # What is known of them --------------------------------------------------------------------

    def raw(self, kept: Any) -> Any:
        """Return an input's value as the program gave it."""
        return self._store.get(kept.number) if isinstance(kept, _Kept) else kept

    def inputs(self, number: int) -> dict[int, Any]:
        """Return what each input of a pass began with."""
        return {i: self.raw(kept) for i, kept in self.all[number].inputs.items()}

    def after(self, number: int, place: int) -> Array | None:
        """Return an input's value after the update that followed a pass, if it was updated."""
        kept = self.all[number].after.get(place)
        return None if kept is None else self._store.get(kept)

    def detail(self, number: int) -> Detail:
        """Return every number of a pass; it is done again, if it must be."""
        found = self._details.get(number)
        if found is None:
            one = self.all[number]
            found = replay(self.graph, self.inputs(number), backward=one.backward, ours=self.ours)
            self._details[number] = found
            while len(self._details) > DETAILED:
                self._details.popitem(last=False)
        self._details.move_to_end(number)
        return found


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all())

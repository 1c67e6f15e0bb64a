"""What a program has done with one graph so far: its passes, each with the values it began with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfdebug.program.replay import Detail, as_array, replay
from mfdebug.program.store import Store
from miniflow.arguments import LEARNING_RATE
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops.base import Array
from miniflow.optimizers import SGD

# Passes whose every number is at hand; others are done again when they are looked at.
DETAILED = 6


@dataclass
class Pass:
    """What is known of one pass, besides the values that it began with.

    `updated`: the program has updated its trainables after it. `closed`: the next one has begun,
    or the program has ended.
    """

    backward: bool
    cost: float = float("nan")
    updated: bool = False
    closed: bool = False


class ProgramGraph(Graph):
    """The graph of a program's nodes; `fed` are the inputs that the program sets between passes."""

    feeder = "the program"

    def __init__(self, nodes: Sequence[Node], cost: Node, name: str) -> None:
        super().__init__(nodes, cost, name=name, description="run by a program")
        self.fed: set[int] = set()

    def fed_from_data(self, node: int) -> bool:
        """Whether the program gives this input its value before each pass."""
        return node in self.fed

    def note_trained(self, places: Sequence[int], rate: float | None) -> None:
        """Know that the program updates these inputs, and at which learning rate."""
        self.trainables = sorted({*self.trainables, *places})
        for place in places:
            node = self.nodes[place]
            assert isinstance(node, Input)
            node.trainable = True
        if rate is not None and rate in LEARNING_RATE:
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
        self._places = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
        self._inputs = [graph.nodes[i] for i in self._places]
        self._store = Store(memory)
        self._rate: float | None = None
        self._details: OrderedDict[int, Detail] = OrderedDict()

    def __len__(self) -> int:
        return len(self.all)

    # What the program does --------------------------------------------------------------------

    def begin(self, *, backward: bool) -> None:
        """Note that a pass begins, and with which inputs."""
        self.close()
        self._store.append([node.value for node in self._inputs])
        self.goes_back = self.goes_back or backward
        self.all.append(Pass(backward))

    def close(self) -> None:
        """Note that the last pass is over, with what the program has done after it."""
        if not self.all or self.all[-1].closed:
            return
        last = self.all[-1]
        last.closed = True
        if not last.updated:
            self.read_cost()
        if not self.learned and last.backward:
            before = self.inputs(len(self.all) - 1)
            trained = [i for i in self._places if self._goes_downhill(i, as_array(before[i]))]
            last.updated = bool(trained)
            self.graph.note_trained(trained, None)
            self.learned = True
        elif not last.updated and self.graph.trainables and last.backward:
            before = self.inputs(len(self.all) - 1)
            last.updated = any(self._has_changed(i, before[i]) for i in self.graph.trainables)

    def note_update(self, places: Sequence[int], rate: float) -> None:
        """Note that the program has just updated these inputs."""
        self.all[-1].updated = True
        self.read_cost()
        if not self.learned or rate != self._rate:
            self.graph.note_trained([] if self.learned else places, rate)
            self._rate = rate
        self.learned = True

    def read_cost(self) -> None:
        """Note the cost of the last pass, if there is one by now."""
        value = self.graph.nodes[self.graph.cost].value
        if value is not None:
            self.all[-1].cost = float(value if np.ndim(value) == 0 else np.sum(value))

    def note_backward(self) -> None:
        """Note that a loop of the program goes back through the nodes of the last pass."""
        self.all[-1].backward = self.goes_back = True
        self.ours = False
        self._details.pop(len(self.all) - 1, None)

    def _has_changed(self, place: int, before: Any) -> bool:
        now = np.asarray(self.graph.nodes[place].value)
        was = np.asarray(before)
        return was.shape != now.shape or was.tobytes() != now.tobytes()

    def _goes_downhill(self, place: int, before: Array) -> bool:
        """Whether an input has moved against its gradient: an update that the program wrote out."""
        node = self.graph.nodes[place]
        slope, after = node.gradients.get(node), as_array(node.value)
        if slope is None or before.shape != after.shape:
            return False
        change = (after - before).reshape(-1)
        slope = as_array(slope).reshape(-1)
        fits = change.shape == slope.shape and bool(change.any())
        return fits and bool((change * slope <= 0).all())

    # What is known of them --------------------------------------------------------------------

    def inputs(self, number: int) -> dict[int, Any]:
        """Return what each input of a pass began with."""
        return dict(zip(self._places, self._store[number], strict=True))

    def fed(self, number: int) -> set[int]:
        """Return the inputs that the program gave other values for a pass, or for the next."""
        if number + 1 >= len(self.all):
            number -= 1
        if number < 0:
            return set()
        before, after = self.inputs(number), self.inputs(number + 1)
        changed = {
            i
            for i in self._places
            if np.shape(before[i]) != np.shape(after[i])
            or np.asarray(before[i]).tobytes() != np.asarray(after[i]).tobytes()
        }
        return changed - set(self.graph.trainables)

    def after(self, number: int, place: int) -> Array:
        """Return an input's value after the update that followed a pass."""
        if number + 1 < len(self.all):
            return as_array(self.inputs(number + 1)[place])
        return as_array(self.graph.nodes[place].value)

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

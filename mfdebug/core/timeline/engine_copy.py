"""A second plan of the graph of a session, which computes at other parameters and other inputs.

The session's own plan, its nodes and its costs stay as they are. Values that edits override are
overridden here too.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator

import numpy as np

from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.overrides import Overrides
from miniflow.node import Input
from miniflow.ops.base import Array, Op, follows_rules
from miniflow.ops.dropout import Dropout
from miniflow.plans.compile import compile_plan
from miniflow.structure import Structure

# Between two looks at the keys about so many numbers are computed; a call takes as long as `CALL`.
SLICE, CALL = 200_000, 100


class EngineCopy:
    """A plan of its own, in the state that `take` copies from the present moment of a debugger.

    All parameters together are one 1-D array of float64, in the order of the trainables.
    Evaluations run within `nodes_kept`: the nodes of a program keep state in their attributes.
    """

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self.graph = debugger.graph
        with nodes_kept(self.graph):
            self.plan = compile_plan(self.graph)
        nodes = self.graph.nodes
        self._fed = [i for i in range(len(nodes)) if self.graph.fed_from_data(i)]
        self._keeping = [i for i, op in enumerate(nodes) if isinstance(op, Op) and op.lasts]
        self._forward_end = 1 + len(self.graph.forward_nodes)
        self._backward_end = self._forward_end + len(self.graph.backward_nodes)
        self._overrides = Overrides(debugger.timeline, ())
        self._start = self.step = 0
        self._state = self.plan.save()
        self._inputs: dict[int, Array] = {}

    @property
    def work(self) -> int:
        """How many numbers a forward pass computes."""
        return sum(math.prod(shape) for shape in self.plan.shapes)

    @property
    def passes_per_slice(self) -> int:
        """How many forward passes are run between two looks at the keys."""
        numbers = self.work + sum(math.prod(self.plan.shapes[i]) for i in self.graph.trainables)
        return max(1, SLICE // (numbers + CALL * len(self.graph.nodes)))

    @property
    def dropped(self) -> str:
        """Which nodes drop at random, and by which draw; empty if none do."""
        random = [node.label for node in self.graph.nodes if isinstance(node, Dropout)]
        if not random:
            return ""
        names = ", ".join(random[:3]) + (", …" if len(random) > 3 else "")
        return f"random: {names} dropped as in SGD step {self.step}"

    def take(self) -> Array:
        """Copy the present moment, in its SGD step or in the one that comes; return the parameters.

        `step` is the SGD step, whose batch is fed.
        """
        debugger, plan, source = self.debugger, self.plan, self.debugger.plan
        self.step = debugger.cursor.coming_step
        plan.restore(source.save())
        plan.feed(self.step)
        if debugger.moment > 0 and self.step == debugger.sgd_step:
            for i in self._fed:
                plan.set_value(i, np.array(source.value(i)))
            for i in self._keeping:
                self._take_lasting(i)
        # All edits are made by the pass after this one.
        timeline = debugger.timeline
        edits = [e for e in debugger.edits if e.lasts and e.after <= debugger.moment]
        self._overrides = Overrides(timeline, edits)
        self._start = timeline.start_of(debugger.sgd_step + 1)
        self._state = plan.save()
        self._inputs = {i: np.array(plan.value(i)) for i in self._fed}
        return parameters_of(debugger)

    def _take_lasting(self, node: int) -> None:
        """Copy what an op kept at the start of this pass."""
        source = self.debugger.plan
        computed = self.debugger.state.value_freshness(node) is Freshness.CURRENT
        kept = source.lasting_before(node) if computed else source.lasting(node)
        for name, array in self.plan.lasting(node).items():
            np.copyto(array, kept[name])

    def cost_at(self, parameters: Array) -> float:
        """Return the cost at these parameters."""
        self._forward(parameters)
        return self.plan.cost()

    def gradient_at(self, parameters: Array) -> Array:
        """Return the gradient of the cost at these parameters."""
        self._forward(parameters)
        self._walk(self._forward_end, self._backward_end)
        return _joined(self.plan.gradient(i) for i in self.graph.trainables)

    def landing(self, parameters: Array, rate: float) -> Array:
        """Return the parameters to which an update with this learning rate leads.

        The optimizer starts from its state at the present moment.
        """
        self.gradient_at(parameters)
        self.plan.set_learning_rate(rate)
        for trainable in range(len(self.graph.trainables)):
            self.plan.update(trainable)
        return _joined(self.plan.value(i) for i in self.graph.trainables)

    def value_at(
        self, node: int, inputs: dict[int, Array], parameters: Array | None = None
    ) -> Array:
        """Return a node's value at other inputs, and at the present parameters or others."""
        self._forward(parameters, inputs)
        return np.array(self.plan.value(node))

    def _forward(self, parameters: Array | None, inputs: dict[int, Array] | None = None) -> None:
        plan = self.plan
        plan.restore(self._state)
        for i, value in (self._inputs if inputs is None else {**self._inputs, **inputs}).items():
            plan.set_value(i, value)
        if parameters is not None:
            start = 0
            for i in self.graph.trainables:
                shape = plan.shapes[i]
                end = start + math.prod(shape)
                plan.set_value(i, parameters[start:end].reshape(shape))
                start = end
        self._walk(1, self._forward_end)

    def _walk(self, begin: int, end: int) -> None:
        """Run moments of an SGD step, and override what edits override."""
        if not self._overrides:
            self.plan.walk(begin, end)
            return
        for position in range(begin, end):
            self.plan.walk(position, position + 1)
            # `walk` counts from the feed, which is position 1 of the timeline.
            self._overrides.apply(self.plan, self._start + position + 1)

    @contextlib.contextmanager
    def nodes_kept(self) -> Iterator[None]:
        """Restore the attributes of nodes with a rule of their own at the end of the block."""
        with nodes_kept(self.graph):
            yield


@contextlib.contextmanager
def nodes_kept(graph: Structure) -> Iterator[None]:
    """Restore the attributes of nodes with a rule of their own at the end of the block."""
    own = [n for n in graph.nodes if not isinstance(n, Input) and not follows_rules(n)]
    if not own:
        yield
        return
    from miniflow.gradcheck.restoring import state_restored

    with state_restored(graph.nodes):
        yield


def copied_state(debugger: Debugger) -> tuple[object, ...]:
    """Return what `EngineCopy.take` copies, as a key: while it is equal, so is all computed there.

    Within an SGD step that are the updates alone.
    """
    timeline, moment = debugger.timeline, debugger.moment
    updates = timeline.length - len(timeline.update)
    updated = max(0, timeline.position(moment) - updates)
    edits = tuple(map(id, debugger.edits))
    return edits, timeline.builds, debugger.sgd_step, updated, moment > 0


def parameters_of(debugger: Debugger) -> Array:
    """Return copies of all parameters at the present moment, joined to a 1-D array of float64."""
    return _joined(debugger.plan.value(i) for i in debugger.graph.trainables)


def _joined(arrays: Iterable[Array]) -> Array:
    parts = [np.asarray(array, np.float64).reshape(-1) for array in arrays]
    return np.concatenate([*parts, np.zeros(0)])

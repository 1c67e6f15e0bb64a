"""The calls of each node of a graph of arrays: its forward, and two kinds of backward.

The first consumer of a node assigns its gradient; later consumers add to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from miniflow.ops.base import Array, Call, Calls, Op, Shape
from miniflow.plans.arena import Arena
from miniflow.plans.custom_node import LessonNode
from miniflow.structure import Structure


class NodeCalls:
    """The calls of each node, by node index, with buffers that are parts of the arena.

    `backward` keeps each contribution, to be shown: in `edges`, by consumer and input index, or in
    the gradient of a source with one consumer. `lean_backward` sends only to the nodes that are
    `needed` for a trainable's gradient, and keeps nothing. `lessons` are the nodes in the lesson's
    style.
    """

    def __init__(
        self,
        graph: Structure,
        arena: Arena,
        lessons: Mapping[int, LessonNode],
        needed: Sequence[bool],
        sgd_step: Array,
        pool: dict[tuple[Shape, int], Array],
    ) -> None:
        self._graph, self._lessons, self._needed = graph, lessons, needed
        self._values, self._gradients = arena.values, arena.gradients
        self.edges: dict[tuple[int, int], Array] = {}
        self._do = [
            Calls(graph.dtype, pool, sgd_step, arena.of_ops.get(i, {}))
            for i in range(len(graph.nodes))
        ]
        self.forward: list[tuple[Call, ...]] = []
        self.backward: list[tuple[Call, ...]] = [()] * len(graph.nodes)
        self.lean_backward: list[tuple[Call, ...]] = [()] * len(graph.nodes)
        self._compile_backward()

    def compile_forward(self, *, checks: bool) -> None:
        """Compile the forward calls of all nodes, with or without the checks of values."""
        nodes = range(len(self._graph.nodes))
        self.forward = [self._compile_forward(i, checks=checks) for i in nodes]

    def lasting_before(self, node: int, name: str) -> Array:
        """Return the copy that the node's forward calls make first of what lasts in it."""
        return self._do[node].before_pass(name)

    def _compile_forward(self, i: int, *, checks: bool) -> tuple[Call, ...]:
        node = self._graph.nodes[i]
        inputs = [self._values[source] for source in self._graph.inbound[i]]
        if i in self._lessons:
            return (partial(self._lessons[i].forward, inputs, self._values[i]),)
        if isinstance(node, Op):
            if checks:
                node.check_calls(self._do[i], *inputs)
            node.forward_calls(self._do[i], self._values[i], *inputs)
        return self._do[i].take()

    def _compile_backward(self) -> None:
        graph = self._graph
        self._senders = [0] * len(graph.nodes)
        for i in graph.backward_nodes:
            for source in graph.inbound[i]:
                self._senders[source] += 1
        assigned: set[int] = set()
        for i in reversed(range(len(graph.nodes))):
            if not graph.reaches_cost[i]:
                continue
            seed = (partial(self._gradients[i].fill, 1.0),) * (i == graph.cost)
            first: list[bool] = []
            for source in graph.inbound[i]:
                first.append(source not in assigned)
                assigned.add(source)
            self.backward[i] = seed + self._send_calls(i, first)
            if self._lessons:
                self.lean_backward[i] = self.backward[i]
            else:
                self.lean_backward[i] = seed + self._lean_send_calls(i, first)

    def _send_calls(self, i: int, first: list[bool]) -> tuple[Call, ...]:
        """Return the calls that send node i's contributions and keep each of them, to be shown."""
        graph, do, node = self._graph, self._do[i], self._graph.nodes[i]
        arguments = [self._values[source] for source in graph.inbound[i]]
        targets: list[Array] = []
        for input_index, source in enumerate(graph.inbound[i]):
            shared = self._senders[source] > 1 or source in self._lessons or i in self._lessons
            if shared:
                self.edges[i, input_index] = np.zeros(self._gradients[source].shape, graph.dtype)
            targets.append(self.edges[i, input_index] if shared else self._gradients[source])
        if i in self._lessons:
            do(self._lessons[i].backward, targets)
        elif isinstance(node, Op):
            grad, value = self._gradients[i], self._values[i]
            node.backward_calls(do, enumerate(targets), grad, value, arguments)
        received: set[int] = set()
        for input_index, source in enumerate(graph.inbound[i]):
            total = self._gradients[source]
            if targets[input_index] is not total:
                if first[input_index]:
                    do(np.copyto, total, targets[input_index])
                else:
                    do(np.add, total, targets[input_index], total)
            if source in self._lessons and i not in self._lessons:
                receive = self._lessons[source].receive
                do(receive, node, targets[input_index], source not in received)
                received.add(source)
        return do.take()

    def _lean_send_calls(self, i: int, first: list[bool]) -> tuple[Call, ...]:
        """Return the calls that send the contributions that a trainable needs, and keep none."""
        graph, do, node = self._graph, self._do[i], self._graph.nodes[i]
        if not isinstance(node, Op):
            return ()
        arguments = [self._values[source] for source in graph.inbound[i]]
        grad, value = self._gradients[i], self._values[i]
        buffers: dict[Shape, Array] = {}

        def targets() -> Iterator[tuple[int, Array]]:
            for input_index, source in enumerate(graph.inbound[i]):
                if not self._needed[source]:
                    continue
                total = self._gradients[source]
                if first[input_index]:
                    yield input_index, total
                    continue
                shape = total.shape
                if shape not in buffers:
                    buffers[shape] = do.scratch(shape)
                yield input_index, buffers[shape]
                do(np.add, total, buffers[shape], total)

        node.backward_calls(do, targets(), grad, value, arguments)
        return do.take()

"""The memory of a plan of arrays: all values and gradients in one block.

Parameters, what the optimizer keeps of them and the inputs' own values come first (what lasts from
one SGD step to the next), then activations, then gradients. So a checkpoint, a row of a trace, and
the update of all parameters are each one piece of memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array, Shape

# Arrays that begin at the start of a cache line, in bytes: an SGD step of a middle-sized network
# then takes 0.98 times as long. What is left over between two parameters stays zero.
CACHE_LINE = 64


class Arena:
    """Values and gradients by node, parameters and what is kept of them, in one block.

    `parameters` and `parameter_gradients` are flat, as are the arrays of `kept`, by name; `parts`
    says where in them each trainable's numbers lie. `lasting` and `whole` are flat too.
    """

    def __init__(self, graph: Graph, shapes: list[Shape]) -> None:
        itemsize = graph.dtype.itemsize
        sizes = [math.prod(shape) for shape in shapes]
        line = CACHE_LINE // itemsize
        rooms = [-(-size // line) * line for size in sizes]
        trainables = graph.trainables
        own = [
            i
            for i, node in enumerate(graph.nodes)
            if isinstance(node, Input) and not node.trainable and not graph.fed_from_data(i)
        ]
        passing = sorted(set(range(len(shapes))).difference(trainables, own))
        untrained = sorted(set(range(len(shapes))).difference(trainables))
        parameters = sum(rooms[i] for i in trainables)
        keeps = graph.training.optimizer.keeps
        lasting = parameters * (1 + len(keeps)) + sum(rooms[i] for i in own)
        total = lasting + sum(rooms[i] for i in passing) + sum(rooms)
        block: Array = np.zeros(total + line, graph.dtype)
        block = block[-block.ctypes.data % CACHE_LINE // itemsize :]
        taken = 0

        def take(room: int) -> Array:
            nonlocal taken
            taken += room
            return block[taken - room : taken]

        def place(i: int, room: Array) -> Array:
            return room[: sizes[i]].reshape(shapes[i])

        self.values: list[Array] = [block[:0]] * len(shapes)
        self.gradients: list[Array] = [block[:0]] * len(shapes)
        self.parameters = take(parameters)
        self.kept = {name: take(parameters) for name in keeps}
        for i in [*own, *passing]:
            self.values[i] = place(i, take(rooms[i]))
        self.parameter_gradients = take(parameters)
        self.parts: list[slice] = []
        start = 0
        for i in trainables:
            part = slice(start, start + rooms[i])
            start = part.stop
            self.parts.append(part)
            self.values[i] = place(i, self.parameters[part])
            self.gradients[i] = place(i, self.parameter_gradients[part])
        for i in untrained:
            self.gradients[i] = place(i, take(rooms[i]))
        self.lasting = block[:lasting]
        self.whole = block[:total]
        self._trained_shapes = [shapes[i] for i in trainables]

    def kept_parts(self, name: str) -> Iterator[Array]:
        """Yield what is kept under a name for each trainable, in its shape."""
        for trainable in range(len(self.parts)):
            yield self.kept_part(name, trainable)

    def kept_part(self, name: str, trainable: int) -> Array:
        """Return what is kept under a name for one trainable, in its shape."""
        shape = self._trained_shapes[trainable]
        return self.kept[name][self.parts[trainable]][: math.prod(shape)].reshape(shape)

    def offset(self, part: Array) -> int:
        """Return where in the block a part of it begins, in numbers."""
        return (part.ctypes.data - self.whole.ctypes.data) // self.whole.itemsize

"""The memory of an array plan: all values and gradients in one block.

The state that lasts from one SGD step to the next comes first (parameters, the optimizer's state,
the inputs' own values, what ops keep), then activations, then gradients. So a checkpoint, a row of
a trace and the update of all parameters each work on one contiguous piece of memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from miniflow.node import Input
from miniflow.ops.base import Array, Op, Shape, follows_rules
from miniflow.structure import Structure

# Arrays start at multiples of this many bytes: with that, an SGD step of a medium-sized network
# takes 0.98 times as long. The padding between two parameters stays zero.
CACHE_LINE = 64


class Arena:
    """Values and gradients by node, parameters and the optimizer's state of them, in one block.

    `parameters`, `parameter_gradients` and the arrays of `kept` (the optimizer's state, by name)
    are flat; `parts` are the slices of each trainable in them. `of_ops` has the arrays that ops
    keep from pass to pass, by node and name. `lasting`, `whole` and `beside_updates`, which is what
    lasts and no update changes, are flat too.
    """

    def __init__(self, graph: Structure, shapes: list[Shape]) -> None:
        itemsize = graph.dtype.itemsize
        sizes = [math.prod(shape) for shape in shapes]
        line = CACHE_LINE // itemsize
        padded_sizes = [-(-size // line) * line for size in sizes]
        trainables = graph.trainables
        own = [
            i
            for i, node in enumerate(graph.nodes)
            if isinstance(node, Input) and not node.trainable and not graph.fed_from_data(i)
        ]
        temporary = sorted(set(range(len(shapes))).difference(trainables, own))
        untrained = sorted(set(range(len(shapes))).difference(trainables))
        parameters = sum(padded_sizes[i] for i in trainables)
        keeps = graph.training.keeps
        starts = {
            i: node.starting_state([shapes[source] for source in graph.inbound[i]], graph.dtype)
            for i, node in enumerate(graph.nodes)
            if isinstance(node, Op) and node.lasts and follows_rules(node)
        }
        kept_by_ops = sum(-(-x.size // line) * line for of in starts.values() for x in of.values())
        lasting = parameters * (1 + len(keeps)) + sum(padded_sizes[i] for i in own) + kept_by_ops
        total = lasting + sum(padded_sizes[i] for i in temporary) + sum(padded_sizes)
        block: Array = np.zeros(total + line, graph.dtype)
        block = block[-block.ctypes.data % CACHE_LINE // itemsize :]
        taken = 0

        def take(size: int) -> Array:
            nonlocal taken
            taken += size
            return block[taken - size : taken]

        def shaped(i: int, part: Array) -> Array:
            return part[: sizes[i]].reshape(shapes[i])

        self.values: list[Array] = [block[:0]] * len(shapes)
        self.gradients: list[Array] = [block[:0]] * len(shapes)
        self.parameters = take(parameters)
        self.kept = {name: take(parameters) for name in keeps}
        for i in own:
            self.values[i] = shaped(i, take(padded_sizes[i]))
        self.of_ops: dict[int, dict[str, Array]] = {}
        for i, kept in starts.items():
            self.of_ops[i] = {}
            for name, first in kept.items():
                array = take(-(-first.size // line) * line)[: first.size].reshape(first.shape)
                array[...] = first
                self.of_ops[i][name] = array
        for i in temporary:
            self.values[i] = shaped(i, take(padded_sizes[i]))
        self.parameter_gradients = take(parameters)
        self.parts: list[slice] = []
        start = 0
        for i in trainables:
            part = slice(start, start + padded_sizes[i])
            start = part.stop
            self.parts.append(part)
            self.values[i] = shaped(i, self.parameters[part])
            self.gradients[i] = shaped(i, self.parameter_gradients[part])
        for i in untrained:
            self.gradients[i] = shaped(i, take(padded_sizes[i]))
        self.lasting = block[:lasting]
        self.beside_updates = block[parameters * (1 + len(keeps)) : lasting]
        self.whole = block[:total]
        self._trained_shapes = [shapes[i] for i in trainables]

    def kept_copies(self, labels: list[str]) -> dict[str, dict[str, Array]]:
        """Return copies of the optimizer's arrays by name and by the label of each trainable."""
        return {
            name: {
                label: part.copy()
                for label, part in zip(labels, self.kept_parts(name), strict=True)
            }
            for name in self.kept
        }

    def kept_parts(self, name: str) -> Iterator[Array]:
        """Yield the optimizer's array `name` of each trainable, in its shape."""
        for trainable in range(len(self.parts)):
            yield self.kept_part(name, trainable)

    def kept_part(self, name: str, trainable: int) -> Array:
        """Return the optimizer's array `name` of a trainable, in its shape."""
        shape = self._trained_shapes[trainable]
        return self.kept[name][self.parts[trainable]][: math.prod(shape)].reshape(shape)

    def offset(self, part: Array) -> int:
        """Return the offset of a part in the block, in numbers (not bytes)."""
        return (part.ctypes.data - self.whole.ctypes.data) // self.whole.itemsize

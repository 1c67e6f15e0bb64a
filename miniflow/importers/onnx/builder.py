"""What the nodes of one model are made with: names, shapes of values, parameters, notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from miniflow.importers.onnx.folding import Opsets, evaluate
from miniflow.importers.onnx.model_file import Weights
from miniflow.importers.onnx.names import Names
from miniflow.importers.onnx.parameters import Parameters, ties_among
from miniflow.importers.onnx.values import Computed, Dtype, Known, UnknownError, Value
from miniflow.node import Input, Node
from miniflow.ops.base import Array, Op, Shape
from miniflow.text.lists import series

# The value of each name of the file; an output that a node does not have is None.
Environment = dict[str, Value | None]


class Builder:
    """Makes the nodes of one model, and knows what was made; it is the `Maker` of calls."""

    def __init__(self, graph: Any, path: Path) -> None:
        self.graph = graph
        self.path = path
        self.names = Names(graph.node, [tensor.name for tensor in graph.initializer])
        self.parameters = Parameters(self.names, graph.node)
        self.weights = Weights(path.parent)
        self.shapes: dict[Node, Shape] = {}
        self.notes: list[str] = []
        # The names that the outputs of the model depend on, themselves among them.
        self.needed: set[str] = set()
        self._layers: Counter[tuple[str, ...]] = Counter()
        self._fixed: dict[str, list[str]] = {}

    def initializers(self) -> Environment:
        """Return the initializers of the file; raise `FileError` if one is not whole."""
        found: list[Known] = []
        for tensor in self.graph.initializer:
            array = self.weights.read(tensor, f"{self.path.name}: {tensor.name}")
            found.append(Known(array, tensor.name, is_initializer=True))
        self.parameters.ties = ties_among(found)
        for name, tie in self.parameters.ties.items():
            of = "the transpose of " if tie.transposed else ""
            self.notes.append(f"{name} has the numbers of {of}{tie.primary.name}: they are tied.")
        return {known.name: known for known in found}

    # What a call asks for ----------------------------------------------------------------

    def constant(self, known: Known, name: str) -> Input:
        """Return an input with known numbers, which is not trained."""
        made = self.parameters.constant(known, name)
        self.add(made, known.shape)
        return made

    def parameter(self, known: Known, node: Any, role: str) -> Node:
        """Return the parameter with the numbers of an initializer, for this node of the file."""
        made = self.parameters.parameter(known, node, role)
        for source in made.inbound_nodes:  # of the transpose of another
            self.add(source, np.shape(source.value))
        self.add(made, known.shape)
        return made

    def add(self, node: Node, shape: Shape) -> None:
        """Note the shape of a new node's value."""
        self.shapes[node] = shape

    def shape_of(self, node: Node) -> Shape:
        """Return the shape of a node's value."""
        return self.shapes[node]

    def unique(self, wanted: str) -> str:
        """Return a name that no node has."""
        return self.names.unique(wanted)

    def is_used(self, output: str) -> bool:
        """Whether an output of the model depends on a name of the file, or is it."""
        return output in self.needed

    def layer(self, node: Any) -> int:
        """Return how many recurrent layers of this node's module were made before, and count it."""
        scope = self.names.scopes_of(node)[:-1]
        self._layers[scope] += bool(scope)
        return self._layers[scope] - bool(scope)

    def fix(self, inputs: frozenset[str], name: str) -> None:
        """Note that the numbers of a node hold for the present values of inputs only."""
        for given in inputs:
            self._fixed.setdefault(given, []).append(name)

    # Values ------------------------------------------------------------------------------

    def computed(
        self,
        result: Node,
        dtype: Dtype,
        node: Any,
        inputs: Sequence[Value | None],
        opsets: Opsets,
        number: int,
    ) -> Computed:
        """Return output `number` of a node of the file as the value of the node `result`."""

        @cache
        def sample() -> Array:
            try:
                return np.asarray(evaluate(node, opsets, samples_of(node, inputs))[number])
            except RecursionError:
                raise UnknownError(node.name or node.op_type) from None

        depends = (value.inputs for value in inputs if isinstance(value, Computed))
        return Computed(
            result, self.shapes[result], dtype, sample, frozenset[str]().union(*depends)
        )

    # The end -----------------------------------------------------------------------------

    def freeze(self) -> None:
        """Let nothing train whose gradient is not known, because it lies before such a node."""
        stack = [node for node in self.shapes if _lacks_rule(node)]
        before = set(stack)
        while stack:
            node = stack.pop()
            for index, source in enumerate(node.inbound_nodes):
                stops = isinstance(node, Op) and node.stops_gradient(index)
                if source not in before and not stops:
                    before.add(source)
                    stack.append(source)
        frozen = [node for node in before if isinstance(node, Input) and node.trainable]
        for node in frozen:
            node.trainable = False
        if frozen:
            frozen.sort(key=lambda node: node.serial)
            several = len(frozen) > 1
            self.notes.append(
                f"{len(frozen)} parameter{'s' * several} whose gradient is not known "
                f"{'are' if several else 'is'} not trained: "
                f"{series([node.label for node in frozen], ', ')}."
            )

    def tell_fixed(self) -> None:
        """Note which nodes keep numbers that an input has now."""
        for name, nodes in self._fixed.items():
            self.notes.append(
                f"{series(list(dict.fromkeys(nodes)), ', ')} needs numbers of {name} before any "
                f"pass: it keeps those that {name} has now."
            )


def samples_of(node: Any, inputs: Sequence[Value | None]) -> Mapping[str, Array]:
    """Return the inputs of a node by name, as they are now.

    Raises `UnknownError` if one is not fed, or depends on a parameter.
    """
    given: dict[str, Array] = {}
    for name, value in zip(node.input, inputs, strict=True):
        if isinstance(value, Computed):
            given[name] = value.sample()
        elif value is not None:
            if value.is_weight:
                raise UnknownError(value.name)
            given[name] = value.array
    return given


def _lacks_rule(node: Node) -> bool:
    inputs = range(len(node.inbound_nodes))
    return isinstance(node, Op) and any(map(node.unknown_gradient, inputs))

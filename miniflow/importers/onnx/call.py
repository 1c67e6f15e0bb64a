"""A node of the file as a rule sees it: its inputs, its attributes, and what it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol

import numpy as np
from onnx import helper

from miniflow.importers.onnx.folding import Opsets
from miniflow.importers.onnx.names import is_generated
from miniflow.importers.onnx.values import (
    Computed,
    Dtype,
    Known,
    UntranslatableError,
    Value,
)
from miniflow.node import Input, Node
from miniflow.ops import Reshape
from miniflow.ops.base import Array, Op, Shape

# What a rule returns for each output: a node, numbers, or None where there is none.
Result = Node | Value | None
Rule = Callable[["Call"], Result | Sequence[Result]]


class Maker(Protocol):
    """What makes the inputs of nodes, and knows the shapes of their values."""

    def constant(self, known: Known, name: str) -> Input:
        """Return an input with known numbers, which is not trained."""

    def parameter(self, known: Known, node: Any, role: str) -> Node:
        """Return the parameter with the numbers of an initializer, for this node of the file."""

    def add(self, node: Node, shape: Shape) -> None:
        """Note the shape of a new node's value."""

    def shape_of(self, node: Node) -> Shape:
        """Return the shape of a node's value."""

    def unique(self, wanted: str) -> str:
        """Return a name that no node has."""

    def is_used(self, output: str) -> bool:
        """Whether a name of the file is an input of a node, or an output of the model."""

    def layer(self, node: Any) -> int:
        """Return how many recurrent layers of a node's module were made before, and count it."""

    def fix(self, inputs: frozenset[str], name: str) -> None:
        """Note that the numbers of a node hold for the present values of inputs only."""


class Call:
    """One node of the file, with the values of its inputs; it becomes a node called `name`."""

    def __init__(
        self, maker: Maker, proto: Any, opsets: Opsets, inputs: Sequence[Value | None], name: str
    ) -> None:
        self.proto = proto
        self.kind: str = proto.op_type
        self.opset: int = opsets.get(proto.domain, opsets.get("ai.onnx", 1))
        self.inputs = inputs
        self.name = name
        self.made: list[Node] = []
        self._maker = maker
        self._attributes = {a.name: a for a in proto.attribute}

    # Attributes --------------------------------------------------------------------------

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute: a number, text, a list of them; `default` if it is not given."""
        if name not in self._attributes:
            return default
        value = helper.get_attribute_value(self._attributes[name])
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value if isinstance(value, int | float | str) else list(value)

    def require(self, condition: bool, otherwise: str) -> None:
        """Raise `UntranslatableError` unless a condition holds."""
        if not condition:
            raise UntranslatableError(otherwise)

    # Inputs ------------------------------------------------------------------------------

    def has(self, index: int) -> bool:
        """Whether an input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def value(self, index: int) -> Value:
        """Return an input; raise `UntranslatableError` if it is not given."""
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            raise UntranslatableError(f"input {index} is not given")
        return found

    def shape(self, index: int) -> Shape:
        """Return the shape of an input."""
        return self.value(index).shape

    def rank(self, index: int) -> int:
        """Return the number of axes of an input."""
        return len(self.value(index).shape)

    def dtype(self, index: int) -> Dtype:
        """Return the type of an input's numbers in the file."""
        return self.value(index).dtype

    def retyped(self, index: int, dtype: Dtype) -> Value:
        """Return an input that counts as of another type of floats."""
        value = self.value(index)
        if isinstance(value, Known):
            return replace(value, array=value.array.astype(dtype))
        return replace(value, dtype=dtype, sample=lambda: value.sample().astype(dtype))

    def node(self, index: int, role: str = "weight") -> Node:
        """Return an input as a node: a parameter if it is an initializer with several numbers."""
        value = self.value(index)
        if isinstance(value, Computed):
            return value.node
        if value.is_weight:
            return self._maker.parameter(value, self.proto, role)
        return self._maker.constant(value, self.name)

    def weight(self, index: int, role: str) -> Node:
        """Return an input that is a parameter if it is an initializer, also of one number."""
        value = self.value(index)
        if isinstance(value, Known) and value.is_initializer and value.dtype.kind == "f":
            return self._maker.parameter(value, self.proto, role)
        return self.node(index, role)

    def norm_weight(self, index: int, role: Literal["weight", "bias"]) -> Node:
        """Return the weight or the bias of a norm.

        Ones and zeros to which the exporter has given a name of its own are no parameter: ONNX
        wants them of a norm that has none, and of a part of a GroupNorm.
        """
        value = self.value(index)
        neutral = 1.0 if role == "weight" else 0.0
        made_up = isinstance(value, Known) and is_generated(value.name)
        if made_up and bool((self.known(index) == neutral).all()):
            return self.fixed(index)
        return self.weight(index, role)

    def fixed(self, index: int) -> Node:
        """Return an input that is no parameter, also if it is an initializer."""
        value = self.value(index)
        if isinstance(value, Known):
            return self._maker.constant(value, self.name)
        return value.node

    def nodes(self, role: str = "weight") -> list[Node]:
        """Return all inputs that are given; `role` is that of a parameter without a name."""
        return [self.node(i, role) for i in range(len(self.inputs)) if self.has(i)]

    def known(self, index: int) -> Array:
        """Return the numbers of an input; raise `UnknownError` if they are not known."""
        value = self.value(index)
        if isinstance(value, Known):
            return value.array
        array = value.sample()
        self._maker.fix(value.inputs, self.name)
        return array

    def integers(self, index: int) -> list[int]:
        """Return the numbers of an input as a list of integers."""
        return [int(n) for n in np.asarray(self.known(index)).reshape(-1)]

    def number(self, index: int) -> float:
        """Return the only number of an input."""
        array = np.asarray(self.known(index))
        if array.size != 1:
            raise UntranslatableError(f"input {index} has {array.size} numbers instead of one")
        return float(array.reshape(()))

    def axes(self, index: int, attribute: str = "axes") -> list[int] | None:
        """Return axes: an attribute in older opsets, an input in newer ones; None if not given."""
        if self.has(index):
            return self.integers(index)
        found = self.attribute(attribute)
        return None if found is None else [int(axis) for axis in found]

    # New nodes ---------------------------------------------------------------------------

    def make(self, kind: type[Op], *inputs: Node, suffix: str = "", **attributes: Any) -> Node:
        """Return a new node of this name; `suffix` is for one that is not the whole of it."""
        wanted = f"{self.name}.{suffix}" if suffix else self.name
        node = kind.of(list(inputs), self._maker.unique(wanted), attributes)
        self.made.append(node)
        self._maker.add(node, node.shape_from(*map(self._maker.shape_of, inputs)))
        return node

    def constant(self, array: Any, suffix: str) -> Node:
        """Return a node with numbers that the op has without an input."""
        known = Known(np.asarray(array, np.float64), suffix)
        return self._maker.constant(known, f"{self.name}.{suffix}")

    def parameter(self, array: Array, role: str) -> Node:
        """Return a parameter with numbers that are an attribute of the op."""
        known = Known(np.asarray(array, np.float64), f"{self.name}.{role}", is_initializer=True)
        return self._maker.parameter(known, self.proto, role)

    def integer_constant(self, array: Array, suffix: str) -> Node:
        """Return a node with row numbers that the op has without an input."""
        known = Known(np.asarray(array, np.int64), suffix)
        return self._maker.constant(known, f"{self.name}.{suffix}")

    def derived(self, index: int, role: str, change: Callable[[Array], Array]) -> Node | None:
        """Return a parameter with the numbers of an initializer in another arrangement.

        None if the input is not an initializer. `role` is the name of the parameter.
        """
        value = self.value(index)
        if not isinstance(value, Known) or not value.is_initializer:
            return None
        name = f"{value.name}.{role}"
        changed = Known(change(value.array), name, is_initializer=True, is_derived=True)
        return self._maker.parameter(changed, self.proto, role)

    def layer(self) -> int:
        """Return which recurrent layer of its module this is, from 0."""
        return self._maker.layer(self.proto)

    def is_used(self, output: str) -> bool:
        """Whether another node, or the model, takes an output."""
        return self._maker.is_used(output)

    def shape_of(self, node: Node) -> Shape:
        """Return the shape of a node's value."""
        return self._maker.shape_of(node)

    def reshape(self, node: Node, shape: Sequence[int], suffix: str = "") -> Node:
        """Return a node with the entries of another in a shape; itself if it has that shape."""
        if suffix and self.shape_of(node) == tuple(shape):
            return node
        return self.make(Reshape, node, suffix=suffix, shape=[int(n) for n in shape])

    def discard(self) -> None:
        """Undo what a rule has made before it failed."""
        for node in reversed(self.made):
            for source in node.inbound_nodes:
                if node in source.outbound_nodes:
                    source.outbound_nodes.remove(node)
        self.made.clear()

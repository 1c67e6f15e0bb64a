"""Makes the nodes of a call: what the rules of all families of ATen ops use.

A value is a node, or a constant: an array that depends on no input and no parameter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from miniflow import limits
from miniflow.errors import FileError
from miniflow.importers.pt2.names import Names
from miniflow.node import Input, Node
from miniflow.ops.base import Array, Op, Shape, shape_text


class Unsupported(Exception):  # noqa: N818 - not an error: the call becomes a node without rules.
    """Why a call cannot be computed here: `reduction="none"`."""


class Constant(NamedTuple):
    """An array that was known when the file was read; `name` is empty if the file has none."""

    array: Array
    name: str = ""


Value = Node | Constant
Operand = Node | Constant | int | float | bool


class Builder:
    """Makes nodes, and knows their shapes.

    `whole` are the nodes whose values are integers, or true and false (`truths`); `learned` those
    that depend on a parameter. `bounds` has one more than the largest integer that an input takes.
    `notes` are sentences for the user.
    `made` are the nodes since the last `name_all`, without names yet. `used` says which outputs of
    the call that is being translated something uses.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.shapes: dict[Node, Shape] = {}
        self.whole: set[Node] = set()
        self.truths: set[Node] = set()
        self.learned: set[Node] = set()
        self.bounds: dict[Node, int] = {}
        self.notes: list[str] = []
        self.made: list[Node] = []
        self.used: list[bool] = []
        self._hints: dict[Node, str] = {}
        self._inputs: dict[int, tuple[Array, Input]] = {}
        self._numbers: dict[str, Input] = {}
        self.total = 0

    def produces(self, output: int) -> bool:
        """Whether output `output` of the call is used."""
        return output >= len(self.used) or self.used[output]

    def shape(self, x: Operand) -> Shape:
        """Return the shape of a value; a number has none."""
        if isinstance(x, Node):
            return self.shapes[x]
        return x.array.shape if isinstance(x, Constant) else ()

    def is_whole(self, x: Operand) -> bool:
        """Whether a value has integers, or true and false."""
        if isinstance(x, Constant):
            return x.array.dtype.kind in "biu"
        return x in self.whole if isinstance(x, Node) else not isinstance(x, float)

    def is_truth(self, x: Operand) -> bool:
        """Whether a value has true and false."""
        if isinstance(x, Constant):
            return x.array.dtype.kind == "b"
        return x in self.truths if isinstance(x, Node) else isinstance(x, bool)

    def take(self, size: int) -> None:
        """Count the numbers of a constant; raise `FileError` if those of all exceed the limits."""
        self.total += size
        if self.total > limits.NUMBERS:
            raise FileError("its constants have too many numbers")

    def sized(self, shape: Sequence[Any]) -> Shape:
        """Return a shape for a new constant; raise `FileError` if it is not one, or too large."""
        sizes = tuple(int(n) for n in shape)
        if any(n < 0 for n in sizes) or len(sizes) > limits.AXES:
            raise FileError(f"a constant has the shape {shape_text(sizes)}")
        self.take(math.prod(sizes))
        return sizes

    def input(self, node: Input, shape: Shape) -> Input:
        """Enter an input of the model."""
        self.shapes[node] = shape
        if node.trainable:
            self.learned.add(node)
        return node

    def node(self, x: Operand) -> Node:
        """Return a value as a node: a constant becomes an input with a value, a number too."""
        if isinstance(x, Node):
            return x
        if not isinstance(x, Constant):
            return self._number(float(x))
        if not x.name and x.array.shape == ():
            return self._number(float(x.array))
        if id(x.array) not in self._inputs:
            self._inputs[id(x.array)] = x.array, self._constant(x)
        return self._inputs[id(x.array)][1]

    def _number(self, number: float) -> Input:
        key = repr(number)
        if key not in self._numbers:
            name = self.names.take(f"constant {key}".removesuffix(".0"))
            node = Input(name, value=number)
            node.constant = math.isfinite(number)
            self._numbers[key] = self.input(node, ())
        return self._numbers[key]

    def _constant(self, x: Constant) -> Input:
        array = x.array.astype(np.int64) if x.array.dtype.kind in "bu" else x.array
        node = Input(self.names.take(x.name) if x.name else None, value=array)
        if not x.name:
            self.made.append(node)
        return self.input(node, array.shape)

    def add(self, op: type[Op], *inputs: Operand, **attributes: Any) -> Node:
        """Return a new node; raise `MiniflowError` if shapes or attributes do not fit it."""
        nodes = [self.node(x) for x in inputs]
        made = op(*nodes, **attributes)
        shape = made.shape_from(*(self.shapes[node] for node in nodes))
        # As many numbers as an input has are bounded by the file.
        most = max([limits.NUMBERS, *(math.prod(self.shapes[node]) for node in nodes)])
        if math.prod(shape) > most or len(shape) > limits.AXES:
            raise FileError(
                f"its value would have the shape {shape_text(shape)}",
                hint=f"at most {limits.NUMBERS:,} numbers on {limits.AXES} axes",
            )
        return self.enter(made, shape)

    def enter(self, made: Op, shape: Shape) -> Node:
        """Enter a new node whose value has this shape."""
        self.shapes[made] = shape
        if not self.learned.isdisjoint(made.inbound_nodes):
            self.learned.add(made)
        self.made.append(made)
        return made

    def note(self, sentence: str) -> None:
        """Report something to the user about how the file was read, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def bound(self, x: Value, size: int) -> None:
        """Note that the integers of a value are below `size`, and so are those it comes from."""
        stack = [x] if isinstance(x, Node) else []
        seen: set[Node] = set()
        while stack:
            node = stack.pop()
            if node not in self.whole or node in seen:
                continue
            seen.add(node)
            if isinstance(node, Input):
                self.bounds[node] = min(size, self.bounds.get(node, size))
            stack += node.inbound_nodes

    # Constants ---------------------------------------------------------------------------

    def apart(self) -> Builder:
        """Return a builder of nodes that are computed at once, and then dropped."""
        apart = Builder(Names())
        apart.used, apart.total = self.used, self.total
        return apart

    def computed(self, results: Sequence[Any]) -> list[Any]:
        """Return results as constants: all nodes that were made are computed."""
        for node in self.made:
            if isinstance(node, Op):
                self.take(math.prod(self.shapes[node]))
                node.forward()
        return [
            Constant(np.asarray(x.value, np.float64)) if isinstance(x, Node) else x for x in results
        ]

    def call(self, node: Node, name: str) -> None:
        """Say what a node that is not a result is called, within the scope of the call."""
        self._hints[node] = name

    def name_all(self, base: str, results: Sequence[Any]) -> None:
        """Name the nodes of a call: its results after the op, the others after what they are."""
        for node in self.made:
            if any(node is result for result in results):
                node.name = self.names.take(base)
        scope = base[: base.rfind(".") + 1]
        for node in self.made:
            if node.name is None and node in self._hints:
                node.name = self.names.take(scope + self._hints.pop(node))
            elif node.name is None:
                kind = "constant" if isinstance(node, Input) else type(node).__name__.lower()
                node.name = self.names.take(f"{base}_{kind}")
        self.made = []

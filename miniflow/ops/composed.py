"""An op that is computed by other ops: a function of another library, in the words of this one.

Which ops do so may depend on the shapes of its inputs, so they are made when shapes are known. It
is no kind of its own in graph files: there, its parts are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from miniflow.errors import ShapeError
from miniflow.node import Input, Node
from miniflow.ops.base import Array, Calls, Op, Shape, Targets


class Parts(NamedTuple):
    """The ops that compute a composed op, for inputs of certain shapes.

    `inputs` stand for its inputs, in their order; other nodes without inputs are constants, with a
    value. `ops` are in an order in which each comes after its own inputs; `result` is one of them,
    or an input. `shapes` has the shape of every node's value.
    """

    inputs: tuple[Input, ...]
    ops: tuple[Op, ...]
    result: Node
    shapes: Mapping[Node, Shape]

    def shapes_into(self, op: Op) -> list[Shape]:
        """Return the shapes of an op's inputs."""
        return [self.shapes[node] for node in op.inbound_nodes]

    def consumers(self, node: Node) -> list[tuple[Op, int]]:
        """Return the ops that take a node, each with the index of that input."""
        return [
            (op, input_index)
            for op in self.ops
            for input_index, source in enumerate(op.inbound_nodes)
            if source is node
        ]


class Composed(Op):
    """An op whose rules are those of its parts; a subclass defines `make_parts`."""

    arity: ClassVar[tuple[int, int | None]] = (0, None)
    # The op that it is, if it is one, whatever the shapes.
    kin: ClassVar[type[Op] | None] = None
    # What was made of the last shapes.
    _made: tuple[tuple[Shape, ...], Parts] | None = None

    def make_parts(self, *shapes: Shape) -> Parts:
        """Make the ops that compute it, for inputs of these shapes; `ShapeError` if none do."""
        raise NotImplementedError

    def parts(self, *shapes: Shape) -> Parts:
        """Return what `make_parts` makes, the same objects as long as the shapes are the same."""
        if self._made is None or self._made[0] != shapes:
            self._made = shapes, self.make_parts(*shapes)
        return self._made[1]

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape of the last part's value."""
        parts = self.parts(*shapes)
        return parts.shapes[parts.result]

    def part_arrays(self, do: Calls, value: Array, inputs: Sequence[Array]) -> dict[Node, Array]:
        """Return the array of each node of the parts: forward and backward use the same ones."""
        parts = self.parts(*(x.shape for x in inputs))
        arrays: dict[Node, Array] = dict(zip(parts.inputs, inputs, strict=True))
        for number, op in enumerate(parts.ops):
            if op is parts.result:
                arrays[op] = value
            else:
                arrays[op] = do.keep(f"part {number}", parts.shapes[op])
            for source in op.inbound_nodes:
                if source not in arrays:
                    arrays[source] = np.asarray(source.value, do.dtype)
        return arrays

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The calls of the parts, in their order."""
        parts = self.parts(*(x.shape for x in inputs))
        arrays = self.part_arrays(do, out, inputs)
        for number, op in enumerate(parts.ops):
            sources = [arrays[source] for source in op.inbound_nodes]
            state = op.starting_state([x.shape for x in sources], do.dtype)
            inner = do.inner(number, state)
            op.check_calls(inner, *sources)
            op.forward_calls(inner, arrays[op], *sources)
        if not isinstance(parts.result, Op):
            do(np.copyto, out, arrays.get(parts.result, parts.result.value))

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """The backward calls of the parts, in reverse order, then what comes to the inputs."""
        parts = self.parts(*(x.shape for x in inputs))
        sums = self.part_gradients(do, grad, value, inputs)
        for input_index, out in targets:
            found = sums.get(parts.inputs[input_index])
            if found is None:
                do(out.fill, 0.0)
            else:
                do(np.copyto, out, found)

    def part_gradients(
        self, do: Calls, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> dict[Node, Array]:
        """List the backward calls of the parts; return the array of what comes to each node.

        What comes to a part is added up before it sends on.
        """
        parts = self.parts(*(x.shape for x in inputs))
        arrays = self.part_arrays(do, value, inputs)
        known = {*parts.inputs, *parts.ops}
        sums: dict[Node, Array] = {parts.result: grad}
        for number in reversed(range(len(parts.ops))):
            op = parts.ops[number]
            if op not in sums:
                continue
            wanted = [
                (input_index, source, np.zeros_like(arrays[source]))
                for input_index, source in enumerate(op.inbound_nodes)
                if source in known
            ]
            op.backward_calls(
                do.inner(number),
                [(input_index, share) for input_index, _, share in wanted],
                sums[op],
                arrays[op],
                [arrays[source] for source in op.inbound_nodes],
            )
            for _, source, share in wanted:
                if source in sums:
                    do(np.add, sums[source], share, sums[source])
                else:
                    sums[source] = share
        return sums

    @property
    def sets_infinity(self) -> bool:
        """Whether it sets entries to infinity on purpose, so that nobody is warned of it."""
        return False

    def refusal(self, *shapes: Shape) -> str:
        """Return why nothing of ours computes it for inputs of these shapes, or an empty string."""
        try:
            self.parts(*shapes)
        except ShapeError as error:
            return error.problem
        return ""

    def legend(self, *shapes: Shape) -> str:
        """The legend of its parts, if there is only one."""
        if self.refusal(*shapes):
            return ""
        parts = self.parts(*shapes)
        found = {op.legend(*parts.shapes_into(op)) for op in parts.ops} - {""}
        return found.pop() if len(found) == 1 else ""

    def takes_class_numbers(self, input_index: int, *shapes: Shape) -> bool:
        """Whether a part that takes the input does."""
        if self.refusal(*shapes):
            return False
        parts = self.parts(*shapes)
        return any(
            op.takes_class_numbers(k, *parts.shapes_into(op))
            for op, k in parts.consumers(parts.inputs[input_index])
        )

    def takes_infinity(self, input_index: int) -> bool:
        """Whether infinity in an input is ordinary to all parts, once they are known."""
        if self._made is None:
            return False
        parts = self._made[1]
        takers = parts.consumers(parts.inputs[input_index])
        return bool(takers) and all(op.takes_infinity(k) for op, k in takers)

    def stops_gradient(self, input_index: int) -> str:
        """Return why none of the parts sends a gradient to an input, or an empty string.

        Which parts there are is known once it was computed.
        """
        if self._made is None:
            return ""
        parts = self._made[1]
        found = [(op, op.stops_gradient(k)) for op, k in parts.consumers(parts.inputs[input_index])]
        if not found:
            same = parts.result is parts.inputs[input_index]
            return "" if same else f"{self.label} does not use it"
        return found[0][1] if all(reason for _, reason in found) else ""


def op_kind(node: Node) -> type[Node]:
    """Return the class of a node; of a function that is one of our ops, that op's class."""
    return node.kin or type(node) if isinstance(node, Composed) else type(node)

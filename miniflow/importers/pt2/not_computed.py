"""A call that miniflow has no rule for: a node of the graph whose value is not computed."""

from __future__ import annotations

from collections.abc import Sequence

from miniflow.errors import GraphError
from miniflow.node import Node
from miniflow.ops.base import Array, Calls, Op, Shape, Targets


class NotComputed(Op):
    """A node with the shape that the file gives it; a forward pass ends here with an error.

    `aten` is the op's name, `reason` why it is not computed.
    """

    arity = (1, None)
    role = "an op that is not known sends nothing"

    def __init__(self, inputs: Sequence[Node], shape: Shape, aten: str, reason: str) -> None:
        super().__init__(*inputs)
        self.shape = shape
        self.aten = aten
        self.reason = reason

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape in the file."""
        return self.shape

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Raise `GraphError`."""
        do(self._refuse)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """Raise `GraphError`."""
        do(self._refuse)

    def _refuse(self) -> None:
        raise GraphError(f"not computed: ATen op {self.aten} {self.reason}", where=self.label)

    def formula(self, *names: str) -> str:
        """aten.op(x)."""
        return f"{self.aten}({', '.join(names)})"

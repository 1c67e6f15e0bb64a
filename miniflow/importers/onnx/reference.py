"""A node whose op has no rule here: computed by the reference implementation of ONNX.

It steps forward like any node. Backward, nothing is made up: of an op that is constant between its
jumps, such as Floor, no gradient is sent; of any other, what is sent is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.importers.onnx.folding import Evaluator, Opsets
from miniflow.importers.onnx.values import Dtype
from miniflow.node import Node
from miniflow.ops.base import Array, Calls, Op, Shape, shape_text

# Ops of numbers that are constant between their jumps.
IN_JUMPS = frozenset(
    [
        "Floor",
        "Ceil",
        "Round",
        "Sign",
        "Hardmax",
        "OneHot",
        "Binarizer",
        "IsNaN",
        "IsInf",
        "Not",
        "And",
        "Or",
        "Xor",
        "Shape",
        "Size",
        "NonZero",
        "ArgMax",
        "ArgMin",
        "EyeLike",
    ]
)
# Those that are not so in every input: the number of the one that they take numbers from.
TAKES_FROM = {"OneHot": 2}


class ReferenceOp(Op):
    """Base of the nodes that the reference implementation computes, a class for each op."""

    arity = (0, None)
    in_jumps: ClassVar[bool] = False
    _evaluator: Evaluator
    _names: Sequence[str]
    _dtypes: Sequence[Dtype]
    _known: Mapping[str, Array]
    _output: int
    _shape: Shape

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape that was inferred when the file was read."""
        return self._shape

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """One call of the reference implementation."""
        do(self._run, out, inputs)

    def _run(self, out: Array, inputs: Sequence[Array]) -> None:
        # Floats are computed in the type of the graph, whatever the file says.
        given = {
            name: array.astype(out.dtype) if array.dtype.kind == "f" else array
            for name, array in self._known.items()
        }
        for name, dtype, array in zip(self._names, self._dtypes, inputs, strict=True):
            given[name] = array if dtype.kind == "f" else array.astype(dtype)
        found = np.asarray(self._evaluator(given)[self._output])
        if found.shape != out.shape:
            raise ShapeError(
                f"its value has shape {shape_text(found.shape)}, not {shape_text(out.shape)} as "
                "when the file was read",
                where=self.label,
            )
        np.copyto(out, found, casting="unsafe")

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """0 between jumps; else NaN, which is no number: what is sent is not known."""
        do(out.fill, 0.0 if self.in_jumps else np.nan)

    def stops_gradient(self, input_index: int) -> str:
        """Nothing is sent by what is constant between its jumps."""
        kind = type(self).__name__
        return (
            f"{kind} sends no gradient: it is constant between its jumps" if self.in_jumps else ""
        )

    def unknown_gradient(self, input_index: int) -> str:
        """There is no rule for the gradient of any other op."""
        if self.in_jumps:
            return ""
        return f"no gradient of the ONNX op {type(self).__name__} is known ({self.label})"

    def formula(self, *names: str) -> str:
        """The op of its inputs."""
        return f"{type(self).__name__}({', '.join(names)})"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """0, or not known."""
        return "0" if self.in_jumps else f"∂{name}/∂{names[input_index]}"


_CLASSES: dict[tuple[str, bool], type[ReferenceOp]] = {}


def _class_of(kind: str, in_jumps: bool) -> type[ReferenceOp]:
    if (kind, in_jumps) not in _CLASSES:
        role = (
            f"{kind} is constant between its jumps: it sends no gradient"
            if in_jumps
            else f"no gradient of the ONNX op {kind} is known: what it sends back is not known"
        )
        fields = {"in_jumps": in_jumps, "role": role, "__doc__": f"The ONNX op {kind}."}
        _CLASSES[kind, in_jumps] = type(kind, (ReferenceOp,), fields)
    return _CLASSES[kind, in_jumps]


def reference_op(
    proto: Any,
    opsets: Opsets,
    inputs: Sequence[tuple[str, Node, Dtype]],
    known: Mapping[str, Array],
    output: tuple[int, Dtype, Shape],
    name: str,
) -> ReferenceOp:
    """Return the node of one output of a node in the file.

    `inputs` are its names in the file, with their nodes and types; `known` are the other inputs.
    """
    number, dtype, shape = output
    taken = proto.input[TAKES_FROM[proto.op_type]] if proto.op_type in TAKES_FROM else ""
    in_jumps = proto.op_type in IN_JUMPS and all(given != taken for given, _, _ in inputs)
    in_jumps = in_jumps or dtype.kind != "f" or all(kind.kind != "f" for _, _, kind in inputs)
    kind = _class_of(proto.op_type if proto.op_type.isidentifier() else "Op", in_jumps)
    op = kind.of([node for _, node, _ in inputs], name, {})
    op._evaluator = Evaluator(proto, opsets)
    op._names = [given for given, _, _ in inputs]
    op._dtypes = [kind for _, _, kind in inputs]
    op._known = dict(known)
    op._output, op._shape = number, shape
    return op

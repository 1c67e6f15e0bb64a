"""One node at a time: its types, and its value where all inputs are known.

Both ask the `onnx` package: shape inference, and the reference implementation of every op.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import defs, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from miniflow import limits
from miniflow.errors import GraphError
from miniflow.importers.onnx.values import Dtype, wide, widened
from miniflow.ops.base import Array, Shape, shape_text

Opsets = Mapping[str, int]
# The type and the shape of each output, as far as they are known.
Types = Mapping[str, tuple[Dtype, tuple[int | None, ...] | None]]
# Each run of one of these draws other numbers; a pass could not be repeated bit for bit.
RANDOM = frozenset(
    [
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    ]
)
# These could run for ever, or hold values that are not tensors.
CONTROL = frozenset(["Loop", "Scan", "SequenceMap"])


def schema_of(node: Any, opsets: Opsets) -> Any | None:
    """Return the definition of a node's op in the opset of its file, or None if unknown."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    version = opsets.get(domain, opsets.get("ai.onnx", 0) if not domain else 0)
    if not version or not defs.has(node.op_type, domain):
        return None
    try:
        return defs.get_schema(node.op_type, version, domain)
    except defs.SchemaError:
        return None


def element_type(dtype: Dtype) -> int:
    """Return the number by which ONNX knows a type of numbers."""
    return int(helper.np_dtype_to_tensor_dtype(dtype))


def type_of(element: int) -> Dtype:
    """Return the type with which numbers of a type of ONNX are computed."""
    return wide(np.dtype(helper.tensor_dtype_to_np_dtype(element)))


def type_proto(dtype: Dtype, shape: Shape) -> Any:
    """Return the type of a tensor."""
    return helper.make_tensor_type_proto(element_type(dtype), list(shape))


def output_types(
    node: Any,
    opsets: Opsets,
    types: Mapping[str, tuple[Dtype, Shape]],
    known: Mapping[str, Array],
) -> Types:
    """Return type and shape of each output, as far as they can be inferred.

    `known` are the values of inputs whose numbers decide about shapes. Outputs that are not
    tensors are left out. Raises `GraphError` if the inputs do not fit the op.
    """
    schema = schema_of(node, opsets)
    if schema is None:
        return {}
    numbers = {
        name: numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in known.items()
        if array.dtype != object and array.size <= 1024
    }
    try:
        found = shape_inference.infer_node_outputs(
            schema,
            node,
            {name: type_proto(*given) for name, given in types.items()},
            numbers,
            opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()],
        )
    except Exception as error:  # InferenceError, ValidationError, and what bindings raise
        raise GraphError(_one_line(error), where=where(node)) from None
    result: dict[str, tuple[Dtype, tuple[int | None, ...] | None]] = {}
    for name, proto in found.items():
        if not proto.HasField("tensor_type"):
            continue
        tensor = proto.tensor_type
        shape = None
        if tensor.HasField("shape"):
            shape = tuple(
                n.dim_value if n.HasField("dim_value") else None for n in tensor.shape.dim
            )
        if tensor.elem_type:
            result[name] = type_of(tensor.elem_type), shape
    return result


def _one_line(error: Exception) -> str:
    """Return what the onnx package says, without where in its source."""
    text = " ".join(str(error).split()).replace("[ShapeInferenceError]", "")
    return (
        text.split(") ", 1)[-1].strip()[:300] if text.startswith("(op_type") else text.strip()[:300]
    )


def where(node: Any) -> str:
    """Return how a node of the file is called in errors."""
    return str(node.name or next(iter(node.output), "") or node.op_type)


def check_size(name: str, shape: Sequence[int | None] | None) -> None:
    """Raise `GraphError` if a value would be larger than the limits, before it is computed."""
    if shape is None:
        return
    size = math.prod(n or 1 for n in shape)
    if size > limits.NUMBERS or len(shape) > limits.AXES:
        text = shape_text(tuple(shape))
        raise GraphError(
            f"its value would have shape {text}: {size:,} numbers",
            where=name,
            hint=f"at most {limits.NUMBERS:,} numbers on {limits.AXES} axes",
        )


class Evaluator:
    """Runs one node by the reference implementation."""

    def __init__(self, node: Any, opsets: Opsets) -> None:
        self.node = node
        # Given a node alone, it takes the newest version of the op, whatever the opset is.
        model = helper.make_model(
            helper.make_graph(
                [node],
                "node",
                [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(node.input) if name],
                [onnx.ValueInfoProto(name=name) for name in node.output if name],
            ),
            opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()],
        )
        self._evaluator = ReferenceEvaluator(model)
        self._places = [i for i, name in enumerate(node.output) if name]

    def __call__(self, given: Mapping[str, Array]) -> list[Any]:
        """Return the outputs for these inputs by name; raise `GraphError` if it cannot run."""
        try:
            with np.errstate(all="ignore"):
                found = self._evaluator.run(None, dict(given))
        except Exception as error:  # the reference implementation raises anything
            raise GraphError(
                f"{self.node.op_type} cannot be computed: {_one_line(error)}",
                where=where(self.node),
            ) from None
        # An output that the node leaves out has no name, and no value here.
        outputs: list[Any] = [None] * len(self.node.output)
        for place, x in zip(self._places, found, strict=True):
            outputs[place] = widened(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x
        return outputs


def evaluate(node: Any, opsets: Opsets, given: Mapping[str, Array]) -> list[Any]:
    """Return the outputs of a node whose inputs are known, within the limits of size."""
    types = {name: (array.dtype, array.shape) for name, array in given.items()}
    if node.op_type == "Range":
        start, stop, step = (float(np.asarray(given[name]).reshape(())) for name in node.input)
        check_size(where(node), [max(0, math.ceil((stop - start) / step))] if step else None)
    elif all(array.dtype != object for array in given.values()):
        for _, shape in output_types(node, opsets, types, given).values():
            check_size(where(node), shape)
    return Evaluator(node, opsets)(given)


def constant_of(node: Any, read: Any) -> Array:
    """Return the numbers of a Constant; `read` reads a tensor."""
    for attribute in node.attribute:
        if attribute.name == "value":
            array: Array = read(attribute.t)
            return array
    return np.asarray(Evaluator(node, {"": onnx.defs.onnx_opset_version()})({})[0])

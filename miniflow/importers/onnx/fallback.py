"""The nodes of an op without a rule, which the reference implementation computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from miniflow.errors import GraphError
from miniflow.importers.onnx.builder import Builder
from miniflow.importers.onnx.call import Call
from miniflow.importers.onnx.folding import Opsets, Types, check_size, evaluate, where
from miniflow.importers.onnx.reference import reference_op
from miniflow.importers.onnx.values import Dtype, Known, UnknownError, Value
from miniflow.node import Node
from miniflow.ops.base import Array, Shape


def by_reference(
    builder: Builder, call: Call, opsets: Opsets, types: Types, why: str
) -> list[Value | None]:
    """Return the outputs of a call, a node for each; `why` is what no rule can do."""
    node = call.proto
    sources: list[tuple[str, Node, Dtype]] = []
    known: dict[str, Array] = {}
    for index, (given, value) in enumerate(zip(node.input, call.inputs, strict=True)):
        if value is None or given in known or given in (source[0] for source in sources):
            continue
        if isinstance(value, Known) and not value.is_weight:
            known[given] = value.array
        else:
            sources.append((given, call.node(index), value.dtype))
    found: list[Value | None] = []
    for number, output in enumerate(node.output):
        if not output:
            found.append(None)
            continue
        dtype, inferred = types.get(output, (None, None))
        if dtype is None or dtype.kind not in "fiub":
            raise GraphError(
                f"{node.op_type} gives what is not a tensor of numbers", where=where(node)
            )
        if inferred is None or None in inferred:
            shape = _shape_by_running(builder, node, call.inputs, opsets, number)
        else:
            shape = tuple(n or 0 for n in inferred)
        check_size(where(node), shape)
        name = f"{call.name}.{number}" if len(node.output) > 1 else call.name
        place = number, dtype, shape
        made = reference_op(node, opsets, sources, known, place, builder.unique(name))
        builder.add(made, shape)
        found.append(builder.computed(made, dtype, node, call.inputs, opsets, number))
        if not made.in_jumps:
            more = f": {why}" if why else ""
            builder.notes.append(
                f"{made.label} ({node.op_type}) is computed by onnx.reference, and no gradient is "
                f"known before it{more}."
            )
    return found


def _shape_by_running(
    builder: Builder, node: Any, inputs: Sequence[Value | None], opsets: Opsets, number: int
) -> Shape:
    """Return the shape of an output that the numbers of inputs decide.

    What is not known counts as ones: of most ops the floats do not decide. If they do, the pass
    says so.
    """
    given: dict[str, Array] = {}
    fixed: frozenset[str] = frozenset()
    for name, value in zip(node.input, inputs, strict=True):
        if isinstance(value, Known):
            given[name] = value.array
        elif value is not None:
            try:
                given[name] = value.sample()
                fixed |= value.inputs if value.dtype.kind != "f" else frozenset()
            except UnknownError:
                given[name] = np.ones(value.shape, value.dtype)
    if fixed:
        builder.fix(fixed, where(node))
    return np.shape(evaluate(node, opsets, given)[number])

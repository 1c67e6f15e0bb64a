"""Nodes that stand for several others: functions of a file, and ops that ONNX defines by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from miniflow.errors import GraphError
from miniflow.importers.onnx.folding import Opsets, schema_of, type_proto
from miniflow.importers.onnx.values import Dtype
from miniflow.ops.base import Shape
from miniflow.text.lists import counted


def body_of(
    node: Any, opsets: Opsets, types: Mapping[str, tuple[Dtype, Shape]]
) -> tuple[Any, Opsets] | None:
    """Return the nodes that define an op of ONNX, as a function, and their opsets; None if none.

    `types` are those of its inputs.
    """
    schema = schema_of(node, opsets)
    if schema is None:
        return None
    version = opsets.get(schema.domain, 1)
    try:
        if schema.has_function:
            found = _latest(schema.function_opset_versions, version)
            body = schema.get_function_with_opset_version(found)
        elif schema.has_context_dependent_function:
            found = _latest(schema.context_dependent_function_opset_versions, version)
            empty = onnx.TypeProto().SerializeToString()
            given = [
                type_proto(*types[name]).SerializeToString() if name else empty
                for name in node.input
            ]
            body = schema.get_context_dependent_function_with_opset_version(
                found, node.SerializeToString(), given
            )
        else:
            return None
    except Exception:  # the bindings raise what they find
        return None
    if isinstance(body, bytes):
        if not body:
            return None
        body = onnx.FunctionProto.FromString(body)
    wanted = {entry.domain: entry.version for entry in body.opset_import}
    return body, {**opsets, **wanted}


def _latest(versions: Sequence[int], version: int) -> int:
    """Return the last of the versions that is not above `version`."""
    return max((v for v in versions if v <= version), default=min(versions))


def nodes_of(function: Any, call: Any, defaults: Mapping[str, Any]) -> list[Any]:
    """Return the nodes of a function with the attributes of the node that calls it.

    `defaults` are the attributes that the call need not give. Raises `GraphError` for one that is
    missing.
    """
    given = dict(defaults)
    given |= {attribute.name: attribute for attribute in function.attribute_proto}
    given |= {attribute.name: attribute for attribute in call.attribute}
    found = []
    for node in function.node:
        if any(attribute.ref_attr_name for attribute in node.attribute):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            del copy.attribute[:]
            for attribute in node.attribute:
                if not attribute.ref_attr_name:
                    copy.attribute.append(attribute)
                elif attribute.ref_attr_name in given:
                    value = onnx.AttributeProto()
                    value.CopyFrom(given[attribute.ref_attr_name])
                    value.name = attribute.name
                    copy.attribute.append(value)
            node = copy
        found.append(node)
    if len(call.input) > len(function.input) or len(call.output) > len(function.output):
        raise GraphError(
            f"the function {function.name!r} takes {counted(len(function.input), 'input')} and "
            f"has {counted(len(function.output), 'output')}",
            where=call.name or call.op_type,
        )
    return found


def defaults_of(node: Any, opsets: Opsets) -> dict[str, Any]:
    """Return the attributes of an op of ONNX that a node need not give."""
    schema = schema_of(node, opsets)
    if schema is None:
        return {}
    return {
        name: attribute.default_value
        for name, attribute in schema.attributes.items()
        if attribute.default_value is not None and attribute.default_value.type
    }

"""Sequences of tensors, as PyTorch's exporter writes the parts of a split before it optimizes.

A graph has no values that are sequences: they are taken apart while the file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import helper

from miniflow.errors import GraphError
from miniflow.importers.onnx.folding import where
from miniflow.importers.onnx.values import Computed, Known, Value

KINDS = frozenset(("SplitToSequence", "SequenceConstruct", "SequenceAt"))
# Translates a node with these inputs.
Translate = Callable[[Any, Sequence[Value | None]], Sequence[Value | None]]


class Sequences:
    """The sequences of one model, by the scope and the name of the node that makes them."""

    def __init__(self) -> None:
        self._found: dict[str, list[Value]] = {}

    def values_of(
        self, node: Any, inputs: Sequence[Value | None], scope: str, translate: Translate
    ) -> Sequence[Value | None]:
        """Return the outputs of a node of these `KINDS`; a sequence itself is no value."""
        if node.op_type == "SequenceAt":
            items = self._found.get(scope + node.input[0])
            index = inputs[1] if len(inputs) > 1 else None
            if items is None or not isinstance(index, Known):
                raise _refused(node)
            place = int(np.asarray(index.array).reshape(-1)[0])
            if not -len(items) <= place < len(items):
                raise GraphError(
                    f"a sequence of {len(items)} has no item {place}", where=where(node)
                )
            return [items[place]]
        if node.op_type == "SequenceConstruct":
            items = [value for value in inputs if value is not None]
        else:
            items = _parts(node, inputs, translate)
        self._found[scope + node.output[0]] = items
        return [None]


def _parts(node: Any, inputs: Sequence[Value | None], translate: Translate) -> list[Value]:
    """Return the parts of a SplitToSequence, as a Split with as many outputs makes them."""
    given = {attribute.name: attribute.i for attribute in node.attribute}
    x, sizes = inputs[0], inputs[1] if len(inputs) > 1 else None
    if not isinstance(x, Computed | Known) or isinstance(sizes, Computed):
        raise _refused(node)
    axis = given.get("axis", 0)
    if not -len(x.shape) <= axis < len(x.shape):
        raise GraphError(f"its input has no axis {axis}", where=where(node))
    size = x.shape[axis]
    if sizes is None:
        if not given.get("keepdims", 1):
            raise _refused(node)
        wanted = [1] * size
    elif sizes.array.ndim:
        wanted = [int(n) for n in sizes.array]
    else:
        each = max(1, int(sizes.array))
        wanted = [min(each, size - start) for start in range(0, size, each)]
    outputs = [f"{node.output[0]}_{i}" for i in range(len(wanted))]
    split = helper.make_node("Split", [node.input[0], "split"], outputs, node.name, axis=axis)
    split.metadata_props.extend(node.metadata_props)
    found = translate(split, [x, Known(np.asarray(wanted), "split")])
    return [value for value in found if value is not None]


def _refused(node: Any) -> GraphError:
    return GraphError(
        f"{node.op_type} depends on what is known in a pass only, which is not supported",
        where=where(node),
    )

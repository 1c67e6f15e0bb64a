"""Numbers among the inputs of an op in a graph file: each becomes an Input with a name of its own.

Equal numbers in one scope are one Input, called `constant 2`. Saving writes the number again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from miniflow.files.schema import NodeForm
from miniflow.node import Input


def with_constants(nodes: Sequence[NodeForm]) -> tuple[list[NodeForm], set[str]]:
    """Return the nodes with numbers replaced by names, the Inputs for them at the end; their names.

    At the end, so that every other node keeps its position in the file.
    """
    if all(type(source) is str for node in nodes for source in node.inputs or ()):
        return list(nodes), set()
    taken = {node.name for node in nodes}
    made: dict[tuple[str, float, bool], NodeForm] = {}

    def name_of(number: float, scope: str) -> str:
        # 0.0 and -0.0 are equal, but not the same number.
        key = scope, number, math.copysign(1.0, number) < 0
        if key not in made:
            name = f"{scope}constant {number!r}".removesuffix(".0")
            while name in taken:
                name += "'"
            taken.add(name)
            made[key] = NodeForm(name=name, op="Input", value=number)
        return made[key].name

    changed = []
    for node in nodes:
        if node.inputs and any(type(source) is not str for source in node.inputs):
            scope = node.name[: node.name.rfind("/") + 1]
            names: list[str | float] = [
                source if isinstance(source, str) else name_of(source, scope)
                for source in node.inputs
            ]
            node = replace(node, inputs=names)
        changed.append(node)
    constants = list(made.values())
    return [*changed, *constants], {node.name for node in constants}


def is_constant(node: object) -> bool:
    """Whether a node is written as a number among the inputs of an op."""
    if not isinstance(node, Input) or not node.constant or node.trainable or node.value is None:
        return False
    value = np.asarray(node.value)
    return value.shape == () and bool(np.isfinite(value))

"""Inputs that have no gradient, because none of their consumers sends one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniflow.node import Input, Node
from miniflow.ops.base import Op, Shape

if TYPE_CHECKING:
    from miniflow.structure import Structure


def stops(graph: Structure, node: int, input_index: int) -> str:
    """Return why a node never sends a gradient to one of its inputs, or an empty string."""
    op = graph.nodes[node]
    return op.stops_gradient(input_index) if isinstance(op, Op) else ""


def inputs_without_gradient(graph: Structure, shapes: list[Shape]) -> dict[int, str]:
    """Return why, for each input that is not trained and that no consumer sends a gradient."""
    reasons: dict[tuple[int, int], str] = {}
    for i, node in enumerate(graph.nodes):
        if not isinstance(node, Op) or not _may_stop(type(node)):
            continue
        input_shapes = [shapes[source] for source in graph.inbound[i]]
        for input_index in range(len(input_shapes)):
            takes = node.takes_class_numbers(input_index, *input_shapes)
            number = f"{node.integers} has no gradient" if takes else ""
            if reason := node.stops_gradient(input_index) or number:
                reasons[i, input_index] = reason
    sources = {
        graph.inbound[i][input_index]: reason for (i, input_index), reason in reasons.items()
    }
    return {
        source: reason
        for source, reason in sources.items()
        if isinstance(node := graph.nodes[source], Input)
        and not node.trainable
        and reasons.keys() >= set(graph.consumers[source])
    }


def gradients_not_known(graph: Structure) -> dict[int, str]:
    """Return why, for each node with a gradient that is not known, because a consumer lacks a rule.

    Neither is that of any node before such a one, unless the gradient stops in between.
    """
    found: dict[int, str] = {}
    kinds = {type(node) for node in graph.nodes if isinstance(node, Op)}
    if all(kind.unknown_gradient is Op.unknown_gradient for kind in kinds):
        return found
    for i in graph.backward_nodes:
        node = graph.nodes[i]
        for input_index, source in enumerate(graph.inbound[i]):
            if source not in found and (reason := _unknown(node, input_index, found.get(i, ""))):
                found[source] = reason
    return found


def _unknown(node: Node, input_index: int, reason: str) -> str:
    """Return why what a node sends is not known; `reason` is why its own gradient is not."""
    if not isinstance(node, Op):
        return reason
    if node.stops_gradient(input_index):
        return ""
    return node.unknown_gradient(input_index) or reason


def _may_stop(kind: type[Op]) -> bool:
    return (
        kind.takes_class_numbers is not Op.takes_class_numbers
        or kind.stops_gradient is not Op.stops_gradient
    )

"""Layers: each box stands right of all that it takes."""

from __future__ import annotations

from mfdebug.core.circuit.boxes import Box, Item, Parts


def assign_layers(parts: Parts) -> list[list[Item]]:
    """Assign each box its layer; return the items of each layer, wires that pass included.

    A box's layer is its longest path from an input. Then, from the right, a box moves to just
    before its nearest consumer if no wire gets longer by it: inputs stand beside their consumers.
    """
    order = _in_order(parts.boxes)
    for box in order:
        box.layer = 1 + max((wire.source.layer for wire in box.takes), default=-1)
    for box in reversed(order):
        after = min((end.layer for wire in box.gives for end, _ in wire.ends), default=None)
        if after is None:
            continue
        computed = {id(wire) for wire in box.takes if wire.source.takes}
        if len(computed) <= len(box.gives):
            box.layer = max(box.layer, after - 1)
    first = min(box.layer for box in parts.boxes)
    for box in parts.boxes:
        box.layer -= first
    layers: list[list[Item]] = [[] for _ in range(1 + max(box.layer for box in parts.boxes))]
    for box in parts.boxes:
        layers[box.layer].append(box)
    for wire in parts.wires:
        wire.last = max((end.layer - 1 for end, _ in wire.ends), default=wire.source.layer)
        for layer in range(wire.source.layer + 1, wire.last + 1):
            layers[layer].append(wire)
    return layers


def passing(parts: Parts) -> int:
    """Return how many cells of layers the wires pass, by the boxes' longest paths."""
    depth: dict[Box, int] = {}
    for box in _in_order(parts.boxes):
        depth[box] = 1 + max((depth[wire.source] for wire in box.takes), default=-1)
    return sum(
        max((depth[end] for end, _ in wire.ends), default=0) - depth[wire.source]
        for wire in parts.wires
        if wire.source.takes and wire.ends
    )


def _in_order(boxes: list[Box]) -> list[Box]:
    """Return the boxes in topological order: depth first, without recursion."""
    seen: set[Box] = set()
    order: list[Box] = []
    for start in boxes:
        if start in seen:
            continue
        seen.add(start)
        stack = [(start, iter(start.takes))]
        while stack:
            box, wires = stack[-1]
            wire = next(wires, None)
            if wire is None:
                order.append(box)
                stack.pop()
            elif wire.source not in seen:
                seen.add(wire.source)
                stack.append((wire.source, iter(wire.source.takes)))
    return order

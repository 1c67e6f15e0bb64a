"""A drawing as data: boxes and wires, for programs."""

from __future__ import annotations

from typing import Any

from mfdebug.core.circuit.boxes import Box, Kind
from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.timeline.debugger import Debugger, Freshness


def circuit_data(circuit: Circuit, debugger: Debugger) -> dict[str, Any]:
    """Return the boxes with their places, and the wires with what they carry."""
    graph = debugger.graph
    lit = set(circuit.lit(debugger))
    here = debugger.where.node
    wires = []
    for edge in circuit.layout.paths:
        source, box = edge.wire.node, edge.box
        if source is None or box.kind is Kind.EXIT:
            continue
        wires.append(
            {
                "from": graph.nodes[source].label,
                "to": box.key,
                "input": edge.port,
                "carries": box is circuit.box_of(here) and (source, here) in lit
                if here is not None
                else False,
            }
        )
    return {
        "width": circuit.width,
        "height": circuit.height,
        "plan": circuit.plan,
        "boxes": [_box_data(circuit, debugger, box) for box in circuit.boxes],
        "wires": wires,
    }


def _box_data(circuit: Circuit, debugger: Debugger, box: Box) -> dict[str, Any]:
    graph, shapes = debugger.graph, debugger.plan.shapes
    found: dict[str, Any] = {
        "name": box.key,
        "kind": box.kind.name.lower(),
        "rectangle": list(circuit.rectangle(box)),
        "active": debugger.where.node in box.nodes,
    }
    if len(box.nodes) != 1:
        return found | {"nodes": [graph.nodes[node].label for node in box.nodes]}
    (node,) = box.nodes
    return found | {
        "op": type(graph.nodes[node]).__name__,
        "shape": list(shapes[node]),
        "trained": box.trained,
        "value": _state(debugger.state.value_freshness(node)),
        "gradient": _state(debugger.state.gradient_freshness(node)),
    }


def _state(freshness: Freshness) -> str:
    return freshness.value

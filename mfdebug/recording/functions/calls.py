"""From a recorded node to the op of its call."""

from __future__ import annotations

from collections.abc import Sequence

from mfdebug.recording.functions.call import FunctionCall
from mfdebug.recording.functions.table import kin_of, maker_of
from mfdebug.recording.records import RecordedNode
from miniflow.errors import GraphError
from miniflow.node import Node

# The classes of calls, by what is shown as their kind, by their function, and whether they are one
# of its results.
_CLASSES: dict[tuple[str, str, bool], type[FunctionCall]] = {}


def call_of(
    nodes: Sequence[RecordedNode], number: int, inbound: list[Node], kind: str, name: str
) -> FunctionCall | None:
    """Return node `number` as an op on `inbound`; None if its function is not in the table.

    `kind` is the printable name of its class.
    """
    node = nodes[number]
    if node.is_own:
        return None
    call, part = node, 0
    if node.is_result:
        call = nodes[node.inbound[0]]
        given = node.attributes.get("part")
        part = given if isinstance(given, int) else 0
    make = maker_of(call.kind)
    if make is None or not inbound:
        return None
    key = kind, call.kind, node.is_result
    if key not in _CLASSES:
        kin = None if node.is_result else kin_of(call.kind)
        body = {"__module__": __name__, "make": staticmethod(make), "kin": kin}
        _CLASSES[key] = type(kind, (FunctionCall,), body)
    attributes = {
        **{key: value for key, value in call.attributes.items() if key in ("arguments", "options")},
        "types": [_type_of(nodes[source]) for source in call.inbound],
        "part": part,
    }
    try:
        return _CLASSES[key].of(inbound, name, attributes)
    except GraphError:
        return None


def _type_of(node: RecordedNode) -> str:
    if node.inbound or node.trained:
        return "learned"
    dtype = str(node.attributes.get("dtype", ""))
    return "bool" if dtype == "bool" else "whole" if dtype else ""

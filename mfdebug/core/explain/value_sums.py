"""The sum that made one entry of a node's value, in symbols and numbers."""

from __future__ import annotations

from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops import explained, explainer_of
from mfdebug.core.explain.ops.unknown import unknown_value
from mfdebug.core.explain.sums import Sums
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import Index


def value_sums(debugger: Debugger, node: int, index: Index) -> Sums:
    """Return how an op made one entry of its value of its inputs as they stand."""
    view = NodeView(debugger, node)
    if (departs := debugger.departs(node, "forward")) and explainer_of(view.op) is not None:
        return unknown_value(view, index, f"the program's number is another: {departs}")
    if (found := explained(view)) is None:
        kind = type(view.op).__name__
        note = f"{kind} has its own forward(): how it makes this number is not known"
        return unknown_value(view, index, note)
    op, explainer = found
    return explainer.value(view, op, index)

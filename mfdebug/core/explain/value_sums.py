"""One entry of a node's value as a sum of terms, in symbols and numbers."""

from __future__ import annotations

from mfdebug.core.explain.freshness import overridden_since_made
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops import applicable_explainer, explainer_of
from mfdebug.core.explain.ops.unknown import unknown_value
from mfdebug.core.explain.own_rules import value_note
from mfdebug.core.explain.sums import Sums
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import Index


def value_sums(debugger: Debugger, node: int, index: Index) -> Sums:
    """Return how an op computes one entry of its value from the present values of its inputs."""
    view = NodeView(debugger, node)
    if (departs := debugger.state.departs(node, "forward")) and explainer_of(view.op) is not None:
        return unknown_value(view, index, f"the program's number is another: {departs}")
    if (found := applicable_explainer(view)) is None:
        return unknown_value(view, index, value_note(view))
    if changed := overridden_since_made(debugger, node):
        return unknown_value(view, index, changed)
    op, explainer = found
    return explainer.value(view, op, index)

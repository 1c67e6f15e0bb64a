"""The sum that made one entry of a node's value, in symbols and numbers."""

from __future__ import annotations

from mfdebug.core.explain.node_at import Site
from mfdebug.core.explain.ops import explained, explainer_of
from mfdebug.core.explain.ops.unknown import unknown_value
from mfdebug.core.explain.sums import Sums
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import Index


def value_sums(debugger: Debugger, node: int, index: Index) -> Sums:
    """Return how an op made one entry of its value of its inputs as they stand."""
    site = Site(debugger, node)
    if (departs := debugger.departs(node, "forward")) and explainer_of(site.op) is not None:
        return unknown_value(site, index, f"the program's number is another: {departs}")
    if (found := explained(site)) is None:
        kind = type(site.op).__name__
        note = f"{kind} has its own forward(): how it makes this number is not known"
        return unknown_value(site, index, note)
    op, explainer = found
    return explainer.value(site, op, index)

"""The names of ops and of moments, as the screen shows them."""

from __future__ import annotations

from mfdebug.core.explain.ordering_text import ordering_title
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.timeline import Moment
from miniflow.node import Node


def kind_of(node: Node) -> str:
    """Return the node's op as the screen names it."""
    return type(node).__name__


def name_moment(debugger: Debugger, moment: Moment) -> str:
    """Return a moment's name: `backward of l1 (Linear)`."""
    if moment.phase == "start":
        return "the start: nothing has happened yet"
    if moment.phase == "order":
        return ordering_title(debugger, moment.part)
    if moment.node is None:
        return "feed: every input gets its value"
    node = debugger.graph.nodes[moment.node]
    return f"{moment.phase} of {node.label} ({kind_of(node)})"

"""The moments at which the topological order is found, in words: Kahn's algorithm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.ordering import Ordering
from miniflow.text.lists import ordinal, series

# The most nodes of the queue and of the order that are named, and consumers with a line each.
MOST_NAMED = 12
MOST_LINES = 8


def ordering_lines(debugger: Debugger) -> list[str]:
    """Return the lines that explain the present moment, one before the start, without a title."""
    graph, placed = debugger.graph, debugger.timeline.placed(debugger.moment)
    ordering = debugger.timeline.ordering
    lines = list(_placement(debugger, ordering, placed - 1) if placed else _counted(debugger))
    queue = ordering.queue(placed, MOST_NAMED)
    more = queue.length - len(queue.first)
    waiting = [*_names(debugger, queue.first), *([f"… {more:,} more"] if more else [])]
    lines.append(f"queue: {', '.join(waiting) or 'empty'}")
    last = _names(debugger, range(max(0, placed - MOST_NAMED), placed))
    earlier = "… " if placed > MOST_NAMED else ""
    lines.append(f"order: {earlier}{', '.join(last) or 'empty'}")
    if placed == len(graph):
        lines.append("all are placed: forward runs this list from its start, backward from its end")
    return lines


def _counted(debugger: Debugger) -> Iterator[str]:
    """Yield what holds before the first node is placed."""
    graph = debugger.graph
    yield "a node may be placed when all its inputs are: it waits for as many as it takes"
    declared = [node.label for node in graph.declared[:MOST_NAMED]]
    if graph.declared != graph.nodes:
        more = ", …" if len(graph) > MOST_NAMED else ""
        yield f"as written: {', '.join(declared)}{more}"
    yield "those that wait for nothing are in the queue; each step places its first"


def _placement(debugger: Debugger, ordering: Ordering, node: int) -> Iterator[str]:
    """Yield what the placement of a node takes, and what it does to its consumers."""
    graph = debugger.graph
    takes = series(_names(debugger, list(dict.fromkeys(graph.inbound[node]))), ", ")
    yield f"takes {takes}: placed before" if takes else "takes nothing: it never had to wait"
    consumers = list(dict.fromkeys(consumer for consumer, _ in graph.consumers[node]))
    for consumer in consumers[:MOST_LINES]:
        before, left = (ordering.waits_for(consumer, placed) for placed in (node, node + 1))
        then = f"now for {left}" if left else "now for none: it joins the queue"
        yield f"{graph.nodes[consumer].label} waited for {before}, {then}"
    if len(consumers) > MOST_LINES:
        yield f"… {len(consumers) - MOST_LINES:,} more consumers"


def _names(debugger: Debugger, nodes: Sequence[int]) -> list[str]:
    return [debugger.graph.nodes[i].label for i in nodes]


def ordering_title(debugger: Debugger, placed: int) -> str:
    """Return what the step does that makes the order `placed` nodes long."""
    if not placed:
        return "Kahn's algorithm: every node counts its inputs"
    label = debugger.graph.nodes[placed - 1].label
    return f"take {label} from the queue and place it: {ordinal(placed)}"


def wait_text(debugger: Debugger, node: int) -> str:
    """Return what a node does at the present moment: waits, is in the queue or placed."""
    placed = debugger.timeline.placed(debugger.moment)
    label = debugger.graph.nodes[node].label
    if node < placed:
        return f"{label} is placed: {ordinal(node + 1)}"
    waits = [i for i in debugger.graph.inbound[node] if i >= placed]
    if not waits:
        return f"{label} waits for nothing: it is in the queue"
    return f"{label} waits for {series(_names(debugger, list(dict.fromkeys(waits))), ', ')}"

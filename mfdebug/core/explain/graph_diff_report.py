"""The report of a comparison of two graphs: the first node that differs, those after it, data."""

from __future__ import annotations

from typing import Any

from mfdebug.core.format.numbers import distinct_texts, scalar
from mfdebug.core.format.results import as_json
from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef, named
from mfdebug.core.timeline.graph_diff import GraphComparison, NodeDifference
from miniflow.graph import Graph
from miniflow.node import Node
from miniflow.text.lists import counted, series

# The most rows of the table.
MOST_LINES = 20


def graph_diff_parts(
    found: GraphComparison, a: Graph, b: Graph, names: tuple[str, str]
) -> list[Part]:
    """Return the conclusion, a table of what differs, and the nodes that only one graph has.

    `names` are those of the two graphs.
    """
    parts: list[Part] = [_conclusion(found, a, b)]
    if found.differences:
        parts.append(_table(found, a, b, names))
    for graph, nodes, name in ((a, found.only_a, names[0]), (b, found.only_b, names[1])):
        if nodes:
            labels = series([graph.nodes[i].label for i in nodes], ", ")
            parts.append(f"only in {name}: {counted(len(nodes), 'node')}: {labels}")
    return parts


def _conclusion(found: GraphComparison, a: Graph, b: Graph) -> str:
    limit = f"{found.tolerance:g}"
    first = found.first
    equal = found.compared - len(found.differences)
    if first is None:
        nearly = f", the largest difference is {scalar(found.largest)}" if found.largest else ""
        both = " that both graphs have" if found.only_a or found.only_b else ""
        values = f"{counted(found.compared, 'value')} and gradients"
        return f"all {values}{both} are equal up to {limit}{nearly}"
    what = "value" if first.what == "value" else "gradient"
    partner = b.nodes[first.partner]
    other = _other(a.nodes[first.node], partner)
    return (
        f"the first node that differs is {a.nodes[first.node].label}{other}, in its {what}: "
        f"{len(found.differences)} of {found.compared} values and gradients differ by more than "
        f"{limit}, {equal} are equal"
    )


def _other(node: Node, partner: Node) -> str:
    """Return how a node is called in the other graph, if it has another name."""
    return "" if node.label == partner.label else f" ({partner.label} in the other)"


def _table(found: GraphComparison, a: Graph, b: Graph, names: tuple[str, str]) -> Table:
    rows = [_row(difference, a, b) for difference in found.differences]
    return Table(
        (
            Column("entry", cut="name"),
            Column(names[0], "point"),
            Column(names[1], "point"),
            Column("relative", "point"),
            Column("entries", "right", rank=1),
            Column("op", rank=2),
            Column(cut="end", rank=3),
        ),
        tuple(rows[:1000]),
        indent=2,
        most=MOST_LINES,
        left_out=max(0, len(rows) - 1000),
    )


def _row(difference: NodeDifference, a: Graph, b: Graph) -> Row:
    node, partner = a.nodes[difference.node], b.nodes[difference.partner]
    entry = named(node.label, difference.index)
    attribute: Attribute = "grad" if difference.what == "gradient" else "value"
    if difference.what == "gradient":
        entry = f"∂cost/∂{entry}"
    return Row(
        (
            entry,
            *distinct_texts([difference.a, difference.b]),
            scalar(difference.relative, 3),
            f"{difference.count} of {difference.size}",
            type(node).__name__,
            _other(node, partner).strip(),
        ),
        EntryRef(difference.node, attribute, difference.index),
    )


def graph_diff_data(found: GraphComparison, a: Graph, b: Graph) -> dict[str, Any]:
    """Return the comparison as data for JSON."""
    return {
        "compared": found.compared,
        "tolerance": found.tolerance,
        "largest_equal": found.largest,
        "differences": [
            {
                "node": a.nodes[d.node].label,
                "other": b.nodes[d.partner].label,
                "what": d.what,
                "index": list(d.index),
                "a": as_json(d.a),
                "b": as_json(d.b),
                "relative": as_json(d.relative),
                "entries": d.count,
                "size": d.size,
            }
            for d in found.differences
        ],
        "only_a": [a.nodes[i].label for i in found.only_a],
        "only_b": [b.nodes[i].label for i in found.only_b],
    }

"""A graph as text and as HTML, for prompts and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from miniflow.node import Input, shape_text
from miniflow.text.lists import counted, series

if TYPE_CHECKING:
    from miniflow.structure import Structure

# Most rows of a table; a graph may have a hundred thousand nodes.
MOST_ROWS = 60
RENDERERS = "miniflow.renderers"


def as_line(graph: Structure) -> str:
    """Return a graph in one line: its name, size, cost and number of trainables."""
    trained = len(graph.trainables)
    cost = graph.nodes[graph.cost].label
    return f"<Graph {graph.name}: {counted(len(graph), 'node')}, cost {cost}, {trained} trained>"


def as_html(graph: Structure) -> str:
    """Return a graph as HTML: as an installed renderer draws it, or else as a table.

    A renderer is an entry point `html` of the group `miniflow.renderers`: a function from a graph
    to HTML. So miniflow needs to know of none of them, and none needs to be imported first.
    """
    from importlib.metadata import entry_points

    for renderer in entry_points(group=RENDERERS, name="html"):
        return str(renderer.load()(graph))
    return as_table(graph)


def as_table(graph: Structure) -> str:
    """Return a graph as an HTML table, one row per node, in topological order."""
    # It loads the names of 2,000 characters.
    from html import escape

    rows = []
    for i, node in enumerate(graph.nodes[:MOST_ROWS]):
        inputs = series([graph.nodes[source].label for source in graph.inbound[i]], ", ")
        shape = "" if node.value is None else shape_text(np.shape(node.value))
        kind = type(node).__name__
        if isinstance(node, Input) and node.trainable:
            kind += ", trained"
        if i == graph.cost:
            kind += ", the cost"
        cells = "".join(f"<td>{escape(text)}</td>" for text in (node.label, kind, inputs, shape))
        rows.append(f"<tr>{cells}</tr>")
    if len(graph) > MOST_ROWS:
        rows.append(f"<tr><td colspan=4>… {len(graph) - MOST_ROWS} more</td></tr>")
    heads = "".join(f"<th>{head}</th>" for head in ("node", "op", "inputs", "shape"))
    title = escape(as_line(graph).strip("<>"))
    return f"<table><caption>{title}</caption><tr>{heads}</tr>{''.join(rows)}</table>"

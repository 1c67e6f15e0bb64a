"""The report of a gradient check in sentences, one per verdict, as the app says the chosen row."""

from __future__ import annotations

from collections.abc import Sequence

from mfdebug.core.explain.check_report import check_parts
from mfdebug.core.format.table import Table
from miniflow.gradcheck.checker import Verdict
from miniflow.graph import Graph


def check_sentences(graph: Graph, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the conclusion, a sentence per row of the table, and the lines below it."""
    lines: list[str] = []
    for part in check_parts(graph, verdicts):
        if isinstance(part, Table):
            lines += [f"  {row.words}" for row in part.rows]
        else:
            lines.append(part)
    return lines

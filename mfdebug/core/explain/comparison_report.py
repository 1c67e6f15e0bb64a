"""The report of a comparison of two moments: a table of what differs, and data for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.results import as_json
from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.timeline.debugger import Debugger, Freshness, index_text
from mfdebug.core.timeline.diff import Comparison, Difference, Instant
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef, cost_name, gradient_name
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import shape_text

# The most rows of the table, and of a text; the first line counts all differences.
MOST_ROWS, MOST_LINES = 1000, 40
LARGEST = " max"
ABSENT = {
    Freshness.NONE: "never computed",
    Freshness.WAITING: "not computed",
    Freshness.UNKNOWN: "not known",
}
_NOT_BOTH = "cannot be compared"
# What is trained comes first, then what is computed, and last what is only fed.
_GROUPS = ("parameter", "computed", "data")


def comparison_parts(found: Comparison, debugger: Debugger) -> list[Part]:
    """Return the conclusion, and a table of the differences: parameters, computed nodes, data.

    In each of these groups the rows are sorted by the relative difference of the entry shown, which
    is the one with the largest difference. What is not finite comes first, what has no number at
    one of the moments last.
    """
    between = f"moment {found.a} and moment {found.b}"
    if not found.differences and not found.same:
        return [f"{between}: nothing is computed at either"]
    if not found.differences:
        except_for = f", but for {_stale_words(found.stale)}" if found.stale else ""
        return [f"{between}: everything is equal bit for bit{except_for}"]
    differ = sum(d.in_both for d in found.differences)
    apart = len(found.differences) - differ
    counts = f"{differ} differ{'s' * (differ == 1)}" + (f", {apart} {_NOT_BOTH}" if apart else "")
    equal = "1 is" if found.same == 1 else f"{found.same} are"
    parts: list[Part] = [f"{between}: {counts}, {equal} equal bit for bit"]
    parts.append(_table(found, debugger))
    if found.stale:
        parts.append(f"  left out: {_stale_words(found.stale)}")
    return parts


def _stale_words(count: int) -> str:
    return f"{count} stale, of an earlier pass"


def _table(found: Comparison, debugger: Debugger) -> Table:
    ranked = sorted(found.differences, key=lambda d: _rank(debugger.graph, d))
    most = max(ranked, key=lambda d: d.relative or 0.0)
    rows = [
        _row(debugger, found, difference, LARGEST if difference is most and most.relative else "")
        for difference in ranked[:MOST_ROWS]
    ]
    return Table(
        (
            Column("entry", cut="name"),
            Column(f"moment {found.a}", "point"),
            Column(f"moment {found.b}", "point"),
            Column("difference", "point"),
            Column("relative", "point"),
            Column("entries", "right", rank=1),
            Column("node", rank=2),
            Column(cut="end", rank=3),
        ),
        tuple(rows),
        indent=2,
        most=MOST_LINES,
        left_out=len(ranked) - len(rows),
    )


def _rank(graph: Graph, difference: Difference) -> tuple[int, int, float, float]:
    """Return the sort key: the group, not finite first, by relative difference, then the rest."""
    group = _GROUPS.index(_group(graph, difference))
    if difference.amount is None or difference.a is None or difference.b is None:
        return group, 2, 0.0, 0.0
    if difference.relative is None:
        return group, 0, 0.0, 0.0
    return group, 1, -difference.relative, -difference.amount


def _group(graph: Graph, difference: Difference) -> str:
    node = None if difference.node is None else graph.nodes[difference.node]
    if node is None:
        return "parameter"
    if isinstance(node, Input):
        return "parameter" if node.trainable else "data"
    return "computed"


def _row(debugger: Debugger, found: Comparison, difference: Difference, mark: str) -> Row:
    a, b, remark = _number_texts(found, difference)
    apart = relative = ""
    if difference.a is not None and difference.b is not None and difference.relative is not None:
        apart = scalar(difference.b - difference.a, 3)
        relative = scalar(difference.relative, 3)
    entries = f"{difference.count} of {difference.size}" if difference.size > 1 else ""
    name, group = _name(debugger, difference), _group(debugger.graph, difference)
    words = f"{name}: {a} at moment {found.a}, {b} at moment {found.b}"
    words += f" ({remark})" if remark else ""
    if apart:
        words += f", {apart[1:]} less" if apart.startswith("-") else f", {apart} more"
    if entries and difference.amount is not None:
        words += f"; {entries} entries differ, {index_text(difference.index)} most"
    cells = (name, a, b, apart, relative + mark, entries, group, remark)
    return Row(cells, _target(debugger, found, difference), words)


def _target(debugger: Debugger, found: Comparison, difference: Difference) -> EntryRef | str | None:
    """Return where the numbers of a row are: at B, or at A if B has none; here if on no branch."""
    sides: Sequence[tuple[Instant, bool]] = (
        (found.b, difference.b is not None or difference.shapes is not None),
        (found.a, difference.a is not None),
    )
    moment = next((i.moment for i, has in sides if has and _is_reachable(debugger, i)), None)
    if difference.node is None:
        return None if moment is None else f"goto {moment}"
    index = difference.index
    if difference.shapes is not None:
        index = (0,) * len(debugger.plan.shapes[difference.node])
    attribute: Attribute = "grad" if difference.what == "gradient" else "value"
    there = None if moment == debugger.moment else moment
    return EntryRef(difference.node, attribute, index, there)


def _is_reachable(debugger: Debugger, instant: Instant) -> bool:
    """Whether an instant is on the present branch."""
    return instant.branch is None or debugger.branches[instant.branch] is debugger.edits


def _name(debugger: Debugger, difference: Difference) -> str:
    graph = debugger.graph
    if difference.node is None:
        return difference.what
    if difference.what == "cost":
        return cost_name(graph)
    if difference.what == "value":
        return f"{graph.nodes[difference.node].label}{index_text(difference.index)}"
    return gradient_name(debugger, difference.node, difference.index or ())


def _number_texts(found: Comparison, difference: Difference) -> tuple[str, str, str]:
    """Return both numbers as text, with enough digits to distinguish them, and a remark."""
    if difference.shapes is not None:
        a, b = map(shape_text, difference.shapes)
        return f"shape {a}", f"shape {b}", ""
    sides = ((difference.a, difference.a_freshness), (difference.b, difference.b_freshness))
    partial = [freshness is Freshness.PARTIAL for _, freshness in sides]
    remarks = [_at("so far", found, partial), _at("set by you", found, difference.overridden)]
    remark = "; ".join(filter(None, remarks))
    if difference.a is None or difference.b is None or difference.amount is None:
        a, b = (_side_text(number, freshness) for number, freshness in sides)
        return a, b, remark
    for digits in (6, 9, 17):
        a, b = _signed(difference.a, digits), _signed(difference.b, digits)
        if a != b:
            return a, b, remark
    return a, b, "; ".join(filter(None, ("other bits", remark)))


def _at(words: str, found: Comparison, sides: Sequence[bool]) -> str:
    """Return the words, and at which of the two moments they are true; empty if at none."""
    if all(sides):
        return f"{words} at both"
    return f"{words} at {found.b if sides[1] else found.a}" if any(sides) else ""


def _side_text(number: float | None, freshness: Freshness) -> str:
    return ABSENT.get(freshness, freshness.value) if number is None else _signed(number)


def _signed(number: float, digits: int = 6) -> str:
    """Return a number as text with the sign of a zero, which may be the only difference."""
    minus = "-" if number == 0 and math.copysign(1, number) < 0 else ""
    return minus + scalar(number, digits)


def comparison_data(found: Comparison, graph: Graph) -> dict[str, Any]:
    """Return the comparison as JSON data."""
    data: dict[str, Any] = as_json(
        {
            "a": str(found.a),
            "b": str(found.b),
            "bit_equal": not found.differences,
            "equal": found.same,
            "not_computed_in_either": found.neither,
            "stale": found.stale,
            "differences": [
                {
                    "node": None if difference.node is None else graph.nodes[difference.node].label,
                    "what": difference.what,
                    "entry": difference.index,
                    "a": difference.a,
                    "b": difference.b,
                    "a_freshness": difference.a_freshness.value,
                    "b_freshness": difference.b_freshness.value,
                    "a_overridden": difference.overridden[0],
                    "b_overridden": difference.overridden[1],
                    "difference": difference.amount,
                    "differ": difference.count,
                    "of": difference.size,
                }
                | ({"shapes": difference.shapes} if difference.shapes else {})
                for difference in found.differences
            ],
        }
    )
    return data

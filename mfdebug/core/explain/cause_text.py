"""A cause as lines of text, as a table of its terms, and as data."""

from __future__ import annotations

from typing import Any

from mfdebug.core.explain.meetings import meeting_lines
from mfdebug.core.explain.sums import joined
from mfdebug.core.explain.why import MAX_IN_ORDER, Cause
from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.table import Column, Row, Table
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef

# Of more terms than are all written out, so many are: the largest.
_LARGEST_SHOWN = 4


def cause_lines(cause: Cause, debugger: Debugger, max_terms: int = 12) -> list[str]:
    """Return a cause as text: the rule, the equation in symbols and numbers, then the terms.

    Two or more terms are listed, one per line: the amount, the sum so far, the term.
    """
    return [
        *equation_lines(cause, debugger),
        *(f"  {line}" for line in meeting_lines(cause.meetings)),
        *_term_lines(cause, max_terms),
        *_note_lines(cause),
    ]


def equation_lines(cause: Cause, debugger: Debugger) -> list[str]:
    """Return the rule, and the number as the sum of its terms, in symbols and numbers."""
    name = cause.ref.text(debugger)
    result = scalar(cause.number)
    if not cause.terms:
        rule = f" = {cause.rule}" if cause.rule not in ("", name, result) else ""
        return [f"{name}{rule} = {result}"]
    symbols = _sum_of(cause, [term.symbols for term in cause.terms], numbers=False)
    numbers = _sum_of(cause, [term.numbers for term in cause.terms], numbers=True)
    if " ← " in cause.rule:
        lines = [cause.rule, f"{name} = {symbols}"]
    elif cause.rule.startswith(f"{symbols} = "):
        lines = [f"{name} = {cause.rule}"]
    elif cause.rule and cause.rule != symbols:
        lines = [f"{name} = {cause.rule}", f"  = {symbols}"]
    else:
        lines = [f"{name} = {symbols}"]
    if numbers not in (symbols, result, f"({result})"):
        lines.append(f"  = {numbers}")
    return [*lines, f"  {'=' if cause.exact else '≈'} {result}"]


def _sum_of(cause: Cause, texts: list[str], *, numbers: bool) -> str:
    """Format a sum: a few terms in full; of many, the largest and the sum of the rest."""
    count = len(texts) + cause.left_out
    if count <= MAX_IN_ORDER:
        return joined(texts)
    rest = f"… ({count - _LARGEST_SHOWN:,} more"
    if numbers:
        others = sum(term.amount for term in cause.terms[_LARGEST_SHOWN:]) + cause.left_out_sum
        rest += f", together {scalar(others)}"
    return joined([*texts[:_LARGEST_SHOWN], f"{rest})"])


def _term_lines(cause: Cause, max_terms: int) -> list[str]:
    if len(cause.terms) < 2:
        return []
    if len(cause.terms) == max_terms + 1 and not cause.left_out:
        # A single term is not left out.
        max_terms += 1
    rest = sum(term.amount for term in cause.terms[max_terms:]) + cause.left_out_sum
    return term_table(cause, rest, indent=2, most=max_terms).lines()


def term_table(cause: Cause, rest: float, *, indent: int = 0, most: int | None = None) -> Table:
    """Return the terms, each with the sum up to it; `rest` is the sum of those not shown."""
    columns = (Column("term", "point"), Column("sum so far", "point"), Column(cut="end"))
    rows = [Row((scalar(t.amount), scalar(t.running), t.words)) for t in cause.terms]
    more = f"more, together {scalar(rest)}"
    return Table(columns, tuple(rows), indent, cause.left_out, more, most)


def _note_lines(cause: Cause) -> list[str]:
    return [f"  ({cause.note})"] if cause.note else []


def cause_data(cause: Cause, debugger: Debugger) -> dict[str, Any]:
    """Return a cause as plain data, for JSON."""
    return {
        "ref": _ref_data(cause.ref, debugger),
        "rule": cause.rule,
        "number": cause.number,
        "terms": [
            {
                "symbols": term.symbols,
                "numbers": term.numbers,
                "amount": term.amount,
                "running": term.running,
                "edge": term.edge,
                "leads_to": [_ref_data(ref, debugger) for ref in term.leads_to],
            }
            for term in cause.terms
        ],
        "meetings": [
            {
                "left": [meeting.left_name, meeting.left.tolist()],
                "right": [meeting.right_name, meeting.right.tolist()],
                "sum": meeting.sum,
            }
            for meeting in cause.meetings
        ],
        "left_out": cause.left_out,
        "left_out_sum": cause.left_out_sum,
        "note": cause.note,
    }


def _ref_data(ref: EntryRef, debugger: Debugger) -> dict[str, Any]:
    return {
        "node": debugger.graph.nodes[ref.node].label,
        "attribute": ref.attribute,
        "index": list(ref.index),
        "moment": ref.moment,
        "text": ref.text(debugger),
    }

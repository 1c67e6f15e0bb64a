"""The numbers that make a condition true or false: the operands of its comparisons.

For `cost > 1` that is the cost. An array is represented by one entry: the entry furthest beyond the
bound, or, if all are within it, the nearest to it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from mfdebug.core.explain.entries import matched
from mfdebug.core.expressions.ast import (
    Call,
    Comparison,
    Indexed,
    Logic,
    NodeTerm,
    Not,
    Number,
    Operand,
    Signed,
    Term,
    Word,
    truth,
)
from mfdebug.core.expressions.environment import Environment, EvaluationContext, OneRow
from mfdebug.core.expressions.functions import Rows
from mfdebug.core.expressions.parser import Expression
from mfdebug.core.format.numbers import distinct_texts
from mfdebug.core.timeline.entry_ref import EntryRef, Index, named
from miniflow.graph import Graph


class Side(Struct, frozen=True):
    """One side of a comparison: its text with the entry, its number, and its term.

    `at` is the index of the entry that is the minimum or maximum, for `min` and `max`.
    """

    text: str
    number: float
    term: Term
    index: Index
    at: Index = ()


def evidence(condition: Expression, environment: Environment) -> list[Side]:
    """Return the numbers that make a condition true or false, each once."""
    context = EvaluationContext(OneRow(environment))
    root = Operand(condition.root, condition.text.strip(), 1)
    with np.errstate(all="ignore"):
        sides = list(_of(root, context, holds=condition.holds(environment)))
    return list({side.text: side for side in sides}.values())


def evidence_text(sides: list[Side]) -> str:
    """Return the sides as text: `cost = 1.25, prev(cost) = 1.2`."""
    numbers = distinct_texts([side.number for side in sides])
    return ", ".join(
        f"{side.text} = {number}" + (f" at {named('', side.at)}" if side.at else "")
        for side, number in zip(sides, numbers, strict=True)
    )


def evidence_ref(sides: list[Side], graph: Graph) -> EntryRef | None:
    """Return the first side that is an entry of a node's value or gradient, or None."""
    for side in sides:
        term, index = side.term, side.index
        if isinstance(term, Call) and term.function in ("max", "min"):
            term, index = term.operand.term, side.at
        while isinstance(term, Call) and term.function in ("abs", "isnan", "isinf"):
            term = term.operand.term
        if isinstance(term, Word) and term.name == "cost":
            term = NodeTerm(graph.nodes[graph.cost].label)
        if isinstance(term, Indexed) and isinstance(term.operand, NodeTerm):
            items = [item for bracket in term.brackets for item in bracket.items]
            integers = tuple(item for item in items if isinstance(item, int))
            term, index = term.operand, integers if len(integers) == len(items) else None  # type: ignore[assignment]
        if isinstance(term, NodeTerm) and term.attribute in ("value", "grad") and index is not None:
            return EntryRef(graph.by_name[term.name], term.attribute, index)  # type: ignore[arg-type]
    return None


def _of(operand: Operand, context: EvaluationContext, *, holds: bool) -> Iterator[Side]:
    """Yield the numbers that make an operand true (`holds`) or false."""
    term = operand.term
    if isinstance(term, Logic):
        for part in term.operands:
            if bool(truth(part.term.evaluate(context), part.column)[0]) is holds:
                yield from _of(part, context, holds=holds)
                if (term.operator == "or") is holds:
                    return
    elif isinstance(term, Not):
        yield from _of(term.operand, context, holds=not holds)
    elif isinstance(term, Comparison):
        yield from _sides(term, (), context)
    elif isinstance(term, Call) and term.function in ("any", "all"):
        yield from _entry(term, context, holds=holds)
    else:
        yield from _side(operand, (), context)


def _entry(call: Call, context: EvaluationContext, *, holds: bool) -> Iterator[Side]:
    """Yield the sides at the entry that decides `any(x)` or `all(x)`."""
    inner = call.operand.term
    found = inner.evaluate(context)
    if isinstance(found, tuple) or not found.size:
        return
    truths = found[0].astype(bool)
    beyond = np.zeros(truths.shape)
    if isinstance(inner, Comparison) and len(inner.links) == 1:
        beyond = _distance(inner, context)
    if (call.function == "any") is holds:
        # Of the entries that decide, the one furthest from the bound.
        beyond = np.where(truths == holds, beyond, -1.0)
    else:
        beyond = -beyond
    index = tuple(map(int, np.unravel_index(int(beyond.argmax()), truths.shape)))
    if isinstance(inner, Comparison):
        yield from _sides(inner, index, context)
    elif isinstance(inner, Call) and inner.function in ("isnan", "isinf"):
        yield from _side(inner.operand, index, context)
    else:
        yield from _side(call.operand, index, context)


def _distance(comparison: Comparison, context: EvaluationContext) -> Rows:
    """Return the distance of both sides per entry; 0 where it is NaN."""
    left, right = (
        side.term.evaluate(context) for side in (comparison.first, comparison.links[0].right)
    )
    if isinstance(left, tuple) or isinstance(right, tuple):
        return np.zeros(())
    apart = np.abs(np.subtract(left[0], right[0], dtype=np.float64))
    return np.asarray(np.nan_to_num(apart, nan=0.0))


def _sides(comparison: Comparison, index: Index, context: EvaluationContext) -> Iterator[Side]:
    for side in (comparison.first, *(link.right for link in comparison.links)):
        yield from _side(side, index, context)


def _side(side: Operand, index: Index, context: EvaluationContext) -> Iterator[Side]:
    """Yield one side at an entry, unless it is a literal or has several numbers."""
    term = side.term
    literal = term.operand if isinstance(term, Signed) else term
    found = term.evaluate(context)
    if isinstance(literal, Number) or isinstance(found, tuple):
        return
    row = found[0]
    if not index and row.size != 1:
        return
    entry = matched(index, row.shape) if index else (0,) * row.ndim
    text = side.text
    if row.size > 1:
        simple = isinstance(term, NodeTerm | Indexed | Call)
        text = named(text if simple else f"({text})", entry)
    at: Index = ()
    if isinstance(term, Call) and term.function in ("max", "min"):
        operand = term.operand.term.evaluate(context)
        if not isinstance(operand, tuple) and operand[0].size > 1:
            best = operand[0].argmax() if term.function == "max" else operand[0].argmin()
            at = tuple(map(int, np.unravel_index(int(best), operand[0].shape)))
    yield Side(text, float(row[entry]), term, entry, at)

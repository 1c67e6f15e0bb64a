"""Where one number comes from: the terms that sum to it, the largest first.

Each term leads to the numbers it is made of, and each of those can be asked in turn: a walk
through the dataflow from the cost back to the weight that caused it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from mfdebug.core.debugger import Debugger, DebuggerError, Standing
from mfdebug.core.entries import Index
from mfdebug.core.gradient_sums import gradient_sums
from mfdebug.core.numbers import scalar
from mfdebug.core.spots import Bundle, Sums, Told, bracketed
from mfdebug.core.spots import Spot as Spot
from mfdebug.core.terms import NotComputed
from mfdebug.core.value_sums import value_sums
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.optimizers import SGD

# Terms beyond these, the smallest, are only counted and summed.
MOST_TERMS = 1000
# Terms written out in the equation.
_WRITTEN = 4


class CauseTerm(Struct, frozen=True):
    """One term: `leads_to` are the numbers it is made of, the one to follow first."""

    symbols: str
    numbers: str
    amount: float
    running: float
    leads_to: tuple[Spot, ...]


class Cause(Struct, frozen=True):
    """Why a number is what it is: the rule, and the terms from the largest on.

    `left_out` terms, together `left_out_sum`, are too many to be listed. `note` says what the
    terms do not: where an input's value is from, or that numbers are stale.
    """

    spot: Spot
    rule: str
    number: float
    terms: tuple[CauseTerm, ...]
    left_out: int
    left_out_sum: float
    note: str


def why(debugger: Debugger, spot: Spot) -> Cause:
    """Return where a number of the present moment comes from.

    Raises `NotComputed` for what there is not yet, `ShapeError` for an entry there is not.
    """
    graph = debugger.graph
    if not 0 <= spot.node < len(graph.nodes):
        raise DebuggerError(f"there is no node number {spot.node}")
    debugger.check_index(spot.node, spot.index)
    shape = debugger.plan.shapes[spot.node]
    index = tuple(int(i) % n for i, n in zip(spot.index, shape, strict=True))
    # Infinities and NaN are what people come to ask about: they are no reason to warn.
    with np.errstate(all="ignore"):
        return _cause(debugger, Spot(spot.node, spot.attribute, index))


def _cause(debugger: Debugger, spot: Spot) -> Cause:
    graph = debugger.graph
    if spot.attribute == "grad":
        standing = _gradient_there(debugger, spot.node)
        number = float(debugger.gradient(spot.node)[spot.index])
        sums = gradient_sums(debugger, spot.node, spot.index)
    else:
        standing = _value_there(debugger, spot.node)
        number = float(debugger.value(spot.node)[spot.index])
        if isinstance(graph.nodes[spot.node], Input):
            sums = _input_sums(debugger, spot.node, spot.index)
        else:
            sums = value_sums(debugger, spot.node, spot.index)
    notes = list(sums.notes)
    if standing is Standing.STALE:
        notes.insert(0, f"stale: of SGD step {debugger.sgd_step - 1}")
        if not any("goto " in note for note in notes):
            made = debugger.made_at(spot.node, gradient=spot.attribute == "grad")
            notes.append(f"see it made: goto {made}")
    terms, left_out, left_out_sum = _largest(sums.bundles)
    return Cause(spot, sums.rule, number, terms, left_out, left_out_sum, "; ".join(notes))


def _value_there(debugger: Debugger, node: int) -> Standing:
    standing = debugger.value_standing(node)
    if standing is Standing.WAITING:
        label = debugger.graph.nodes[node].label
        fed = isinstance(debugger.graph.nodes[node], Input)
        hint = "run: step" if fed else f"run: until {label} forward"
        raise NotComputed(f"{label} is not computed yet", hint=hint)
    return standing


def _gradient_there(debugger: Debugger, node: int) -> Standing:
    standing, label = debugger.gradient_standing(node), debugger.graph.nodes[node].label
    if standing is Standing.NONE:
        raise NotComputed(f"{label} has no gradient: the cost does not depend on it")
    if standing is Standing.WAITING:
        raise NotComputed(f"{label} has no gradient yet", hint=f"run: until {label} backward")
    return standing


# Inputs ---------------------------------------------------------------------------------------


def _input_sums(debugger: Debugger, node: int, index: Index) -> Sums:
    """Tell who gave an input its value: the data, an update, an edit, or itself."""
    graph = debugger.graph
    target = graph.nodes[node]
    assert isinstance(target, Input)
    edits = [
        edit
        for edit in debugger.edits
        if edit.node == node and edit.index in (None, index) and edit.after <= debugger.moment
    ]
    edited = edits[-1].after if edits else -1
    if graph.fed_from_data(node):
        fed = debugger.timeline.start_of(debugger.sgd_step) + 1
        if edited < fed:
            return Sums("", (), (_row_note(debugger, index),))
    updated = debugger.updated_at(node) if target.trainable else None
    if edits and edited >= (updated or 0):
        return Sums("", (), (f"set at moment {edited}: {edits[-1].words}",))
    if not target.trainable:
        return Sums("", (), ("its own value",))
    if updated is None:
        return Sums("", (), ("trainable: its starting value, not updated yet",))
    note = f"trainable: last updated at moment {updated}"
    if debugger.last_update is None or debugger.where.node != node:
        return Sums("", (), (note,))
    return _update_sums(debugger, node, index, note)


def _row_note(debugger: Debugger, index: Index) -> str:
    if debugger.graph.data is None:
        return f"fed by {debugger.graph.feeder}"
    batches = debugger.plan.batches
    rows = None if batches is None else batches.rows_of(debugger.sgd_step)
    row = index[0] if rows is None else int(rows[index[0]])
    return f"fed from the data, row {row} (the first is 0)"


def _update_sums(debugger: Debugger, node: int, index: Index, note: str) -> Sums:
    """Tell the update that the present moment made: what it was before, and the change."""
    made = debugger.last_update
    assert made is not None
    optimizer = debugger.graph.training.optimizer
    label = debugger.graph.nodes[node].label
    own, slope = Spot(node, "value", index), Spot(node, "grad", index)
    graph = debugger.graph
    before, after = float(made.before[index]), float(made.after[index])
    gradient = float(debugger.gradient(node)[index])
    if isinstance(optimizer, SGD):
        symbols = f"-lr·{slope.text(graph)}"
        numbers = f"-{bracketed(made.rate)}·{bracketed(gradient)}"
    else:
        symbols, numbers = f"change of {own.text(graph)}", bracketed(after - before)
    told = (
        Told(f"{own.text(graph)} before", bracketed(before), ()),
        Told(symbols, numbers, (slope,)),
    )
    bundle = Bundle(np.array([before, after - before]), lambda k: told[k])
    return Sums(optimizer.formula(label), (bundle,), (note,))


# The largest terms ----------------------------------------------------------------------------


def _largest(bundles: tuple[Bundle, ...]) -> tuple[tuple[CauseTerm, ...], int, float]:
    """Return the largest terms in order, how many are left out, and the sum of those."""
    if not bundles:
        return (), 0, 0.0
    amounts: Array = np.concatenate([np.asarray(b.amounts, np.float64) for b in bundles])
    sizes = np.abs(amounts)
    # NaN stands among the largest: where one is, nothing else matters.
    sizes[np.isnan(sizes)] = np.inf
    if amounts.size > MOST_TERMS:
        chosen = np.sort(np.argpartition(sizes, -MOST_TERMS)[-MOST_TERMS:])
        rest = amounts.copy()
        rest[chosen] = 0.0
        left_out_sum = float(rest.sum())
    else:
        chosen, left_out_sum = np.arange(amounts.size), 0.0
    chosen = chosen[np.argsort(-sizes[chosen], kind="stable")]
    begins = np.cumsum([0, *(len(bundle.amounts) for bundle in bundles)])
    terms = []
    running = 0.0
    for k in chosen.tolist():
        number = int(np.searchsorted(begins, k, "right")) - 1
        told = bundles[number].tell(k - int(begins[number]))
        running += float(amounts[k])
        terms.append(CauseTerm(*told[:2], float(amounts[k]), running, told.leads_to))
    return tuple(terms), int(amounts.size - len(chosen)), left_out_sum


# As text and as data --------------------------------------------------------------------------


def cause_lines(cause: Cause, graph: Graph, most: int = 12) -> list[str]:
    """Return a cause as text: the rule, the equation in symbols and numbers, then the terms.

    The terms are listed where there are several: what each adds, the sum so far, the term.
    """
    return [*equation_lines(cause, graph), *_term_lines(cause, most), *_note_lines(cause)]


def equation_lines(cause: Cause, graph: Graph) -> list[str]:
    """Return the rule, and the number as the sum of its largest terms, in symbols and numbers."""
    name = cause.spot.text(graph)
    result = scalar(cause.number)
    if not cause.terms:
        rule = f" = {cause.rule}" if cause.rule not in ("", name, result) else ""
        return [f"{name}{rule} = {result}"]
    count = len(cause.terms) + cause.left_out
    symbols = _joined([term.symbols for term in cause.terms], count)
    numbers = _joined([term.numbers for term in cause.terms], count)
    if cause.rule and cause.rule != symbols:
        lines = [f"{name} = {cause.rule}", f"  = {symbols}"]
    else:
        lines = [f"{name} = {symbols}"]
    lines.append(f"  = {numbers}" if numbers != result else f"  = {result}")
    if numbers != result:
        lines.append(f"  = {result}")
    return lines


def _term_lines(cause: Cause, most: int) -> list[str]:
    if len(cause.terms) < 2:
        return []
    shown = cause.terms[:most]
    rows = [(scalar(term.amount), scalar(term.running)) for term in shown]
    heads = ("term", "sum so far")
    widths = [max(len(head), *(len(row[i]) for row in rows)) for i, head in enumerate(heads)]
    lines = ["  " + "  ".join(head.rjust(w) for head, w in zip(heads, widths, strict=True))]
    for row, term in zip(rows, shown, strict=True):
        cells = "  ".join(text.rjust(w) for text, w in zip(row, widths, strict=True))
        lines.append(f"  {cells}  {term.symbols} = {term.numbers}")
    unseen = len(cause.terms) - len(shown) + cause.left_out
    if unseen:
        rest = sum(term.amount for term in cause.terms[most:]) + cause.left_out_sum
        lines.append(f"  … {unseen} more, together {scalar(rest)}")
    return lines


def _note_lines(cause: Cause) -> list[str]:
    return [f"  ({cause.note})"] if cause.note else []


def _joined(texts: list[str], count: int) -> str:
    """Write a sum of terms, a minus before those that begin with one."""
    if count == 1 and texts[0].startswith("(") and texts[0].count("(") == 1:
        return texts[0].strip("()") if texts[0].endswith(")") else texts[0]
    joined = texts[0]
    for text in texts[1:_WRITTEN]:
        joined += f" - {text[1:]}" if text.startswith("-") else f" + {text}"
    return joined + " + …" if count > _WRITTEN else joined


def cause_data(cause: Cause, graph: Graph) -> dict[str, Any]:
    """Return a cause as plain data, for JSON."""
    return {
        "spot": _spot_data(cause.spot, graph),
        "rule": cause.rule,
        "number": cause.number,
        "terms": [
            {
                "symbols": term.symbols,
                "numbers": term.numbers,
                "amount": term.amount,
                "running": term.running,
                "leads_to": [_spot_data(spot, graph) for spot in term.leads_to],
            }
            for term in cause.terms
        ],
        "left_out": cause.left_out,
        "left_out_sum": cause.left_out_sum,
        "note": cause.note,
    }


def _spot_data(spot: Spot, graph: Graph) -> dict[str, Any]:
    return {
        "node": graph.nodes[spot.node].label,
        "attribute": spot.attribute,
        "index": list(spot.index),
        "text": spot.text(graph),
    }

"""Where one number comes from: the terms that sum to it.

Each term refers to the numbers that it depends on, and each of those can be explained in turn: a
walk through the dataflow from the cost back to a weight, and from the weight to the update that
set it, back to the first moment. A number is explained at the moment at which it was computed,
with the values of that moment.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from mfdebug.core.explain.freshness import made_before, overwritten_note
from mfdebug.core.explain.gradient_sums import gradient_sums
from mfdebug.core.explain.meetings import Meeting
from mfdebug.core.explain.overrides import override_note
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.explain.updates import update_sums
from mfdebug.core.explain.value_sums import value_sums
from mfdebug.core.expressions.present import require_gradient, require_value
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Freshness
from mfdebug.core.timeline.entry_ref import EntryRef, Index
from miniflow.node import Input

# The largest terms are listed up to this number; the others are only counted and summed.
MAX_TERMS = 1000
# Up to so many terms are all written out, in the order of the rule.
MAX_IN_ORDER = 8


class CauseTerm(Struct, frozen=True):
    """One term: `leads_to` are the numbers that it depends on, the one to follow first.

    `edge` names the edge where several lead to the same node. `running` is the sum of the terms up
    to and including this one.
    """

    symbols: str
    numbers: str
    amount: float
    running: float
    leads_to: tuple[EntryRef, ...]
    edge: str = ""

    @property
    def words(self) -> str:
        """The term in symbols and numbers, with its edge if the symbols alone are ambiguous."""
        return f"{self.symbols} = {self.numbers}" + (f"   ({self.edge})" if self.edge else "")


class Cause(Struct, frozen=True):
    """Where a number comes from: the rule, and its terms.

    Up to eight terms are in the order of the rule; more are sorted by size. The `left_out` smallest
    terms, whose sum is `left_out_sum`, are not listed. `note` adds what the terms do not say: the
    origin of an input's value, or the moment at which the number was computed. `meetings` are the
    matrices whose products were added up. The terms give the number to rounding if not `exact`.
    """

    ref: EntryRef
    rule: str
    number: float
    terms: tuple[CauseTerm, ...]
    left_out: int
    left_out_sum: float
    note: str
    meetings: tuple[Meeting, ...] = ()
    exact: bool = True


def why(debugger: Debugger, ref: EntryRef) -> Cause:
    """Return where a number comes from.

    Raises `NotComputed` if it is not computed yet, `ShapeError` if there is no such entry, and
    `DebuggerError` if there is no such node.
    """
    graph = debugger.graph
    if not 0 <= ref.node < len(graph.nodes):
        raise DebuggerError(f"there is no node number {ref.node}")
    home = debugger.moment
    # Infinities and NaN are often what the user is asking about: NumPy must not warn of them.
    with ref.visited(debugger), np.errstate(all="ignore"):
        debugger.check_index(ref.node, ref.index)
        shape = debugger.plan.shapes[ref.node]
        index = tuple(int(i) % n for i, n in zip(ref.index, shape, strict=True))
        return _cause(debugger, replace(ref, index=index), home)


def _cause(debugger: Debugger, ref: EntryRef, home: int) -> Cause:
    """Explain a number at the visited moment; `home` is the moment to which `why` returns."""
    if ref.attribute not in ("value", "grad"):
        return _last_update(debugger, ref, home)
    gradient = ref.attribute == "grad"
    if note := override_note(debugger, ref.node, ref.index, gradient=gradient):
        return _cause_from_note(debugger, ref, note)
    if gradient:
        require_gradient(debugger, ref.node)
        sums = gradient_sums(debugger, ref.node, ref.index)
        if debugger.moment == home and (turn := _own_backward_note(debugger, ref.node)):
            sums = replace(sums, notes=(turn, *sums.notes))
    else:
        require_value(debugger, ref.node)
        if note := overwritten_note(debugger, ref.node):
            return _overwritten(debugger, ref, note, home)
        if isinstance(debugger.graph.nodes[ref.node], Input):
            return _input_cause(debugger, ref, home)
        sums = value_sums(debugger, ref.node, ref.index)
    if (earlier := made_before(debugger, ref, sums)) is None:
        return _cause_from_sums(debugger, ref, sums, home)
    moment, note = earlier
    present = sums.notes
    with debugger.visiting(moment):
        sums = _sums_at_visited(debugger, ref)
        return _cause_from_sums(debugger, ref, replace(sums, notes=(note, *present)), home)


def _overwritten(debugger: Debugger, ref: EntryRef, note: str, home: int) -> Cause:
    """Explain a value that another node has overwritten: what it was before that."""
    before = (debugger.state.overwritten_at(ref.node) or 1) - 1
    with debugger.visiting(before):
        was = scalar(float(ref.array(debugger)[ref.index]))
    earlier = replace(ref, moment=before)
    number = float(ref.array(debugger)[ref.index])
    full_note = f"{note}; before that it was {was}"
    sums = Sums("", (one_term(number, ref.text(debugger), scalar(number), [earlier]),))
    return _cause_from_sums(debugger, ref, replace(sums, notes=(full_note,)), home)


def _own_backward_note(debugger: Debugger, node: int) -> str:
    """Return when a node with a complete gradient runs its own backward, or an empty string."""
    state = debugger.state
    partial = state.gradient_freshness(node) is Freshness.PARTIAL
    if not partial or not state.has_all(node):
        return ""
    count = len(state.contributions(node))
    turn = debugger.cursor.next_moment(node, "backward")
    return f"complete ({count} of {count}); its turn comes at moment {turn}"


def _sums_at_visited(debugger: Debugger, ref: EntryRef) -> Sums:
    sums = gradient_sums if ref.attribute == "grad" else value_sums
    return sums(debugger, ref.node, ref.index)


def _cause_from_sums(debugger: Debugger, ref: EntryRef, sums: Sums, home: int) -> Cause:
    """Return the cause of a number from its terms, which refer to numbers of the visited moment."""
    number = float(ref.array(debugger)[ref.index])
    terms, left_out, left_out_sum = _largest(sums)
    here = debugger.moment
    terms = tuple(
        replace(term, leads_to=tuple(_with_moment(ref, here, home) for ref in term.leads_to))
        for term in terms
    )
    note = "; ".join(dict.fromkeys(sums.notes))
    return Cause(
        *(ref, sums.rule, number, terms, left_out, left_out_sum, note, sums.meetings),
        exact=sums.exact,
    )


def _with_moment(ref: EntryRef, here: int, home: int) -> EntryRef:
    moment = here if ref.moment is None else ref.moment
    return replace(ref, moment=None if moment == home else moment)


# Inputs ---------------------------------------------------------------------------------------


def _input_cause(debugger: Debugger, ref: EntryRef, home: int) -> Cause:
    """Explain an input's value: it comes from the data, an update, an edit, or the input itself."""
    graph, node, index = debugger.graph, ref.node, ref.index
    target = graph.nodes[node]
    assert isinstance(target, Input)
    edits = [
        edit
        for edit in debugger.edits
        if edit.node == node
        and not edit.gradient
        and edit.reaches(index)
        and edit.after <= debugger.moment
    ]
    edited = edits[-1].after if edits else -1
    if graph.fed_from_data(node):
        fed = debugger.timeline.start_of(debugger.sgd_step) + 1
        if edited < fed:
            return _cause_from_note(debugger, ref, _row_note(debugger, index))
    updated = debugger.state.updated_at(node) if target.trainable else None
    if edits and edited >= (updated or 0):
        return _cause_from_note(debugger, ref, f"set at moment {edited}: {edits[-1].words}")
    if not target.trainable:
        return _cause_from_note(debugger, ref, "its own value")
    return _last_update(debugger, ref, home)


def _last_update(debugger: Debugger, ref: EntryRef, home: int) -> Cause:
    """Explain an entry of a parameter, or of the optimizer's state for it, by the last update."""
    updated = debugger.state.updated_at(ref.node)
    if updated is None:
        first = "trainable: its starting value, not updated yet"
        state = f"{ref.attribute} as the optimizer starts with it: not updated yet"
        return _cause_from_note(debugger, ref, first if ref.attribute == "value" else state)
    note = f"trainable: last updated at moment {updated}"
    with debugger.visiting(updated):
        if debugger.cursor.last_update is None:
            # `visiting` restores the state, but not the record of what that update did.
            debugger.move(updated - 1)
            debugger.move(updated)
        debugger.check_index(ref.node, ref.index)
        if debugger.cursor.last_update is None:
            return _cause_from_note(debugger, ref, f"{note}; its value before that is not known")
        if debugger.graph.trainables.index(ref.node) in debugger.plan.frozen:
            return _cause_from_note(debugger, ref, f"trainable, but frozen at moment {updated}")
        sums = update_sums(debugger, ref.node, ref.index, ref.attribute)
        return _cause_from_sums(debugger, ref, replace(sums, notes=(note, *sums.notes)), home)


def _cause_from_note(debugger: Debugger, ref: EntryRef, note: str) -> Cause:
    number = float(ref.array(debugger)[ref.index])
    return Cause(ref, "", number, (), 0, 0.0, note)


def _row_note(debugger: Debugger, index: Index) -> str:
    if debugger.graph.data is None:
        return f"fed by {debugger.graph.feeder}"
    batches = debugger.plan.batches
    rows = None if batches is None else batches.rows_of(debugger.sgd_step)
    row = index[0] if rows is None else int(rows[index[0]])
    return f"fed from the data, row {row} (the first is 0)"


# The terms that are listed --------------------------------------------------------------------


def _largest(sums: Sums) -> tuple[tuple[CauseTerm, ...], int, float]:
    """Return the largest terms, the number of terms left out, and the sum of those."""
    amounts = sums.amounts
    if not amounts.size:
        return (), 0, 0.0
    sizes = np.abs(amounts)
    # NaN counts as the largest: if there is one, no other term matters.
    sizes[np.isnan(sizes)] = np.inf
    left_out_sum = 0.0
    if amounts.size > MAX_TERMS:
        chosen = np.sort(np.argpartition(sizes, -MAX_TERMS)[-MAX_TERMS:])
        rest = amounts.copy()
        rest[chosen] = 0.0
        left_out_sum = float(rest.sum())
    else:
        chosen = np.arange(amounts.size)
    if amounts.size > MAX_IN_ORDER:
        chosen = chosen[np.argsort(-sizes[chosen], kind="stable")]
    terms = []
    running = 0.0
    for k, text in zip(chosen.tolist(), sums.term_texts(chosen.tolist()), strict=True):
        running += float(amounts[k])
        terms.append(CauseTerm(*text[:2], float(amounts[k]), running, text.leads_to, text.edge))
    return tuple(terms), int(amounts.size - len(chosen)), left_out_sum

"""One entry of a node's gradient as the sum of its consumers' contributions, term by term.

Each term is an entry of the consumer's gradient (upstream) times the local derivative.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec.structs import replace

from mfdebug.core.explain.arithmetic import bracketed, evaluates_to
from mfdebug.core.explain.entries import Region, entry_in
from mfdebug.core.explain.freshness import overridden_since_sent
from mfdebug.core.explain.node_view import NodeView, unique
from mfdebug.core.explain.ops import applicable_explainer
from mfdebug.core.explain.ops.base import Explainer, factor
from mfdebug.core.explain.own_rules import sent_note
from mfdebug.core.explain.sums import Bundle, Sums, TermText, one_term
from mfdebug.core.format.formula_letters import Letters
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import EntryRef, Index, gradient_name, named
from miniflow.ops.base import Op, follows_rules

# Edges are explained until their consumers have this many inputs in total; of the other edges only
# the contribution is shown.
MAX_INPUTS = 20_000
# A rule for the sum is written for up to this many edges; of more, the terms are enough.
MAX_RULES = 4
# Terms that are all 0 explain a contribution of up to so many units of rounding.
ROUNDED = 1e3
# What a gradient has besides the contributions of the pass.
ELSE = "what else is in it"
ROUNDING = "what is left of terms that cancel each other: rounding"


def gradient_sums(debugger: Debugger, node: int, index: Index) -> Sums:
    """Return one entry of a node's gradient as the sum of its consumers' contributions."""
    if node == debugger.graph.cost:
        rule = gradient_name(debugger, node, index)
        return Sums(rule, (), ("the start of backward",))
    bundles: list[Bundle] = []
    rules: list[str] = []
    notes: list[str] = []
    reads: list[int] = []
    edges = debugger.state.contributions(node)
    partial = debugger.state.gradient_freshness(node) is Freshness.PARTIAL
    sent_edges = [edge for edge in edges if edge.reported or not partial]
    views = _consumer_views(debugger, [edge.consumer for edge in sent_edges])
    work = reported = 0
    for edge in sent_edges:
        view = views[edge.consumer]
        work += len(view.inputs)
        sums = edge_sums(view, edge.input_index, index, explained=work <= MAX_INPUTS)
        edge_name = (
            f"input {edge.input_index + 1} of {view.label}"
            if view.input_note(edge.input_index)
            else ""
        )
        bundles.extend(bundle.with_edge(edge_name) for bundle in sums.bundles)
        rules += [sums.rule] if sums.rule else []
        reported += 1
        notes.extend(sums.notes)
        reads.extend(sums.reads)
    if partial and reported < len(edges):
        notes.insert(0, f"not complete: {reported} of {len(edges)} contributions so far")
    if (more := debugger.state.besides(node)) is not None:
        reason, amounts = more
        amount = float(amounts[index])
        bundles.append(one_term(amount, ELSE, bracketed(amount), ()))
        rules.append(ELSE)
        notes.append(f"{ELSE}: {reason}")
    rule = " + ".join(rules).replace(" + -", " - ") if len(rules) <= MAX_RULES else ""
    return Sums(rule, tuple(bundles), tuple(dict.fromkeys(notes)), reads=tuple(reads))


def start_of(debugger: Debugger, index: Index) -> float:
    """Return the number with which backward starts at an entry of the cost: 1, as a rule."""
    state, cost = debugger.state, debugger.graph.cost
    fresh = state.gradient_freshness(cost) is Freshness.CURRENT
    return float(state.gradient(cost)[index]) if fresh else 1.0


def _consumer_views(debugger: Debugger, consumers: Iterable[int]) -> dict[int, NodeView]:
    """Return views of the consumers in one sum, throughout which a letter has one meaning."""
    views = {node: NodeView(debugger, node) for node in dict.fromkeys(consumers)}
    letters: dict[str, str] = {}
    names = debugger.graph.by_name
    for view in views.values():
        # Means over different numbers of entries have different letters.
        meaning = view.legend().partition(" = ")[2]
        if meaning and meaning not in letters:
            letters[meaning] = Letters(names, letters.values()).count
        others = (letter for other, letter in letters.items() if other != meaning)
        view.letters = Letters(names, others)
    return views


def nothing_sent(
    view: NodeView, op: Op, explainer: Explainer, input_index: int, index: Index
) -> str:
    """Return why an op sends nothing to one entry of an input, or an empty string."""
    return explainer.without_gradient(view, op, input_index) or explainer.left_out(
        view, op, input_index, index
    )


def edge_sums(
    view: NodeView, input_index: int, index: Index, *, explained: bool = True, ones: bool = False
) -> Sums:
    """Return the terms of a consumer's contribution to one entry of its input `input_index`.

    With `ones`, a local derivative of 1 is written out. If nothing is sent there is no term, and a
    note says why. With `explained` False the contribution is a single term.
    """
    debugger, state = view.debugger, view.debugger.state
    if reason := state.unsent(view.node, input_index):
        return Sums("", (), (f"{view.label}: {reason}",))
    sent = float(state.sent(view.node, input_index)[index])
    if changed := overridden_since_sent(debugger, view.node):
        return replace(_known_only(view, input_index, index, sent), notes=(changed,))
    if together := state.together(view.node, input_index):
        return replace(_known_only(view, input_index, index, sent), notes=(together,))
    if explained and (results := state.results(view.node)):
        return _of_results(view, results, input_index, index, sent)
    if unknown := state.unknown(view.node, gradient=True):
        known = _known_only(view, input_index, index, sent)
        return replace(known, notes=(f"the gradient of {view.label}: {unknown}",))
    found = applicable_explainer(view) if explained else None
    if found is not None and (departs := state.departs(view.node, "backward")):
        known = _known_only(view, input_index, index, sent)
        return replace(known, notes=(f"the program's number is another: {departs}",))
    if found is None:
        return _known_only(view, input_index, index, sent)
    op, explainer = found
    if reason := nothing_sent(view, op, explainer, input_index, index):
        return Sums("0", (), (reason,))
    sums = _terms(view, op, explainer, input_index, index, sent, ones=ones)
    return _known_only(view, input_index, index, sent) if sums is None else sums


def _terms(
    view: NodeView,
    op: Op,
    explainer: Explainer,
    input_index: int,
    index: Index,
    sent: float | None,
    *,
    ones: bool = False,
) -> Sums | None:
    """Return the terms of a contribution by an op's rule; None if its locals are not known.

    `sent` is the contribution, if it is known; a single term is then that number.
    """
    reads = tuple(view.sources) if explainer.reads_all_inputs else ()
    if (own := explainer.sums(view, op, input_index, index)) is not None:
        return replace(own, reads=reads)
    local = explainer.locals(view, op, input_index, index)
    if local is None:
        return None
    gradient = view.debugger.state.gradient(view.node)
    upstream = np.asarray(gradient[local.region], np.float64).reshape(-1)
    numbers = np.asarray(local.numbers, np.float64).reshape(-1)
    with np.errstate(all="ignore"):
        # A single term is what was sent: a closed gate sends 0 even where upstream is infinite.
        amounts = upstream * numbers
        if upstream.size == 1 and sent is not None:
            amounts = np.array([sent])
    if explainer.picks:
        amounts[numbers == 0] = 0.0
    rounding = ROUNDED * np.finfo(view.value.dtype).eps * np.abs(upstream).sum()
    if sent is not None and 0 < abs(sent) <= rounding and not amounts.any():
        # The op added up in another order, in which 0 is not what is left.
        return replace(_known_only(view, input_index, index, sent), notes=(ROUNDING,))
    edge = _Edge(view, op, explainer, input_index, index, ones)
    terms = np.arange(amounts.size)
    if explainer.copies_some:
        # The others are copies of other entries; without any copy one term says so.
        copied_to = np.flatnonzero(numbers)
        terms = copied_to if copied_to.size else terms[:1]

    def term_text(term: int) -> TermText:
        k = int(terms[term])
        output = entry_in(local.region, k)
        return edge.term_text(output, float(upstream[k]), float(numbers[k]), float(amounts[k]))

    copied = explainer.copied(view, op, input_index)
    notes = (*explainer.notes(view, op, input_index, index), *([copied] if copied else []))
    parts = explainer.divided(view, op, input_index, index, local.region, amounts)
    if parts:
        notes = (*notes, parts)
    return Sums(edge.rule(local.region), (Bundle(amounts[terms], term_text),), notes, reads=reads)


def _of_results(
    view: NodeView, results: list[int], input_index: int, index: Index, sent: float
) -> Sums:
    """Return the contribution of a function with several results: the terms of each of them."""
    debugger, state = view.debugger, view.debugger.state
    if departs := state.departs(view.node, "backward"):
        known = _known_only(view, input_index, index, sent)
        return replace(known, notes=(f"the program's number is another: {departs}",))
    bundles: list[Bundle] = []
    rules: list[str] = []
    notes: list[str] = []
    reads: list[int] = []
    for result in results:
        if state.gradient_freshness(result) is not Freshness.CURRENT:
            continue
        part = NodeView(debugger, result)
        part.letters = view.letters
        found = applicable_explainer(part)
        if found is None:
            return _known_only(view, input_index, index, sent)
        if nothing_sent(part, *found, input_index, index):
            continue
        sums = _terms(part, *found, input_index, index, None)
        if sums is None:
            return _known_only(view, input_index, index, sent)
        bundles.extend(sums.bundles)
        rules.append(sums.rule)
        notes.extend(sums.notes)
        reads.extend(sums.reads)
    if not bundles:
        why = f"no result of {view.label} that has a gradient depends on this entry"
        return Sums("0", (), (why,)) if sent == 0 else _known_only(view, input_index, index, sent)
    rule = " + ".join(rules).replace(" + -", " - ") if len(rules) <= MAX_RULES else ""
    return Sums(rule, tuple(bundles), tuple(dict.fromkeys(notes)), reads=tuple(reads))


def _known_only(view: NodeView, input_index: int, index: Index, sent: float) -> Sums:
    """Return a contribution as a single term: its number is known, how it was computed is not."""
    symbols = named(f"{view.label}.gradients[{view.labels[input_index]}]", index)
    leads_to: list[EntryRef] = []
    if view.value.shape == view.inputs[input_index].shape:
        leads_to.append(EntryRef(view.node, "grad", index))
    elif view.value.size == 1:
        leads_to.append(EntryRef(view.node, "grad", (0,) * view.value.ndim))
    notes: tuple[str, ...] = ()
    if not follows_rules(view.op) or (view.op.library and applicable_explainer(view) is None):
        notes = (sent_note(view),)
    return Sums(symbols, (one_term(sent, symbols, bracketed(sent), leads_to),), notes)


class _Edge:
    """An edge from an op back to one entry of an input; it formats the terms of a contribution."""

    def __init__(
        self,
        view: NodeView,
        op: Op,
        explainer: Explainer,
        input_index: int,
        entry: Index,
        ones: bool,
    ) -> None:
        self._view, self._op, self._explainer = view, op, explainer
        self._input_index, self._entry, self._ones = input_index, entry, ones

    def rule(self, region: Region) -> str:
        """Return the sum over a region of the op's value in symbols: `Σₙ X[n,1]·…`."""
        return self._explainer.rule_over(
            region, self._view, self._op, self._input_index, self._entry
        )

    def term_text(self, output: Index, upstream: float, local: float, amount: float) -> TermText:
        """Return one term, upstream × local, for the entry `output` of the op's value."""
        view, explainer = self._view, self._explainer
        arguments = view, self._op, self._input_index, self._entry, output
        refs = [EntryRef(view.node, "grad", output), *explainer.leads_to(*arguments)]
        symbols = explainer.product(*arguments)
        return TermText(symbols, self._numbers(output, upstream, local, amount), unique(refs))

    def _numbers(self, output: Index, upstream: float, local: float, amount: float) -> str:
        arguments = self._view, self._op, self._input_index, self._entry, output
        number = bracketed(upstream)
        symbols = self._explainer.local(*arguments)
        if symbols in ("1", "-1") and not self._ones:
            text = symbols[:-1] + number
        else:
            text = self._explainer.local_numbers(*arguments, local)
            text = self._explainer.times(
                self._view, self._op, self._input_index, number, factor(text), " × "
            )
            if not evaluates_to(text, amount):
                text = self._explainer.times(
                    self._view, self._op, self._input_index, number, bracketed(local), " × "
                )
        return text if evaluates_to(text, amount) else bracketed(amount)

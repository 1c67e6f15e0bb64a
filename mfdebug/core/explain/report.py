"""A report on one entry of a node at the present moment, for the node panel and `explain`.

It has the node's rule, the contribution of each consumer and their sum, and what the node sends to
each input, term by term.
"""

from __future__ import annotations

import math

from msgspec import Struct

from mfdebug.core.explain import own_rules
from mfdebug.core.explain.entry_update import Assignment
from mfdebug.core.explain.freshness import (
    changed_note,
    gradient_set_at,
    overridden_since_made,
    overridden_since_sent,
    overwrite_notes,
    overwritten_note,
    written_since,
)
from mfdebug.core.explain.gradient_sums import edge_sums, nothing_sent, start_of
from mfdebug.core.explain.names import kind_of
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops import applicable_explainer, explainer_of
from mfdebug.core.explain.overrides import override_note
from mfdebug.core.explain.updates import assignments
from mfdebug.core.explain.value_sums import value_sums
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Contribution, Debugger, Freshness, index_text
from mfdebug.core.timeline.entry_ref import Index, named
from miniflow.node import Input
from miniflow.ops.base import Op

# Terms of a sum that are written out, and edges that are listed; the rest are only counted.
TERMS_SHOWN, EDGES_SHOWN = 4, 12


class Incoming(Struct, frozen=True):
    """The contribution of one consumer to the selected entry; `number` is None before it is sent.

    `rule` is the contribution in symbols, `words` the same with the entry's subscripts. If the
    consumer never sends anything, `remark` says why. `input` names the consumer's input where the
    node is used as several of them. Where copies of the node were used, `copied` says so, and
    `working` is the sum over them in numbers.
    """

    consumer: str
    rule: str
    words: str
    number: float | None
    remark: str = ""
    input: str = ""
    copied: str = ""
    working: str = ""


class Outgoing(Struct, frozen=True):
    """What the node sends to one input, as in `Incoming`; `working` is one entry in numbers."""

    source: str
    entry: str
    rule: str
    words: str
    working: str
    number: float
    remark: str = ""
    input: str = ""
    own_rule: bool = False


class NodeReport(Struct, frozen=True):
    """One node at the present moment, reported for the entry `index` of its value.

    `definition` defines a function that the formula names. `symbol` is the notation for the
    gradient; `no_gradient` says why there is none. `reported` counts the edges, of `edges`, on
    which the consumer has sent its contribution; `turn` is the moment of the node's own backward,
    if it is still ahead in this pass. `outdated` names a parameter that was updated after the value
    was computed from it. `value_set` and `gradient_set` are the moments that last set them, None if
    none did. `incoming_more` and `outgoing_more` count the edges that are not listed. `kept` are
    lines on what an op keeps from pass to pass.
    """

    name: str
    symbol: str
    kind: str
    shape: str
    formula: str
    definition: str
    legend: str
    role: str
    index: Index
    value: float | None
    value_freshness: Freshness
    outdated: str
    working: str
    gradient: float | None
    gradient_freshness: Freshness
    no_gradient: str
    reported: int
    edges: int
    turn: int | None
    incoming: tuple[Incoming, ...]
    incoming_more: int
    outgoing: tuple[Outgoing, ...]
    outgoing_more: int
    update: tuple[Assignment, ...]
    unknown: str = ""
    unknown_gradient: str = ""
    notes: tuple[str, ...] = ()
    value_set: int | None = None
    gradient_set: int | None = None
    value_override: str = ""
    gradient_override: str = ""
    received: float | None = None
    rule_broken: bool = False
    kept: tuple[str, ...] = ()


def report(debugger: Debugger, node: int, index: Index | None = None) -> NodeReport:
    """Return a report on a node at the present moment for one entry, by default the first.

    An index with another number of axes than the value selects the first entry; one past the end
    of an axis selects the last on that axis.
    """
    state = debugger.state
    view = NodeView(debugger, node)
    shape = debugger.plan.shapes[node]
    if index is None or len(index) != len(shape):
        index = (0,) * len(shape)
    index = tuple(min(i, n - 1) for i, n in zip(index, shape, strict=True))
    value_freshness = state.value_freshness(node)
    gradient_freshness = state.gradient_freshness(node)
    has_value = not value_freshness.absent
    no_gradient = state.no_gradient(node)
    has_gradient = not no_gradient and gradient_freshness in (
        Freshness.CURRENT,
        Freshness.STALE,
        Freshness.PARTIAL,
    )
    value = float(view.value[index]) if has_value else None
    edges = state.contributions(node)
    turn = debugger.timeline.position_of("backward", node)
    ahead = turn is not None and turn > debugger.timeline.position(debugger.moment)
    start = debugger.timeline.start_of(debugger.sgd_step)
    outdated = state.outdated_by(node)
    outgoing = _outgoing(view, index)
    return NodeReport(
        name=view.label,
        symbol=view.gradient(),
        kind=kind_of(view.op),
        shape=state.shape_text(node),
        formula=_formula(view),
        definition=view.written(view.op.definition, view.labels) if isinstance(view.op, Op) else "",
        legend=view.legend() if applicable_explainer(view) else "",
        role=role_of(view),
        index=index,
        value=value,
        value_freshness=value_freshness,
        outdated="" if outdated is None else debugger.graph.nodes[outdated].label,
        working=_forward_working(view, index, value),
        gradient=float(state.gradient(node)[index]) if has_gradient else None,
        gradient_freshness=gradient_freshness,
        no_gradient=no_gradient,
        reported=state.reported(node),
        edges=len(edges),
        turn=start + turn if ahead and turn is not None else None,
        incoming=_incoming(view, index, edges[:EDGES_SHOWN]),
        incoming_more=max(0, len(edges) - EDGES_SHOWN),
        outgoing=outgoing,
        # One stands for all where none of them is known, for the same reason.
        outgoing_more=0 if len(outgoing) == 1 else max(0, len(view.inputs) - EDGES_SHOWN),
        update=assignments(debugger, node, index),
        unknown=state.unknown(node),
        unknown_gradient=state.unknown(node, gradient=True),
        notes=(*_notes(view), *overwrite_notes(debugger, node)),
        value_set=written_since(debugger, node, 0) if has_value else None,
        gradient_set=gradient_set_at(debugger, node, edges) if has_gradient else None,
        value_override=override_note(debugger, node, index),
        gradient_override=override_note(debugger, node, index, gradient=True),
        received=_received(debugger, node, index) if has_gradient else None,
        rule_broken=state.override(node) is not None or bool(overridden_since_made(debugger, node)),
        kept=_kept(view, index),
    )


def _kept(view: NodeView, index: Index) -> tuple[str, ...]:
    found = explainer_of(view.op)
    return () if found is None else found[1].kept(view, found[0], index)


def _received(debugger: Debugger, node: int, index: Index) -> float:
    """Return the sum of the contributions to an entry, also if that was overridden."""
    computed = debugger.state.computed(node, gradient=True)
    return float((debugger.state.gradient(node) if computed is None else computed)[index])


def _notes(view: NodeView) -> tuple[str, ...]:
    """Return notes on a value that does not follow from the present values of the inputs."""
    debugger, node = view.debugger, view.node
    departs = debugger.state.departs(node, "forward")
    notes = [
        f"the program's number is another: {departs}" if departs else "",
        overwritten_note(debugger, node),
        overridden_since_made(debugger, node),
    ]
    return tuple(filter(None, notes))


def _formula(view: NodeView) -> str:
    """Return the rule in symbols."""
    if not isinstance(view.op, Op):
        return ""
    found = applicable_explainer(view)
    if found is None:
        return view.written(view.op.formula, view.labels)
    op, explainer = found
    return explainer.formula(view, op, view.labels)


def role_of(view: NodeView) -> str:
    """Return in one sentence what the node does in the backward pass."""
    node = view.op
    if (found := applicable_explainer(view)) is not None:
        op, explainer = found
        return explainer.role(view, op)
    if isinstance(node, Input):
        if node.trainable:
            return "a trainable input sums its contributions: the update uses the sum"
        return "an input sums its contributions and sends nothing on"
    return own_rules.role(view)


def _forward_working(view: NodeView, index: Index, value: float | None) -> str:
    """Return the forward rule with this entry's numbers substituted for the names.

    Empty if an input has changed since: its present value is not the one that was used.
    """
    debugger = view.debugger
    if (
        value is None
        or applicable_explainer(view) is None
        or _notes(view)
        or override_note(debugger, view.node, index)
        or debugger.state.value_freshness(view.node) is not Freshness.CURRENT
        or changed_note(debugger, view.sources, debugger.state.written_at(view.node) or 0)
    ):
        return ""
    text = value_sums(debugger, view.node, index).working(TERMS_SHOWN)
    # -5 = -5 would be redundant.
    return "" if text.strip("()") == scalar(value) else text


def _incoming(view: NodeView, index: Index, edges: list[Contribution]) -> tuple[Incoming, ...]:
    state, graph = view.debugger.state, view.debugger.graph
    if view.node == graph.cost and state.gradient_freshness(view.node) is Freshness.CURRENT:
        seed = view.gradient(index)
        return (Incoming("the start of backward", seed, seed, start_of(view.debugger, index)),)
    if state.results(view.node):
        # What comes to a function with several results comes to these.
        return ()
    found = []
    views: dict[int, NodeView] = {}
    for edge in edges:
        if edge.consumer not in views:
            views[edge.consumer] = NodeView(view.debugger, edge.consumer)
        consumer = views[edge.consumer]
        rules = applicable_explainer(consumer)
        remark = copied = working = ""
        if edge.reported and edge.sent is None:
            rule = words = ""
            remark = state.unsent(edge.consumer, edge.input_index)
        elif (
            rules is None
            or state.departs(edge.consumer, "backward")
            or state.together(edge.consumer, edge.input_index)
            or overridden_since_sent(view.debugger, edge.consumer)
        ):
            rule = words = named(f"{consumer.label}.gradients[{view.label}]", index)
        else:
            op, explainer = rules
            sent = explainer.sent(consumer, op, edge.input_index, index)
            rule, words = sent.text, sent.of(index)
            remark = nothing_sent(consumer, op, explainer, edge.input_index, index)
            copied = "" if remark else explainer.copied(consumer, op, edge.input_index)
            if copied and edge.sent is not None:
                sums = edge_sums(consumer, edge.input_index, index)
                working = sums.working(TERMS_SHOWN)
        number = None if edge.sent is None else float(edge.sent[index])
        note = consumer.input_note(edge.input_index)
        found.append(Incoming(consumer.label, rule, words, number, remark, note, copied, working))
    if (more := state.besides(view.node)) is not None:
        reason, amounts = more
        found.append(Incoming("elsewhere", reason, reason, float(amounts[index])))
    return tuple(found)


def _outgoing(view: NodeView, index: Index) -> tuple[Outgoing, ...]:
    debugger, state = view.debugger, view.debugger.state
    if state.gradient_freshness(view.node) is not Freshness.CURRENT:
        return ()
    reasons = {state.unsent(view.node, i) for i in range(len(view.labels))}
    if len(view.labels) > 1 and len(reasons) == 1 and (reason := reasons.pop()):
        return (Outgoing("every input", "", "", "", "", math.nan, reason),)
    rules = applicable_explainer(view)
    departs = state.departs(view.node, "backward")
    written = state.written_at(view.node, "backward") or 0
    changed = changed_note(debugger, view.sources, written)
    known = not departs and not overridden_since_sent(debugger, view.node)
    found = []
    for input_index, label in enumerate(view.labels[:EDGES_SHOWN]):
        if reason := state.unsent(view.node, input_index):
            found.append(Outgoing(label, "", "", "", "", math.nan, reason))
            continue
        sent = state.sent(view.node, input_index)
        entry = matching_entry(index, sent.shape)
        number, working, remark = float(sent[entry]), "", ""
        if rules is None or not known or state.together(view.node, input_index):
            rule = words = named(f"{view.label}.gradients[{label}]", entry)
        else:
            op, explainer = rules
            formula = explainer.sent(view, op, input_index, entry)
            rule, words = formula.text, formula.of(entry)
            remark = nothing_sent(view, op, explainer, input_index, entry)
            if not changed and not remark:
                working = edge_sums(view, input_index, entry, ones=True).working(TERMS_SHOWN)
                working = "" if working.strip("()") == scalar(number) else working
        own_rule = explainer_of(view.op) is None or (rules is None and bool(view.op.library))
        text, note = index_text(entry), view.input_note(input_index)
        found.append(Outgoing(label, text, rule, words, working, number, remark, note, own_rule))
    return tuple(found)


def matching_entry(index: Index, shape: tuple[int, ...]) -> Index:
    """Return the entry of an input that broadcasts to `index`, clipped to the input's shape."""
    padded = (0,) * (len(shape) - len(index)) + index
    matched = padded[len(padded) - len(shape) :]
    return tuple(min(i, n - 1) for i, n in zip(matched, shape, strict=True))

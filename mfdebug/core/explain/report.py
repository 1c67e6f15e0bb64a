"""A node at the present moment, for one entry: what the app's panel and `explain` both show.

Its rule, what came back to it from each consumer and their sum, and what it sends on to each
input, term by term.
"""

from __future__ import annotations

import math

from msgspec import Struct

from mfdebug.core.explain.freshness import changed_note, changes_notes, overwritten_note
from mfdebug.core.explain.gradient_sums import edge_sums, nothing_sent
from mfdebug.core.explain.node_at import Site
from mfdebug.core.explain.ops import explained, explainer_of
from mfdebug.core.explain.updates import Assignment, assignments
from mfdebug.core.explain.value_sums import value_sums
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Contribution, Debugger, Standing, index_text
from mfdebug.core.timeline.entry_ref import Index, named
from miniflow.node import Input, Node
from miniflow.ops.base import Op, shape_text

# Terms of a sum that are written out, and edges that are reported; the rest are counted.
TERMS_SHOWN, EDGES_SHOWN = 4, 12


class Incoming(Struct, frozen=True):
    """What one consumer sent back to the chosen entry; `number` None: it has not reported yet.

    `rule` is what it sends in symbols, `words` the same with the entry named. Where it never sends
    anything, `remark` says why. `input` says which of the consumer's inputs it is about, where the
    node is several of them.
    """

    consumer: str
    rule: str
    words: str
    number: float | None
    remark: str = ""
    input: str = ""


class Outgoing(Struct, frozen=True):
    """What the node sends to one input, as in `Incoming`, and the working of one entry of it."""

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

    `definition` says what a function in the formula stands for. `symbol` is how its gradient is
    written, `no_gradient` why it has none. `reported` of `edges` to consumers have sent; `turn` is
    the moment at which the node's own backward comes, if it is ahead in this pass. `outdated` names
    a parameter that was updated since the value was computed from it. `incoming_more` and
    `outgoing_more` count edges that are not listed.
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
    value_standing: Standing
    outdated: str
    working: str
    gradient: float | None
    gradient_standing: Standing
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


def report(debugger: Debugger, node: int, index: Index | None = None) -> NodeReport:
    """Report a node at the present moment for one entry of it (the first by default)."""
    site = Site(debugger, node)
    shape = debugger.plan.shapes[node]
    if index is None or len(index) != len(shape):
        index = (0,) * len(shape)
    index = tuple(min(i, n - 1) for i, n in zip(index, shape, strict=True))
    value_standing = debugger.value_standing(node)
    gradient_standing = debugger.gradient_standing(node)
    has_value = not value_standing.absent
    no_gradient = debugger.no_gradient(node)
    has_gradient = not no_gradient and gradient_standing in (
        Standing.CURRENT,
        Standing.STALE,
        Standing.PARTIAL,
    )
    value = float(site.value[index]) if has_value else None
    edges = debugger.contributions(node)
    turn = debugger.timeline.place_of("backward", node)
    ahead = turn is not None and turn > debugger.timeline.place(debugger.moment)
    start = debugger.timeline.start_of(debugger.sgd_step)
    outdated = debugger.outdated_by(node)
    return NodeReport(
        name=site.label,
        symbol=site.gradient(),
        kind=kind_of(site.op),
        shape=shape_text(shape),
        formula=_formula(site),
        definition=site.written(site.op.definition, site.labels) if isinstance(site.op, Op) else "",
        legend=site.legend() if explained(site) else "",
        role=role_of(site),
        index=index,
        value=value,
        value_standing=value_standing,
        outdated="" if outdated is None else debugger.graph.nodes[outdated].label,
        working=_forward_working(site, index, value),
        gradient=float(debugger.gradient(node)[index]) if has_gradient else None,
        gradient_standing=gradient_standing,
        no_gradient=no_gradient,
        reported=debugger.reported(node),
        edges=len(edges),
        turn=start + turn if ahead and turn is not None else None,
        incoming=_incoming(site, index, edges[:EDGES_SHOWN]),
        incoming_more=max(0, len(edges) - EDGES_SHOWN),
        outgoing=_outgoing(site, index),
        outgoing_more=max(0, len(site.inputs) - EDGES_SHOWN),
        update=assignments(debugger, node, index),
        unknown=debugger.unknown(node),
        unknown_gradient=debugger.unknown(node, gradient=True),
        notes=(*_notes(site), *changes_notes(debugger, node)),
    )


def _notes(site: Site) -> tuple[str, ...]:
    """Return what else there is to say of a value that a program's run has recorded."""
    debugger, node = site.debugger, site.node
    departs = debugger.departs(node, "forward")
    notes = [
        f"the program's number is another: {departs}" if departs else "",
        overwritten_note(debugger, node),
    ]
    return tuple(filter(None, notes))


def _formula(site: Site) -> str:
    """Return the rule in symbols."""
    if not isinstance(site.op, Op):
        return ""
    found = explained(site)
    if found is None:
        return site.written(site.op.formula, site.labels)
    op, explainer = found
    return explainer.formula(site, op, site.labels)


def kind_of(node: Node) -> str:
    """Return the node's op as the screen names it."""
    return type(node).__name__


def role_of(site: Site) -> str:
    """Return in one sentence what the node does in the backward pass."""
    node = site.op
    if (found := explained(site)) is not None:
        op, explainer = found
        return explainer.role(site, op)
    if isinstance(node, Input):
        if node.trainable:
            return "a trainable input adds up what comes back: the update uses the sum"
        return "an input adds up what comes back and sends nothing on"
    return f"{kind_of(node)} has its own forward() and backward()"


def _forward_working(site: Site, index: Index, value: float | None) -> str:
    """Return the forward rule with this entry's numbers in place of the names.

    Nothing where an input has changed since: today's numbers do not make yesterday's value.
    """
    debugger = site.debugger
    if (
        value is None
        or explained(site) is None
        or _notes(site)
        or debugger.value_standing(site.node) is not Standing.CURRENT
        or changed_note(debugger, site.sources, debugger.written_at(site.node) or 0)
    ):
        return ""
    text = value_sums(debugger, site.node, index).working(TERMS_SHOWN)
    # -5 = -5 tells nothing.
    return "" if text.strip("()") == scalar(value) else text


def _incoming(site: Site, index: Index, edges: list[Contribution]) -> tuple[Incoming, ...]:
    debugger, graph = site.debugger, site.debugger.graph
    if site.node == graph.cost and debugger.gradient_standing(site.node) is Standing.CURRENT:
        seed = site.gradient(index)
        return (Incoming("the start of backward", seed, seed, 1.0),)
    found = []
    sites: dict[int, Site] = {}
    for edge in edges:
        if edge.consumer not in sites:
            sites[edge.consumer] = Site(debugger, edge.consumer)
        consumer = sites[edge.consumer]
        rules = explained(consumer)
        remark = ""
        if edge.reported and edge.sent is None:
            rule = words = ""
            remark = debugger.unsent(edge.consumer, edge.slot)
        elif rules is None or debugger.departs(edge.consumer, "backward"):
            rule = words = named(f"{consumer.label}.gradients[{site.label}]", index)
        else:
            op, explainer = rules
            sent = explainer.sent(consumer, op, edge.slot, index)
            rule, words = sent.text, sent.of(index)
            remark = nothing_sent(consumer, op, explainer, edge.slot, index)
        number = None if edge.sent is None else float(edge.sent[index])
        note = consumer.input_note(edge.slot)
        found.append(Incoming(consumer.label, rule, words, number, remark, note))
    return tuple(found)


def _outgoing(site: Site, index: Index) -> tuple[Outgoing, ...]:
    debugger = site.debugger
    if debugger.gradient_standing(site.node) is not Standing.CURRENT:
        return ()
    rules = explained(site)
    departs = debugger.departs(site.node, "backward")
    written = debugger.written_at(site.node, "backward") or 0
    changed = changed_note(debugger, site.sources, written)
    found = []
    for slot, label in enumerate(site.labels[:EDGES_SHOWN]):
        if reason := debugger.unsent(site.node, slot):
            found.append(Outgoing(label, "", "", "", "", math.nan, reason))
            continue
        sent = debugger.plan.contribution(site.node, slot)
        entry = matching_entry(index, sent.shape)
        number, working, remark = float(sent[entry]), "", ""
        if rules is None or departs:
            rule = words = named(f"{site.label}.gradients[{label}]", entry)
        else:
            op, explainer = rules
            formula = explainer.sent(site, op, slot, entry)
            rule, words = formula.text, formula.of(entry)
            remark = nothing_sent(site, op, explainer, slot, entry)
            if not changed and not remark:
                working = edge_sums(site, slot, entry, ones=True).working(TERMS_SHOWN)
                working = "" if working.strip("()") == scalar(number) else working
        own_rule = explainer_of(site.op) is None
        text, note = index_text(entry), site.input_note(slot)
        found.append(Outgoing(label, text, rule, words, working, number, remark, note, own_rule))
    return tuple(found)


def matching_entry(index: Index, shape: tuple[int, ...]) -> Index:
    """Return the entry of an input that a broadcast matches with `index`, or one near it."""
    padded = (0,) * (len(shape) - len(index)) + index
    matched = padded[len(padded) - len(shape) :]
    return tuple(min(i, n - 1) for i, n in zip(matched, shape, strict=True))

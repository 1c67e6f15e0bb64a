"""Finds NaN and infinity at the node that makes them: a node whose inputs have none.

Nodes that only propagate them are not reported: the first node is the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np

from mfdebug.core.breakpoints.finding import Finding, array_text
from mfdebug.core.explain.names import kind_of
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array, Op
from miniflow.ops.broadcasting import Elementwise
from miniflow.ops.composed import Composed
from miniflow.plans.trace import Trace

KINDS: dict[str, Callable[[Array], Array]] = {"nan": np.isnan, "inf": np.isinf}
# The most inputs listed in a message.
MOST_INPUTS = 4


def find_nonfinite(
    debugger: Debugger, kind: str, excluded: Collection[int] = frozenset()
) -> Finding | None:
    """Return the first entry that is `kind` and was made by the present moment, or None.

    Nodes in `excluded` are not checked.
    """
    where = debugger.where
    has = _finder(kind)
    if where.phase == "feed":
        return next((f for f in _fed(debugger, kind) if _node(f) not in excluded), None)
    if where.node is None:
        return None
    if where.phase == "backward":
        sent = _sent(debugger, where.node, kind)
        return next((finding for finding in sent if _node(finding) not in excluded), None)
    if where.node in excluded:
        return None
    if where.phase == "forward":
        return _computed(debugger, where.node, kind)
    made = debugger.cursor.last_update
    if made is None or not has(made.after):
        return None
    if has(made.before) or has(debugger.state.gradient(where.node)):
        return None
    entry, ref = _first(debugger, where.node, "value", made.after, kind)
    return Finding(f"{kind}: the update made {entry}", ref)


def _finder(kind: str) -> Callable[[Array], bool]:
    return lambda array: bool(KINDS[kind](array).any())


def _first(
    debugger: Debugger, node: int, attribute: Attribute, array: Array, kind: str
) -> tuple[str, EntryRef]:
    """Return the first entry that is `kind`, as text `l1[2,3] = nan` and as a reference."""
    ref = EntryRef(node, attribute, tuple(map(int, np.argwhere(KINDS[kind](array))[0])))
    return f"{ref.text(debugger)} = {array[ref.index]}", ref


def _node(finding: Finding) -> int | None:
    return None if finding.ref is None else finding.ref.node


def _fed(debugger: Debugger, kind: str) -> Iterator[Finding]:
    """Yield a finding for every input whose fed value has an entry that is `kind`.

    A constant input is fed in every step but reported only in step 0; a mask of scores, where
    -infinity hides a key, is not reported.
    """
    graph = debugger.graph
    for i, node in enumerate(graph.nodes):
        if not isinstance(node, Input) or node.trainable:
            continue
        if debugger.state.unknown(i) or (kind == "inf" and _only_masks(graph, i)):
            continue
        value = debugger.state.value(i)
        if (debugger.sgd_step == 0 or graph.fed_from_data(i)) and _finder(kind)(value):
            entry, ref = _first(debugger, i, "value", value, kind)
            yield Finding(f"{kind}: {entry} was fed", ref)


def _only_masks(graph: Graph, node: int) -> bool:
    """Whether infinity in an input is ordinary to all its consumers, as in a mask of scores."""
    edges = graph.consumers[node]
    takers = [(graph.nodes[consumer], input_index) for consumer, input_index in edges]
    return bool(edges) and all(
        isinstance(taker, Op) and taker.takes_infinity(input_index) for taker, input_index in takers
    )


def _operands(graph: Graph, node: int, kind: str, sources: list[int]) -> list[int]:
    """Return those of a node's `sources` in which `kind` is not ordinary, as infinity may be."""
    op = graph.nodes[node]
    if kind != "inf" or not isinstance(op, Op) or type(op).takes_infinity is Op.takes_infinity:
        return list(sources)
    return [source for i, source in enumerate(sources) if not op.takes_infinity(i)]


def _computed(debugger: Debugger, node: int, kind: str) -> Finding | None:
    state = debugger.state
    has, graph = _finder(kind), debugger.graph
    value = state.value(node)
    if state.value_freshness(node).absent or not has(value):
        return None
    op = state.op(node)
    if kind == "inf" and isinstance(op, Composed) and op.sets_infinity:
        return None
    reads = state.reads(node)
    if any(state.unknown(source) for source in reads):
        return _first_known(debugger, node, kind)
    inputs_now = [state.value(source) for source in _operands(graph, node, kind, reads)]
    entrywise = isinstance(graph.nodes[node], Elementwise) and state.explicable(node)
    made = _made(value, inputs_now, KINDS[kind], entrywise=entrywise)
    if not made.any():
        return None
    sources = list(dict.fromkeys(reads))
    listed = [array_text(graph.nodes[s].label, state.value(s)) for s in sources[:MOST_INPUTS]]
    more = f", {len(sources) - MOST_INPUTS} more" if len(sources) > MOST_INPUTS else ""
    inputs = "; ".join(listed) + more
    made_by = kind_of(graph.nodes[node])
    ref = EntryRef(node, "value", tuple(map(int, np.argwhere(made)[0])))
    entry = f"{ref.text(debugger)} = {value[ref.index]}"
    return Finding(f"{kind}: {entry}, made by {made_by} of {inputs}", ref)


def _first_known(debugger: Debugger, node: int, kind: str) -> Finding | None:
    """Return a finding for a pass whose inputs were not kept, if the cost was finite before."""
    earlier = debugger.cursor.costs[max(0, debugger.sgd_step - 1) : debugger.sgd_step]
    if any(not np.isfinite(cost) for cost in earlier):
        return None
    entry, ref = _first(debugger, node, "value", debugger.state.value(node), kind)
    return Finding(f"{kind}: {entry}; which node made it was not kept", ref)


def _made(
    value: Array,
    inputs: list[Array],
    kind: Callable[[Array], Array],
    lead: int = 0,
    *,
    entrywise: bool,
) -> Array:
    """Return which entries of a value are `kind` while none of the entries they depend on is.

    An entry of an elementwise op depends on the matching entries of the inputs, an entry of any
    other op on all entries. The first `lead` axes are SGD steps.
    """
    made = kind(value)
    for x in inputs:
        bad = kind(x)
        if entrywise:
            ones = (1,) * (value.ndim - x.ndim)
            bad = bad.reshape(x.shape[:lead] + ones + x.shape[lead:])
        else:
            axes = tuple(range(lead, x.ndim))
            bad = np.asarray(bad.any(axes)).reshape(x.shape[:lead] + (1,) * (value.ndim - lead))
        made = made & ~bad
    return np.asarray(made)


def _sent(debugger: Debugger, node: int, kind: str) -> Iterator[Finding]:
    """Yield what the node sends back that is `kind` while none of its operands is."""
    state = debugger.state
    has, graph = _finder(kind), debugger.graph
    name = graph.nodes[node].label
    sources = graph.inbound[node]
    known = not state.unknown(node, gradient=True) and not state.unknown(node)
    if isinstance(graph.nodes[node], Input) or not known:
        return
    operands = _operands(graph, node, kind, graph.inbound[node])
    sound = not has(state.gradient(node)) and not any(has(state.value(s)) for s in operands)
    if kind == "nan":
        sound = sound and not has(state.value(node))
    for input_index, source in enumerate(sources):
        if state.unsent(node, input_index) or state.unknown(source, gradient=True):
            continue
        sent = state.sent(node, input_index)
        if has(sent):
            if sound:
                entry, ref = _first(debugger, source, "grad", sent, kind)
                yield Finding(f"{kind}: {kind_of(graph.nodes[node])} {name} sends {entry}", ref)
        elif has(state.gradient(source)) and not _already_sent(debugger, source, node, has):
            entry, ref = _first(debugger, source, "grad", state.gradient(source), kind)
            label = graph.nodes[source].label
            yield Finding(f"{kind}: the contributions to {label} add up to {entry}", ref)


def _already_sent(debugger: Debugger, source: int, node: int, has: Callable[[Array], bool]) -> bool:
    """Whether another consumer has already sent such an entry."""
    return any(
        c.consumer != node and c.sent is not None and has(c.sent)
        for c in debugger.state.contributions(source)
    )


def may_make_nonfinite(
    trace: Trace, graph: Graph, needed: list[bool], excluded: Collection[int] = frozenset()
) -> Array:
    """Return per step whether a node may have made NaN or infinity; True if in doubt.

    After the first NaN there is NaN everywhere: only the step in which it starts is reported.
    """
    suspects = ~trace.finite()
    if suspects.any():
        made = [_may_start(trace, graph, needed, excluded, kind) for kind in KINDS]
        suspects = suspects & np.logical_or(*made)
    return suspects


def _may_start(
    trace: Trace,
    graph: Graph,
    needed: list[bool],
    excluded: Collection[int],
    name: str,
) -> Array:
    nodes, kind = range(len(graph)), KINDS[name]
    never: Array = np.zeros(trace.steps, bool)
    values = [_any(kind(trace.value(i))) for i in nodes]
    # The values that the pass used: those of a trainable before its update.
    used = [_any(kind(trace.before(i))) if i in graph.trainables else values[i] for i in nodes]
    gradients = [
        _any(kind(trace.gradient(i))) if needed[i] and graph.reaches_cost[i] else never
        for i in nodes
    ]
    operands_of = [_operands(graph, i, name, graph.inbound[i]) for i in nodes]
    inputs = [np.logical_or.reduce([never, *(used[s] for s in operands_of[i])]) for i in nodes]
    is_first = np.arange(trace.first, trace.first + trace.steps) == 0
    found = [never]
    for i in nodes:
        if i in excluded:
            continue
        propagated = inputs[i]
        if i in graph.trainables:
            propagated = used[i] | gradients[i]
        elif isinstance(graph.nodes[i], Input) and not graph.fed_from_data(i):
            propagated = ~is_first
        senders = [
            gradients[c] | used[c] | inputs[c]
            for c, _ in graph.consumers[i]
            if graph.reaches_cost[c]
        ]
        if values[i].any() and graph.inbound[i]:
            operands = [
                trace.before(s) if s in graph.trainables else trace.value(s) for s in operands_of[i]
            ]
            entrywise = isinstance(graph.nodes[i], Elementwise)
            made = _made(trace.value(i), operands, kind, 1, entrywise=entrywise)
            found.append(_any(made))
        else:
            found.append(values[i] & ~propagated)
        found.append(gradients[i] & ~np.logical_and.reduce([~never, *senders]))
    return np.asarray(np.logical_or.reduce(found))


def _any(flags: Array) -> Array:
    return np.asarray(flags.reshape(len(flags), -1).any(1))

"""NaN and infinity, found at the very node that made them: its inputs have none.

What is passed on from node to node is not found again: the first one is the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np

from mfdebug.core.breakpoints.finding import Finding, held
from mfdebug.core.explain.report import kind_of
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array, Elementwise
from miniflow.plans.trace import Trace

KINDS: dict[str, Callable[[Array], Array]] = {"nan": np.isnan, "inf": np.isinf}
# Inputs that are told; the rest of a long list says nothing new.
MOST_INPUTS = 4


def made_here(
    debugger: Debugger, kind: str, left_out: Collection[int] = frozenset()
) -> Finding | None:
    """Return what the present moment made that is `kind`, at its first entry.

    The numbers of nodes that are `left_out` are not looked at.
    """
    where = debugger.where
    has = _finder(kind)
    if where.phase == "feed":
        return next((f for f in _fed(debugger, kind) if _node(f) not in left_out), None)
    if where.node is None:
        return None
    if where.phase == "backward":
        sent = _sent(debugger, where.node, kind)
        return next((finding for finding in sent if _node(finding) not in left_out), None)
    if where.node in left_out:
        return None
    if where.phase == "forward":
        return _computed(debugger, where.node, kind)
    made = debugger.last_update
    if made is None or not has(made.after):
        return None
    if has(made.before) or has(debugger.gradient(where.node)):
        return None
    entry, ref = _first(debugger, where.node, "value", made.after, kind)
    return Finding(f"{kind}: the update made {entry}", ref)


def _finder(kind: str) -> Callable[[Array], bool]:
    return lambda array: bool(KINDS[kind](array).any())


def _first(
    debugger: Debugger, node: int, attribute: Attribute, array: Array, kind: str
) -> tuple[str, EntryRef]:
    """Return the first entry that is `kind`, as `l1[2,3] = nan`, and where it is."""
    ref = EntryRef(node, attribute, tuple(map(int, np.argwhere(KINDS[kind](array))[0])))
    return f"{ref.text(debugger)} = {array[ref.index]}", ref


def _node(finding: Finding) -> int | None:
    return None if finding.ref is None else finding.ref.node


def _fed(debugger: Debugger, kind: str) -> Iterator[Finding]:
    """Yield the inputs that this feed gives a value that is `kind`.

    What an input holds for good, like the -inf of a mask, is fed again and again: it is new once.
    """
    graph = debugger.graph
    for i, node in enumerate(graph.nodes):
        if not isinstance(node, Input) or node.trainable:
            continue
        if debugger.unknown(i):
            continue
        value = debugger.value(i)
        if (debugger.sgd_step == 0 or graph.fed_from_data(i)) and _finder(kind)(value):
            entry, ref = _first(debugger, i, "value", value, kind)
            yield Finding(f"{kind}: {entry} was fed", ref)


def _computed(debugger: Debugger, node: int, kind: str) -> Finding | None:
    has, graph = _finder(kind), debugger.graph
    value = debugger.value(node)
    if debugger.value_freshness(node).absent or not has(value):
        return None
    if any(debugger.unknown(source) for source in graph.inbound[node]):
        return _first_known(debugger, node, kind)
    inputs_now = [debugger.value(source) for source in graph.inbound[node]]
    entrywise = isinstance(graph.nodes[node], Elementwise) and debugger.explicable(node)
    made = _made(value, inputs_now, KINDS[kind], entrywise=entrywise)
    if not made.any():
        return None
    sources = list(dict.fromkeys(graph.inbound[node]))
    told = [held(graph.nodes[s].label, debugger.value(s)) for s in sources[:MOST_INPUTS]]
    more = f", {len(sources) - MOST_INPUTS} more" if len(sources) > MOST_INPUTS else ""
    inputs = "; ".join(told) + more
    made_by = kind_of(graph.nodes[node])
    ref = EntryRef(node, "value", tuple(map(int, np.argwhere(made)[0])))
    entry = f"{ref.text(debugger)} = {value[ref.index]}"
    return Finding(f"{kind}: {entry}, made by {made_by} of {inputs}", ref)


def _first_known(debugger: Debugger, node: int, kind: str) -> Finding | None:
    """Return that a value is `kind` in a pass of which no more was kept, and was not before."""
    earlier = debugger.history.costs[max(0, debugger.sgd_step - 1) : debugger.sgd_step]
    if any(not np.isfinite(cost) for cost in earlier):
        return None
    entry, ref = _first(debugger, node, "value", debugger.value(node), kind)
    return Finding(f"{kind}: {entry}; where it was made was not kept", ref)


def _made(
    value: Array,
    inputs: list[Array],
    kind: Callable[[Array], Array],
    lead: int = 0,
    *,
    entrywise: bool,
) -> Array:
    """Return which entries of a value are `kind` where nothing that they are made of is.

    Of an op that works entry by entry those are the entries that meet there; of any other all. The
    first `lead` axes are SGD steps.
    """
    made = kind(value)
    for x in inputs:
        taken = kind(x)
        if entrywise:
            ones = (1,) * (value.ndim - x.ndim)
            taken = taken.reshape(x.shape[:lead] + ones + x.shape[lead:])
        else:
            axes = tuple(range(lead, x.ndim))
            taken = np.asarray(taken.any(axes)).reshape(x.shape[:lead] + (1,) * (value.ndim - lead))
        made = made & ~taken
    return np.asarray(made)


def _sent(debugger: Debugger, node: int, kind: str) -> Iterator[Finding]:
    """Yield what the node sends back that is `kind` where nothing it works with is."""
    has, graph = _finder(kind), debugger.graph
    name = graph.nodes[node].label
    sources = graph.inbound[node]
    known = not debugger.unknown(node, gradient=True) and not debugger.unknown(node)
    if isinstance(graph.nodes[node], Input) or not known:
        return
    sound = not has(debugger.gradient(node)) and not any(has(debugger.value(s)) for s in sources)
    if kind == "nan":
        sound = sound and not has(debugger.value(node))
    for input_index, source in enumerate(sources):
        if debugger.unsent(node, input_index) or debugger.unknown(source, gradient=True):
            continue
        sent = debugger.plan.contribution(node, input_index)
        if has(sent):
            if sound:
                entry, ref = _first(debugger, source, "grad", sent, kind)
                yield Finding(f"{kind}: {kind_of(graph.nodes[node])} {name} sends {entry}", ref)
        elif has(debugger.gradient(source)) and not _was_there(debugger, source, node, has):
            entry, ref = _first(debugger, source, "grad", debugger.gradient(source), kind)
            told = graph.nodes[source].label
            yield Finding(f"{kind}: what came back to {told} adds up to {entry}", ref)


def _was_there(debugger: Debugger, source: int, node: int, has: Callable[[Array], bool]) -> bool:
    """Whether another consumer has sent it already."""
    return any(
        c.consumer != node and c.sent is not None and has(c.sent)
        for c in debugger.contributions(source)
    )


def may_be_made(
    trace: Trace, graph: Graph, needed: list[bool], left_out: Collection[int] = frozenset()
) -> Array:
    """Return for each step whether a node may have made NaN or infinity; in doubt, True.

    After the first NaN there is NaN everywhere: only where it begins is worth a closer look.
    """
    suspects = ~trace.finite()
    if suspects.any():
        made = [_may_begin(trace, graph, needed, left_out, kind) for kind in KINDS.values()]
        suspects = suspects & np.logical_or(*made)
    return suspects


def _may_begin(
    trace: Trace,
    graph: Graph,
    needed: list[bool],
    left_out: Collection[int],
    kind: Callable[[Array], Array],
) -> Array:
    nodes = range(len(graph))
    nowhere: Array = np.zeros(trace.steps, bool)
    left = [_any(kind(trace.value(i))) for i in nodes]
    # What the pass worked with: a trainable as it was before its update.
    used = [_any(kind(trace.before(i))) if i in graph.trainables else left[i] for i in nodes]
    gradients = [
        _any(kind(trace.gradient(i))) if needed[i] and graph.reaches_cost[i] else nowhere
        for i in nodes
    ]
    taken = [np.logical_or.reduce([nowhere, *(used[s] for s in graph.inbound[i])]) for i in nodes]
    begins = np.arange(trace.first, trace.first + trace.steps) == 0
    found = [nowhere]
    for i in nodes:
        if i in left_out:
            continue
        passed_on = taken[i]
        if i in graph.trainables:
            passed_on = used[i] | gradients[i]
        elif isinstance(graph.nodes[i], Input) and not graph.fed_from_data(i):
            passed_on = ~begins
        senders = [
            gradients[c] | used[c] | taken[c]
            for c, _ in graph.consumers[i]
            if graph.reaches_cost[c]
        ]
        if left[i].any() and graph.inbound[i]:
            worked_with = [
                trace.before(s) if s in graph.trainables else trace.value(s)
                for s in graph.inbound[i]
            ]
            entrywise = isinstance(graph.nodes[i], Elementwise)
            made = _made(trace.value(i), worked_with, kind, 1, entrywise=entrywise)
            found.append(_any(made))
        else:
            found.append(left[i] & ~passed_on)
        found.append(gradients[i] & ~np.logical_and.reduce([~nowhere, *senders]))
    return np.asarray(np.logical_or.reduce(found))


def _any(flags: Array) -> Array:
    return np.asarray(flags.reshape(len(flags), -1).any(1))

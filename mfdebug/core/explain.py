"""A moment in words and numbers.

A `Story` tells one node at the present moment: its rule, what came back to it from each consumer
and their sum, and what it sends on to each input, term by term, for one chosen entry. The app's
panel and the `explain` command both tell it; only the layout differs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from mfdebug.core.debugger import Debugger, Standing, index_text
from mfdebug.core.numbers import scalar
from mfdebug.core.timeline import Moment
from mfdebug.core.working import Index, is_matrix_product, sent_terms
from miniflow.node import Input, Node
from miniflow.ops.base import Elementwise, Op, shape_text
from miniflow.ops.linear import Linear, MatMul
from miniflow.optimizers import SGD

# Terms of a sum that are written out; the rest are counted.
TERMS_SHOWN = 4


class Incoming(Struct, frozen=True):
    """What one consumer sent back to the chosen entry; `number` None: it has not reported yet."""

    consumer: str
    words: str
    number: float | None


class Outgoing(Struct, frozen=True):
    """What the node sends to one input: the rule, and the working of one entry of it."""

    source: str
    entry: str
    words: str
    working: str
    number: float


class UpdateStory(Struct, frozen=True):
    """The update that the present moment made: the rule, and the working of one entry."""

    rule: str
    working: str
    number: float


class Story(Struct, frozen=True):
    """One node at the present moment, told for the entry `index` of its value."""

    name: str
    kind: str
    shape: str
    formula: str
    legend: str
    role: str
    index: Index
    value: float | None
    value_standing: Standing
    working: str
    gradient: float | None
    gradient_standing: Standing
    incoming: tuple[Incoming, ...]
    outgoing: tuple[Outgoing, ...]
    update: UpdateStory | None


def story(debugger: Debugger, node: int, index: Index | None = None) -> Story:
    """Tell a node at the present moment for one entry of it (the first by default)."""
    graph = debugger.graph
    target = graph.nodes[node]
    shape = debugger.plan.shapes[node]
    if index is None or len(index) != len(shape):
        index = (0,) * len(shape)
    index = tuple(min(i, n - 1) for i, n in zip(index, shape, strict=True))
    names = [n.label for n in target.inbound_nodes]
    value_standing = debugger.value_standing(node)
    gradient_standing = debugger.gradient_standing(node)
    has_value = value_standing in (Standing.CURRENT, Standing.STALE)
    value = float(debugger.value(node)[index]) if has_value else None
    working = forward_working(debugger, node, index)
    if value is not None and working.strip("()") == scalar(value):
        working = ""  # -5 = -5 tells nothing
    has_gradient = gradient_standing in (Standing.CURRENT, Standing.STALE, Standing.PARTIAL)
    return Story(
        name=target.label,
        kind=kind_of(target),
        shape=shape_text(shape),
        formula=target.formula(*names) if isinstance(target, Op) else "",
        legend=_legend(debugger, node),
        role=role_of(target),
        index=index,
        value=value,
        value_standing=value_standing,
        working=working,
        gradient=float(debugger.gradient(node)[index]) if has_gradient else None,
        gradient_standing=gradient_standing,
        incoming=_incoming(debugger, node, index),
        outgoing=_outgoing(debugger, node, index),
        update=_update(debugger, node, index),
    )


def _legend(debugger: Debugger, node: int) -> str:
    target = debugger.graph.nodes[node]
    if not isinstance(target, Op):
        return ""
    return target.legend(*(debugger.plan.shapes[source] for source in debugger.graph.inbound[node]))


def kind_of(node: Node) -> str:
    """Return the node's op as the screen names it."""
    return type(node).__name__


def role_of(node: Node) -> str:
    """Return in one sentence what the node does in the backward pass."""
    if isinstance(node, Op):
        return node.role
    if isinstance(node, Input):
        if node.trainable:
            return "a trainable input adds up what comes back: the update uses the sum"
        return "an input adds up what comes back and sends nothing on"
    return f"{kind_of(node)} has its own forward() and backward()"


def forward_working(debugger: Debugger, node: int, index: Index) -> str:
    """Return the forward rule with this entry's numbers in place of the names.

    Nothing where the rule has no short form, or where an input has changed since: today's numbers
    do not make yesterday's value.
    """
    graph = debugger.graph
    target = graph.nodes[node]
    current = debugger.value_standing(node) is Standing.CURRENT
    if not current or _changed_since(debugger, graph.inbound[node], debugger.written_at(node)):
        return ""
    inputs = [debugger.value(source) for source in graph.inbound[node]]
    shape = debugger.plan.shapes[node]
    if isinstance(target, Elementwise):
        entries = [float(np.broadcast_to(x, shape)[index]) for x in inputs]
        return target.formula(*map(_bracketed, entries))
    if isinstance(target, Linear | MatMul) and is_matrix_product(inputs):
        row, column = inputs[0][index[0]], inputs[1][:, index[1]]
        bias = [float(np.broadcast_to(inputs[2], shape)[index])] if len(inputs) == 3 else []
        return _sum_of_products(list(zip(row, column, strict=True)), bias)
    if isinstance(target, Op) and all(x.size == 1 for x in inputs):
        return target.formula(*(_bracketed(float(x.reshape(()))) for x in inputs))
    return ""


def _incoming(debugger: Debugger, node: int, index: Index) -> tuple[Incoming, ...]:
    graph = debugger.graph
    name = graph.nodes[node].label
    if node == graph.cost and debugger.gradient_standing(node) is Standing.CURRENT:
        seed = "∂cost/∂cost" if not debugger.plan.shapes[node] else f"∂Σ{name}/∂{name}"
        return (Incoming("the start of backward", seed, 1.0),)
    found = []
    for contribution in debugger.contributions(node):
        consumer = graph.nodes[contribution.consumer]
        names = [n.label for n in consumer.inbound_nodes]
        words = (
            consumer.downstream(contribution.slot, consumer.label, *names)
            if isinstance(consumer, Op)
            else f"{consumer.label}.gradients[{name}]"
        )
        sent = contribution.sent
        found.append(Incoming(consumer.label, words, None if sent is None else float(sent[index])))
    return tuple(found)


def _outgoing(debugger: Debugger, node: int, index: Index) -> tuple[Outgoing, ...]:
    graph = debugger.graph
    target = graph.nodes[node]
    if debugger.gradient_standing(node) is not Standing.CURRENT:
        return ()
    names = [n.label for n in target.inbound_nodes]
    gradient, value = debugger.gradient(node), debugger.value(node)
    inputs = [debugger.value(source) for source in graph.inbound[node]]
    found = []
    for slot, source in enumerate(target.inbound_nodes):
        sent = debugger.plan.contribution(node, slot)
        entry = matching_entry(index, sent.shape)
        working = ""
        words = f"{target.label}.gradients[{source.label}]"
        if isinstance(target, Op):
            words = target.downstream(slot, target.label, *names)
            written = debugger.written_at(node, "backward")
            if not _changed_since(debugger, graph.inbound[node], written):
                terms = sent_terms(target, slot, entry, gradient, value, inputs, debugger.sgd_step)
                if terms is not None:
                    products = [(t.upstream, t.local) for t in terms]
                    # Terms of 0 are left out: NaN made of infinity times 0 has no product to show.
                    if np.isfinite(sent[entry]) or not np.isfinite(products or [(0.0, 0.0)]).all():
                        working = _sum_of_products(products, [])
        found.append(Outgoing(source.label, index_text(entry), words, working, float(sent[entry])))
    return tuple(found)


def _update(debugger: Debugger, node: int, index: Index) -> UpdateStory | None:
    made = debugger.last_update
    if made is None or debugger.where.node != node:
        return None
    optimizer = debugger.graph.training.optimizer
    name = debugger.graph.nodes[node].label
    working = _bracketed(float(made.before[index]))
    if isinstance(optimizer, SGD):
        gradient = _bracketed(float(debugger.gradient(node)[index]))
        working = f"{working} - {scalar(made.rate)} × {gradient}"
    else:
        working = f"{working} + {_bracketed(float(made.after[index]) - float(made.before[index]))}"
    return UpdateStory(f"{name} ← {optimizer.formula(name)}", working, float(made.after[index]))


def _changed_since(debugger: Debugger, sources: list[int], moment: int | None) -> bool:
    """Whether an input has been updated or edited after `moment`: its old numbers are gone."""
    if moment is None:
        return True
    edited = {edit.node for edit in debugger.edits if moment < edit.after <= debugger.moment}
    return any(
        source in edited or (debugger.updated_at(source) or 0) > moment for source in sources
    )


def matching_entry(index: Index, shape: tuple[int, ...]) -> Index:
    """Return the entry of an input that a broadcast matches with `index`, or one near it."""
    padded = (0,) * (len(shape) - len(index)) + index
    matched = padded[len(padded) - len(shape) :]
    return tuple(min(i, n - 1) for i, n in zip(matched, shape, strict=True))


def _sum_of_products(products: list[tuple[Any, Any]], rest: list[float]) -> str:
    shown = [f"{_bracketed(float(a))} × {_bracketed(float(b))}" for a, b in products[:TERMS_SHOWN]]
    if len(products) > TERMS_SHOWN:
        shown.append(f"… {len(products) - TERMS_SHOWN} more")
    return " + ".join(shown + [_bracketed(x) for x in rest]) or "0"


def _bracketed(number: float) -> str:
    text = scalar(number)
    return text if text[0].isdigit() else f"({text})"


# The explain command -------------------------------------------------------------------------


def name_moment(debugger: Debugger, moment: Moment) -> str:
    """Return a moment's name as people say it: `backward of l1 (Linear)`."""
    if moment.phase == "start":
        return "the start: nothing has happened yet"
    if moment.node is None:
        return "feed: every input gets its value"
    node = debugger.graph.nodes[moment.node]
    return f"{moment.phase} of {node.label} ({kind_of(node)})"


def explain(debugger: Debugger, index: Index | None = None) -> list[str]:
    """Return the present moment in words and numbers, a line each."""
    moment = debugger.where
    title = name_moment(debugger, moment)
    if moment.phase == "start":
        first = "feed: every input gets its value"
        return [title, f"  {len(debugger.graph)} nodes; next: {first}"]
    if moment.node is None:
        return [title, *_fed_lines(debugger)]
    told = story(debugger, moment.node, index)
    if moment.phase == "forward":
        return [title, *_forward_lines(told)]
    if moment.phase == "backward":
        return [title, *_backward_lines(told)]
    return [title, *_update_lines(told)]


def _fed_lines(debugger: Debugger) -> list[str]:
    lines = []
    for i, node in enumerate(debugger.graph.nodes):
        if isinstance(node, Input):
            value = debugger.value(i)
            number = scalar(float(value)) if value.ndim == 0 else f"{shape_text(value.shape)}"
            origin = (
                f"from {debugger.graph.feeder}"
                if debugger.graph.fed_from_data(i)
                else "trained"
                if node.trainable
                else "its own value"
            )
            lines.append(f"  {node.label} = {number}  ({origin})")
    if len(lines) > 12:
        lines = [*lines[:12], f"  … {len(lines) - 12} more"]
    return lines


def _forward_lines(told: Story) -> list[str]:
    entry = index_text(told.index)
    legend = f"   ({told.legend})" if told.legend else ""
    lines = [f"  {told.name} = {told.formula}{legend}"] if told.formula else []
    if told.value is not None:
        working = f" = {told.working}" if told.working else ""
        lines.append(f"  {told.name}{entry}{working} = {scalar(told.value)}")
    return lines


def _backward_lines(told: Story) -> list[str]:
    entry = index_text(told.index)
    lines = []
    for incoming in told.incoming:
        number = "not yet" if incoming.number is None else scalar(incoming.number)
        lines.append(f"  upstream from {incoming.consumer}: {incoming.words} = {number}")
    if told.gradient is not None:
        sums = " + ".join(_bracketed(i.number) for i in told.incoming if i.number is not None)
        together = f" = {sums}" if len(told.incoming) > 1 else ""
        lines.append(f"  ∂cost/∂{told.name}{entry}{together} = {scalar(told.gradient)}")
    lines.extend(
        f"  to {out.source}{out.entry}: upstream × local = {out.words}"
        + (f" = {out.working}" if out.working else "")
        + f" = {scalar(out.number)}"
        for out in told.outgoing
    )
    if told.role:
        lines.append(f"  {told.role}")
    return lines


def _update_lines(told: Story) -> list[str]:
    if told.update is None:
        return []
    entry, update = index_text(told.index), told.update
    return [
        f"  {update.rule}",
        f"  {told.name}{entry} = {update.working} = {scalar(update.number)}",
    ]

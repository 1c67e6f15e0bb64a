"""A moment in words and numbers: the text of the `explain` command."""

from __future__ import annotations

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.names import name_moment
from mfdebug.core.explain.ordering_text import ordering_lines
from mfdebug.core.explain.report import NodeReport, report
from mfdebug.core.format.numbers import described, scalar
from mfdebug.core.timeline.debugger import Debugger, index_text
from mfdebug.core.timeline.entry_ref import Index, named
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.text.lists import counted

# The number of inputs that a feed lists.
INPUTS_SHOWN = 12
NO_LOCAL = "the local derivative is not known"


def explain(debugger: Debugger, index: Index | None = None) -> list[str]:
    """Return the lines that explain the present moment, for entry `index` of its node."""
    moment = debugger.where
    title = name_moment(debugger, moment)
    if moment.phase == "start":
        first = "feed: every input gets its value"
        return [title, f"  {counted(len(debugger.graph), 'node')}; next: {first}"]
    if moment.phase == "order":
        return [title, *(f"  {line}" for line in ordering_lines(debugger))]
    if moment.node is None:
        remark = [f"  ({debugger.remark})"] if debugger.remark else []
        return [title, *remark, *_fed_lines(debugger)]
    node = report(debugger, moment.node, index)
    if moment.phase == "forward":
        return [title, *_forward_lines(node), *_origin_lines(debugger, moment.node)]
    if moment.phase == "backward":
        return [title, *_backward_lines(node)]
    return [title, *update_lines(node)]


def _fed_lines(debugger: Debugger) -> list[str]:
    lines = []
    nodes = [i for i, node in enumerate(debugger.graph.nodes) if isinstance(node, Input)]
    for i in nodes[:INPUTS_SHOWN]:
        node = debugger.graph.nodes[i]
        assert isinstance(node, Input)
        if debugger.graph.fed_from_data(i):
            origin = f"from {debugger.graph.feeder}"
        else:
            origin = "trained" if node.trainable else "its own value"
            if node.trainable and debugger.cursor.left_alone(i):
                origin = "no optimizer has updated it so far"
        if reason := debugger.state.unknown(i):
            lines.append(f"  {node.label}: {reason}  ({origin})")
            continue
        lines.append(f"  {_fed(node.label, debugger.state.value(i))}  ({origin})")
    if len(nodes) > INPUTS_SHOWN:
        lines.append(f"  … {len(nodes) - INPUTS_SHOWN:,} more")
    return lines


def _origin_lines(debugger: Debugger, node: int) -> list[str]:
    origin = debugger.state.origin(node)
    return [f"  {origin}"] if origin else []


def _fed(label: str, value: Array) -> str:
    if value.ndim == 0:
        return f"{label} = {scalar(float(value))}"
    return f"{label}  {described(value)}"


def _forward_lines(node: NodeReport) -> list[str]:
    legend = f"   ({node.legend})" if node.legend else ""
    defined = f" = {node.definition}" if node.definition else ""
    # Where an edit has replaced what it computed, the rule is no equation of the present numbers.
    rule = "rule: " if node.rule_broken else ""
    lines = [f"  {rule}{node.name} = {node.formula}{defined}{legend}"] if node.formula else []
    if node.value is not None:
        working = f" = {node.working}" if node.working else ""
        lines.append(f"  {named(node.name, node.index)}{working} = {scalar(node.value)}")
        lines += [f"  {node.value_override}"] * bool(node.value_override)
    elif node.unknown:
        lines.append(f"  {node.name}: {node.unknown}")
    return [*lines, *(f"  {note}" for note in (*node.notes, *node.kept))]


def _backward_lines(node: NodeReport) -> list[str]:
    lines = []
    for incoming in node.incoming:
        upstream = f"  upstream from {incoming.consumer}{incoming.input}: "
        if incoming.remark:
            lines.append(upstream + incoming.remark)
            continue
        number = "not yet" if incoming.number is None else scalar(incoming.number)
        working = f" = {incoming.working}" if incoming.working else ""
        lines.append(f"{upstream}{incoming.words}{working} = {number}")
        lines += [f"  {incoming.copied}"] * bool(incoming.copied)
    if node.incoming_more:
        lines.append(f"  … {counted(node.incoming_more, 'contribution')} more")
    if node.gradient is not None:
        numbers = [i.number for i in node.incoming if i.number is not None and not i.remark]
        sums = " + ".join(map(bracketed, numbers))
        several = len(numbers) > 1 and not node.incoming_more
        together = f" = {sums}" if several and not node.gradient_override else ""
        lines.append(f"  {node.symbol}{index_text(node.index)}{together} = {scalar(node.gradient)}")
        lines += [f"  {node.gradient_override}"] * bool(node.gradient_override)
    elif node.unknown_gradient:
        lines.append(f"  {node.symbol}: {node.unknown_gradient}")
    for out in node.outgoing:
        to = f"  to {out.source}{out.entry}{out.input}: "
        if out.remark:
            lines.append(to + out.remark)
            continue
        if out.own_rule:
            number = scalar(out.number)
            lines.append(f"{to}{out.words} = {number}, by rules of its own: {NO_LOCAL}")
            continue
        working = f" = {out.working}" if out.working else ""
        lines.append(f"{to}upstream × local = {out.words}{working} = {scalar(out.number)}")
    if node.legend and any(f"/{node.legend.split()[0]}" in out.words for out in node.outgoing):
        lines.append(f"  ({node.legend})")
    if node.outgoing_more:
        lines.append(f"  … {counted(node.outgoing_more, 'input')} more")
    if node.role:
        lines.append(f"  {node.role}")
    return lines


def update_lines(node: NodeReport) -> list[str]:
    """Return the lines of an update: each assignment's rule, then its numbers."""
    lines = []
    for assignment in node.update:
        lines += [f"  {assignment.by}"] * bool(assignment.by)
        lines.append(f"  {assignment.rule}")
        sign = "=" if assignment.exact else "≈"
        working = f" {sign} {assignment.working}" if assignment.working else ""
        lines.append(f"  {assignment.name}{working} = {scalar(assignment.number)}")
    return lines

"""When a number was computed, and whether the values that it was computed from have changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Contribution, Debugger, Freshness
from mfdebug.core.timeline.entry_ref import EntryRef, named
from miniflow.node import Input
from miniflow.ops.base import shape_text

if TYPE_CHECKING:
    from mfdebug.core.explain.sums import Sums


def made_before(debugger: Debugger, ref: EntryRef, sums: Sums) -> tuple[int, str] | None:
    """Return the moment at which a number was computed, and a note, or None if `sums` is valid.

    `sums` explains the number with the values of the present moment. That is not valid if the
    number is of an earlier pass, or if a value that it was computed from has changed since.
    """
    state = debugger.state
    if ref.attribute == "value":
        made = state.written_at(ref.node) or 0
        stale = state.value_freshness(ref.node) is Freshness.STALE
        nodes: Iterable[int] = debugger.graph.inbound[ref.node]
        since = made
    else:
        written = [
            state.written_at(edge.consumer, "backward") or 0
            for edge in state.contributions(ref.node)
            if edge.reported
        ]
        made = state.written_at(ref.node, "backward") or 0
        stale = state.gradient_freshness(ref.node) is Freshness.STALE
        if written and not stale and state.besides(ref.node) is None:
            made = max(written)
        first_terms = [bundle.term_text(0) for bundle in sums.bundles if len(bundle.amounts)]
        refs = [source for term in first_terms for source in term.leads_to]
        nodes = [*(source.node for source in refs if source.attribute == "value"), *sums.reads]
        since = min(written, default=made)
    if stale:
        return made, f"stale: of SGD step {debugger.timeline.sgd_step(made)}"
    changed = changed_note(debugger, nodes, since)
    if ref.attribute != "value" and not changed:
        reported = (edge.consumer for edge in state.contributions(ref.node) if edge.reported)
        notes = (overridden_since_sent(debugger, consumer) for consumer in reported)
        changed = next(filter(None, notes), "")
    if changed:
        return made, f"computed at moment {made}, from the values of that moment: {changed}"
    return None


def written_since(debugger: Debugger, node: int, moment: int) -> int | None:
    """Return the last moment from `moment` on that changed a node's value, or None."""
    state = debugger.state
    since = moment
    made_once = (edit for edit in debugger.edits if edit.node == node and not edit.lasts)
    times = [edit.after for edit in made_once]
    if isinstance(debugger.graph.nodes[node], Input):
        times.append(state.updated_at(node) or 0)
        if debugger.graph.fed_from_data(node) and debugger.moment:
            times.append(debugger.timeline.start_of(debugger.sgd_step) + 1)
    else:
        times.append(state.written_at(node) or 0)
        moment += 1
    overwritten = state.overwritten_at(node)
    if overwritten is not None and overwritten > since:
        times.append(overwritten)
    later = [time for time in times if moment <= time <= debugger.moment and time]
    overridden = state.overridden_at(node)
    if overridden is not None and overridden >= since:
        later.append(overridden)
    return max(later, default=None)


def set_by_user(debugger: Debugger, node: int) -> bool:
    """Whether an input's value is what an edit has set, at least in part: no update came later."""
    edits = (edit for edit in debugger.edits if edit.node == node and not edit.lasts)
    last = max((edit.after for edit in edits if edit.after <= debugger.moment), default=-1)
    return last >= 0 and last == (written_since(debugger, node, 0) or 0)


def is_users(debugger: Debugger, node: int) -> bool:
    """Whether an edit has set the present value, at least in part, once or in every pass."""
    if not debugger.edits:
        return False
    return debugger.state.override(node) is not None or set_by_user(debugger, node)


def gradient_set_at(debugger: Debugger, node: int, edges: Iterable[Contribution]) -> int | None:
    """Return the moment that set the present gradient, to which `edges` contribute.

    A gradient that lacks contributions was last set by the consumer that has sent last.
    """
    if (overridden := debugger.state.overridden_at(node, gradient=True)) is not None:
        return overridden
    if debugger.state.gradient_freshness(node) is not Freshness.PARTIAL:
        return debugger.state.made_at(node, gradient=True)
    sent = (debugger.state.written_at(edge.consumer, "backward") for edge in edges if edge.reported)
    return max(filter(None, sent), default=None)


def overwritten_note(debugger: Debugger, node: int) -> str:
    """Return which other node changed this node's value in place, or an empty string."""
    when = debugger.state.overwritten_at(node)
    if when is None:
        return ""
    by = debugger.timeline.name(when).node
    name = "" if by is None else debugger.graph.nodes[by].label
    return f"{name} changed it at moment {when}"


def changed_note(debugger: Debugger, nodes: Iterable[int], moment: int) -> str:
    """Return which of the nodes have changed since `moment`, or an empty string."""
    changed = []
    for node in dict.fromkeys(nodes):
        when = written_since(debugger, node, moment)
        if when is not None:
            changed.append(f"{debugger.graph.nodes[node].label} (moment {when})")
    if not changed:
        return ""
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    verb = "has" if len(changed) == 1 else "have"
    return f"{', '.join(changed[:3])}{more} {verb} changed since"


def overridden_since_made(debugger: Debugger, node: int) -> str:
    """Return which override has changed an input since a node's value was computed, or ""."""
    state = debugger.state
    made = state.written_at(node)
    if made is None or not debugger.cursor.overrides:
        return ""
    for source in dict.fromkeys(debugger.graph.inbound[node]):
        overridden = state.overridden_at(source)
        if overridden is not None and overridden >= made:
            name = debugger.graph.nodes[source].label
            return f"{name} (moment {overridden}) has changed since"
    return ""


def overridden_since_sent(debugger: Debugger, node: int) -> str:
    """Return which override has changed what a node's backward read since it ran, or "".

    Its contributions then do not follow from the present numbers.
    """
    state = debugger.state
    sent_at = state.written_at(node, "backward")
    if sent_at is None or not debugger.cursor.overrides:
        return ""
    label = debugger.graph.nodes[node].label
    overridden = state.overridden_at(node, gradient=True)
    if overridden is not None and overridden >= sent_at:
        return f"{label}.grad (moment {overridden}) has changed since"
    for read in dict.fromkeys((node, *debugger.graph.inbound[node])):
        overridden = state.overridden_at(read)
        if overridden is not None and overridden >= sent_at:
            name = debugger.graph.nodes[read].label
            return f"{name} (moment {overridden}) has changed since"
    return ""


def overwrite_notes(debugger: Debugger, node: int) -> list[str]:
    """Return a line for each input that the present forward changed, with its largest change."""
    state = debugger.state
    where = debugger.where
    if where.node != node or where.phase != "forward":
        return []
    lines = []
    for source in state.overwrites(node):
        label, now = debugger.graph.nodes[source].label, state.value(source)
        with debugger.visiting(debugger.moment - 1):
            before = state.value(source)
        if before.shape != now.shape:
            lines.append(f"it changes {label}: its shape was {shape_text(before.shape)}")
            continue
        with np.errstate(all="ignore"):
            difference = np.abs(now - before)
        differs = (now != before) & ~(np.isnan(now) & np.isnan(before))
        if not differs.any():
            continue
        difference = np.where(differs, np.nan_to_num(difference, nan=np.inf, posinf=np.inf), -1.0)
        entry = tuple(map(int, np.unravel_index(int(difference.argmax()), now.shape)))
        count = int(differs.sum())
        many = f" ({count} of {now.size} entries)" if now.size > 1 else ""
        was, is_now = scalar(float(before[entry])), scalar(float(now[entry]))
        lines.append(f"it changes {named(label, entry)}: {was} before, {is_now} now{many}")
    return lines

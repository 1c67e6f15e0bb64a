"""The reply of every command that has moved the cursor: where it is, and what happened there."""

from __future__ import annotations

import math
from typing import Any

from mfdebug.core.breakpoints.stop import Hit, hit_lines
from mfdebug.core.commands.status import status
from mfdebug.core.format.hints import GO_BACK
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef, Index

ENDS = "the run ends"


def moved(session: Session, hits: tuple[Hit, ...] = (), note: str = "") -> Reply:
    """Return a reply with the status, the moment's text and the stops that were met."""
    # Not for the first screen, which explains nothing.
    from mfdebug.core.explain.moment_text import explain

    debugger = session.debugger
    cursor, state = debugger.cursor, debugger.state
    ref = next((hit.finding.ref for hit in hits if hit.finding.ref is not None), None)
    lines = explain(debugger, None if ref is None else _index_here(debugger, ref))
    computed = not state.cost_freshness().absent
    rate = state.learning_rate
    data: dict[str, Any] = {
        "cost": debugger.plan.cost() if computed else None,
        "learning_rate": rate if debugger.graph.trains and not math.isnan(rate) else None,
        "explain": lines,
    }
    if hits:
        data["stops"] = [{"stop": hit.stop.number, "reason": hit.finding.words} for hit in hits]
    if cursor.at_end:
        data["ended"] = cursor.ending
    met = hit_lines(hits)
    stopped = "; ".join([*met, *filter(None, [note])])
    if state.remark:
        data["remark"] = state.remark
    shown = [status(debugger), *lines]
    if state.remark and not (cursor.at_end and state.remark in cursor.ending):
        shown.append(state.remark)
    shown += [*met, *filter(None, [note])]
    why = f" ({cursor.ending})" if cursor.ending else ""
    end = f"end of the run{why}; "
    if cursor.at_end and ENDS not in note and end not in note:
        shown.append(end + GO_BACK)
    return Reply("\n".join(shown), data, stopped=stopped, ref=ref)


def _index_here(debugger: Debugger, ref: EntryRef) -> Index | None:
    """Return the index of `ref` if it also fits the node of the current moment."""
    node, shapes = debugger.where.node, debugger.plan.shapes
    return ref.index if node is not None and shapes[node] == shapes[ref.node] else None

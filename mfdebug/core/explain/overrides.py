"""Overridden numbers in words: who set them, and what was computed."""

from __future__ import annotations

from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import Index


def override_note(debugger: Debugger, node: int, index: Index, *, gradient: bool = False) -> str:
    """Return which edits have set an entry, and what was computed; empty for a computed entry."""
    state = debugger.state
    edits = state.overrides(node, index, gradient=gradient)
    if not edits:
        return ""
    # What was set before is not seen any more; what was scaled is.
    first = max((i for i, edit in enumerate(edits) if not edit.scales), default=0)
    made = ", ".join(f"{edit.words} (moment {edit.after})" for edit in edits[first:])
    computed = state.computed(node, gradient=gradient)
    was = "" if computed is None else f"; computed {scalar(float(computed[index]))}"
    return f"{'scaled' if edits[first].scales else 'set'} by you: {made}{was}"

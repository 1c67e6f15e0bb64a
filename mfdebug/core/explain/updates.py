"""An update in numbers: the assignments of one entry of a parameter, by the rules that made it."""

from __future__ import annotations

from mfdebug.core.explain.entry_update import Assignment, EntryUpdate
from mfdebug.core.explain.program_update import ProgramUpdate
from mfdebug.core.explain.sums import Sums
from mfdebug.core.timeline.debugger import Debugger, Update
from mfdebug.core.timeline.entry_ref import Attribute, Index


def assignments(debugger: Debugger, node: int, index: Index) -> tuple[Assignment, ...]:
    """Return the assignments of the present moment's update; empty if there was none."""
    update = debugger.cursor.last_update
    if update is None or debugger.where.node != node:
        return ()
    return _entry(debugger, node, index, update).shown


def update_sums(debugger: Debugger, node: int, index: Index, attribute: Attribute) -> Sums:
    """Return an entry of a parameter, or of its optimizer state, as the present update set it."""
    update = debugger.cursor.last_update
    assert update is not None
    return _entry(debugger, node, index, update).sums(attribute)


def _entry(debugger: Debugger, node: int, index: Index, update: Update) -> EntryUpdate:
    kind = EntryUpdate if update.method is None else ProgramUpdate
    return kind(debugger, node, index, update)

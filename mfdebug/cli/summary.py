"""`mfdebug NAME --summary`: lists the modules with their shapes, parameters and bytes."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import suppress

from mfdebug.cli.exit_status import OK
from mfdebug.core.explain.summary import summary_of
from mfdebug.core.explain.summary_report import summary_data, summary_parts
from mfdebug.core.format.table import text_lines
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError


def write_summary(session: Session, *, as_json: bool) -> int:
    """Write the summary of each graph of a session's run; return the exit status."""
    width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None
    number = 0
    # A program that runs meanwhile may run other graphs.
    while number < len(session.debugger.lines):
        debugger = session.debugger.lines[number]
        _go_to_cost(debugger)
        found = summary_of(debugger)
        if as_json:
            sys.stdout.write(json.dumps(summary_data(found), ensure_ascii=False) + "\n")
        else:
            lines = ["", *text_lines(summary_parts(found), width)][number == 0 :]
            sys.stdout.writelines(f"{line}\n" for line in lines)
        number += 1
    return OK


def _go_to_cost(debugger: Debugger) -> None:
    """Go to where the shapes of a program's values are known; a graph's always are."""
    cursor = debugger.cursor
    if cursor.passes_run is None:
        return
    with suppress(DebuggerError):
        # Which inputs a program updates is known after its first pass.
        cursor.go(debugger.timeline.first_of(1))
    cursor.go(cursor.cost_moment(0))

"""`diff`: compares two moments, or the graph or the recorded run with another file."""

from __future__ import annotations

import re
from pathlib import Path

from mfdebug.core.commands.arguments import number_of
from mfdebug.core.commands.move import moment_of
from mfdebug.core.session.reply import Reply, reply_of
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_cursor import ComputedCursor
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.core.timeline.diff import Instant, compare

_USAGE = "diff A [B], where A and B are moments; A@N is on branch N; or diff FILE"
# How a moment starts; a file that is called so is `./end`.
_MOMENT = re.compile(r"([\d@+-]+|start|end|now|sgd|cost)(@\S*)?(\s.*)?")


def run_diff(session: Session, text: str) -> Reply:
    from mfdebug.core.explain.comparison_report import comparison_data, comparison_parts

    if text and not _MOMENT.fullmatch(text):
        return _diff_file(session, text)
    debugger = session.debugger
    words = text.replace("sgd ", "sgd\0").replace("cost ", "cost\0").split()
    if not 1 <= len(words) <= 2:
        raise DebuggerError("compare which moments?", hint=f"usage: {_USAGE}")
    instants = [_instant(debugger, word.replace("\0", " ")) for word in words]
    if len(instants) == 1:
        instants.append(Instant(debugger.moment, None))
    found = compare(debugger, *instants)
    return reply_of(*comparison_parts(found, debugger), data=comparison_data(found, debugger.graph))


def _instant(debugger: Debugger, text: str) -> Instant:
    moment, at, branch = text.partition("@")
    if not at:
        return Instant(moment_of(debugger, moment, _USAGE), None)
    number = number_of(branch, "branch", _USAGE)
    if number >= len(debugger.branches):
        last = len(debugger.branches) - 1
        raise DebuggerError(f"there is no branch {number}", hint=f"there are 0 to {last}: branches")
    return Instant(moment_of(debugger, moment, _USAGE), number)


def _diff_file(session: Session, text: str) -> Reply:
    debugger = session.debugger
    if session.compare_run is not None:
        if isinstance(debugger.cursor, ComputedCursor):
            raise DebuggerError(
                "a branch is not compared with a file",
                hint="branch returns to the run, which can be",
            )
        run_parts, run_data = session.compare_run(text)
        return reply_of(*run_parts, data=run_data)
    if session.open_other is None:
        raise DebuggerError(
            "only a graph, a model or a recorded run is compared with a file",
            hint="for two files: mfdebug diff",
        )
    # Most sessions compare no files.
    from mfdebug.core.explain.graph_diff_report import graph_diff_data, graph_diff_parts

    other = session.open_other(text)
    found = debugger.compare_with(other)
    parts = graph_diff_parts(found, debugger.graph, other, ("this graph", Path(text).name))
    return reply_of(*parts, data=graph_diff_data(found, debugger.graph, other))

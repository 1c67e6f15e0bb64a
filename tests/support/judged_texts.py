"""The equations of what a debugger says, judged at the values of its present moment."""

from __future__ import annotations

import re
from typing import Any

from mfdebug.core.explain.cause_text import cause_lines
from mfdebug.core.explain.why import why
from mfdebug.core.expressions.ast import NotComputed
from mfdebug.core.expressions.names import word_typed
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef
from tests.support.equations import Judgement


def lookup_in(debugger: Debugger) -> Any:
    def lookup(name: str, gradient: bool) -> Any:
        node = debugger.graph.by_name[name]
        return debugger.state.gradient(node) if gradient else debugger.state.value(node)

    return lookup


def judge_why(judgement: Judgement, debugger: Debugger, ref: EntryRef) -> None:
    try:
        cause = why(debugger, ref)
    except NotComputed:
        return
    moments = {source.moment for term in cause.terms for source in term.leads_to}
    at = max((moment or debugger.moment for moment in moments), default=debugger.moment)
    with debugger.visiting(at):
        words = {word_typed("lr", debugger.graph.by_name): debugger.state.learning_rate}
        # A row of the table of terms has the term and the sum so far before its equation.
        lines = [re.split(" {2,}", line)[-1] for line in cause_lines(cause, debugger)]
        judgement.judge(lines, lookup_in(debugger), words)

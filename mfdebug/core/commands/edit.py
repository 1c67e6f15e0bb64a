"""Commands that edit the run; each edit starts a branch."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import Any

import numpy as np

from mfdebug.core.commands.cost_change import computed_cost, cost_change
from mfdebug.core.commands.schedule_text import schedule_typed
from mfdebug.core.commands.status import status
from mfdebug.core.expressions.parser import parse, take_entry
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.format.table import Column, Row, Table
from mfdebug.core.session.reply import Reply, reply_of
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit, node_or_error
from miniflow.files.values import read_array
from miniflow.text.lists import counted

USAGE = "set NODE[i,j] = VALUE, set lr = VALUE, set schedule = ..., set NODE.trainable = false"
_TRAINABLE = re.compile(r"(.+?)\.trainable\s*=\s*(\S*)\s*")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_NOT_FINITE = re.compile(r"\b(?:nan|inf)\b")


def run_set(session: Session, text: str) -> Reply:
    debugger = session.debugger
    before = computed_cost(debugger)
    dropped, remark = _change(debugger, text)
    return _edited(debugger, "set", dropped, before, remark)


def run_scale(session: Session, text: str) -> Reply:
    debugger = session.debugger
    usage = "scale NODE[i,j] FACTOR, scale NODE.grad FACTOR"
    if not text:
        raise DebuggerError("scale what by what?", hint=f"usage: {usage}")
    entry, rest = take_entry(text, debugger.graph.by_name)
    factor = _number_of(_given(debugger, rest.strip(), usage), "the factor", "scale")
    node, before = node_or_error(debugger.graph, entry.node), computed_cost(debugger)
    gradient = entry.attribute == "grad"
    dropped = debugger.scale(node, entry.index, factor, gradient=gradient)
    return _edited(debugger, "scaled", dropped, before)


def _edited(
    debugger: Debugger, done: str, dropped: int, before: float | None, note: str = ""
) -> Reply:
    """Return the reply to an edit that was just made, with the cost before it."""
    edit = debugger.edits[-1]
    parts = [edit.words + note]
    if edit.lasts:
        parts[0] += _lasting(debugger, edit)
    elif edit.after > debugger.moment:
        parts[0] += f", after the feed of SGD step {debugger.cursor.coming_step}"
    if change := cost_change(debugger, before, edit):
        parts.append(change)
    if dropped:
        parts.append(f"{counted(dropped, 'later edit')} set aside (undo restores)")
    words = edit.words
    text = f"{'; '.join(parts)}\n{status(debugger)}"
    return Reply(text, {done: words, "left_behind": dropped})


def _lasting(debugger: Debugger, edit: Edit) -> str:
    """Return for how long an override lasts, and from which moment on it is seen."""
    assert edit.node is not None
    lasts = " from now on, in every pass" if debugger.graph.trains else " from now on"
    overrides, moment = debugger.cursor.overrides, debugger.moment
    if debugger.state.override(edit.node, gradient=edit.gradient) is not edit:
        first = overrides.next_of(edit.node, moment, gradient=edit.gradient)
        end = debugger.timeline.end
        return f"{lasts}: first at moment {first}" if end is None or first <= end else lasts
    read = overrides.read_since(edit.node, moment, gradient=edit.gradient)
    return f"{lasts}; what this pass has computed from it stays" if read else lasts


def _change(debugger: Debugger, text: str) -> tuple[int, str]:
    """Make the edit; return the number of edits set aside, and a remark."""
    names = debugger.graph.by_name
    if rest := _setting("lr", names, text):
        ended = "" if debugger.plan.schedule is None else " (the schedule ends here)"
        rate = _number_of(_given(debugger, rest[1], USAGE), "the learning rate", "set lr")
        dropped = debugger.set_learning_rate(rate)
        return dropped, ended
    if rest := _setting("schedule", names, text):
        return debugger.set_schedule(schedule_typed(rest[1])), ""
    if (trainable := _TRAINABLE.fullmatch(text)) and text.split("=")[0].strip() not in names:
        entry, _ = take_entry(trainable[1], names)
        if trainable[2] not in _TRUTHS:
            raise DebuggerError(f"not true or false: {trainable[2][:40]}", where="set")
        node = node_or_error(debugger.graph, entry.node)
        return debugger.set_trainable(node, _TRUTHS[trainable[2]]), ""
    changed, rest_text = take_entry(text, names) if text else (None, "")
    if changed is None or not rest_text.startswith("="):
        raise DebuggerError("set what to what?", hint=f"usage: {USAGE}")
    value = _given(debugger, rest_text[1:].strip(), USAGE)
    node = node_or_error(debugger.graph, changed.node)
    change = debugger.set_gradient if changed.attribute == "grad" else debugger.set_value
    dropped = change(node, changed.index, value)
    named_lr = re.match(r"lr\s*=", text)
    return dropped, " (the node; set lr() = VALUE sets the learning rate)" if named_lr else ""


def _setting(name: str, names: Container[str], text: str) -> re.Match[str] | None:
    """Match `name = ...` unless a node has that name, and `name() = ...`; group 1 is the value."""
    called = r"\s*\(\s*\)" if name in names else r"(?:\s*\(\s*\))?"
    return re.fullmatch(rf"{name}{called}\s*=\s*(.*)", text, re.DOTALL)


def _given(debugger: Debugger, text: str, usage: str) -> Any:
    if not text:
        raise DebuggerError("no value given", hint=f"usage: {usage}")
    if text.startswith("["):
        try:
            return read_array(json.loads(_NOT_FINITE.sub(_as_json, text)), "set")
        except (ValueError, RecursionError):
            raise DebuggerError(f"not a list of numbers: {text[:80]}") from None
    present = PresentEnvironment(debugger)
    return parse(text, present.node_names()).evaluate(present)


def _as_json(word: re.Match[str]) -> str:
    return "NaN" if word[0] == "nan" else "Infinity"


def _number_of(value: Any, what: str, where: str) -> float:
    array = np.asarray(value, np.float64)
    if array.size != 1:
        raise DebuggerError(f"{what} is one number", where=where)
    return float(array.reshape(()))


def run_undo(session: Session, _text: str) -> Reply:
    before = computed_cost(session.debugger)
    return _reverted(session, "undone", session.debugger.undo(), before)


def run_redo(session: Session, _text: str) -> Reply:
    before = computed_cost(session.debugger)
    return _reverted(session, "redone", session.debugger.redo(), before)


def _reverted(session: Session, done: str, edit: Edit, before: float | None) -> Reply:
    change = cost_change(session.debugger, before, edit)
    words = f"{done}: {edit.words}" + (f"; {change}" if change else "")
    return Reply(f"{words}\n{status(session.debugger)}", {done: edit.words})


def run_branches(session: Session, _text: str) -> Reply:
    debugger = session.debugger
    rows = []
    for number, edits in enumerate(debugger.branches):
        made = ", ".join(f"{edit.words} after moment {edit.after}" for edit in edits)
        here = "<- here" if edits is debugger.edits else ""
        rows.append(Row((str(number), made or "the run without edits", here)))
    data = [[edit.words for edit in edits] for edits in debugger.branches]
    columns = (Column("branch", "right"), Column("edits", cut="end"), Column())
    return reply_of(Table(columns, tuple(rows)), data=data)

"""Commands that edit the run; each edit starts a branch."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from mfdebug.core.commands.command import Argument, Command, Key
from mfdebug.core.commands.cost_change import computed_cost, cost_change
from mfdebug.core.commands.status import status
from mfdebug.core.expressions.parser import parse, take_entry
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.format.table import Column, Row, Table
from mfdebug.core.session.reply import Reply, reply_of
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit, node_or_error
from miniflow.files.values import read_array

_NOT_FINITE = re.compile(r"\b(?:nan|inf)\b")


def _set(session: Session, text: str) -> Reply:
    debugger = session.debugger
    usage = "set NODE[i,j] = VALUE, set NODE.grad = VALUE, set lr = VALUE"
    names = debugger.graph.by_name
    rate = re.match(r"lr\s*\(\s*\)\s*(?==)", text)
    if rate is None and "lr" not in names:
        rate = re.match(r"lr\s*(?==)", text)
    if rate is not None:
        entry, rest = None, text[rate.end() :]
    else:
        entry, rest = take_entry(text, names) if text else (None, "")
    if not rest.startswith("="):
        raise DebuggerError("set what to what?", hint=f"usage: {usage}")
    value = _given(debugger, rest[1:].strip(), usage)
    before = computed_cost(debugger)
    if entry is None:
        dropped = debugger.set_learning_rate(_number_of(value, "the learning rate", "set lr"))
    else:
        node = node_or_error(debugger.graph, entry.node)
        change = debugger.set_gradient if entry.attribute == "grad" else debugger.set_value
        dropped = change(node, entry.index, value)
    note = ""
    if entry is not None and re.match(r"lr\s*=", text):
        note = " (the node; set lr() = VALUE sets the learning rate)"
    return _edited(debugger, "set", dropped, before, note)


def _scale(session: Session, text: str) -> Reply:
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
        parts.append(f"{dropped} later edit{'s' * (dropped > 1)} set aside (undo restores)")
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


def _undo(session: Session, _text: str) -> Reply:
    before = computed_cost(session.debugger)
    return _reverted(session, "undone", session.debugger.undo(), before)


def _redo(session: Session, _text: str) -> Reply:
    before = computed_cost(session.debugger)
    return _reverted(session, "redone", session.debugger.redo(), before)


def _reverted(session: Session, done: str, edit: Edit, before: float | None) -> Reply:
    change = cost_change(session.debugger, before, edit)
    words = f"{done}: {edit.words}" + (f"; {change}" if change else "")
    return Reply(f"{words}\n{status(session.debugger)}", {done: edit.words})


def _branches(session: Session, _text: str) -> Reply:
    debugger = session.debugger
    rows = []
    for number, edits in enumerate(debugger.branches):
        made = ", ".join(f"{edit.words} after moment {edit.after}" for edit in edits)
        here = "<- here" if edits is debugger.edits else ""
        rows.append(Row((str(number), made or "the run without edits", here)))
    data = [[edit.words for edit in edits] for edits in debugger.branches]
    columns = (Column("branch", "right"), Column("edits", cut="end"), Column())
    return reply_of(Table(columns, tuple(rows)), data=data)


EDITING = [
    Command(
        "set",
        "set NODE[i,j] = VALUE | NODE.grad = VALUE | lr = VALUE",
        "change a value, a gradient or the learning rate",
        _set,
        (Key("e", "set ", "change the chosen number, or the learning rate", asks=True),),
        "Starts a branch; `undo` reverts it. An input changes once: everything downstream is "
        "computed again. A computed value or a gradient is overridden from now on, in every pass, "
        "right after it is computed; what was computed before stays. It gets the sign ≠. "
        "In a graph with a node named lr, set lr() = VALUE sets the learning rate.",
        shows="line",
        argument=Argument.ASSIGNMENT,
        required=True,
    ),
    Command(
        "scale",
        "scale NODE[i,j] FACTOR | NODE.grad FACTOR",
        "multiply a value or a gradient",
        _scale,
        details="As `set`: an input once, a computed value or a gradient in every pass from now "
        "on, as in scale l1.grad 0.5",
        shows="line",
        argument=Argument.ENTRY,
        required=True,
    ),
    Command("undo", "undo", "undo the last edit", _undo, (Key("z", "undo"),), shows="line"),
    Command(
        "redo",
        "redo",
        "reapply the last reverted edit",
        _redo,
        (Key("Z", "redo"),),
        shows="line",
    ),
    Command(
        "branches",
        "branches",
        "list the branches that edits have made",
        _branches,
        details="`diff` compares them, as in: diff 61@0 61",
        shows="text",
    ),
]

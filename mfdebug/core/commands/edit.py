"""Commands that edit the run; each edit starts a branch."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import Any

import numpy as np

from mfdebug.core.commands.command import Argument, Command, Key
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

USAGE = "set NODE[i,j] = VALUE, set lr = VALUE, set schedule = ..., set NODE.trainable = false"
_TRAINABLE = re.compile(r"(.+?)\.trainable\s*=\s*(\S*)\s*")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_NOT_FINITE = re.compile(r"\b(?:nan|inf)\b")


def _set(session: Session, text: str) -> Reply:
    debugger = session.debugger
    before = computed_cost(debugger)
    dropped, remark = _change(debugger, text)
    later = (
        f"; {dropped} later edit{'s' * (dropped > 1)} set aside (undo restores)" if dropped else ""
    )
    words = debugger.edits[-1].words
    later = f"{remark}{later}"
    if debugger.edits[-1].after > debugger.moment:
        later = f", after the feed of SGD step {debugger.cursor.coming_step}{later}"
    if change := cost_change(debugger, before, debugger.edits[-1]):
        later = f"; {change}{later}"
    return Reply(f"{words}{later}\n{status(debugger)}", {"set": words, "left_behind": dropped})


def _change(debugger: Debugger, text: str) -> tuple[int, str]:
    """Make the edit; return the number of edits set aside, and a remark."""
    names = debugger.graph.by_name
    if rest := _setting("lr", names, text):
        ended = "" if debugger.plan.schedule is None else " (the schedule ends here)"
        dropped = debugger.set_learning_rate(_number(_given(debugger, rest[1], USAGE)))
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
    if changed.attribute == "grad":
        raise DebuggerError("a gradient is computed; set an input", where="set")
    dropped = debugger.set_value(node_or_error(debugger.graph, changed.node), changed.index, value)
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


def _number(value: Any) -> float:
    array = np.asarray(value, np.float64)
    if array.size != 1:
        raise DebuggerError("the learning rate is one number", where="set lr")
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
        "set NODE[i,j] = VALUE | lr = VALUE | schedule = ... | NODE.trainable = false",
        "change an input or how parameters are updated",
        _set,
        (Key("e", "set ", "change the chosen number, or the learning rate", asks=True),),
        "Starts a branch: everything downstream is computed again. `undo` reverts it. "
        "set lr = VALUE also ends a schedule. set schedule = cosine(90, warmup=10), "
        "stepdecay(30, 0.1), constant(warmup=10) or none multiplies the learning rate "
        "from the next update on. set W.trainable = false freezes a parameter, "
        "true lets it learn again. "
        "In a graph with a node named lr, set lr() = VALUE sets the learning rate.",
        shows="line",
        argument=Argument.ASSIGNMENT,
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

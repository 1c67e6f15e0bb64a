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
    usage = "set NODE[i,j] = VALUE, set lr = VALUE"
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
        dropped = debugger.set_learning_rate(_number(value))
    else:
        if entry.attribute == "grad":
            raise DebuggerError("a gradient is computed; set an input", where="set")
        dropped = debugger.set_value(node_or_error(debugger.graph, entry.node), entry.index, value)
    later = (
        f"; {dropped} later edit{'s' * (dropped > 1)} set aside (undo restores)" if dropped else ""
    )
    words = debugger.edits[-1].words
    if entry is not None and re.match(r"lr\s*=", text):
        later = f" (the node; set lr() = VALUE sets the learning rate){later}"
    if debugger.edits[-1].after > debugger.moment:
        later = f", after the feed of SGD step {debugger.cursor.coming_step}{later}"
    if change := cost_change(debugger, before, debugger.edits[-1]):
        later = f"; {change}{later}"
    return Reply(f"{words}{later}\n{status(debugger)}", {"set": words, "left_behind": dropped})


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
        "set NODE[i,j] = VALUE | lr = VALUE",
        "change an input or the learning rate",
        _set,
        (Key("e", "set ", "change the chosen number, or the learning rate", asks=True),),
        "Starts a branch: everything downstream is computed again. `undo` reverts it. "
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

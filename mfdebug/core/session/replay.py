"""Saves a session as command lines (edits, stops, watches, moment) and replays them.

Run on the same graph, the lines restore the same state, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator

from mfdebug.core.breakpoints.parser import trigger_of
from mfdebug.core.expressions.names import typed, word_typed
from mfdebug.core.session.script import Script
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit, index_text
from miniflow.errors import MiniflowError
from miniflow.files.values import written
from miniflow.ops.base import Array


def session_lines(session: Session) -> list[str]:
    """Return the command lines that restore the state of a session."""
    debugger = session.debugger
    return [
        *_branch(debugger),
        *_unrolled(debugger),
        *_edits(debugger),
        *_stops(session),
        *_rest(session),
    ]


def _branch(debugger: Debugger) -> Iterator[str]:
    """Yield the lines that branch off from the moment at which a branch does."""
    if debugger.trunk is not None:
        yield from _graph(debugger.trunk)
        yield f"goto {debugger.trunk.moment}"
        yield "branch"


def _unrolled(debugger: Debugger) -> Iterator[str]:
    """Yield the lines that unroll layers: the moments of all other lines are then theirs."""
    for layer in debugger.unrolled:
        yield f"unroll {typed(layer)} on"


def _graph(debugger: Debugger) -> Iterator[str]:
    """Yield the line that selects a graph, if the program runs several."""
    if len(debugger.lines) > 1:
        yield f"graph {debugger.lines.index(debugger) + 1}"


def _edits(debugger: Debugger) -> Iterator[str]:
    moment = 0
    for action in debugger.actions:
        if isinstance(action, str):
            yield action
            continue
        if action.after != moment:
            yield f"goto {action.after}"
            moment = action.after
        yield _set_line(debugger, action)


def _set_line(debugger: Debugger, edit: Edit) -> str:
    if edit.sets_schedule:
        return f"set {edit.words}"
    if edit.frozen is not None:
        trainable, frozen = edit.frozen
        label = debugger.graph.nodes[debugger.graph.trainables[trainable]].label
        return f"set {typed(label)}.trainable = {str(not frozen).lower()}"
    if edit.node is None:
        rate = word_typed("lr", debugger.graph.by_name)
        return f"set {rate} = {float(edit.value)!r}"
    name = typed(debugger.graph.nodes[edit.node].label) + ".grad" * edit.gradient
    if edit.scales:
        return f"scale {name}{index_text(edit.index)} {_exact(edit.value)}"
    return f"set {name}{index_text(edit.index)} = {_exact(edit.value)}"


def _exact(value: Array) -> str:
    """Return numbers as text that parses to the same bits."""
    if value.ndim == 0:
        return repr(float(value))
    return written(value)


def _stops(session: Session) -> Iterator[str]:
    selected = session.debugger
    yield from _graph(selected)
    for stop in session.stops:
        home = session.stops.home_of(stop)
        if stop.line and trigger_of(home, stop.line) is None:
            # On a node of a layer that was unrolled: its line would be an error.
            continue
        if home is not selected:
            selected = home
            yield from _graph(selected)
        yield stop.line
        if not stop.enabled:
            yield "disable last"
        if stop.ignored:
            yield f"ignore last {stop.ignored}"
    if selected is not session.debugger:
        yield from _graph(session.debugger)


def _rest(session: Session) -> Iterator[str]:
    yield from session.watches.lines()
    if (quiz := session.quiz) is not None:
        yield f"quiz on {quiz.score.written}".rstrip()
    debugger = session.debugger
    if debugger.timeline.shows_order:
        yield "order on"
    if debugger.moment < 0:
        yield f"goto order {debugger.timeline.placed(debugger.moment)}"
    else:
        yield f"goto {debugger.moment}"


def run_script(session: Session, script: Script) -> int:
    """Run all lines of a script; return their number.

    Raises `DebuggerError` with the line that fails; the state before the script is then restored.
    """
    before = session.state
    try:
        for number, line in script.lines:
            try:
                session.run(line)
            except MiniflowError as error:
                where = f"{script.name}: line {number}: {line[:60]}"
                raise DebuggerError(f"{where}: {error}") from None
            if session.progress is not None and session.progress(session.debugger.moment):
                raise DebuggerError(f"{script.name} was interrupted; nothing has changed")
            if session.closed:
                break
    except DebuggerError:
        session.restore(before)
        raise
    return len(script.lines)

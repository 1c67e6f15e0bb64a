"""A session is the state of a session as a few command lines: edits, stops, watches, the moment.

Run on the same graph the lines bring back the same state, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator

from mfdebug.core.expressions.names import typed, word_typed
from mfdebug.core.session.script import Script
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit, index_text
from miniflow.errors import MiniflowError
from miniflow.files.values import written
from miniflow.ops.base import Array


def session_lines(session: Session) -> list[str]:
    """Return the lines that bring back the state that a session is in."""
    return [*_edits(session.debugger), *_stops(session), *_rest(session)]


def _graph(debugger: Debugger) -> Iterator[str]:
    """Yield the line that chooses a graph, where a program runs several."""
    if len(debugger.lines) > 1:
        yield f"graph {debugger.lines.index(debugger) + 1}"


def _edits(debugger: Debugger) -> Iterator[str]:
    at = 0
    for action in debugger.actions:
        if isinstance(action, str):
            yield action
            continue
        if action.after != at:
            yield f"goto {action.after}"
            at = action.after
        yield _set_line(debugger, action)


def _set_line(debugger: Debugger, edit: Edit) -> str:
    if edit.node is None:
        rate = word_typed("lr", debugger.graph.by_name)
        return f"set {rate} = {float(edit.value)!r}"
    name = typed(debugger.graph.nodes[edit.node].label)
    return f"set {name}{index_text(edit.index)} = {_exact(edit.value)}"


def _exact(value: Array) -> str:
    """Return numbers that are read back bit for bit."""
    if value.ndim == 0:
        return repr(float(value))
    return written(value)


def _stops(session: Session) -> Iterator[str]:
    at = session.debugger
    yield from _graph(at)
    for stop in session.stops:
        home = session.stops.home_of(stop)
        if home is not at:
            at = home
            yield from _graph(at)
        yield stop.line
        if not stop.enabled:
            yield "disable last"
        if stop.ignored:
            yield f"ignore last {stop.ignored}"
    if at is not session.debugger:
        yield from _graph(session.debugger)


def _rest(session: Session) -> Iterator[str]:
    yield from session.watches.lines()
    if (quiz := session.quiz) is not None:
        yield f"quiz on {quiz.right} of {quiz.asked}" if quiz.asked else "quiz on"
    yield f"goto {session.debugger.moment}"


def run_script(session: Session, script: Script) -> int:
    """Run all lines of a script, or none: return how many.

    Raises `DebuggerError` with the line that cannot be carried out; all is then as it was.
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

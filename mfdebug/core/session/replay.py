"""A session is the state of a console as a few command lines: edits, stops, watches, the moment.

Run on the same graph the lines bring back the same state, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mfdebug.core.expressions.names import typed, word_typed
from mfdebug.core.session.script import Script
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, Edit, index_text
from miniflow.errors import MiniflowError
from miniflow.files.values import written
from miniflow.ops.base import Array

if TYPE_CHECKING:
    from mfdebug.core.commands.interpreter import Console


def session_lines(console: Console) -> list[str]:
    """Return the lines that bring back the state that a console is in."""
    return [*_edits(console.debugger), *_stops(console), *_rest(console)]


def _graph(debugger: Debugger) -> Iterator[str]:
    """Yield the line that chooses a graph, where a program runs several."""
    if len(debugger.lines) > 1:
        yield f"graph {debugger.lines.index(debugger) + 1}"


def _edits(debugger: Debugger) -> Iterator[str]:
    at = 0
    for deed in debugger.deeds:
        if isinstance(deed, str):
            yield deed
            continue
        if deed.after != at:
            yield f"goto {deed.after}"
            at = deed.after
        yield _set_line(debugger, deed)


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


def _stops(console: Console) -> Iterator[str]:
    at = console.debugger
    yield from _graph(at)
    for stop in console.stops:
        home = console.stops.home_of(stop)
        if home is not at:
            at = home
            yield from _graph(at)
        yield stop.line
        if not stop.enabled:
            yield "disable last"
        if stop.ignored:
            yield f"ignore last {stop.ignored}"
    if at is not console.debugger:
        yield from _graph(console.debugger)


def _rest(console: Console) -> Iterator[str]:
    yield from console.watches.lines()
    if (quiz := console.quiz) is not None:
        yield f"quiz on {quiz.right} of {quiz.asked}" if quiz.asked else "quiz on"
    yield f"goto {console.debugger.moment}"


def run_script(console: Console, script: Script) -> int:
    """Run all lines of a script, or none: return how many.

    Raises `DebuggerError` with the line that cannot be carried out; all is then as it was.
    """
    before = console.state
    try:
        for number, line in script.lines:
            try:
                console.run(line)
            except MiniflowError as error:
                where = f"{script.name}: line {number}: {line[:60]}"
                raise DebuggerError(f"{where}: {error}") from None
            if console.progress is not None and console.progress(console.debugger.moment):
                raise DebuggerError(f"{script.name} was interrupted; nothing has changed")
            if console.closed:
                break
    except DebuggerError:
        console.return_to(before)
        raise
    return len(script.lines)

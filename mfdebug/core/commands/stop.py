"""Commands that set, list and change stops."""

from __future__ import annotations

from collections.abc import Callable

from mfdebug.core.breakpoints.parser import triggers
from mfdebug.core.breakpoints.stop import Stop
from mfdebug.core.breakpoints.triggers import AtPositions, Elsewhere
from mfdebug.core.commands.arguments import number_of
from mfdebug.core.commands.command import count_of
from mfdebug.core.expressions.names import which_is_meant
from mfdebug.core.format.hints import SET_STOP
from mfdebug.core.format.table import Column, Row, Table
from mfdebug.core.session.reply import Reply, Target, reply_of
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, DebuggerError
from mfdebug.core.timeline.entry_ref import EntryRef


def stop_table(session: Session) -> Table:
    """Return the stops: number, command line, hits, the last moment of a hit, and its state."""
    columns = (
        Column("stop", "right"),
        Column("condition", cut="end"),
        Column("hits", "right"),
        Column("last at", "right"),
        Column("state", cut="end"),
    )
    return Table(columns, tuple(_row(session, stop) for stop in session.stops))


def _row(session: Session, stop: Stop) -> Row:
    debugger, trigger = session.debugger, stop.trigger
    last = stop.last_hit
    moment = None if last is None else last.number_in(debugger)
    at = "never" if last is None else "not here" if moment is None else str(moment)
    state = ["on" if stop.enabled else "off"]
    if stop.temporary:
        state.append("once")
    if stop.ignored:
        state.append(f"ignores {stop.ignored} more")
    if isinstance(trigger, Elsewhere):
        state.append("not in this graph")
    texts = (str(stop.number), stop.line, str(stop.hits), at, ", ".join(state))
    return Row(texts, _target(debugger, trigger.node, moment))


def _target(debugger: Debugger, node: int | None, moment: int | None) -> Target | None:
    """Return where a stop was last met, or else the node that it is set at, if any."""
    if moment is not None:
        return f"goto {moment}"
    if node is None:
        return None
    return EntryRef(node, "value", (0,) * len(debugger.plan.shapes[node]))


def _set(session: Session, text: str, *, temporary: bool) -> Reply:
    word = "tbreak" if temporary else "break"
    found = triggers(session.debugger, text)
    known = {stop.line: stop.number for stop in session.stops}
    made = [
        session.stops.add(f"{word} {line}", trigger, temporary=temporary) for line, trigger in found
    ]
    lines = [
        f"stop {stop.number}: {stop.line}"
        + (f" (same as stop {known[stop.line]})" if stop.line in known else "")
        for stop in made
    ]
    lines = [line + _meant(session, stop) for line, stop in zip(lines, made, strict=True)]
    if len(made) > 1:
        first, last = made[0].number, made[-1].number
        lines = [f"stops {first} to {last}: every health rule", *lines]
    return Reply("\n".join(lines), [_data(stop) for stop in made])


def _meant(session: Session, stop: Stop) -> str:
    """Return a note for each word of a condition that is also the name of a node."""
    condition = stop.trigger.condition if isinstance(stop.trigger, AtPositions) else None
    return "" if condition is None else which_is_meant(condition, session.debugger)


def run_break(session: Session, text: str) -> Reply:
    # After the key the user may type the whole command.
    text = text.removeprefix("break ")
    return _set(session, text, temporary=False)


def run_tbreak(session: Session, text: str) -> Reply:
    return _set(session, text, temporary=True)


def _data(stop: Stop) -> dict[str, object]:
    return {
        "stop": stop.number,
        "line": stop.line,
        "enabled": stop.enabled,
        "ignored": stop.ignored,
        "hits": stop.hits,
    }


def run_stops(session: Session, _text: str) -> Reply:
    if not len(session.stops):
        return Reply(f"no stop is set; {SET_STOP}", [])
    return reply_of(stop_table(session), data=[_data(stop) for stop in session.stops])


def _chosen(session: Session, text: str, usage: str) -> list[Stop]:
    if text == "all":
        return list(session.stops)
    numbers = text.replace(",", " ").split()
    if not numbers:
        raise DebuggerError("which stop?", hint=f"usage: {usage}")
    return [_stop(session, number, usage) for number in numbers]


def _stop(session: Session, word: str, usage: str) -> Stop:
    """Return a stop by its number; `last`, as in saved sessions, is the one set last."""
    stops = list(session.stops)
    if word == "last" and stops:
        return stops[-1]
    return session.stops.get(number_of(word, "stop", usage))


def _with_each(
    session: Session, text: str, name: str, done: str, act: Callable[[Stop], None]
) -> Reply:
    """Do something with each of the stops that the argument of the command `name` gives."""
    chosen = _chosen(session, text, f"{name} N | all")
    for stop in chosen:
        act(stop)
    numbers = [stop.number for stop in chosen]
    shown = ", ".join(map(str, numbers)) or "none"
    return Reply(f"{done} stop {shown}", {name: numbers})


def run_delete(session: Session, text: str) -> Reply:
    return _with_each(session, text, "delete", "deleted", lambda s: session.stops.delete(s.number))


def run_enable(session: Session, text: str) -> Reply:
    return _with_each(session, text, "enable", "enabled", lambda s: setattr(s, "enabled", True))


def run_disable(session: Session, text: str) -> Reply:
    return _with_each(session, text, "disable", "disabled", lambda s: setattr(s, "enabled", False))


def run_ignore(session: Session, text: str) -> Reply:
    usage = "ignore N COUNT"
    number, _, count = text.partition(" ")
    stop = _stop(session, number, usage)
    if not count.strip():
        raise DebuggerError("how many times?", hint=f"usage: {usage}")
    stop.ignored = count_of(count.strip(), usage)
    return Reply(f"stop {stop.number} ignores its next {stop.ignored} hits", _data(stop))

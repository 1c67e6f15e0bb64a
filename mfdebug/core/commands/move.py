"""Commands that move the cursor in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from msgspec.structs import replace

from mfdebug.core.breakpoints.stop import Hit
from mfdebug.core.commands.arguments import chosen_number
from mfdebug.core.commands.command import count_of
from mfdebug.core.commands.movement import ENDS, moved
from mfdebug.core.commands.rows.move import GOTO
from mfdebug.core.expressions.parser import parse_entry
from mfdebug.core.format.hints import (
    CONTINUE,
    GO_BACK,
    GO_ON,
    RUN_BACK,
    RUN_STEPS,
    SET_STOP,
)
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import (
    Debugger,
    DebuggerError,
    OtherRun,
    SetTrace,
    node_or_error,
)
from mfdebug.core.timeline.timeline import NODE_PHASES, Phase

# SGD steps that `continue` runs at most: a script must not run forever.
FAR = 10_000
# More SGD steps than any finite run has.
TO_THE_END = 10**9


def _move(session: Session, target: int) -> Reply:
    """Move to a moment, or to the first stop before it."""
    if target > session.debugger.moment:
        with _aiming(session, target):
            hits = session.stops.run(target, session.progress)
        return moved(session, hits)
    session.debugger.move(target, session.progress)
    return moved(session)


@contextmanager
def _aiming(session: Session, target: int) -> Iterator[None]:
    """Let the session know within a `with` block to which moment it runs."""
    session.aim = target / session.debugger.timeline.length
    try:
        yield
    finally:
        session.aim = None


def _require_next(debugger: Debugger, *more: str) -> None:
    if debugger.cursor.at_end:
        _raise_at_end(debugger, *more)


def _raise_at_end(debugger: Debugger, *more: str) -> NoReturn:
    """Raise the error of the end, with hints: the one to go back, and `more`."""
    why = f" ({debugger.cursor.ending})" if debugger.cursor.ending else ""
    raise DebuggerError(f"end of the run{why}; {', '.join((GO_BACK, *more))}")


def _require_previous(debugger: Debugger, *, computed: bool = False) -> None:
    """Raise `DebuggerError` at the first moment; with `computed`, where nothing is computed yet."""
    if debugger.moment <= (0 if computed else debugger.timeline.first):
        raise DebuggerError("this is the start", hint=GO_ON)


def run_step(session: Session, text: str) -> Reply:
    count = count_of(text, "step [n]")
    _require_next(session.debugger)
    return _move(session, session.debugger.moment + count)


def run_back(session: Session, text: str) -> Reply:
    count = count_of(text, "back [n]")
    _require_previous(session.debugger)
    session.debugger.cursor.step(-count, session.progress)
    return moved(session)


def run_next(session: Session, text: str) -> Reply:
    debugger = session.debugger
    count = count_of(text, "next [n]")
    _require_next(debugger)
    return _move(session, debugger.timeline.phases_from(debugger.moment, count))


def run_previous(session: Session, text: str) -> Reply:
    count = count_of(text, "previous [n]")
    _require_previous(session.debugger)
    session.debugger.cursor.phases(-count, session.progress)
    return moved(session)


def run_sgd(session: Session, text: str) -> Reply:
    debugger = session.debugger
    count = count_of(text, "sgd [n]", negative=True)
    if count >= 0:
        _require_next(debugger)
        return _move(session, debugger.cursor.sgd_target(count, session.progress))
    _require_previous(debugger)
    debugger.cursor.sgd(count, session.progress)
    return moved(session)


def run_finish(session: Session, text: str) -> Reply:
    debugger = session.debugger
    if text:
        raise DebuggerError("finish takes no argument", hint="`sgd N` runs N SGD steps")
    _require_next(debugger)
    return _move(session, debugger.timeline.first_of(debugger.sgd_step + 1))


def run_until(session: Session, text: str) -> Reply:
    debugger = session.debugger
    phase: Phase | None = None
    name = text
    for candidate in NODE_PHASES:
        if text.endswith(f" {candidate}"):
            phase, name = candidate, text.removesuffix(candidate).strip()
    if not name:
        raise DebuggerError("until which node?", hint="usage: until NODE [phase]")
    place = parse_entry(name, debugger.graph.by_name)
    return _move(
        session, debugger.cursor.next_moment(node_or_error(debugger.graph, place.node), phase)
    )


def moment_of(debugger: Debugger, text: str, usage: str) -> int:
    """Parse a moment: a number, `start`, `end`, `sgd K`, `cost K`, `order K` or `now`."""
    word, _, rest = text.partition(" ")
    if text == "start":
        return 0
    if text == "now":
        return debugger.moment
    if text == "end":
        end = debugger.timeline.end
        return len(debugger.cursor.costs) * debugger.timeline.length if end is None else end
    if word == "order":
        if not debugger.timeline.shows_order:
            raise DebuggerError("the order is not shown", where=text, hint="order on")
        placed = count_of(rest.strip() or "0", usage)
        return debugger.timeline.order_moment(min(placed, len(debugger.graph)))
    if word in ("sgd", "cost"):
        if not rest:
            raise DebuggerError("which SGD step?", hint=f"usage: {usage}")
        step = count_of(rest.strip(), usage)
        if word == "cost":
            return debugger.cursor.cost_moment(step)
        return debugger.timeline.first_of(step)
    if not text:
        raise DebuggerError(f"{usage.split()[0]} where?", hint=f"usage: {usage}")
    return count_of(text, usage)


def run_goto(session: Session, text: str) -> Reply:
    debugger = session.debugger
    usage = GOTO
    target, builds = moment_of(debugger, text, usage), debugger.timeline.builds
    with _aiming(session, target):
        debugger.cursor.go(target, session.progress)
    known = moment_of(debugger, text, usage)
    if known != target or debugger.timeline.builds != builds:
        # The move may reveal which moments the passes of a program have: the first update, which
        # moves all after it.
        debugger.cursor.go(known, session.progress)
    end = debugger.timeline.end
    note = ""
    if end and target > end:
        by_step = text.startswith(("sgd ", "cost "))
        missing = f"SGD step {text.split()[1]}" if by_step else f"moment {target}"
        note = f"there is no {missing}: {ENDS} at moment {end}"
    return moved(session, note=note)


def run_continue(session: Session, text: str) -> Reply:
    debugger = session.debugger
    if text:
        raise DebuggerError("continue takes no argument", hint="until NODE, or break and continue")
    _require_next(debugger, RUN_BACK)
    if debugger.cursor.endless and not session.stops.armed:
        raise DebuggerError(
            "no stop is set: this would run forever", hint=f"{SET_STOP}, {RUN_STEPS}"
        )
    begun = debugger.timeline.completed_steps(debugger.moment)
    number = debugger.cursor.pass_number
    far = FAR if debugger.cursor.endless else TO_THE_END
    hits = _run_through(session, far)
    debugger = session.debugger
    steps = debugger.timeline.completed_steps(debugger.moment) - begun
    ran = f" in {steps:,} SGD steps; {CONTINUE}" if debugger.graph.trains else ""
    if debugger.cursor.at_end:
        ran = f"; end of the run ({debugger.cursor.ending}); {RUN_BACK}"
    if count := debugger.cursor.not_kept(number) if session.stops.armed else 0:
        were = f"{count:,} passes on the way were" if count > 1 else "a pass on the way was"
        unseen = f"{were} not kept whole: only the cost and small inputs were looked at"
    else:
        unseen = ""
    met = "" if hits else f"no stop was met{ran}"
    return moved(session, hits, "; ".join(filter(None, [met, unseen])))


def _run_through(session: Session, sgd_steps: int) -> tuple[Hit, ...]:
    """Run to the next stop, in any graph of a program."""
    while True:
        debugger = session.debugger
        try:
            target = debugger.cursor.sgd_target(sgd_steps, session.progress)
            return session.stops.run(target, session.progress)
        except OtherRun as other:
            session.use(other.debugger)
            if session.debugger.cursor.must_stop():
                raise SetTrace from None
            if hits := session.stops.arrive(session.debugger.moment):
                return hits
            if session.debugger.cursor.at_end:
                return ()


def _run_back_through(session: Session) -> tuple[Hit, ...]:
    """Run back to the last stop, in any graph of a program."""
    hits = session.stops.run_back(session.progress)
    while not hits and session.debugger.moment > 0:
        debugger = session.debugger
        before = debugger.before_block(debugger.sgd_step)
        if before is None or debugger.timeline.position(debugger.moment) != 1:
            break
        session.use(before)
        hits = session.stops.run_back(session.progress, inclusive=True)
    return hits


def run_reverse_continue(session: Session, text: str) -> Reply:
    if text:
        raise DebuggerError("reverse-continue takes no argument", hint="back N, or goto MOMENT")
    _require_previous(session.debugger, computed=True)
    hits = _run_back_through(session)
    at_start = session.debugger.moment <= 0
    note = "no stop was met; this is the start" if at_start else "the search was not finished"
    return moved(session, hits, "" if hits else note)


def run_last(session: Session, text: str) -> Reply:
    from mfdebug.core.breakpoints.last_change import last_change

    debugger = session.debugger
    ref = chosen_number(session, text, "last NODE[i,j]")
    _require_previous(debugger, computed=True)
    note = last_change(debugger, ref, session.progress)
    return replace(moved(session, note=note), ref=ref)

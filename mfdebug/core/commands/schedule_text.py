"""Learning-rate schedules as they are typed: `cosine(steps=90, warmup=10)`."""

from __future__ import annotations

import re

from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import GraphError, nearest
from miniflow.training.schedules import SCHEDULES, Schedule

_CALL = re.compile(r"(?P<name>\w+)\s*(?:\((?P<arguments>[^()]*)\))?")
# `none` ends a schedule.
_KINDS = {name.lower(): kind for name, kind in SCHEDULES.items()}
# As they begin.
SCHEDULES_TYPED = [*(f"{name}(" for name in _KINDS), "none"]
USAGE = "set schedule = cosine(STEPS), stepdecay(EVERY, DECAY), constant(warmup=N), none"


def schedule_typed(text: str) -> Schedule | None:
    """Return the schedule that was typed; raise `DebuggerError` for any other text."""
    match = _CALL.fullmatch(text.strip())
    name = match["name"].lower() if match else ""
    if match is None or (name != "none" and name not in _KINDS):
        hint = nearest(name, [*_KINDS, "none"]) or f"usage: {USAGE}"
        raise DebuggerError(f"not a schedule: {text.strip()[:60]}", where="set schedule", hint=hint)
    if name == "none":
        return None
    kind = _KINDS[name]
    fields = [name for name in kind.__struct_fields__ if name != "start"]
    positional = kind.__match_args__
    given: dict[str, float] = {}
    arguments = [part for part in (match["arguments"] or "").split(",") if part.strip()]
    for position, part in enumerate(arguments):
        key, equals, number = part.partition("=")
        if not equals:
            key, number = (positional[position] if position < len(positional) else ""), part
        key = key.strip()
        if key not in fields:
            raise DebuggerError(
                f"{name} has no {key or part.strip()[:40]}",
                where="set schedule",
                hint=f"it takes {', '.join(fields)}",
            )
        given[key] = _number(number.strip(), f"{name}: {key}")
    try:
        return kind(**given)  # type: ignore[arg-type]
    except GraphError as error:
        raise DebuggerError(error.problem, where="set schedule") from None


def _number(text: str, where: str) -> float:
    try:
        return int(text) if re.fullmatch(r"\d+", text) else float(text)
    except ValueError:
        raise DebuggerError(f"not a number: {text[:40]}", where=where) from None

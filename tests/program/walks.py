"""Ways through a recorded run; at every moment of each the debugger shows what the program had.

A way yields debuggers, each where it stands: `differences_on` compares all that is to be seen there
with what another recorder has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from math import isnan
from random import Random

import numpy as np

from mfdebug.core.timeline.debugger import Debugger, DebuggerError, OtherRun
from mfdebug.recording.debugger import RecordedDebugger, RecordedLines
from mfdebug.recording.records import Run
from miniflow.ops.base import Array
from tests.program.compare import PassSeen, by_edge, by_node, mapping, same, short

Way = Callable[[RecordedLines], Iterator[RecordedDebugger]]


def single_steps(lines: RecordedLines) -> Iterator[RecordedDebugger]:
    """From the start to the end, a moment at a time."""
    debugger = lines.debugger(0)
    debugger.move(0)
    while True:
        before = debugger, debugger.moment
        debugger = _moved(debugger, debugger.moment + 1)
        if (debugger, debugger.moment) == before:
            return
        yield debugger


def steps_back(lines: RecordedLines) -> Iterator[RecordedDebugger]:
    """From the end to the start, a moment at a time."""
    debugger = _end(lines)
    while True:
        yield debugger
        before = debugger, debugger.moment
        debugger = _moved(debugger, debugger.moment - 1)
        if debugger.moment == 0 or (debugger, debugger.moment) == before:
            return


def phases_after_the_end(lines: RecordedLines) -> Iterator[RecordedDebugger]:
    """To the end, to the start again, and on from phase to phase."""
    _end(lines)
    debugger = lines.debugger(0)
    debugger.cursor.go(0)
    while True:
        before = debugger, debugger.moment
        debugger = _moved(debugger, debugger.timeline.phase_after(debugger.moment))
        if (debugger, debugger.moment) == before:
            return
        yield debugger


def any_moment(lines: RecordedLines) -> Iterator[RecordedDebugger]:
    """Two hundred moments of all lines, in no order."""
    _end(lines)
    random = Random("any moment")
    for _ in range(200):
        debugger = random.choice(lines.all())
        last = debugger.timeline.start_of(len(debugger.cursor.steps) - 1) + debugger.timeline.length
        # Passes may end earlier than others.
        with suppress(DebuggerError):
            debugger.cursor.go(random.randrange(1, last + 1))
        if debugger.moment:
            yield debugger


WAYS: dict[str, Way] = {
    "single steps": single_steps,
    "steps back": steps_back,
    "phases, after the end": phases_after_the_end,
    "any moment": any_moment,
}


def _moved(debugger: RecordedDebugger, moment: int) -> RecordedDebugger:
    """Return the debugger that stands where a move leads; at an end the move is refused."""
    other: Debugger = debugger
    try:
        debugger.move(moment)
    except OtherRun as met:
        other = met.debugger
    except DebuggerError:
        pass
    assert isinstance(other, RecordedDebugger)
    return other


def _end(lines: RecordedLines) -> RecordedDebugger:
    """Go as far as the run goes, through all its graphs."""
    debugger = lines.debugger(0)
    while True:
        before = debugger, debugger.moment
        debugger = _moved(debugger, debugger.moment + 10**9)
        if (debugger, debugger.moment) == before:
            return debugger


# What is seen on them -----------------------------------------------------------------------


def differences_on(
    way: Way, run: Run, expected: Sequence[PassSeen], seen: Sequence[PassSeen]
) -> list[str]:
    """Return what a debugger shows otherwise than it was, on a way; `seen`: the run's own passes.

    A way that goes from moment to moment must come through all passes.
    """
    lines = RecordedLines(run)
    translated = [_translated(one, other) for one, other in zip(expected, seen, strict=True)]
    found: list[str] = []
    passes: set[int] = set()
    for debugger in way(lines):
        at = debugger.cursor.steps[debugger.sgd_step]
        passes.add(at)
        where = f"pass {at}, {debugger.where.phase} {debugger.where.node}"
        found += [f"{where}: {words}" for words in _here(debugger, translated[at], seen[at])]
    if way is not any_moment and passes != set(range(len(seen))):
        found.append(f"passes {sorted(passes)} of {len(seen)} were come to")
    return found


def _translated(expected: PassSeen, seen: PassSeen) -> PassSeen:
    """Return a pass with the numbers of nodes that another has for them."""
    to = mapping(expected, seen) or {}
    made = PassSeen(seen.kinds, seen.inbound, seen.forward, expected.backward)
    made.values, made.own = by_node(expected.values, to), by_node(expected.own, to)
    made.inputs, made.sent = by_node(expected.inputs, to), by_edge(expected.sent, to)
    made.after, made.cost = seen.after, seen.cost
    return made


def _here(debugger: RecordedDebugger, right: PassSeen, seen: PassSeen) -> Iterator[str]:
    phase, node = debugger.where.phase, debugger.where.node
    if phase == "feed":
        for i in right.inputs:
            yield from _shown(f"input {i}", debugger, i, right.inputs[i])
    if node is None:
        return
    if phase == "forward" and node in right.values:
        yield from _shown(f"value of {node}", debugger, node, right.values[node])
        cost = debugger.plan.cost()
        if node == seen.cost_node and not (cost == seen.cost or (isnan(cost) and isnan(seen.cost))):
            yield f"cost {seen.cost!r}, shown {cost!r}"
    if phase == "update":
        yield from _shown(f"update of {node}", debugger, node, seen.after[node])
    if phase == "backward":
        inbound = seen.inbound[node]
        for input_index, source in enumerate(inbound):
            if (node, input_index) not in right.sent or inbound.count(source) > 1:
                continue
            edge = debugger.state.contribution(node, input_index)
            if edge is not None and edge.sent is not None:
                gradient = right.sent[node, input_index]
                yield from _fitted(f"sent by {node} to {source}", edge.sent, gradient)
            elif edge is not None and not debugger.state.unsent(node, input_index):
                yield f"sent by {node} to {source}: nothing, and no reason why"
        if node in right.own and not debugger.state.unknown(node, gradient=True):
            gradient = debugger.state.gradient(node)
            yield from _fitted(f"gradient of {node}", gradient, right.own[node])


def _shown(what: str, debugger: RecordedDebugger, node: int, right: Array) -> Iterator[str]:
    """Yield a sentence where a value is another, of its own type or as a float."""
    known, shown = debugger.plan.known_value(node), debugger.state.value(node)
    if known is None or not same(known, right):
        yield f"{what}: {short(right)}, known {'nothing' if known is None else short(known)}"
    elif right.dtype.kind != "f":
        right = right.astype(shown.dtype)
    if not same(shown, right):
        yield f"{what}: {short(right)}, shown {short(shown)}"


def _fitted(what: str, shown: Array, right: Array) -> Iterator[str]:
    """Yield a sentence where a gradient is not the right one in its value's shape."""
    squeezed = np.asarray(right).reshape(-1)
    if squeezed.dtype.kind != "f":
        squeezed = squeezed.astype(np.float64)
    if not same(np.asarray(shown).reshape(-1), squeezed):
        yield f"{what}: {short(right)}, shown {short(shown)}"

"""Stops: breakpoints, conditions, changes and health rules, and running until one is met.

A stop stops right after the moment it waits for. Long runs go whole SGD steps at a stretch, and
only a step in which a stop may have been met is gone through again, moment by moment: what counts
is what is found there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from mfdebug.core.breakpoints.finding import Finding
from mfdebug.core.breakpoints.parser import triggers
from mfdebug.core.breakpoints.step_batch import Stretch
from mfdebug.core.breakpoints.triggers import AtPositions, Elsewhere, Trigger, places_worth
from mfdebug.core.expressions.earlier_steps import Lookback, Past
from mfdebug.core.timeline.debugger import (
    Debugger,
    DebuggerError,
    Edit,
    OtherRun,
    Progress,
    SetTrace,
)
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef
from miniflow.errors import MiniflowError
from miniflow.plans.trace import Trace

# Rows of a trace at most: then NumPy's calls cost little beside the arithmetic.
LONGEST_TRACE = 256
# SGD steps run at a stretch at first; more each time that nothing was found.
FIRST_STRETCH = 16


class Stop(Struct):
    """A stop, with the line that sets it. `ignored`: how many more times it is passed over."""

    number: int
    line: str
    trigger: Trigger
    temporary: bool = False
    enabled: bool = True
    ignored: int = 0
    hits: int = 0


class Hit(Struct, frozen=True):
    """A stop that was met, and why."""

    stop: Stop
    finding: Finding


def hit_lines(hits: Iterable[Hit]) -> list[str]:
    """Return what was met at one moment, a line for each reason, with all stops that give it.

    `stop 1: nan: ...`, `stops 1 and 9: nan: ...`; stops that were set in different words are told
    with these: `stops 1 and 9 (break nan, break nan at q): nan: ...`.
    """
    by_reason: dict[str, list[Stop]] = {}
    for hit in hits:
        by_reason.setdefault(hit.finding.words, []).append(hit.stop)
    lines = []
    for words, stops in by_reason.items():
        *most, last = [str(stop.number) for stop in stops]
        numbers = f"stops {', '.join(most)} and {last}" if most else f"stop {last}"
        set_by = list(dict.fromkeys(stop.line for stop in stops))
        note = f" ({', '.join(set_by)})" if len(set_by) > 1 else ""
        lines.append(f"{numbers}{note}: {words}")
    return lines


class Stops:
    """The stops of a debugger, by number; no number is given twice."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self._stops: dict[int, Stop] = {}
        self._last_number = 0
        self._trace: Trace | None = None
        self._built_for = debugger, debugger.timeline.builds
        # What is known of the steps before those of the trace, and of these, too.
        self._past, self._known = Past(), Past()
        # What was met at the last moment that was looked at, and on which branch that was.
        self._last_met: tuple[Hit, ...] = ()
        self._last_met_at: tuple[int, tuple[Edit, ...]] = (0, debugger.edits)

    def __iter__(self) -> Iterator[Stop]:
        return iter(list(self._stops.values()))

    def __len__(self) -> int:
        return len(self._stops)

    @property
    def armed(self) -> list[Stop]:
        """The stops that are enabled."""
        self._follow_line()
        return [stop for stop in self if stop.enabled]

    def follow(self, debugger: Debugger) -> None:
        """Hold for another debugger: that of another graph of the same program.

        Those that are about nodes which it does not have wait until the first one comes back.
        """
        self.debugger = debugger
        self._trace = None
        self._last_met, self._last_met_at = (), (0, debugger.edits)
        self._follow_line()

    def home_of(self, stop: Stop) -> Debugger:
        """Return a debugger whose graph has what a stop is about: the present one, if it can be."""
        for debugger in (self.debugger, *self.debugger.lines):
            if stop.line and _read(debugger, stop.line) is not None:
                return debugger
        return self.debugger

    def _follow_line(self) -> None:
        """Read the stops again where moments have other numbers than when they were set."""
        now = self.debugger, self.debugger.timeline.builds
        if now == self._built_for:
            return
        self._built_for = now
        for stop in self._stops.values():
            if not stop.line:
                continue
            stop.trigger = _read(self.debugger, stop.line) or Elsewhere()

    def add(self, line: str, trigger: Trigger, *, temporary: bool = False) -> Stop:
        """Set a stop."""
        self._last_number += 1
        stop = Stop(self._last_number, line, trigger, temporary)
        self._stops[stop.number] = stop
        return stop

    def get(self, number: int) -> Stop:
        """Return a stop by number."""
        if number not in self._stops:
            known = ", ".join(map(str, self._stops))
            hint = f"there are {known}" if known else "none is set"
            raise DebuggerError(f"there is no stop {number}", hint=hint)
        return self._stops[number]

    def delete(self, number: int) -> None:
        """Forget a stop."""
        del self._stops[self.get(number).number]

    @property
    def state(self) -> tuple[int, tuple[Stop, ...]]:
        """The stops as they are, to come back to."""
        return self._last_number, tuple(replace(stop) for stop in self)

    def return_to(self, state: tuple[int, tuple[Stop, ...]]) -> None:
        """Have the stops that there were once."""
        self._last_number = state[0]
        self._stops = {stop.number: replace(stop) for stop in state[1]}

    def at(self, node: int) -> bool:
        """Whether an enabled stop stands at a node."""
        return any(stop.trigger.node == node for stop in self.armed)

    @property
    def met_now(self) -> tuple[Hit, ...]:
        """The stops that were met at the present moment."""
        moment, edits = self._last_met_at
        here = moment == self.debugger.moment and edits is self.debugger.edits
        return self._last_met if here else ()

    def ref_of(self, node: int, attribute: Attribute | None = None) -> EntryRef | None:
        """Return the number of a node that a stop met at the present moment is about."""
        refs = (hit.finding.ref for hit in self.met_now)
        found = (ref for ref in refs if ref is not None and ref.node == node)
        return next((ref for ref in found if attribute in (None, ref.attribute)), None)

    # Running on --------------------------------------------------------------------------

    def run(self, target: int | None, progress: Progress | None = None) -> tuple[Hit, ...]:
        """Move on to `target` (None: without end), or to the first stop that is met before.

        `progress` is told the present moment now and then and ends the run by returning True.
        """
        debugger = self.debugger
        if debugger.timeline.end is not None:
            target = debugger.timeline.end if target is None else debugger.timeline.clamp(target)
        if not self.armed and target is not None:
            debugger.move(target, progress)
            return ()
        known, begun = len(debugger.history.costs), debugger.moment
        try:
            return self._run(target, progress)
        except (OtherRun, SetTrace):
            raise
        except DebuggerError:
            # Only the step beyond the last moment of a program has shown that it is the last.
            if debugger.moment > begun and debugger.at_end:
                return ()
            raise
        finally:
            # The curve must not show what lies beyond the stop: it may have been run through.
            debugger.history.forget_beyond(max(known, debugger.costs_reached))

    def _run(self, target: int | None, progress: Progress | None) -> tuple[Hit, ...]:
        debugger, timeline = self.debugger, self.debugger.timeline
        stretch, settled = FIRST_STRETCH, True
        aim = None if target is None else (timeline.sgd_step(target), timeline.position(target))
        # The SGD step that is to be run to its end, wherever that is.
        whole = aim[0] if aim is not None and aim[1] == timeline.length else None
        builds = timeline.builds
        while True:
            length = timeline.length
            if aim is not None and timeline.builds != builds:
                # More is known of what a pass is made of.
                place = length if whole is not None else min(aim[1], length)
                target = timeline.start_of(aim[0]) + place
                builds = timeline.builds
            ended = whole is not None and debugger.has_ended(whole)
            if target is not None and (debugger.moment >= target or ended):
                if whole is None:
                    break
                # Whether a program's pass ends with updates is known when the next one begins.
                debugger.sgd_target(1, progress)
                if timeline.builds == builds and debugger.has_ended(whole) == ended:
                    break
                continue
            step, place = divmod(debugger.moment, length)
            # The last SGD step is stepped through: all that is shown is of one pass.
            last = self._next_fixed(target) // length - 1
            if place == 0 and self._traces and last > step:
                suspect = self._run_at_a_stretch(min(last, step + stretch))
                settled = False
                if suspect is None:
                    stretch = min(2 * stretch, LONGEST_TRACE)
                    if debugger.moment > step * length:
                        if progress is not None and progress(debugger.moment):
                            debugger.settle()
                            return ()
                        continue
                else:
                    stretch = max(1, stretch // 2)
                    debugger.move(suspect * length)
                    settled = True
            near = (debugger.moment // length + 1) * length
            hits = self._walk(near if target is None else min(target, near), whole)
            if hits:
                if not settled:
                    debugger.settle()
                return hits
            if progress is not None and progress(debugger.moment):
                break
        return ()

    @property
    def _traces(self) -> bool:
        return self.debugger.graph.trains and self.debugger.plan.traces

    def _next_fixed(self, target: int | None) -> int:
        """Return the next moment at which the run ends in any case, or one far away."""
        timeline, now = self.debugger.timeline, self.debugger.moment
        found = [] if target is None else [target]
        for stop in self.armed:
            if isinstance(stop.trigger, AtPositions) and stop.trigger.condition is None:
                found += [timeline.next_at(now, place) for place in stop.trigger.places]
        return min(found, default=now + (2 * LONGEST_TRACE + 2) * timeline.length)

    def _run_at_a_stretch(self, last: int) -> int | None:
        """Run SGD steps up to `last`; return the first in which a stop may have been met."""
        debugger = self.debugger
        full = any(stop.trigger.needs_all_gradients for stop in self.armed)
        if self._trace is None or self._trace.full != full:
            self._trace = debugger.plan.new_trace(LONGEST_TRACE, full=full)
        lookback = reduce(
            Lookback.joined, (stop.trigger.lookback for stop in self.armed), Lookback()
        )
        step = debugger.moment // debugger.timeline.length
        past = self._known.until(step, lookback.steps, debugger.edits, full=full)
        debugger.run_traced(last, self._trace)
        self._past = self._known = past
        if lookback.steps and self._trace.steps:
            self._known = past.and_then(self._trace, lookback, set(debugger.graph.trainables))
        suspects = self._suspects(self._trace)
        return suspects[0] if suspects else None

    def _suspects(self, trace: Trace) -> list[int]:
        if not trace.steps:
            return []
        stretch = Stretch(self.debugger, trace, self._past)
        may_fire = [
            stop.trigger.may_fire(stretch)
            for stop in self.armed
            if not (isinstance(stop.trigger, AtPositions) and stop.trigger.condition is None)
        ]
        if not may_fire:
            return []
        return [trace.first + int(i) for i in np.flatnonzero(np.logical_or.reduce(may_fire))]

    def _walk(self, target: int, last: int | None) -> tuple[Hit, ...]:
        """Step to `target`, or to the end of SGD step `last`, which may come earlier."""
        while self.debugger.moment < target:
            if not self.debugger.plan.traces:
                self._skip(target)
            if last is not None and self.debugger.has_ended(last):
                break
            begun = self.debugger.moment
            self._prepare()
            self.debugger.step()
            if hits := self._met():
                return hits
            if self.debugger.moment == begun:
                break  # the program has not gone on
        return ()

    def _skip(self, target: int) -> None:
        """Go to before the next moment of the present pass of a record at which one may fire."""
        debugger = self.debugger
        step = debugger.timeline.sgd_step(debugger.moment)
        here, last = debugger.timeline.position(debugger.moment), debugger.last_position(step)
        ahead = last + 1
        for stop in self.armed:
            places = places_worth(stop.trigger, debugger)
            if places is None:
                return
            ahead = min([ahead, *(place for place in places if here < place <= last)])
        before = min(debugger.timeline.start_of(step) + ahead, target) - 1
        if before > debugger.moment:
            debugger.move(before)

    def _prepare(self) -> None:
        for stop in self.armed:
            stop.trigger.prepare(self.debugger)

    def _met(self) -> tuple[Hit, ...]:
        """Return the stops met at the present moment; count them and keep in mind which."""
        hits = []
        for stop in self.armed:
            if finding := stop.trigger.fires(self.debugger):
                stop.hits += 1
                if stop.ignored:
                    stop.ignored -= 1
                    continue
                hits.append(Hit(stop, finding))
                if stop.temporary:
                    del self._stops[stop.number]
        self._last_met = tuple(hits)
        self._last_met_at = self.debugger.moment, self.debugger.edits
        return self._last_met

    # Running back ------------------------------------------------------------------------

    def run_back(
        self, progress: Progress | None = None, *, inclusive: bool = False
    ) -> tuple[Hit, ...]:
        """Move back to the last stop that was met before the present moment, or to the start.

        `inclusive`: at the present moment too. Not beyond SGD steps of another graph.
        """
        debugger = self.debugger
        now = debugger.moment
        known = len(debugger.history.costs)
        try:
            found = self.last_before(now + inclusive, progress)
        except Interrupted:
            debugger.go(now)
            return ()
        finally:
            debugger.history.forget_beyond(known)
        if found is None:
            debugger.go(debugger.block_start(debugger.timeline.sgd_step(now)))
            return ()
        return self.arrive(found)

    def arrive(self, moment: int) -> tuple[Hit, ...]:
        """Move to a moment in such a way that the stops met there are known."""
        self.debugger.go(moment - 1)
        self._prepare()
        self.debugger.go(moment)
        return self._met()

    def last_before(self, now: int, progress: Progress | None = None) -> int | None:
        """Return the last moment before `now` at which a stop is met; the cursor is anywhere.

        Raises `Interrupted` when `progress` returns True.
        """
        length = self.debugger.timeline.length
        step = self.debugger.timeline.sgd_step(min(now, self.debugger.moment))
        begin = self.debugger.block_first_step(step)
        if met := self._moments_met(step * length, now - 1):
            return met[-1]
        stretch = 1
        while step > begin:
            first = max(begin, step - stretch)
            for suspect in reversed(self._suspects_between(first, step)):
                if met := self._moments_met(suspect * length, (suspect + 1) * length):
                    return met[-1]
            step, stretch = first, min(2 * stretch, LONGEST_TRACE)
            if progress is not None and progress(step * length):
                raise Interrupted
        return None

    def _suspects_between(self, first: int, last: int) -> list[int]:
        """Return the SGD steps from `first` to before `last` in which a stop may have been met."""
        debugger, length = self.debugger, self.debugger.timeline.length
        fixed = any(
            isinstance(stop.trigger, AtPositions) and stop.trigger.condition is None
            for stop in self.armed
        )
        if fixed or not self._traces:
            return list(range(first, last))
        found: list[int] = []
        debugger.move(first * length)
        while (step := debugger.moment // length) < last:
            suspect = self._run_at_a_stretch(last)
            if debugger.moment == step * length:
                # A step with edits: not run at a stretch.
                found.append(step)
                debugger.move((step + 1) * length)
            elif suspect is not None and self._trace is not None:
                found += self._suspects(self._trace)
        return found

    def _moments_met(self, first: int, last: int) -> list[int]:
        debugger = self.debugger
        debugger.go(first)
        met = []
        while debugger.moment < last:
            if not debugger.plan.traces:
                self._skip(last)
            begun = debugger.moment
            self._prepare()
            debugger.go(begun + 1)
            if not begun < debugger.moment <= last:
                break  # a pass of a program ends earlier than others
            if any(stop.trigger.fires(debugger) for stop in self.armed if not stop.ignored):
                met.append(debugger.moment)
        return met


def _read(debugger: Debugger, line: str) -> Trigger | None:
    """Return what a line waits for, None if the graph does not have what it names."""
    try:
        ((_, trigger),) = triggers(debugger, line.partition(" ")[2])
    except MiniflowError:
        return None
    return trigger


class Interrupted(Exception):  # noqa: N818 - nothing is wrong
    """The person has had enough of waiting."""

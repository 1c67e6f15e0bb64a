"""The stops of a debugger, and running forward or backward until one is met.

A run stops right after the moment that meets a stop. Long runs execute batches of whole SGD steps;
only a step in which a stop may have been met is replayed moment by moment, and that replay decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mfdebug.core.breakpoints.batches import Batches
from mfdebug.core.breakpoints.stop import Hit, LastHit, Stop
from mfdebug.core.timeline.debugger import (
    Debugger,
    DebuggerError,
    Edit,
    OtherRun,
    Progress,
    SetTrace,
)
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef

if TYPE_CHECKING:
    # Most sessions set no stop.
    from mfdebug.core.breakpoints.triggers import Trigger

# The most rows of a trace: with this many, NumPy's call overhead is small beside the arithmetic.
LONGEST_TRACE = 256
# Initial number of SGD steps in a batch; it doubles after each batch in which nothing was found.
FIRST_BATCH = 16


class Stops:
    """The stops of a debugger, by number; numbers are not reused."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self._stops: dict[int, Stop] = {}
        self._last_number = 0
        self._batches = Batches(debugger)
        self._built_for = debugger, debugger.timeline.builds
        # The stops met at the last moment that was checked, with that moment and its branch.
        self._last_met: tuple[Hit, ...] = ()
        self._last_met_at: tuple[int, tuple[Edit, ...]] = (0, debugger.edits)

    def __iter__(self) -> Iterator[Stop]:
        return iter(list(self._stops.values()))

    def __len__(self) -> int:
        return len(self._stops)

    @property
    def armed(self) -> list[Stop]:
        """The stops that are enabled."""
        self._update_triggers()
        return [stop for stop in self if stop.enabled]

    def follow(self, debugger: Debugger) -> None:
        """Switch to the debugger of another graph of the same program.

        Stops on nodes that it does not have are inactive until their own graph is back.
        """
        self.debugger = debugger
        self._batches.follow(debugger)
        self._last_met, self._last_met_at = (), (0, debugger.edits)
        self._update_triggers()

    def home_of(self, stop: Stop) -> Debugger:
        """Return a debugger whose graph has the nodes of a stop, preferably the present one."""
        from mfdebug.core.breakpoints.parser import trigger_of

        for debugger in (self.debugger, *self.debugger.lines):
            if stop.line and trigger_of(debugger, stop.line) is not None:
                return debugger
        return self.debugger

    def _update_triggers(self) -> None:
        """Parse the stops again if the timeline was rebuilt since: moment numbers have changed."""
        build = self.debugger, self.debugger.timeline.builds
        if build == self._built_for:
            return
        self._built_for = build
        if not self._stops:
            return
        from mfdebug.core.breakpoints.parser import trigger_of
        from mfdebug.core.breakpoints.triggers import Elsewhere

        for stop in self._stops.values():
            if stop.line:
                stop.trigger = trigger_of(self.debugger, stop.line) or Elsewhere()

    def add(self, line: str, trigger: Trigger, *, temporary: bool = False) -> Stop:
        """Set a stop and return it."""
        self._last_number += 1
        stop = Stop(self._last_number, line, trigger, temporary)
        self._stops[stop.number] = stop
        return stop

    def get(self, number: int) -> Stop:
        """Return a stop by number; raise `DebuggerError` if there is none."""
        if number not in self._stops:
            known = ", ".join(map(str, self._stops))
            hint = f"there are {known}" if known else "no stops are set"
            raise DebuggerError(f"there is no stop {number}", hint=hint)
        return self._stops[number]

    def delete(self, number: int) -> None:
        """Delete a stop; raise `DebuggerError` if there is none of that number."""
        del self._stops[self.get(number).number]

    @property
    def state(self) -> tuple[int, tuple[Stop, ...]]:
        """A copy of the present stops, for `restore`."""
        return self._last_number, tuple(replace(stop) for stop in self)

    def restore(self, state: tuple[int, tuple[Stop, ...]]) -> None:
        """Restore earlier stops."""
        self._last_number = state[0]
        self._stops = {stop.number: replace(stop) for stop in state[1]}

    def at(self, node: int) -> bool:
        """Whether an enabled stop is set at a node."""
        return any(stop.trigger.node == node for stop in self.armed)

    @property
    def met_now(self) -> tuple[Hit, ...]:
        """The stops met at the present moment."""
        moment, edits = self._last_met_at
        here = moment == self.debugger.moment and edits is self.debugger.edits
        return self._last_met if here else ()

    def ref_of(self, node: int, attribute: Attribute | None = None) -> EntryRef | None:
        """Return the entry of a node that a stop met at the present moment refers to, or None."""
        refs = (hit.finding.ref for hit in self.met_now)
        found = (ref for ref in refs if ref is not None and ref.node == node)
        return next((ref for ref in found if attribute in (None, ref.attribute)), None)

    # Running forward --------------------------------------------------------------------------

    def run(self, target: int | None, progress: Progress | None = None) -> tuple[Hit, ...]:
        """Run to `target` (None: no limit), or to the first moment before at which a stop is met.

        `progress` is called with the present moment now and then; it ends the run by returning
        True.
        """
        debugger, cursor = self.debugger, self.debugger.cursor
        if debugger.timeline.end is not None:
            target = debugger.timeline.end if target is None else debugger.timeline.clamp(target)
        if debugger.moment < 0:
            # No stop is met while the order is found.
            debugger.move(0 if target is None else min(target, 0))
        if target is not None and (not self.armed or target <= 0):
            debugger.move(target, progress)
            return ()
        known, start = len(cursor.costs), debugger.moment
        try:
            return self._run(target, progress)
        except (OtherRun, SetTrace):
            raise
        except DebuggerError:
            # That a moment of a program is the last shows only at the attempt to step beyond it.
            if debugger.moment > start and cursor.at_end:
                return ()
            raise
        finally:
            # The batch may have run past the stop: the cost curve must not show those steps.
            cursor.forget_costs_from(max(known, cursor.costs_reached))

    def _run(self, target: int | None, progress: Progress | None) -> tuple[Hit, ...]:
        debugger, timeline = self.debugger, self.debugger.timeline
        cursor = debugger.cursor
        batch_size, settled = FIRST_BATCH, True
        aim = None if target is None else (timeline.sgd_step(target), timeline.position(target))
        # The SGD step to run to its end, whatever its length.
        whole = aim[0] if aim is not None and aim[1] == timeline.length else None
        builds = timeline.builds
        while True:
            length = timeline.length
            if aim is not None and timeline.builds != builds:
                # The structure of a pass is known better now: moments have other numbers.
                position = length if whole is not None else min(aim[1], length)
                target = timeline.start_of(aim[0]) + position
                builds = timeline.builds
            ended = whole is not None and cursor.has_ended(whole)
            if target is not None and (debugger.moment >= target or ended):
                if whole is None:
                    break
                # Whether a program's pass ends with updates is known when the next one starts.
                cursor.sgd_target(1, progress)
                if timeline.builds == builds and cursor.has_ended(whole) == ended:
                    break
                continue
            step, position = divmod(debugger.moment, length)
            # The last SGD step is walked, so that all numbers shown are of one pass.
            last = self._next_fixed(target) // length - 1
            if position == 0 and self._batches.possible and last > step:
                batch_end = min(last, step + batch_size)
                suspects = self._batches.run(self.armed, batch_end, LONGEST_TRACE)
                settled = False
                if not suspects:
                    batch_size = min(2 * batch_size, LONGEST_TRACE)
                    if debugger.moment > step * length:
                        if progress is not None and progress(debugger.moment):
                            cursor.settle()
                            return ()
                        continue
                else:
                    batch_size = max(1, batch_size // 2)
                    debugger.move(suspects[0] * length)
                    settled = True
            near = (debugger.moment // length + 1) * length
            hits = self._walk(near if target is None else min(target, near), whole)
            if hits:
                if not settled:
                    cursor.settle()
                return hits
            if progress is not None and progress(debugger.moment):
                break
        return ()

    def _next_fixed(self, target: int | None) -> int:
        """Return the next moment at which the run certainly stops, or a moment far ahead."""
        timeline, now = self.debugger.timeline, self.debugger.moment
        found = [] if target is None else [target]
        for stop in self.armed:
            found += [timeline.next_at(now, at) for at in stop.trigger.fixed_positions or ()]
        return min(found, default=now + (2 * LONGEST_TRACE + 2) * timeline.length)

    def _walk(self, target: int, last: int | None) -> tuple[Hit, ...]:
        """Step to `target` or the end of SGD step `last`, whichever is first; return the hits."""
        while self.debugger.moment < target:
            if not self.debugger.plan.traces:
                self._skip(target)
            if last is not None and self.debugger.cursor.has_ended(last):
                break
            before = self.debugger.moment
            self._prepare()
            self.debugger.cursor.step()
            if hits := self._met():
                return hits
            if self.debugger.moment == before:
                break  # the program did not continue
        return ()

    def _skip(self, target: int) -> None:
        """Move to right before the next moment of a recorded pass at which a stop may be met."""
        debugger = self.debugger
        step = debugger.timeline.sgd_step(debugger.moment)
        here = debugger.timeline.position(debugger.moment)
        last = debugger.cursor.last_position(step)
        ahead = last + 1
        for stop in self.armed:
            positions = stop.trigger.positions_to_check(debugger)
            if positions is None:
                return
            ahead = min([ahead, *(p for p in positions if here < p <= last)])
        before = min(debugger.timeline.start_of(step) + ahead, target) - 1
        if before > debugger.moment:
            debugger.move(before)

    def _prepare(self) -> None:
        for stop in self.armed:
            stop.trigger.prepare(self.debugger)

    def _met(self) -> tuple[Hit, ...]:
        """Return the stops met at the present moment; count and store them."""
        hits = []
        for stop in self.armed:
            if finding := stop.trigger.fires(self.debugger):
                stop.hits += 1
                if stop.ignored:
                    stop.ignored -= 1
                    continue
                hits.append(Hit(stop, finding))
                stop.last_hit = LastHit(self.debugger, self.debugger.where)
                if stop.temporary:
                    del self._stops[stop.number]
        self._last_met = tuple(hits)
        self._last_met_at = self.debugger.moment, self.debugger.edits
        return self._last_met

    # Running backward ------------------------------------------------------------------------

    def run_back(
        self, progress: Progress | None = None, *, inclusive: bool = False
    ) -> tuple[Hit, ...]:
        """Move back to the last moment before the present one that met a stop, or to the start.

        `inclusive` includes the present moment. The search ends at SGD steps of another graph.
        """
        debugger, cursor = self.debugger, self.debugger.cursor
        now = debugger.moment
        known = len(cursor.costs)
        try:
            found = self.last_before(now + inclusive, progress)
        except Interrupted:
            cursor.go(now)
            return ()
        finally:
            cursor.forget_costs_from(known)
        if found is None:
            cursor.go(cursor.block_start(debugger.timeline.sgd_step(now)))
            return ()
        return self.arrive(found)

    def arrive(self, moment: int) -> tuple[Hit, ...]:
        """Move to a moment and return the stops met there."""
        self.debugger.cursor.go(moment - 1)
        self._prepare()
        self.debugger.cursor.go(moment)
        return self._met()

    def last_before(self, now: int, progress: Progress | None = None) -> int | None:
        """Return the last moment before `now` at which a stop is met, or None.

        Leaves the cursor at any moment. Raises `Interrupted` if `progress` returns True.
        """
        length = self.debugger.timeline.length
        step = self.debugger.timeline.sgd_step(min(now, self.debugger.moment))
        start = self.debugger.cursor.block_first_step(step)
        if met := self._moments_met(step * length, now - 1):
            return met[-1]
        batch_size = 1
        while step > start:
            first = max(start, step - batch_size)
            for suspect in reversed(self._suspects_between(first, step)):
                if met := self._moments_met(suspect * length, (suspect + 1) * length):
                    return met[-1]
            step, batch_size = first, min(2 * batch_size, LONGEST_TRACE)
            if progress is not None and progress(step * length):
                raise Interrupted
        return None

    def _suspects_between(self, first: int, last: int) -> list[int]:
        """Return the SGD steps from `first` to `last` - 1 in which a stop may have been met."""
        debugger, length = self.debugger, self.debugger.timeline.length
        fixed = any(stop.trigger.fixed_positions is not None for stop in self.armed)
        if fixed or not self._batches.possible:
            return list(range(first, last))
        found: list[int] = []
        debugger.move(first * length)
        while (step := debugger.moment // length) < last:
            suspects = self._batches.run(self.armed, last, LONGEST_TRACE)
            if debugger.moment == step * length:
                # A step with edits is not run in a batch.
                found.append(step)
                debugger.move((step + 1) * length)
            else:
                found += suspects
        return found

    def _moments_met(self, first: int, last: int) -> list[int]:
        debugger = self.debugger
        debugger.cursor.go(first)
        met = []
        while debugger.moment < last:
            if not debugger.plan.traces:
                self._skip(last)
            before = debugger.moment
            self._prepare()
            debugger.cursor.go(before + 1)
            if not before < debugger.moment <= last:
                break  # a pass of a program ends earlier than others
            if any(stop.trigger.fires(debugger) for stop in self.armed if not stop.ignored):
                met.append(debugger.moment)
        return met


class Interrupted(Exception):  # noqa: N818 - not an error
    """The user has interrupted a search."""

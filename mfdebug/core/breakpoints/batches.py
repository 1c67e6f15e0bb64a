"""Batches of whole SGD steps, and in which of their steps a stop may have been met.

A batch runs at the speed of training. Its trace has what the triggers need to name suspects: steps
that may have met a stop. Replaying a suspect moment by moment decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np

from mfdebug.core.breakpoints.stop import Stop
from mfdebug.core.expressions.earlier_steps import EarlierSteps, Lookback
from mfdebug.core.timeline.debugger import Debugger
from miniflow.plans.trace import Trace


class Batches:
    """Runs whole SGD steps of a debugger; the buffers of the trace are used again."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._trace: Trace | None = None
        # Copies of the steps before the trace, and of those together with the trace's steps.
        self._earlier, self._known = EarlierSteps(), EarlierSteps()

    def follow(self, debugger: Debugger) -> None:
        """Switch to the debugger of another graph of the same program."""
        self._debugger = debugger
        self._trace = None

    @property
    def possible(self) -> bool:
        """Whether whole SGD steps can be run at once."""
        return self._debugger.graph.trains and self._debugger.plan.traces

    def run(self, stops: Sequence[Stop], last: int, longest: int) -> list[int]:
        """Run to SGD step `last`, or as far as the trace goes; return the suspects.

        `longest` is the number of steps for which a trace has room. A step with edits is not run.
        """
        debugger = self._debugger
        full = any(stop.trigger.needs_all_gradients for stop in stops)
        if self._trace is None or self._trace.full != full:
            self._trace = debugger.plan.new_trace(longest, full=full)
        lookback = reduce(Lookback.joined, (stop.trigger.lookback for stop in stops), Lookback())
        step = debugger.moment // debugger.timeline.length
        earlier = self._known.before(step, lookback.steps, debugger.edits, full=full)
        debugger.cursor.run_traced(last, self._trace)
        self._earlier = self._known = earlier
        if lookback.steps and self._trace.steps:
            self._known = earlier.extended(self._trace, lookback, set(debugger.graph.trainables))
        return self._suspects(stops, self._trace)

    def _suspects(self, stops: Iterable[Stop], trace: Trace) -> list[int]:
        """Return the steps of a trace in which a stop may have been met."""
        if not trace.steps:
            return []
        # Most sessions set no stop.
        from mfdebug.core.breakpoints.step_batch import StepBatch

        batch = StepBatch(self._debugger, trace, self._earlier)
        triggers = [stop.trigger for stop in stops if stop.trigger.fixed_positions is None]
        may_fire = [trigger.may_fire(batch) for trigger in triggers]
        if not may_fire:
            return []
        return [trace.first + int(i) for i in np.flatnonzero(np.logical_or.reduce(may_fire))]

"""Triggers: the conditions under which stops are met.

A trigger is tested after single moments (`fires`), and for batches of executed SGD steps
(`may_fire`). `may_fire` may be wrong in one direction only: if it is False for a step, stepping
through that step meets nothing.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from msgspec import Struct

from mfdebug.core.breakpoints.evidence import evidence, evidence_ref, evidence_text
from mfdebug.core.breakpoints.finding import Finding, result_of
from mfdebug.core.breakpoints.health_rules import Rule
from mfdebug.core.breakpoints.nonfinite import find_nonfinite
from mfdebug.core.breakpoints.statistics import Period, PresentStep
from mfdebug.core.breakpoints.step_batch import StepBatch
from mfdebug.core.expressions.earlier_steps import Kind, Lookback, NoEarlierStep, TraceTooShort
from mfdebug.core.expressions.environment import TooManyRows
from mfdebug.core.expressions.parser import Expression, ExpressionError, NodeRef, NotComputed
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.expressions.sgd_steps import TracedEnvironment
from mfdebug.core.format.numbers import distinct_texts
from mfdebug.core.timeline.debugger import Debugger, Edit
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.ops.base import Array


class Trigger(Protocol):
    """The condition under which a stop is met."""

    @property
    def node(self) -> int | None:
        """The node at which the stop is set, if at a single node."""

    @property
    def needs_all_gradients(self) -> bool:
        """Whether it needs gradients that training does not compute."""

    @property
    def lookback(self) -> Lookback:
        """What it needs of earlier SGD steps."""

    @property
    def fixed_positions(self) -> frozenset[int] | None:
        """The positions of each SGD step at which it always fires; None if a test decides."""

    def positions_to_check(self, debugger: Debugger) -> frozenset[int] | None:
        """Return the positions of the present SGD step at which it may fire; None: any."""

    def prepare(self, debugger: Debugger) -> None:
        """Record what the next moment may change."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Return why it fires at the present moment, or None."""

    def may_fire(self, batch: StepBatch) -> Array:
        """Return for each step of the batch whether it may have fired."""


class Elsewhere(Struct):
    """Never fires: the nodes of the stop are in another graph of the program."""

    node: int | None = None
    needs_all_gradients: bool = False
    lookback: Lookback = Lookback()
    fixed_positions: frozenset[int] | None = None

    def positions_to_check(self, debugger: Debugger) -> frozenset[int]:
        """Return no position."""
        return frozenset()

    def prepare(self, debugger: Debugger) -> None:
        """Do nothing."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Return None."""
        return None

    def may_fire(self, batch: StepBatch) -> Array:
        """Return False for all steps."""
        return np.zeros(batch.steps, bool)


class AtPositions(Struct):
    """Fires at certain positions of each SGD step, if the condition holds or there is none.

    `positions` count from the feed, which is 1.
    """

    positions: frozenset[int]
    condition: Expression | None = None
    node: int | None = None
    needs_all_gradients: bool = False
    lookback: Lookback = Lookback()

    @property
    def fixed_positions(self) -> frozenset[int] | None:
        """All positions, if there is no condition."""
        return self.positions if self.condition is None else None

    def positions_to_check(self, debugger: Debugger) -> frozenset[int]:
        """Return the positions."""
        return self.positions

    def prepare(self, debugger: Debugger) -> None:
        """Do nothing."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Test the condition at one of the positions; the finding has the numbers that met it."""
        if debugger.timeline.position(debugger.moment) not in self.positions:
            return None
        where = debugger.where
        words = ""
        if self.node is not None:
            words = f"{where.phase} of {debugger.graph.nodes[self.node].label}: "
        if self.condition is None:
            return Finding(words + result_of(debugger))
        words += self.condition.text
        present = PresentEnvironment(debugger, strict=True)
        try:
            if not self.condition.holds(present):
                return None
            sides = evidence(self.condition, present)
        except NotComputed:
            return None
        except ExpressionError as error:
            return Finding(f"{words} cannot be tested: {error}")
        numbers = f": {evidence_text(sides)}" if sides else ""
        return Finding(words + numbers, evidence_ref(sides, debugger.graph))

    def may_fire(self, batch: StepBatch) -> Array:
        """Test the condition at each position of each step, on the trace."""
        if self.condition is None:
            return np.ones(batch.steps, bool)
        fires = np.zeros(batch.steps, bool)
        for position in self.positions:
            environment = TracedEnvironment(
                batch.debugger, batch.trace, batch.earlier_steps, position
            )
            fires |= _may_hold_in(self.condition, environment)
        return fires


def _may_hold_in(condition: Expression, environment: TracedEnvironment) -> Array:
    """Return for each traced step whether a condition may hold, evaluated for all at once."""
    rows = environment.rows
    holds = np.ones(rows, bool)
    for first in range(rows):
        rest = environment.part(first, rows)
        try:
            holds[first:] = condition.holds_over(rest, rest.rows)
        except TraceTooShort:
            # `prev` needs a step before the first known one: test this step alone, then the rest.
            holds[first] = _may_hold(condition, environment, first)
            continue
        except (ExpressionError, TooManyRows):
            holds[first:] = [_may_hold(condition, environment, row) for row in range(first, rows)]
        break
    return holds


def _may_hold(condition: Expression, environment: TracedEnvironment, row: int) -> bool:
    """Return whether a condition may hold in one traced step."""
    try:
        return bool(condition.holds_over(environment.part(row, row + 1), 1)[0])
    except (NotComputed, NoEarlierStep):
        return False
    except (ExpressionError, TraceTooShort):
        return True


class OnChange(Struct):
    """Fires when a value, gradient or entry of either changes by more than `amount`."""

    target: NodeRef
    node: int
    positions: frozenset[int]
    amount: float
    # The number before the next moment.
    before: Array | None = None
    fixed_positions: frozenset[int] | None = None

    @property
    def needs_all_gradients(self) -> bool:
        """Whether it watches a gradient, which training may not compute."""
        return self.target.attribute == "grad"

    @property
    def lookback(self) -> Lookback:
        """The previous step, for its own number."""
        node = frozenset({self.node})
        gradient = self.target.attribute == "grad"
        return Lookback(1, gradients=node) if gradient else Lookback(1, values=node)

    def positions_to_check(self, debugger: Debugger) -> frozenset[int]:
        """Return those at which the number is computed."""
        return self.positions

    def prepare(self, debugger: Debugger) -> None:
        """Copy the number if the next moment may overwrite it."""
        self.before = None
        if self.target.attribute == "grad":
            return  # consumers overwrite it before its own moment
        next_position = debugger.timeline.position(debugger.moment + 1)
        if next_position in self.positions and self._exists(debugger):
            self.before = np.array(self._now(debugger))

    def fires(self, debugger: Debugger) -> Finding | None:
        """Compare with the number before."""
        if debugger.timeline.position(debugger.moment) not in self.positions:
            return None
        if self.target.attribute == "grad" and debugger.sgd_step > 0:
            with debugger.visiting(debugger.moment - debugger.timeline.length):
                if self._exists(debugger):
                    self.before = np.array(self._now(debugger))
        if self.before is None or not self._exists(debugger):
            return None
        before, after = np.atleast_1d(self.before), np.atleast_1d(self._now(debugger))
        if before.shape != after.shape:
            # A program's batches may be of any size.
            return Finding(f"the shape of {self.target.node} changed")
        changed = _change(before, after)
        if not (changed > self.amount).any():
            return None
        most = np.unravel_index(int(changed.argmax()), changed.shape)
        index = self.target.index or (tuple(map(int, most)) if self._now(debugger).ndim else ())
        ref = EntryRef(self.node, self.target.attribute, index)
        numbers = " -> ".join(distinct_texts([float(before[most]), float(after[most])]))
        return Finding(f"{ref.text(debugger)} changed: {numbers}", ref)

    def may_fire(self, batch: StepBatch) -> Array:
        """Compare each step with the one before it."""
        part: tuple[slice | int, ...] = (slice(None), *(self.target.index or ()))
        gradient, trace = self.target.attribute == "grad", batch.trace
        kind: Kind = "gradient" if gradient else "value"
        after = (trace.gradient(self.node) if gradient else trace.value(self.node))[part]
        if not gradient and batch.debugger.timeline.position_of("update", self.node) is not None:
            return self._changes(trace.before(self.node)[part], after)
        changed = self._changes(after[:-1], after[1:])
        if trace.first == 0:
            # The first computation is not a change.
            return np.concatenate([[False], changed])
        try:
            last = batch.earlier_steps.rows(kind, self.node)[-1:][part]
        except TraceTooShort:
            return np.concatenate([[True], changed])
        return np.concatenate([self._changes(last, after[:1]), changed])

    def _changes(self, before: Array, after: Array) -> Array:
        beyond = _change(before, after) > self.amount
        return np.asarray(beyond.any(tuple(range(1, beyond.ndim))))

    def _exists(self, debugger: Debugger) -> bool:
        gradient = self.target.attribute == "grad"
        if debugger.state.freshness(self.node, gradient=gradient).absent:
            return False
        if self.target.index is None:
            return True
        # A program's batches may be of any size.
        shape = debugger.plan.shapes[self.node]
        fits = zip(self.target.index, shape, strict=False)
        return len(shape) == len(self.target.index) and all(-n <= i < n for i, n in fits)

    def _now(self, debugger: Debugger) -> Array:
        gradient = self.target.attribute == "grad"
        state = debugger.state
        array = state.gradient(self.node) if gradient else state.value(self.node)
        return array if self.target.index is None else np.asarray(array[self.target.index])


def _change(before: Array, after: Array) -> Array:
    """Return |after - before| per entry; a change to or from NaN counts as infinite."""
    with np.errstate(all="ignore"):
        change = np.abs(after - before)
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    result: Array = np.where(same, 0.0, np.where(np.isnan(change), np.inf, change))
    return result


class Unhealthy(Struct, eq=False):
    """Fires when a node breaks a health rule: any node that the rule concerns, or a given one."""

    rule: Rule
    threshold: float
    nodes: frozenset[int]
    node: int | None = None
    needs_all_gradients: bool = False
    lookback: Lookback = Lookback()
    fixed_positions: frozenset[int] | None = None
    # The statistics of the present SGD step, and the edits in force.
    cached: tuple[Period, tuple[Edit, ...]] | None = None

    def positions_to_check(self, debugger: Debugger) -> frozenset[int]:
        """Return those of the nodes in the phase of the rule."""
        position_of = debugger.timeline.position_of
        found = {position_of(self.rule.phase, node) for node in self.nodes}
        return frozenset(position for position in found if position is not None)

    def prepare(self, debugger: Debugger) -> None:
        """Do nothing."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Check the node of the present moment."""
        where = debugger.where
        if where.node is None or where.phase != self.rule.phase or where.node not in self.nodes:
            return None
        if debugger.state.unknown(where.node, gradient=where.phase == "backward"):
            return None
        words = self.problem_of(debugger, where.node)
        return Finding(words) if words else None

    def problem_of(self, debugger: Debugger, node: int) -> str:
        """Return how a node breaks the rule at the present moment, or ""."""
        stats = self._present(debugger).stats(node)
        with np.errstate(all="ignore"):
            broken = self.rule.judge(stats, self.threshold)[0]
            if not broken:
                return ""
            return f"{self.rule.name}: {debugger.graph.nodes[node].label}: {self.rule.words(stats)}"

    def _present(self, debugger: Debugger) -> Period:
        """Return the present SGD step as a period; its statistics are cached."""
        if self.cached is not None:
            period, edits = self.cached
            if period.first == debugger.sgd_step and edits is debugger.edits:
                return period
        period = Period(PresentStep(debugger), debugger, debugger.sgd_step, 1)
        self.cached = period, debugger.edits
        return period

    def may_fire(self, batch: StepBatch) -> Array:
        """Check the nodes at all steps."""
        broken: Array = np.zeros(batch.steps, bool)
        with np.errstate(all="ignore"):
            for node in self.nodes:
                broken |= self.rule.judge(batch.stats(node), self.threshold)
        return broken


class NotFinite(Struct):
    """Fires at the node that makes NaN or infinity."""

    kind: str
    node: int | None = None
    excluded: frozenset[int] = frozenset()
    needs_all_gradients: bool = False
    lookback: Lookback = Lookback()
    fixed_positions: frozenset[int] | None = None

    def positions_to_check(self, debugger: Debugger) -> frozenset[int] | None:
        """Return no position where the whole step is known to be finite."""
        return frozenset() if debugger.state.is_finite(debugger.sgd_step) else None

    def prepare(self, debugger: Debugger) -> None:
        """Do nothing."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Check what the present moment has computed."""
        where = debugger.where
        if self.node is not None and where.node != self.node:
            return None
        gradient = where.phase == "backward" and where.node is not None
        if gradient and not debugger.plan.needed[where.node or 0]:
            return None
        return find_nonfinite(debugger, self.kind, self.excluded)

    def may_fire(self, batch: StepBatch) -> Array:
        """Find the steps in which it may have started."""
        return batch.not_finite(self.excluded)

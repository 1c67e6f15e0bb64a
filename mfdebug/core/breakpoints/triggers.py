"""What a stop waits for.

A trigger is asked after single moments whether it fires, and about whole SGD steps that have been
run at a stretch whether it may have fired in them. It may be wrong about a step in one direction
only: when it says no, stepping through would find nothing.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from msgspec import Struct

from mfdebug.core.breakpoints.evidence import evidence, evidence_ref, evidence_text
from mfdebug.core.breakpoints.finding import Finding, result_of
from mfdebug.core.breakpoints.health import Rule
from mfdebug.core.breakpoints.nonfinite import made_here
from mfdebug.core.breakpoints.statistics import Period, Present
from mfdebug.core.breakpoints.step_batch import Stretch
from mfdebug.core.expressions.earlier_steps import Kind, Lookback, NoStepBefore, TraceTooShort
from mfdebug.core.expressions.environment import TooManyRows
from mfdebug.core.expressions.parser import Expression, ExpressionError, NotComputed, Place
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.expressions.sgd_steps import TracedEnvironment
from mfdebug.core.format.numbers import distinct_texts
from mfdebug.core.timeline.debugger import Debugger, Edit
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.ops.base import Array


class Trigger(Protocol):
    """What a stop waits for; `node` is where it stands in the order, if at one node."""

    @property
    def node(self) -> int | None:
        """The node at which it stands."""

    @property
    def needs_all_gradients(self) -> bool:
        """Whether it asks for gradients that no trainable needs."""

    @property
    def lookback(self) -> Lookback:
        """What it asks for of the SGD steps before."""

    def prepare(self, debugger: Debugger) -> None:
        """Note what the coming moment may change."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Return why it fires at the present moment, if it does."""

    def may_fire(self, stretch: Stretch) -> Array:
        """Return for each of these steps whether it may have fired in it."""


class Elsewhere(Struct):
    """Nothing: what the stop is about is not in this graph, but in another of the program."""

    node: int | None = None
    needs_all_gradients: bool = False
    lookback: Lookback = Lookback()

    def prepare(self, debugger: Debugger) -> None:
        """Nothing has to be noted."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Never here."""
        return None

    def may_fire(self, stretch: Stretch) -> Array:
        """In no step."""
        return np.zeros(stretch.steps, bool)


class AtPositions(Struct):
    """Certain places of each SGD step, with a condition or without.

    `places` count from the feed, which is 1.
    """

    places: frozenset[int]
    condition: Expression | None = None
    node: int | None = None
    needs_all_gradients: bool = False
    lookback: Lookback = Lookback()

    def prepare(self, debugger: Debugger) -> None:
        """Nothing has to be noted."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Test the condition, if this is one of the places; say the numbers that met it."""
        if debugger.timeline.position(debugger.moment) not in self.places:
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

    def may_fire(self, stretch: Stretch) -> Array:
        """Test the condition at each place of each step, with what the step has left."""
        if self.condition is None:
            return np.ones(stretch.steps, bool)
        fires = np.zeros(stretch.steps, bool)
        for place in self.places:
            present = TracedEnvironment(stretch.debugger, stretch.trace, stretch.past, place)
            fires |= _holds_in(self.condition, present)
        return fires


def places_worth(trigger: Trigger, debugger: Debugger) -> frozenset[int] | None:
    """Return the places of the present SGD step at which a trigger may fire; None: at any."""
    timeline = debugger.timeline
    match trigger:
        case Elsewhere():
            return frozenset()
        case AtPositions() | OnChange():
            return trigger.places
        case Unhealthy():
            found = {timeline.position_of(trigger.rule.phase, node) for node in trigger.nodes}
            return frozenset(place for place in found if place is not None)
        case NotFinite() if debugger.is_finite(debugger.sgd_step):
            return frozenset()
    return None


def _holds_in(condition: Expression, present: TracedEnvironment) -> Array:
    """Return for each traced step whether a condition may hold in it: for all of them at once."""
    holds = np.ones(present.rows, bool)
    for first in range(present.rows):
        later = present.part(first, present.rows)
        try:
            holds[first:] = condition.holds_over(later, later.rows)
        except TraceTooShort:
            # `prev` asks for a step before the first that is known: the others are for themselves.
            holds[first] = _may_hold(condition, present, first)
            continue
        except (ExpressionError, TooManyRows):
            holds[first:] = [
                _may_hold(condition, present, row) for row in range(first, present.rows)
            ]
        break
    return holds


def _may_hold(condition: Expression, present: TracedEnvironment, row: int) -> bool:
    """Return whether a condition may hold in one traced step."""
    try:
        return bool(condition.holds_over(present.part(row, row + 1), 1)[0])
    except (NotComputed, NoStepBefore):
        return False
    except (ExpressionError, TraceTooShort):
        return True


class OnChange(Struct):
    """A value, gradient or entry of one that changes by more than `amount`."""

    target: Place
    node: int
    places: frozenset[int]
    amount: float
    # What was there before the coming moment.
    before: Array | None = None

    @property
    def needs_all_gradients(self) -> bool:
        """Whether it is about a gradient: it is asked of one number, whatever that costs."""
        return self.target.attribute == "grad"

    @property
    def lookback(self) -> Lookback:
        """The step before, of its own number."""
        node = frozenset({self.node})
        gradient = self.target.attribute == "grad"
        return Lookback(1, gradients=node) if gradient else Lookback(1, values=node)

    def prepare(self, debugger: Debugger) -> None:
        """Copy what is about to be overwritten, if it was ever computed."""
        self.before = None
        if self.target.attribute == "grad":
            return  # consumers overwrite it before its own moment comes
        coming = debugger.timeline.position(debugger.moment + 1) in self.places
        if coming and self._is_there(debugger):
            self.before = np.array(self._now(debugger))

    def fires(self, debugger: Debugger) -> Finding | None:
        """Compare with what was there before."""
        if debugger.timeline.position(debugger.moment) not in self.places:
            return None
        if self.target.attribute == "grad" and debugger.sgd_step > 0:
            with debugger.visiting(debugger.moment - debugger.timeline.length):
                if self._is_there(debugger):
                    self.before = np.array(self._now(debugger))
        if self.before is None or not self._is_there(debugger):
            return None
        before, after = np.atleast_1d(self.before), np.atleast_1d(self._now(debugger))
        if before.shape != after.shape:
            # A program's batches may be of any size.
            return Finding(f"{self.target.node} has another shape")
        changed = _change(before, after)
        if not (changed > self.amount).any():
            return None
        most = np.unravel_index(int(changed.argmax()), changed.shape)
        index = self.target.index or (tuple(map(int, most)) if self._now(debugger).ndim else ())
        ref = EntryRef(self.node, self.target.attribute, index)
        numbers = " -> ".join(distinct_texts([float(before[most]), float(after[most])]))
        return Finding(f"{ref.text(debugger)} changed: {numbers}", ref)

    def may_fire(self, stretch: Stretch) -> Array:
        """Compare each step with the one before it."""
        part: tuple[slice | int, ...] = (slice(None), *(self.target.index or ()))
        gradient, trace = self.target.attribute == "grad", stretch.trace
        kind: Kind = "gradient" if gradient else "value"
        after = (trace.gradient(self.node) if gradient else trace.value(self.node))[part]
        if not gradient and stretch.debugger.timeline.position_of("update", self.node) is not None:
            return self._changes(trace.before(self.node)[part], after)
        changed = self._changes(after[:-1], after[1:])
        if trace.first == 0:
            # What has never been computed before has not changed.
            return np.concatenate([[False], changed])
        try:
            last = stretch.past.rows(kind, self.node)[-1:][part]
        except TraceTooShort:
            return np.concatenate([[True], changed])
        return np.concatenate([self._changes(last, after[:1]), changed])

    def _changes(self, before: Array, after: Array) -> Array:
        beyond = _change(before, after) > self.amount
        return np.asarray(beyond.any(tuple(range(1, beyond.ndim))))

    def _is_there(self, debugger: Debugger) -> bool:
        gradient = self.target.attribute == "grad"
        freshness = debugger.gradient_freshness if gradient else debugger.value_freshness
        if freshness(self.node).absent:
            return False
        if self.target.index is None:
            return True
        # A program's batches may be of any size.
        shape = debugger.plan.shapes[self.node]
        fits = zip(self.target.index, shape, strict=False)
        return len(shape) == len(self.target.index) and all(-n <= i < n for i, n in fits)

    def _now(self, debugger: Debugger) -> Array:
        gradient = self.target.attribute == "grad"
        array = debugger.gradient(self.node) if gradient else debugger.value(self.node)
        return array if self.target.index is None else np.asarray(array[self.target.index])


def _change(before: Array, after: Array) -> Array:
    """Return how much each entry changes; NaN that comes or goes is a change beyond any amount."""
    with np.errstate(all="ignore"):
        change = np.abs(after - before)
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    result: Array = np.where(same, 0.0, np.where(np.isnan(change), np.inf, change))
    return result


class Unhealthy(Struct, eq=False):
    """A health rule, at every node that it concerns or at one."""

    rule: Rule
    threshold: float
    nodes: frozenset[int]
    node: int | None = None
    needs_all_gradients: bool = False
    lookback: Lookback = Lookback()
    # What has been asked in the present SGD step, and by which edits.
    asked: tuple[Period, tuple[Edit, ...]] | None = None

    def prepare(self, debugger: Debugger) -> None:
        """Nothing has to be noted."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Judge the node of the present moment."""
        where = debugger.where
        if where.node is None or where.phase != self.rule.phase or where.node not in self.nodes:
            return None
        if debugger.unknown(where.node, gradient=where.phase == "backward"):
            return None
        words = self.of(debugger, where.node)
        return Finding(words) if words else None

    def of(self, debugger: Debugger, node: int) -> str:
        """Return what is wrong with a node as it stands, or nothing."""
        look = self._present(debugger).look(node)
        with np.errstate(all="ignore"):
            broken = self.rule.judge(look, self.threshold)[0]
            if not broken:
                return ""
            return f"{self.rule.name}: {debugger.graph.nodes[node].label}: {self.rule.words(look)}"

    def _present(self, debugger: Debugger) -> Period:
        """Return the present SGD step as a period; what is known of its nodes stays known."""
        if self.asked is not None:
            period, edits = self.asked
            if period.first == debugger.sgd_step and edits is debugger.edits:
                return period
        period = Period(Present(debugger), debugger, debugger.sgd_step, 1)
        self.asked = period, debugger.edits
        return period

    def may_fire(self, stretch: Stretch) -> Array:
        """Judge the nodes at all steps."""
        broken: Array = np.zeros(stretch.steps, bool)
        with np.errstate(all="ignore"):
            for node in self.nodes:
                broken |= self.rule.judge(stretch.look(node), self.threshold)
        return broken


class NotFinite(Struct):
    """NaN or infinity, at the node that made it."""

    kind: str
    node: int | None = None
    left_out: frozenset[int] = frozenset()
    needs_all_gradients: bool = False
    lookback: Lookback = Lookback()

    def prepare(self, debugger: Debugger) -> None:
        """Nothing has to be noted."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Look at what the present moment has made."""
        where = debugger.where
        if self.node is not None and where.node != self.node:
            return None
        gradient = where.phase == "backward" and where.node is not None
        if gradient and not debugger.plan.needed[where.node or 0]:
            return None
        return made_here(debugger, self.kind, self.left_out)

    def may_fire(self, stretch: Stretch) -> Array:
        """Look for the steps in which it may have begun."""
        return stretch.not_finite(self.left_out)

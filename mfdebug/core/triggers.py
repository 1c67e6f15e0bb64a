"""What a stop waits for.

A trigger is asked after single moments whether it fires, and about whole SGD steps that have been
run at a stretch whether it may have fired in them. It may be wrong about a step in one direction
only: when it says no, stepping through would find nothing.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from msgspec import Struct

from mfdebug.core.debugger import Debugger, Standing
from mfdebug.core.expressions import Expression, ExpressionError, NotComputed, Place
from mfdebug.core.finding import Finding
from mfdebug.core.health import Look, Present, Rule
from mfdebug.core.nonfinite import made_here
from mfdebug.core.numbers import scalar
from mfdebug.core.scene import Scene
from mfdebug.core.spots import Spot
from mfdebug.core.stretch import Stretch
from mfdebug.core.traced import TracedScene, TraceTooShort
from miniflow.ops.base import Array


class Trigger(Protocol):
    """What a stop waits for; `node` is where it stands in the order, if at one node."""

    @property
    def node(self) -> int | None:
        """The node at which it stands."""

    @property
    def needs_all_gradients(self) -> bool:
        """Whether it asks for gradients that no trainable needs."""

    def prepare(self, debugger: Debugger) -> None:
        """Note what the coming moment may change."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Return why it fires at the present moment, if it does."""

    def may_fire(self, stretch: Stretch) -> Array:
        """Return for each of these steps whether it may have fired in it."""


class AtPlaces(Struct):
    """Certain places of each SGD step, with a condition or without.

    `places` count from the feed, which is 1.
    """

    places: frozenset[int]
    words: str
    condition: Expression | None = None
    node: int | None = None
    needs_all_gradients: bool = False

    def prepare(self, debugger: Debugger) -> None:
        """Nothing has to be noted."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Test the condition, if this is one of the places."""
        if debugger.timeline.place(debugger.moment) not in self.places:
            return None
        try:
            if self.condition is None or self.condition.holds(Scene(debugger, strict=True)):
                return Finding(self.words)
        except NotComputed:
            return None
        except ExpressionError as error:
            return Finding(f"{self.words} cannot be tested: {error}")
        return None

    def may_fire(self, stretch: Stretch) -> Array:
        """Test the condition at each place of each step, with what the step has left."""
        if self.condition is None:
            return np.ones(stretch.steps, bool)
        holds = self.condition.holds_quietly
        fires = [False] * stretch.steps
        with np.errstate(all="ignore"):
            for place in self.places:
                scene = TracedScene(stretch.debugger, stretch.trace, place)
                for scene.row in range(stretch.steps):
                    try:
                        fires[scene.row] = fires[scene.row] or holds(scene)
                    except NotComputed:
                        break  # nor is it in any other step
                    except (ExpressionError, TraceTooShort):
                        fires[scene.row] = True
        return np.array(fires)


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

    def prepare(self, debugger: Debugger) -> None:
        """Copy what is about to be overwritten, if it was ever computed."""
        self.before = None
        if self.target.attribute == "grad":
            return  # consumers overwrite it before its own moment comes
        if debugger.timeline.place(debugger.moment + 1) in self.places:
            was = debugger.value_standing(self.node)
            if was in (Standing.CURRENT, Standing.STALE):
                self.before = np.array(self._now(debugger))

    def fires(self, debugger: Debugger) -> Finding | None:
        """Compare with what was there before."""
        if debugger.timeline.place(debugger.moment) not in self.places:
            return None
        if self.target.attribute == "grad" and debugger.sgd_step > 0:
            with debugger.visiting(debugger.moment - debugger.timeline.length):
                self.before = np.array(self._now(debugger))
        if self.before is None:
            return None
        before, after = np.atleast_1d(self.before), np.atleast_1d(self._now(debugger))
        changed = _change(before, after)
        if not (changed > self.amount).any():
            return None
        most = np.unravel_index(int(changed.argmax()), changed.shape)
        index = self.target.index or (tuple(map(int, most)) if self._now(debugger).ndim else ())
        spot = Spot(self.node, self.target.attribute, index)
        numbers = " -> ".join(_told_apart(float(before[most]), float(after[most])))
        return Finding(f"{spot.text(debugger.graph)} changed: {numbers}", spot)

    def may_fire(self, stretch: Stretch) -> Array:
        """Compare each step with the one before it; nothing is known before the first."""
        part: tuple[slice | int, ...] = (slice(None), *(self.target.index or ()))
        if self.target.attribute == "grad":
            after = stretch.trace.gradient(self.node)[part]
        else:
            after = stretch.trace.value(self.node)[part]
        changed = (_change(after[:-1], after[1:]) > self.amount).any(tuple(range(1, after.ndim)))
        return np.concatenate([[True], changed])

    def _now(self, debugger: Debugger) -> Array:
        gradient = self.target.attribute == "grad"
        array = debugger.gradient(self.node) if gradient else debugger.value(self.node)
        return array if self.target.index is None else np.asarray(array[self.target.index])


def _told_apart(before: float, after: float) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to see that they differ."""
    for digits in (6, 9, 17):
        told = scalar(before, digits), scalar(after, digits)
        if told[0] != told[1]:
            break
    return told


def _change(before: Array, after: Array) -> Array:
    """Return how much each entry changes; NaN that comes or goes is a change beyond any amount."""
    with np.errstate(all="ignore"):
        change = np.abs(after - before)
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    result: Array = np.where(same, 0.0, np.where(np.isnan(change), np.inf, change))
    return result


class Unhealthy(Struct):
    """A health rule, at every node that it concerns or at one."""

    rule: Rule
    threshold: float
    nodes: frozenset[int]
    node: int | None = None
    needs_all_gradients: bool = False

    def prepare(self, debugger: Debugger) -> None:
        """Nothing has to be noted."""

    def fires(self, debugger: Debugger) -> Finding | None:
        """Judge the node of the present moment."""
        where = debugger.where
        if where.node is None or where.phase != self.rule.phase or where.node not in self.nodes:
            return None
        words = self.of(debugger, where.node)
        return Finding(words) if words else None

    def of(self, debugger: Debugger, node: int) -> str:
        """Return what is wrong with a node as it stands, or nothing."""
        look = Look(Present(debugger), debugger.graph, node)
        with np.errstate(all="ignore"):
            broken = self.rule.judge(look, self.threshold)[0]
            if not broken:
                return ""
            return f"{self.rule.name}: {debugger.graph.nodes[node].label}: {self.rule.words(look)}"

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
    needs_all_gradients: bool = False

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
        return made_here(debugger, self.kind)

    def may_fire(self, stretch: Stretch) -> Array:
        """Look for the steps in which it may have begun."""
        return stretch.not_finite

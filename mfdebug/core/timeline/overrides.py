"""Overrides: the edits of computed values and gradients, which last from pass to pass.

An override takes effect right after the moment that computes its number: the forward of the node,
or the backward of the last consumer, which completes the gradient. Where the present pass had
computed the number before the edit was made, it takes effect right after the edit. All that is
computed later reads the overridden number; what was computed earlier stays.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from mfdebug.core.timeline.edits import Edit
from mfdebug.core.timeline.timeline import Timeline
from miniflow.ops.base import Array
from miniflow.plans.base import Plan

# A value or gradient: the node, and whether its gradient is meant.
Number = tuple[int, bool]


class Overrides:
    """The lasting edits among `edits`, and the numbers that they have replaced.

    All queries are look-ups: they are asked for every visible row of every frame.
    """

    def __init__(self, timeline: Timeline, edits: Iterable[Edit]) -> None:
        self._timeline = timeline
        self._of: dict[Number, list[Edit]] = {}
        self._at: dict[int, list[Edit]] = {}
        self._made_after: dict[int, list[Edit]] = {}
        # What a pass had computed, by number: the pass, and a copy.
        self._computed: dict[Number, tuple[int, Array]] = {}
        for edit in edits:
            if edit.lasts:
                number = _number(edit)
                self._of.setdefault(number, []).append(edit)
                self._at.setdefault(self._position(number), []).append(edit)
                self._made_after.setdefault(edit.after, []).append(edit)
        self._positions = sorted(self._at)
        self.first = min(self._made_after, default=None)

    def __bool__(self) -> bool:
        return bool(self._of)

    def _position(self, number: Number) -> int:
        """Return the position in an SGD step at which a number is computed completely."""
        node, gradient = number
        if gradient:
            return self._timeline.last_report(node)
        return self._timeline.position_of("forward", node) or 0

    def next_after(self, moment: int) -> int | None:
        """Return the next moment at which an override may take effect, or None."""
        if not self._positions:
            return None
        step, position = divmod(moment, self._timeline.length)
        ahead = bisect_right(self._positions, position)
        if ahead == len(self._positions):
            step, ahead = step + 1, 0
        computed = self._timeline.start_of(step) + self._positions[ahead]
        # An edit of a number that was there already takes effect where it was made.
        return min([computed, *(made for made in self._made_after if made > moment)])

    def apply(self, plan: Plan, moment: int) -> None:
        """Make the overrides that take effect right after `moment`, in the order of the edits."""
        if self.first is None or moment < self.first:
            return
        position = self._timeline.position(moment)
        for edit in self._at.get(position, ()):
            if edit.after <= moment:
                self._apply(plan, moment, edit)
        for edit in self._made_after.get(moment, ()):
            if self._position(_number(edit)) < position:
                self._apply(plan, moment, edit)

    def _apply(self, plan: Plan, moment: int, edit: Edit) -> None:
        number = node, gradient = _number(edit)
        present = plan.gradient(node) if gradient else plan.value(node)
        sgd_step = self._timeline.sgd_step(moment)
        known = self._computed.get(number)
        if known is None or known[0] != sgd_step:
            self._computed[number] = sgd_step, present.copy()
        if gradient:
            plan.set_gradient(node, edit.applied_to(present))
        else:
            plan.set_value(node, edit.applied_to(present))

    def forget_computed(self) -> None:
        """Forget what was computed: the run is about to be repeated from an earlier moment."""
        self._computed.clear()

    # Queries -----------------------------------------------------------------------------------

    def of(self, node: int, moment: int, *, gradient: bool = False) -> list[Edit]:
        """Return the edits that have set a node's value or gradient as it is at `moment`."""
        edits = self._of.get((node, gradient))
        if edits is None:
            return []
        sgd_step = self._computed_in(node, moment, gradient=gradient)
        sgd_step_of = self._timeline.sgd_step
        return [e for e in edits if e.after <= moment and sgd_step_of(e.after) <= sgd_step]

    def _computed_in(self, node: int, moment: int, *, gradient: bool) -> int:
        """Return the SGD step whose number a node has; -1 if it has none, or a partial gradient."""
        timeline = self._timeline
        now, step = timeline.position(moment), timeline.sgd_step(moment)
        if now >= self._position((node, gradient)):
            return step
        return -1 if gradient and now >= timeline.first_report(node) else step - 1

    def next_of(self, node: int, moment: int, *, gradient: bool = False) -> int:
        """Return the next moment after `moment` that computes a value or gradient."""
        return self._timeline.next_at(moment, self._position((node, gradient)))

    def read_since(self, node: int, moment: int, *, gradient: bool = False) -> bool:
        """Whether the pass of `moment` has read a computed value or gradient by then."""
        timeline, now = self._timeline, self._timeline.position(moment)
        if gradient:
            read = [timeline.position_of("backward", node)]
        else:
            consumers = timeline.graph.consumers[node]
            read = [timeline.position_of("forward", consumer) for consumer, _ in consumers]
        return any(position is not None and position <= now for position in read)

    def computed(self, node: int, moment: int, *, gradient: bool = False) -> Array | None:
        """Return what the pass had computed before it was overridden; None if it was not."""
        if not self.of(node, moment, gradient=gradient):
            return None
        known = self._computed.get((node, gradient))
        return None if known is None else known[1]

    def set_at(self, node: int, moment: int, *, gradient: bool = False) -> int | None:
        """Return the last moment at which the present number was overridden, or None."""
        edits = self.of(node, moment, gradient=gradient)
        if not edits:
            return None
        step = self._computed_in(node, moment, gradient=gradient)
        computed_at = self._timeline.start_of(step) + self._position((node, gradient))
        return max(computed_at, edits[-1].after)


def _number(edit: Edit) -> Number:
    assert edit.node is not None
    return edit.node, edit.gradient

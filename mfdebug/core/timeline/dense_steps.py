"""The last SGD steps of a run, each of them restored without running another.

A checkpoint of a run with Adam has the parameters and two arrays of their size, but an update can
be made again from its gradients alone, in a small part of the time of an SGD step. So a state is
kept for every `GROUP`-th step, and the gradients of those between. The oldest are dropped first,
and their memory is used again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from miniflow.plans.base import Leavings, Plan, State

GROUP = 8
# Fewer steps than this are not worth the memory that checkpoints further back would have.
LEAST_STEPS = 128


class Known(NamedTuple):
    """How the state at the start of `sgd_step` is restored: from a state, by updates after it."""

    sgd_step: int
    state: State
    updates: Sequence[Leavings] = ()

    def restore(self, plan: Plan) -> None:
        """Put the plan at the start of the SGD step."""
        plan.restore(self.state)
        for sgd_step, leavings in enumerate(self.updates, self.sgd_step - len(self.updates)):
            plan.update_again(sgd_step, leavings)


class _Group(NamedTuple):
    """The state at the start of an SGD step, and what this step and those after it left."""

    first: int
    state: State
    updates: list[Leavings]

    @property
    def end(self) -> int:
        """The last SGD step whose start is known."""
        return self.first + len(self.updates)


class DenseSteps:
    """States at the starts of the last SGD steps of a run, within `memory` bytes."""

    def __init__(self, plan: Plan, memory: int) -> None:
        self._group_bytes = plan.state_bytes + (GROUP - 1) * plan.leavings_bytes
        # One more group has the memory that is used again.
        self._limit = memory // self._group_bytes - 1
        self._groups: deque[_Group] = deque()
        self._spare_states: list[State] = []
        self._spare_leavings: list[Leavings] = []

    @classmethod
    def suits(cls, plan: Plan, memory: int) -> bool:
        """Whether gradients are much smaller than states, and there is room for enough steps."""
        if not 0 < 2 * plan.leavings_bytes <= plan.state_bytes:
            return False
        return cls(plan, memory)._limit * GROUP >= LEAST_STEPS

    @property
    def bytes(self) -> int:
        """The memory used; a group that is begun counts as a whole one."""
        return (len(self._groups) + bool(self._spare_leavings)) * self._group_bytes

    def record(self, sgd_step: int, plan: Plan) -> None:
        """Save the state at the start of `sgd_step`: the plan has just executed the step before.

        Only steps beyond those known: a step that is run again is known, or was dropped.
        """
        last = self._groups[-1] if self._groups else None
        if last is not None and sgd_step <= last.end:
            return
        if last is not None and sgd_step == last.end + 1 and len(last.updates) < GROUP - 1:
            over = self._spare_leavings.pop() if self._spare_leavings else None
            last.updates.append(plan.save_leavings(over))
            return
        if len(self._groups) == self._limit:
            oldest = self._groups.popleft()
            self._spare_states, self._spare_leavings = [oldest.state], oldest.updates
        state = self._spare_states.pop() if self._spare_states else None
        self._groups.append(_Group(sgd_step, plan.save(state), []))

    def before(self, sgd_step: int) -> Known | None:
        """Return the last step known at or before `sgd_step`."""
        for group in reversed(self._groups):
            if group.first <= sgd_step:
                step = min(sgd_step, group.end)
                return Known(step, group.state, group.updates[: step - group.first])
        return None

    def forget_from(self, sgd_step: int) -> None:
        """Forget the states at the starts of the steps from `sgd_step` on."""
        while self._groups and self._groups[-1].first >= sgd_step:
            self._groups.pop()
        if self._groups:
            last = self._groups[-1]
            del last.updates[max(0, sgd_step - 1 - last.first) :]

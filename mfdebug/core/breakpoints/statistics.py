"""Statistics for health rules, over some SGD steps: of nodes, and of the cost.

Several rules use the same statistic of a node. It is computed once, for all steps together; a
single moment is a period of one step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

import numpy as np

from mfdebug.core.timeline.debugger import Debugger
from miniflow import ops
from miniflow.node import Input
from miniflow.ops.base import Array
from miniflow.ops.composed import op_kind

# A cost that falls does so within PATIENCE SGD steps, by at least LEAST_FALL of itself.
PATIENCE, LEAST_FALL = 10, 1e-4
# A smaller relative change of the cost is not noticeable.
NOTICED = 0.01
# A sigmoid this near to 0 or 1 passes on 1 % of its gradient. A tanh is first scaled to 0 ... 1.
SATURATED = 0.01


class StepArrays(Protocol):
    """Values and gradients over some SGD steps: the first axis of each array is the step."""

    def value(self, node: int) -> Array:
        """Return the node's values."""

    def before(self, node: int) -> Array:
        """Return a trainable's values before its updates."""

    def gradient(self, node: int) -> Array:
        """Return the node's gradients."""


class PresentStep:
    """The present moment as a trace of one step."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger

    def value(self, node: int) -> Array:
        """Return the node's value."""
        return self._debugger.state.value(node)[None]

    def before(self, node: int) -> Array:
        """Return a trainable's value before the update of the present moment."""
        made = self._debugger.cursor.last_update
        return self.value(node) if made is None else made.before[None]

    def gradient(self, node: int) -> Array:
        """Return the node's gradient."""
        return self._debugger.state.gradient(node)[None]

    def left_alone(self) -> bool:
        """Whether a program's optimizers have left the present trainable as it was at first."""
        made = self._debugger.cursor.last_update
        return made is not None and made.left_alone

    def used_gradient(self, node: int) -> int | None:
        """Return the SGD step whose update has used what the present one uses again, if any."""
        made = self._debugger.cursor.last_update
        if made is None or (made.method is None and np.array_equal(made.before, made.after)):
            return None
        return self._debugger.state.used_gradient(node)


class Period:
    """Consecutive SGD steps, starting with step `first`, with statistics shared by all rules."""

    def __init__(self, arrays: StepArrays, debugger: Debugger, first: int, steps: int) -> None:
        self.arrays = arrays
        self.graph = debugger.graph
        self.first = first
        self.steps = steps
        self._costs = debugger.cursor.costs
        self._needed = debugger.plan.needed
        self._stats: dict[int, NodeStats] = {}
        # Item n: the largest mean |gradient| of the last n layers.
        self._strongest = [np.zeros(steps)]

    def stats(self, node: int) -> NodeStats:
        """Return the statistics of a node."""
        if node not in self._stats:
            self._stats[node] = NodeStats(self, node)
        return self._stats[node]

    @cached_property
    def leaving_cost(self) -> Array:
        """The largest mean |gradient| of the cost's inputs, per step."""
        return self._largest_gradient(self.graph.inbound[self.graph.cost])

    def strongest_after(self, node: int) -> Array:
        """Return the largest mean |gradient| among the layers after a node, per step.

        A layer is a consumer of a trainable, or of an input if nothing is trained.
        """
        later = len(self._layers) - bisect_right(self._layers, node)
        while len(self._strongest) <= later:
            own = self._largest_gradient([self._layers[-len(self._strongest)]])
            self._strongest.append(np.maximum(self._strongest[-1], own))
        return self._strongest[later]

    @cached_property
    def _layers(self) -> list[int]:
        graph = self.graph
        inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
        return sorted({c for i in graph.trainables or inputs for c, _ in graph.consumers[i]})

    def _largest_gradient(self, nodes: Iterable[int]) -> Array:
        """Return the largest mean |gradient| among nodes; 0 where it is not finite."""
        with_gradient = [i for i in set(nodes) if self._needed[i] and self.graph.reaches_cost[i]]
        sizes = [np.zeros(self.steps), *(self.stats(i).gradient_size for i in with_gradient)]
        largest: Array = np.maximum.reduce(sizes)
        return np.where(np.isfinite(largest), largest, 0.0)

    @cached_property
    def stalled(self) -> Array:
        """Whether the ten steps up to each step have no lower peak cost than the ten before.

        Peaks are compared because a cost that falls may oscillate, as with momentum.
        """
        return self._stalled_by(self.first)

    @cached_property
    def stalled_before(self) -> Array:
        """`stalled` for the step before each step, whose own cost is not known yet."""
        return self._stalled_by(self.first - 1)

    def _stalled_by(self, first: int) -> Array:
        stalled = np.zeros(self.steps, bool)
        for row in range(max(0, 2 * PATIENCE - 1 - first), self.steps):
            now, before = self.peaks(first + row)
            stalled[row] = now >= before - LEAST_FALL * abs(before)
        return stalled

    def peaks(self, sgd_step: int) -> tuple[float, float]:
        """Return the highest cost of the ten steps up to this one, and of the ten before.

        Both are NaN if there are fewer steps.
        """
        end = sgd_step + 1
        costs = self._costs[max(0, end - 2 * PATIENCE) : end]
        if len(costs) < 2 * PATIENCE:
            return np.nan, np.nan
        return max(costs[PATIENCE:]), max(costs[:PATIENCE])

    @cached_property
    def barely_begun(self) -> Array:
        """Whether at least ten steps are over and the cost has hardly fallen since the start."""
        past = np.arange(self.first, self.first + self.steps) >= PATIENCE
        start = self.first_cost
        return np.asarray(past & (self.costs > start - NOTICED * abs(start)))

    @cached_property
    def costs(self) -> Array:
        """The cost of each step; NaN if not known."""
        known = self._costs[self.first : self.first + self.steps]
        return np.array([*known, *[np.nan] * (self.steps - len(known))])

    @property
    def first_cost(self) -> float:
        """The cost of the run's first SGD step."""
        return self._costs[0] if self._costs else np.nan


class NodeStats:
    """Statistics of one node over some SGD steps."""

    def __init__(self, period: Period, node: int) -> None:
        self.period = period
        self.arrays = period.arrays
        self.graph = period.graph
        self.node = node

    @cached_property
    def value(self) -> Array:
        """The node's values, one row of entries per step."""
        return _rows(self.arrays.value(self.node))

    @cached_property
    def gradient_size(self) -> Array:
        """The mean |gradient| of each step."""
        gradient = _rows(self.arrays.gradient(self.node))
        sizes: Array = np.add.reduce(np.abs(gradient), 1) / gradient.shape[1]
        return sizes

    @cached_property
    def _before(self) -> Array:
        """The weights before the update of each step."""
        return _rows(self.arrays.before(self.node))

    @cached_property
    def weight(self) -> Array:
        """|weight| of each step before its update."""
        return _norm(self._before)

    @cached_property
    def update(self) -> Array:
        """|update| of each step."""
        return _norm(self.value - self._before)

    @cached_property
    def update_ratio(self) -> Array:
        """|update| / |weight| of each step; NaN where the weight is 0."""
        ratio: Array = self.update / np.where(self.weight > 0, self.weight, np.nan)
        return ratio

    @property
    def left_alone(self) -> bool:
        """Whether the program never updates the node, of which this is the update's moment."""
        return isinstance(self.arrays, PresentStep) and self.arrays.left_alone()

    @cached_property
    def used_gradient(self) -> int | None:
        """The SGD step whose update has used what the update of a program uses again, if any."""
        if not isinstance(self.arrays, PresentStep):
            return None
        return self.arrays.used_gradient(self.node)

    def moves_cost(self, change: Array) -> Array:
        """Return whether a change of the weight of this norm changes the cost noticeably.

        To first order the cost changes by at most |gradient| · |change|.
        """
        gradient = _norm(_rows(self.arrays.gradient(self.node)))
        return np.asarray(gradient * change >= NOTICED * np.abs(self.period.costs))

    @cached_property
    def cut_off(self) -> Array:
        """Whether no gradient can reach the node in a step, although the cost sends one.

        Its consumers have no gradient, or multiply by zeros. A gradient that is 0 because its terms
        cancel does not count: that is how training converges.
        """
        cut: Array = self.period.leaving_cost > 0
        for consumer, _ in self.graph.consumers[self.node]:
            if not self.graph.reaches_cost[consumer]:
                continue
            reached = self.period.stats(consumer).gradient_size > 0
            for other in self.graph.inbound[consumer]:
                if other != self.node and other not in self.graph.trainables:
                    reached = reached & self.period.stats(other).value.any(1)
            cut = cut & ~reached
        return cut

    @cached_property
    def zeros(self) -> Array:
        """The fraction of the value's entries that are 0."""
        share: Array = (self.value == 0).mean(1)
        return share

    @cached_property
    def near_bounds(self) -> Array:
        """The fraction of a sigmoid's or tanh's entries that are near the bounds."""
        value = self.value
        if issubclass(op_kind(self.graph.nodes[self.node]), ops.Tanh):
            value = (value + 1) / 2
        near = np.abs(value - 0.5) > 0.5 - SATURATED
        if not near.any():
            return np.zeros(len(near))
        share: Array = near.mean(1)
        return share


def _rows(array: Array) -> Array:
    return array.reshape(len(array), -1)


def _norm(rows: Array) -> Array:
    norms: Array = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return norms

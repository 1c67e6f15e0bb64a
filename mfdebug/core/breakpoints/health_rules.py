"""Health rules: detect common training problems at the node that causes them.

A rule checks one node at the moment that computes its value, gradient or update. Rules are written
for the steps of a trace; a single moment is a trace of one step. Training that converges breaks
none of them: its gradients and updates become small everywhere, which is not a problem.

nan, inf: at the node whose inputs have none. vanishing, exploding: how the mean |gradient| shrinks
or grows on its way back (S. Hochreiter, 1991; X. Glorot and Y. Bengio, "Understanding the
difficulty of training deep feedforward neural networks", AISTATS 2010). saturated: the same paper,
section 3. update-ratio: Stanford's CS231n notes, "ratio of weights:updates"; a descent may start
with large steps, so they count only while the cost does not fall, as in the notes' section on the
loss function: the learning rate is too high if the parameters bounce around. zero-grad: a program
may accumulate gradients over passes, but not those that an update has used.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from mfdebug.core.breakpoints.statistics import NodeStats
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.timeline import Phase
from miniflow import ops
from miniflow.node import Input, Node
from miniflow.ops.base import Array
from miniflow.ops.composed import op_kind

# |update| / |weight| below the first changes the weight too little, above the second too much.
LEAST_UPDATE, MOST_UPDATE = 1e-4, 0.1


class Rule(Struct, frozen=True):
    """A rule that checks a node right after its `phase`.

    `judge` returns whether the node breaks the rule, per step; `words` describes the last step.
    """

    name: str
    summary: str
    phase: Phase
    threshold: float | None
    concerns: Callable[[Node], bool]
    judge: Callable[[NodeStats, float], Array]
    words: Callable[[NodeStats], str]

    @property
    def of_updates(self) -> bool:
        """Whether it is about what an update has used, which is known only at its moment."""
        return self.name in ("update-ratio", "zero-grad")


def _trained(node: Node) -> bool:
    return isinstance(node, Input) and node.trainable


def _saturated(stats: NodeStats, threshold: float) -> Array:
    near = stats.near_bounds > threshold
    if near.any() and stats.graph.cost in {c for c, _ in stats.graph.consumers[stats.node]}:
        # The last layer of a trained classifier is near its bounds too, which is not a problem.
        near &= stats.period.stalled_before
    return near


def _vanishes(stats: NodeStats, threshold: float) -> Array:
    # A gradient of exactly 0 has not vanished gradually: it is cut off.
    size = stats.gradient_size
    return np.asarray((size > 0) & (size < threshold * stats.period.strongest_after(stats.node)))


def _vanishing_words(stats: NodeStats) -> str:
    strongest = stats.period.strongest_after(stats.node)[-1]
    words = f"mean |gradient| is {scalar(stats.gradient_size[-1], 3)}"
    return f"{words}, while a later layer has {scalar(strongest, 3)}"


def _bad_update(stats: NodeStats, most: float) -> Array:
    large, small = stats.update_ratio > most, stats.update_ratio < LEAST_UPDATE
    if large.any():
        large &= stats.period.stalled & stats.moves_cost(stats.update)
    if small.any():
        small &= stats.period.barely_begun & stats.moves_cost(stats.weight)
    return np.asarray(large | small)


def _bad_update_words(stats: NodeStats) -> str:
    ratio, period = stats.update_ratio[-1], stats.period
    words = f"|update| / |weight| is {scalar(ratio, 3)}, too"
    if ratio < LEAST_UPDATE:
        now, first = scalar(period.costs[-1]), scalar(period.first_cost)
        return f"{words} small: the cost is {now}, at the start it was {first}"
    now, before = (scalar(cost, 4) for cost in period.peaks(period.first + period.steps - 1))
    return (
        f"{words} large: the cost peaked at {now} in ten SGD steps, at {before} in the ten before"
    )


def _no_gradient(stats: NodeStats, _threshold: float) -> Array:
    if not stats.graph.reaches_cost[stats.node]:
        return np.ones(stats.period.steps, bool)
    none: Array = stats.gradient_size == 0
    if stats.left_alone:
        return ~none
    return none & stats.cut_off if none.any() else none


def _no_gradient_words(stats: NodeStats) -> str:
    if stats.left_alone:
        return "it has a gradient, but no optimizer of the program has updated it"
    if stats.graph.reaches_cost[stats.node]:
        return "it is trained, but every entry of its gradient is 0"
    return "it is trained, but the cost does not depend on it"


def _not_zeroed_words(stats: NodeStats) -> str:
    used = stats.used_gradient
    return (
        f"its gradient still contains that of SGD step {used}, which the update there has used: "
        "it was not set to zero in between (zero_grad)"
    )


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "vanishing",
            "a node with a mean |gradient| below a millionth of a later layer's",
            "backward",
            1e-6,
            lambda node: not isinstance(node, Input),
            _vanishes,
            _vanishing_words,
        ),
        Rule(
            "exploding",
            "mean |gradient| above a million times the cost's",
            "backward",
            1e6,
            lambda _node: True,
            lambda stats, threshold: stats.gradient_size > threshold,
            lambda stats: f"mean |gradient| is {scalar(stats.gradient_size[-1], 3)}",
        ),
        Rule(
            "dead",
            "a ReLU with more than 99.9 % zeros",
            "forward",
            0.999,
            lambda node: issubclass(op_kind(node), ops.ReLU),
            lambda stats, threshold: stats.zeros > threshold,
            lambda stats: f"{scalar(100 * stats.zeros[-1], 4)} % of its entries are 0",
        ),
        Rule(
            "saturated",
            "a sigmoid or tanh with more than 90 % of its entries within 1 % of their bounds; "
            "in the last layer only while the cost does not fall",
            "forward",
            0.9,
            lambda node: issubclass(op_kind(node), ops.Sigmoid | ops.Tanh),
            _saturated,
            lambda stats: (
                f"{scalar(100 * stats.near_bounds[-1], 4)} % of its entries are near "
                "their bounds, where the gradient is almost 0"
            ),
        ),
        Rule(
            "update-ratio",
            "|update| / |weight| above 0.1 while the cost does not fall, or below 1e-4 while it "
            "has hardly fallen since the start; checks a bias only if it is named",
            "update",
            MOST_UPDATE,
            _trained,
            _bad_update,
            _bad_update_words,
        ),
        Rule(
            "unchanged",
            "a trainable that no gradient reaches, or that a program's optimizer was not given",
            "update",
            None,
            _trained,
            _no_gradient,
            _no_gradient_words,
        ),
        Rule(
            "zero-grad",
            "an update by a gradient that an earlier update has used: no zero_grad() in between",
            "update",
            None,
            _trained,
            lambda stats, _: np.full(stats.period.steps, stats.used_gradient is not None),
            _not_zeroed_words,
        ),
    )
}

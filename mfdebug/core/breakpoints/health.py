"""Health rules: what goes wrong in training, found at the node that made it.

A rule judges one node at the moment its value, gradient or update is made. It is written once, for
the steps of a trace: a moment is a trace of one step. Training that converges breaks none of them:
there gradients and updates become small everywhere, which is no fault.

nan, inf: at the node whose inputs have none. vanishing, exploding: how the mean |gradient| shrinks
or grows on its way back (S. Hochreiter, 1991; X. Glorot and Y. Bengio, "Understanding the
difficulty of training deep feedforward neural networks", AISTATS 2010). saturated: the same paper,
section 3. update-ratio: Stanford's CS231n notes, "ratio of weights:updates"; a descent may well
begin with long steps, so they count only while the cost does not fall, as in the notes' section on
the loss function: the rate is too high where the parameters bounce around.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from mfdebug.core.breakpoints.statistics import NodeStats
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.timeline import Phase
from miniflow.node import Input, Node
from miniflow.ops.activation import ReLU, Sigmoid, Tanh
from miniflow.ops.base import Array

# An update of less than this share of its weight changes nothing; of more than the other, too much.
LEAST_UPDATE, MOST_UPDATE = 1e-4, 0.1


class Rule(Struct, frozen=True):
    """A rule that judges a node right after its `phase`.

    `judge` returns for each step whether the node breaks the rule; `words` tell the last step.
    """

    name: str
    summary: str
    phase: Phase
    threshold: float | None
    concerns: Callable[[Node], bool]
    judge: Callable[[NodeStats, float], Array]
    words: Callable[[NodeStats], str]


def _trained(node: Node) -> bool:
    return isinstance(node, Input) and node.trainable


def _saturated(look: NodeStats, threshold: float) -> Array:
    near = look.near_bounds > threshold
    if near.any() and look.graph.cost in {c for c, _ in look.graph.consumers[look.node]}:
        # A last layer that has learned yes and no is near its bounds too: that is no fault.
        near &= look.period.stalled_before
    return near


def _vanishes(look: NodeStats, threshold: float) -> Array:
    # A gradient of 0 has not shrunk: something has cut it off.
    size = look.gradient_size
    return np.asarray((size > 0) & (size < threshold * look.period.strongest_after(look.node)))


def _vanishing_words(look: NodeStats) -> str:
    strongest = look.period.strongest_after(look.node)[-1]
    words = f"mean |gradient| is {scalar(look.gradient_size[-1], 3)}"
    return f"{words}, while a later layer has {scalar(strongest, 3)}"


def _bad_update(look: NodeStats, most: float) -> Array:
    large, small = look.update_ratio > most, look.update_ratio < LEAST_UPDATE
    if large.any():
        large &= look.period.stalled & look.moves_cost(look.update)
    if small.any():
        small &= look.period.barely_begun & look.moves_cost(look.weight)
    return np.asarray(large | small)


def _bad_update_words(look: NodeStats) -> str:
    ratio, period = look.update_ratio[-1], look.period
    words = f"|update| / |weight| is {scalar(ratio, 3)}, too"
    if ratio < LEAST_UPDATE:
        now, then = scalar(period.costs[-1]), scalar(period.first_cost)
        return f"{words} small: the cost is {now}, at the start it was {then}"
    now, then = (scalar(cost, 4) for cost in period.peaks(period.first + period.steps - 1))
    return f"{words} large: in ten SGD steps the cost was up to {now}, before up to {then}"


def _no_gradient(look: NodeStats, _threshold: float) -> Array:
    if not look.graph.reaches_cost[look.node]:
        return np.ones(look.period.steps, bool)
    none: Array = look.gradient_size == 0
    return none & look.cut_off if none.any() else none


def _no_gradient_words(look: NodeStats) -> str:
    if look.graph.reaches_cost[look.node]:
        return "it is trained, but every entry of its gradient is 0"
    return "it is trained, but the cost does not depend on it"


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
            lambda look, threshold: look.gradient_size > threshold,
            lambda look: f"mean |gradient| is {scalar(look.gradient_size[-1], 3)}",
        ),
        Rule(
            "dead",
            "a ReLU with more than 99.9 % zeros",
            "forward",
            0.999,
            lambda node: isinstance(node, ReLU),
            lambda look, threshold: look.zeros > threshold,
            lambda look: f"{scalar(100 * look.zeros[-1], 4)} % of its entries are 0",
        ),
        Rule(
            "saturated",
            "a sigmoid or tanh with more than 90 % of its entries within 1 % of their bounds; "
            "in the last layer only while the cost does not fall",
            "forward",
            0.9,
            lambda node: isinstance(node, Sigmoid | Tanh),
            _saturated,
            lambda look: (
                f"{scalar(100 * look.near_bounds[-1], 4)} % of its entries are near "
                "their bounds, where the gradient is almost 0"
            ),
        ),
        Rule(
            "update-ratio",
            "|update| / |weight| above 0.1 while the cost does not fall, or below 1e-4 while it "
            "has hardly fallen since the start; of biases only where one is named",
            "update",
            MOST_UPDATE,
            _trained,
            _bad_update,
            _bad_update_words,
        ),
        Rule(
            "unchanged",
            "a trainable that no gradient reaches",
            "update",
            None,
            _trained,
            _no_gradient,
            _no_gradient_words,
        ),
    )
}

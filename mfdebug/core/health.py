"""Health rules: what goes wrong in training, found at the node that made it.

A rule judges one node at the moment its value, gradient or update is made. It is written once, for
the steps of a trace: a moment is a trace of one step.

nan, inf: at the node whose inputs have none. vanishing, exploding: the mean |gradient| against that
of the cost, which is 1 (S. Hochreiter, 1991; X. Glorot and Y. Bengio, "Understanding the difficulty
of training deep feedforward neural networks", AISTATS 2010). saturated: the same paper, section 3.
update-ratio: Stanford's CS231n notes, "ratio of weights:updates".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
from msgspec import Struct

from mfdebug.core.debugger import Debugger
from mfdebug.core.numbers import scalar
from mfdebug.core.timeline import Phase
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops.activation import ReLU, Sigmoid, Tanh
from miniflow.ops.base import Array

# An update of less than this share of its weight changes nothing; of more than the other, too much.
LEAST_UPDATE, MOST_UPDATE = 1e-4, 0.1
# A sigmoid this near to 0 or 1, a tanh half of it near to -1 or 1, passes on 1 % of its gradient.
SATURATED = 0.01


class Seen(Protocol):
    """Nodes over some SGD steps: the first axis of each array is the steps."""

    def value(self, node: int) -> Array:
        """Return the node's values."""

    def before(self, node: int) -> Array:
        """Return a trainable's values before its updates."""

    def gradient(self, node: int) -> Array:
        """Return the node's gradients."""


class Present:
    """The present moment as a trace of one step."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger

    def value(self, node: int) -> Array:
        """Return the node's value."""
        return self._debugger.value(node)[None]

    def before(self, node: int) -> Array:
        """Return what the update of the present moment began with."""
        made = self._debugger.last_update
        return self.value(node) if made is None else made.before[None]

    def gradient(self, node: int) -> Array:
        """Return the node's gradient."""
        return self._debugger.gradient(node)[None]


class Look:
    """One node over some SGD steps, with what several rules ask of it."""

    def __init__(self, seen: Seen, graph: Graph, node: int) -> None:
        self.seen = seen
        self.graph = graph
        self.node = node

    @cached_property
    def value(self) -> Array:
        """The node's values, a row of entries for each step."""
        return _rows(self.seen.value(self.node))

    @cached_property
    def gradient_size(self) -> Array:
        """The mean |gradient| of each step."""
        gradient = _rows(self.seen.gradient(self.node))
        sizes: Array = np.add.reduce(np.abs(gradient), 1) / gradient.shape[1]
        return sizes

    @cached_property
    def update_ratio(self) -> Array:
        """|update| / |weight| of each step; NaN where the weight is 0."""
        before = _rows(self.seen.before(self.node))
        size = _norm(before)
        ratio: Array = _norm(self.value - before) / np.where(size > 0, size, np.nan)
        return ratio

    @cached_property
    def zeros(self) -> Array:
        """The share of the value's entries that are 0."""
        share: Array = (self.value == 0).mean(1)
        return share

    @cached_property
    def near_bounds(self) -> Array:
        """The share of a sigmoid's or tanh's entries that are near their bounds."""
        value = self.value
        if isinstance(self.graph.nodes[self.node], Tanh):
            value = (value + 1) / 2
        near = np.abs(value - 0.5) > 0.5 - SATURATED
        if not near.any():
            return np.zeros(len(near))
        share: Array = near.mean(1)
        return share


class Rule(Struct, frozen=True):
    """A rule that judges a node right after its `phase`.

    `judge` returns for each step whether the node breaks the rule; `words` tell the last step.
    """

    name: str
    summary: str
    phase: Phase
    threshold: float | None
    concerns: Callable[[Node], bool]
    judge: Callable[[Look, float], Array]
    words: Callable[[Look], str]


def _rows(array: Array) -> Array:
    return array.reshape(len(array), -1)


def _norm(rows: Array) -> Array:
    norms: Array = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return norms


def _trained(node: Node) -> bool:
    return isinstance(node, Input) and node.trainable


def _no_gradient(look: Look, _threshold: float) -> Array:
    if not look.graph.under_cost[look.node]:
        return np.ones(len(look.value), bool)
    none: Array = look.gradient_size == 0
    return none


def _no_gradient_words(look: Look) -> str:
    if look.graph.under_cost[look.node]:
        return "it is trained, but every entry of its gradient is 0"
    return "it is trained, but the cost does not depend on it"


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "vanishing",
            "mean |gradient| below 1e-9 of the cost's",
            "backward",
            1e-9,
            lambda _node: True,
            lambda look, threshold: look.gradient_size < threshold,
            lambda look: f"mean |gradient| is {scalar(look.gradient_size[-1], 3)}",
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
            "a sigmoid or tanh with more than 90 % of its entries within 1 % of their bounds",
            "forward",
            0.9,
            lambda node: isinstance(node, Sigmoid | Tanh),
            lambda look, threshold: look.near_bounds > threshold,
            lambda look: (
                f"{scalar(100 * look.near_bounds[-1], 4)} % of its entries are near "
                "their bounds, where the gradient is almost 0"
            ),
        ),
        Rule(
            "update-ratio",
            "|update| / |weight| outside 1e-4 to 0.1; of biases only where one is named",
            "update",
            MOST_UPDATE,
            _trained,
            lambda look, most: (look.update_ratio < LEAST_UPDATE) | (look.update_ratio > most),
            lambda look: (
                f"|update| / |weight| is {scalar(look.update_ratio[-1], 3)}, "
                f"too {'small' if look.update_ratio[-1] < LEAST_UPDATE else 'large'}"
            ),
        ),
        Rule(
            "unchanged",
            "a trainable with no gradient",
            "update",
            None,
            _trained,
            _no_gradient,
            _no_gradient_words,
        ),
    )
}

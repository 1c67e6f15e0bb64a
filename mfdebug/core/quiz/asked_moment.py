"""The moment that is asked about: it is visited, so that answers are read and never predicted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.report import NodeReport, report
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, index_text
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.core.timeline.timeline import Moment
from miniflow.node import Node
from miniflow.ops.base import Array, shape_text

# The most entries tried in search of one whose numbers are short.
TRIES = 16


class AskedMoment:
    """A moment of a node that a question is about, while the debugger visits it.

    `seed` varies which of several entries and inputs is asked about.
    """

    def __init__(self, debugger: Debugger, moment: Moment, node: int, seed: int) -> None:
        self.debugger = debugger
        self.moment = moment
        self.node = node
        self.op: Node = debugger.state.op(node)
        self.name = debugger.graph.nodes[node].label
        self.turn = moment.number + seed
        self._reports: dict[Index, NodeReport] = {}

    @cached_property
    def view(self) -> NodeView:
        """The node with its inputs."""
        return NodeView(self.debugger, self.node)

    @property
    def kind(self) -> str:
        """The name of the node's op."""
        return type(self.op).__name__

    def label(self, node: int) -> str:
        """Return a node's name."""
        return self.debugger.graph.nodes[node].label

    def shape(self, node: int) -> tuple[int, ...]:
        """Return the shape of a node's value."""
        return self.debugger.plan.shapes[node]

    def shape_words(self, node: int) -> str:
        """Return a shape in words: `4×2`, or `a single number`."""
        return shape_words(self.shape(node))

    def report(self, index: Index) -> NodeReport:
        """Return the report on an entry of the node."""
        if index not in self._reports:
            self._reports[index] = report(self.debugger, self.node, index)
        return self._reports[index]

    @property
    def scalars(self) -> bool:
        """Whether the node and its inputs are single numbers: then any product can be computed."""
        nodes = (self.node, *self.debugger.graph.inbound[self.node])
        return all(math.prod(self.shape(node)) == 1 for node in nodes)

    def entries(self, shape: tuple[int, ...]) -> Iterable[Index]:
        """Yield the entries to try, in an order that varies with the moment."""
        size = math.prod(shape)
        for k in range(min(size, TRIES)):
            flat = (self.turn * 7919 + k * max(1, size // TRIES)) % size
            yield tuple(map(int, np.unravel_index(flat, shape)))

    def best_entry(
        self, shape: tuple[int, ...], cost: Callable[[Index], float | None]
    ) -> Index | None:
        """Return the entry with the least cost; None is the cost of one that cannot be asked."""
        found = [(cost(index), k, index) for k, index in enumerate(self.entries(shape))]
        able = [(price, k, index) for price, k, index in found if price is not None]
        return min(able)[2] if able else None

    def number_of(self, node: int, index: Index) -> float:
        """Return an entry of a node's value."""
        return float(self.debugger.state.value(node)[index])


def entry(name: str, index: Index) -> str:
    """Return the name of an entry: `W1[0,1]`."""
    return f"{name}{index_text(index)}"


def shape_words(shape: tuple[int, ...]) -> str:
    """Return a shape: `4×2`, `3 entries`, or `a single number`."""
    if not shape:
        return "a single number"
    if len(shape) == 1:
        return f"{shape[0]} in a row" if shape[0] > 1 else "1 entry"
    return shape_text(shape)


def digits(*numbers: float) -> float | None:
    """Return how many characters the longest of some numbers has; None if one is not finite."""
    if not all(map(math.isfinite, numbers)):
        return None
    return max(len(scalar(number).lstrip("-")) for number in numbers)


def capital(text: str) -> str:
    """Return a sentence with a capital letter at its start."""
    return text[:1].upper() + text[1:]


def bracketed(number: float) -> str:
    """Return a number as a factor or term."""
    text = scalar(number)
    return f"({text})" if text.startswith("-") else text


def listed(names: Iterable[str]) -> str:
    """Return names in a row: `a`, `a and b`, `a, b and c`."""
    *most, last = dict.fromkeys(names)
    return f"{', '.join(most)} and {last}" if most else last


def numbers_listed(numbers: Iterable[float] | Array) -> str:
    """Return numbers in a row: `0.5, -1, 2`."""
    return ", ".join(scalar(float(number)) for number in numbers)


def rule_head(role: str) -> str:
    """Return the beginning of an op's sentence, up to its details: `A multiply gate swaps`."""
    return capital(re.split(r":| \(|, ", role)[0])

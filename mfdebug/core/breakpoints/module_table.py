"""The modules of a graph as a table: value, gradient, what is wrong, and how it has changed.

A module is a scope of names with ops right in it, as `h.0.attn.` of `h.0.attn.linear`; its value
and gradient are those of its last op. A graph without modules has a row for each parameter and op.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from mfdebug.core.breakpoints.health_rules import RULES
from mfdebug.core.breakpoints.statistics import Period
from mfdebug.core.explain.sizes import size_of
from mfdebug.core.format.numbers import BARS
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.pass_numbers import PassNumbers
from miniflow.node import Input, Node
from miniflow.ops.base import Array
from miniflow.text.scope_names import split_name

# SGD steps in the sparkline.
PASSES = 12
# Rows of a graph without modules, and of one with them.
MOST_ROWS = 1000
# Gradients within so many decades of each other are drawn as a flat line.
LEAST_DECADES = 1.0
_RULES = [RULES[name] for name in ("exploding", "vanishing", "saturated", "dead")]


class ModuleRow(Struct, frozen=True):
    """A module: mean |value| and mean |gradient| of its last op, None if not known.

    `label` says what is wrong, or is empty. `history` are the mean |gradient| of the last SGD steps
    that are known, the present one last.
    """

    name: str
    node: int
    value: float | None
    gradient: float | None
    label: str
    history: tuple[float | None, ...]


class _Module(Struct, frozen=True):
    """A row before it has numbers: its op, and the nodes that a label may be about."""

    name: str
    node: int
    nodes: tuple[int, ...]


class ModuleTable:
    """The table of a debugger's graph, which remembers the gradients of SGD steps it has seen."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._modules = modules_of(debugger.graph.nodes, debugger.graph.inbound)
        self._history: list[deque[float | None]] = [deque(maxlen=PASSES) for _ in self._modules]
        self.sgd_step = -1

    @property
    def has_modules(self) -> bool:
        """Whether the rows are modules, and not single nodes."""
        nodes = self._debugger.graph.nodes
        return any(module.name != nodes[module.node].label for module in self._modules)

    def add(self, numbers: PassNumbers) -> None:
        """Remember the gradients of an SGD step, which is later than those before."""
        self.sgd_step = numbers.sgd_step
        for module, history in zip(self._modules, self._history, strict=True):
            history.append(_size(numbers.gradient(module.node)))

    def rows(self, numbers: PassNumbers) -> list[ModuleRow]:
        """Return the rows with the numbers of the SGD step that was added last."""
        period = Period(_Arrays(numbers), self._debugger, numbers.sgd_step, 1)
        found = []
        for module, history in zip(self._modules, self._history, strict=True):
            with np.errstate(all="ignore"):
                label = _label_of(module, numbers, period)
            value = _size(numbers.value(module.node))
            gradient = history[-1] if history else None
            found.append(
                ModuleRow(module.name, module.node, value, gradient, label, tuple(history))
            )
        return found


class _Arrays:
    """The numbers of an SGD step as the health rules read them: a trace of one step."""

    def __init__(self, numbers: PassNumbers) -> None:
        self._numbers = numbers

    def value(self, node: int) -> Array:
        """Return a node's value; one NaN if it is not known."""
        return _step(self._numbers.value(node))

    def before(self, node: int) -> Array:
        """Return a node's value: updates are not looked at."""
        return self.value(node)

    def gradient(self, node: int) -> Array:
        """Return a node's gradient; one NaN if it is not known."""
        return _step(self._numbers.gradient(node))


def _step(array: Array | None) -> Array:
    return np.full((1, 1), np.nan) if array is None or not array.size else array[None]


def modules_of(nodes: Sequence[Node], inbound: Sequence[Sequence[int]]) -> list[_Module]:
    """Return the modules of a graph in the order of their ops; without any, its parameters and ops.

    At most `MOST_ROWS` are returned.
    """
    scopes: dict[str, list[int]] = {}
    for i, node in enumerate(nodes):
        path = "".join(split_name(node.label)[:-1])
        if path and inbound[i]:
            scopes.setdefault(path, []).append(i)
    found = [_Module(name.rstrip("/."), ops[-1], tuple(ops)) for name, ops in scopes.items()]
    if not found:
        found = [
            _Module(node.label, i, (i,))
            for i, node in enumerate(nodes)
            if inbound[i] or (isinstance(node, Input) and node.trainable)
        ]
    return found[:MOST_ROWS]


def _size(array: Array | None) -> float | None:
    return None if array is None or not array.size else abs(size_of(array).number)


def _label_of(module: _Module, numbers: PassNumbers, period: Period) -> str:
    """Return what is wrong with a module: a number that is none, or the first rule it breaks."""
    for what, array in (
        ("", numbers.value(module.node)),
        (" gradient", numbers.gradient(module.node)),
    ):
        if array is not None and array.size and not np.isfinite(array).all():
            return ("NaN" if np.isnan(array).any() else "inf") + what
    for rule in _RULES:
        for node in module.nodes:
            if rule.threshold is None or not rule.concerns(period.graph.nodes[node]):
                continue
            known = numbers.value(node) if rule.phase == "forward" else numbers.gradient(node)
            if known is None or not known.size:
                continue
            if rule.name == "dead":
                if label := dead_units(known):
                    return label
            elif rule.judge(period.stats(node), rule.threshold)[0]:
                return rule.name
    return ""


def dead_units(value: Array) -> str:
    """Return how many units of a ReLU are 0 for all examples, as `dead 12 of 64`, or "".

    A unit is a channel of an image, (N, C, H, W), else an entry of the last axis.
    """
    if value.ndim < 2 or value.shape[0] < 2:
        return ""
    axis = 1 if value.ndim == 4 else value.ndim - 1
    others = tuple(i for i in range(value.ndim) if i != axis)
    dead = int((value == 0).all(axis=others).sum())
    return f"dead {dead} of {value.shape[axis]}" if dead else ""


def sparkline(history: Sequence[float | None]) -> str:
    """Return sizes as a line of bars on a logarithmic scale: a blank where one is not known.

    0 is the lowest bar, and what is not finite is a `!`.
    """
    sizes = np.array([np.nan if size is None else size for size in history])
    drawn = np.isfinite(sizes) & (sizes > 0)
    logs = np.log10(sizes[drawn])
    low, high = (logs.min(), logs.max()) if logs.size else (0.0, 0.0)
    span = max(high - low, LEAST_DECADES)
    low = (low + high - span) / 2
    line = ""
    for size in history:
        if size is None:
            line += " "
        elif not np.isfinite(size):
            line += "!"
        elif size == 0:
            line += BARS[0]
        else:
            part = (np.log10(size) - low) / span
            line += BARS[round(float(part) * (len(BARS) - 1))]
    return line

"""The updates of optimizers, as a model can have them: arithmetic on parameters and gradients.

The formulas are those of the operators' definitions in the domain ai.onnx.preview.training. The
numbers of updates made so far, T, must be known: it decides which formula applies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.node import Node
from miniflow.ops.base import Op

R, T = 0, 1


class _Update:
    """The nodes of the update of one parameter; `i` is its number."""

    def __init__(self, call: Call, i: int) -> None:
        self.call, self.i = call, i

    def make(self, kind: type[Op], suffix: str, *inputs: Node) -> Node:
        """Return a node of this update."""
        return self.call.make(kind, *inputs, suffix=f"{suffix}_{self.i}")

    def times(self, factor: float, node: Node, suffix: str) -> Node:
        """Return a node times a number."""
        if factor == 1.0:
            return node
        number = self.call.constant(factor, f"{suffix}_factor_{self.i}")
        return self.make(ops.Mul, suffix, number, node)

    def mix(self, share: float, a: Node, rest: float, b: Node, suffix: str) -> Node:
        """Return share × a + rest × b."""
        left, right = self.times(share, a, f"{suffix}_old"), self.times(rest, b, f"{suffix}_new")
        return self.make(ops.Add, suffix, left, right)

    def gradient(self, x: Node, g: Node) -> Node:
        """Return the gradient with that of the penalty on large parameters."""
        norm = float(self.call.attribute("norm_coefficient", 0.0))
        return self.mix(norm, x, 1.0, g, "gradient") if norm else g

    def root(self, squares: Node) -> Node:
        """Return the root of sums of squares, plus epsilon."""
        root = self.make(ops.Sqrt, "root", squares)
        eps = self.call.constant(float(self.call.attribute("epsilon", 0.0)), f"eps_{self.i}")
        return self.make(ops.Add, "divisor", root, eps)


# From a parameter, its gradient and what is kept of it to the new parameter and what is kept.
Rule = Callable[[_Update, Node, Node, Sequence[Node]], list[Node]]


def _momentum(update: _Update, x: Node, g: Node, kept: Sequence[Node]) -> list[Node]:
    call = update.call
    gradient = update.gradient(x, g)
    alpha = float(call.attribute("alpha"))
    beta = float(call.attribute("beta")) if call.number(T) > 0 else 1.0
    velocity = update.mix(alpha, kept[0], beta, gradient, "velocity")
    step = velocity
    if call.attribute("mode") == "nesterov":
        step = update.mix(1.0, gradient, alpha, velocity, "step")
    scaled = update.make(ops.Mul, "scaled", call.node(R), step)
    return [update.make(ops.Sub, "x", x, scaled), velocity]


def _adagrad(update: _Update, x: Node, g: Node, kept: Sequence[Node]) -> list[Node]:
    call = update.call
    gradient = update.gradient(x, g)
    decay = 1.0 / (1.0 + call.number(T) * float(call.attribute("decay_factor", 0.0)))
    rate = update.times(decay, call.node(R), "rate")
    squares = update.make(
        ops.Add, "squares", kept[0], update.make(ops.Mul, "square", gradient, gradient)
    )
    part = update.make(ops.Div, "part", gradient, update.root(squares))
    return [update.make(ops.Sub, "x", x, update.make(ops.Mul, "scaled", rate, part)), squares]


def _adam(update: _Update, x: Node, g: Node, kept: Sequence[Node]) -> list[Node]:
    call = update.call
    gradient = update.gradient(x, g)
    alpha, beta = (float(call.attribute(name, 0.9)) for name in ("alpha", "beta"))
    count = call.number(T)
    mean = update.mix(alpha, kept[0], 1.0 - alpha, gradient, "mean")
    square = update.make(ops.Mul, "square", gradient, gradient)
    squares = update.mix(beta, kept[1], 1.0 - beta, square, "squares")
    correction = math.sqrt(1.0 - beta**count) / (1.0 - alpha**count) if count > 0 else 1.0
    rate = update.times(correction, call.node(R), "rate")
    part = update.make(ops.Div, "part", mean, update.root(squares))
    new = update.make(ops.Sub, "x", x, update.make(ops.Mul, "scaled", rate, part))
    post = float(call.attribute("norm_coefficient_post", 0.0))
    return [update.times(1.0 - post, new, "shrunk"), mean, squares]


_RULES: dict[str, tuple[Rule, int]] = {
    "Momentum": (_momentum, 1),
    "Adagrad": (_adagrad, 1),
    "Adam": (_adam, 2),
}


@rule(" ".join(_RULES))
def update(call: Call) -> Sequence[Result]:
    """The parameters after an update, then what is kept of each of them."""
    formula, kept = _RULES[call.kind]
    count = (len(call.inputs) - 2) // (2 + kept)
    found: list[list[Node]] = []
    for i in range(count):
        x, g, *others = (call.node(2 + i + count * part) for part in range(2 + kept))
        found.append(formula(_Update(call, i), x, g, others))
    return [made[part] for part in range(1 + kept) for made in found]

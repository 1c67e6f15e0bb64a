"""Costs: one number that says how wrong the network is.

m is the number of entries in a mean, both forward and backward. The lesson divides by the number
of entries forward and by the number of rows backward, which agree only for a single column.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from miniflow.errors import ShapeError
from miniflow.node import Input
from miniflow.ops.activation import softmax_into
from miniflow.ops.base import Array, Calls, Op, ScalarRule, Shape, register, shape_text


def _same_entries(y: Shape, a: Shape) -> None:
    """Reject shapes that would broadcast: (n,) and (n, 1) must not become (n, n)."""
    if [n for n in y if n != 1] != [n for n in a if n != 1]:
        raise ShapeError(
            f"target {shape_text(y)} and prediction {shape_text(a)} differ in shape",
            hint="give both the same shape",
        )


class PairCost(Op):
    """A mean over the entries of a target y and a prediction a of the same shape."""

    arity = (2, 2)

    def output_shape(self, *shapes: Shape) -> Shape:
        """A scalar."""
        _same_entries(shapes[0], shapes[1])
        if math.prod(shapes[0]) == 0:
            raise ShapeError("a mean over no entries has no value")
        return ()

    def legend(self, *shapes: Shape) -> str:
        """m is the number of entries."""
        return f"m = {math.prod(shapes[0])}, the number of entries"


def _square_error(y: float, a: float) -> float:
    return (y - a) * (y - a)


def _square_error_vjp(g: float, _value: float, y: float, a: float) -> tuple[float, float]:
    return (y - a) * (2.0 * g), (y - a) * (-2.0 * g)


@register
class MSE(PairCost):
    """The mean square error, Σ (y - a)² / m: target y, then prediction a.

    In an early version of the lesson, `MSE(a)` takes the target from `ideal_output`, which is set
    before the pass.
    """

    role = (
        "a mean square error sends 2/{m} times the error, {names[0]} - {names[1]}, to {to[0]}, "
        "and the opposite to {to[1]}"
    )

    def __init__(self, *inputs: Any, name: str | None = None) -> None:
        nodes = [node for node in inputs if not isinstance(node, str)]
        if len(nodes) == 1 and not isinstance(nodes[0], list | tuple):
            inputs = (Input(name="ideal_output"), *inputs)
        super().__init__(*inputs, name=name)

    @property
    def ideal_output(self) -> Any:
        """The target's value."""
        return self.inbound_nodes[0].value

    @ideal_output.setter
    def ideal_output(self, value: Any) -> None:
        self.inbound_nodes[0].value = value

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ (y - a)² / m."""
        y, a = (x.reshape(-1) for x in inputs)
        error = do.keep("error", y.shape)
        do(np.subtract, y, a, error)
        # A dot product takes 0.15 times as long as the mean of the squares. (It has a scratch
        # buffer, as a ufunc that overwrites its own single entry takes three times as long.)
        total = do.scratch((1, 1))
        do(error.reshape(1, -1).dot, error.reshape(-1, 1), total)
        do(np.multiply, total.reshape(()), 1.0 / y.size, out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """2/m (y - a) to y, its opposite to a."""
        m = out.size
        factor = do.scratch(())
        do(np.multiply, grad, (-2.0 if input_index else 2.0) / m, factor)
        do(np.multiply, do.keep("error", (m,)), factor, out.reshape(-1))

    def scalar(self) -> ScalarRule:
        """(y - a)²."""
        return ScalarRule(_square_error, _square_error_vjp)

    def formula(self, *names: str) -> str:
        """Σ(y - a)² / m."""
        return f"Σ({names[0]} - {names[1]})^2 / m"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """±2/m (y - a)."""
        return f"{'-' if input_index else ''}2({names[0]} - {names[1]})/m"


@register
class MAE(PairCost):
    """The mean absolute error, Σ |y - a| / m; at the kink, y = a, the gradient is 0."""

    role = (
        "a mean absolute error sends 1/{m} with the sign of {names[0]} - {names[1]} to {to[0]}, "
        "with the opposite sign to {to[1]}"
    )

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ |y - a| / m."""
        y, a = (x.reshape(-1) for x in inputs)
        error = do.keep("error", y.shape)
        size = do.scratch(y.shape)
        do(np.subtract, y, a, error)
        do(np.absolute, error, size)
        do(np.add.reduce, size, 0, None, out)
        do(np.multiply, out, 1.0 / y.size, out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """sign(y - a)/m to y, its opposite to a."""
        m = out.size
        factor = do.scratch(())
        do(np.multiply, grad, (-1.0 if input_index else 1.0) / m, factor)
        do(np.sign, do.keep("error", (m,)), out.reshape(-1))
        do(np.multiply, out, factor, out)

    def formula(self, *names: str) -> str:
        """Σ|y - a| / m."""
        return f"Σ|{names[0]} - {names[1]}| / m"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """±sign(y - a)/m."""
        return f"{'-' if input_index else ''}sign({names[0]} - {names[1]})/m"


def _xlogy(x: Array, y: Array) -> Array:
    """x log y, with 0 log 0 = 0."""
    return np.where(x == 0, 0.0, x * np.log(y))


def _check_probabilities(op: Op, input_index: int, x: Array) -> None:
    """Raise `ShapeError` for a number outside 0 to 1; NaN and infinity pass, to be found later."""
    # The fast path compares two numbers only; with NaN neither comparison is true.
    if x.min() >= 0.0 and x.max() <= 1.0:
        return
    outside = np.argwhere(((x < 0.0) | (x > 1.0)) & np.isfinite(x))
    if not len(outside):
        return
    index = tuple(outside[0].tolist())
    entry = f"[{','.join(map(str, index))}]" if index else ""
    more = f" (and {len(outside) - 1} more of {x.size} entries)" if len(outside) > 1 else ""
    fix = "put a Sigmoid before it, or use SigmoidCrossEntropy"
    kind, hint = ("prediction", fix) if input_index else ("target", "")
    raise ShapeError(
        f"{op.inbound_nodes[input_index].label}{entry} = {x[index]!s} is outside 0 to 1{more}: "
        f"a {kind} is a probability",
        where=op.label,
        hint=hint,
    )


def _bce(out: Array, y: Array, a: Array) -> None:
    out[...] = -(_xlogy(y, a) + _xlogy(1.0 - y, 1.0 - a)).mean()


def _bce_vjp(input_index: int, out: Array, grad: Array, y: Array, a: Array) -> None:
    if input_index:
        # Each term only where its factor is not 0: 0/0, at a correct prediction of exactly 0 or
        # 1, counts as 0.
        hit = np.where(y == 0, 0.0, y / a)
        miss = np.where(y == 1, 0.0, (1.0 - y) / (1.0 - a))
        np.copyto(out, (miss - hit) * (grad.reshape(()) / out.size))
    else:
        np.copyto(out, (np.log(1.0 - a) - np.log(a)) * (grad.reshape(()) / out.size))


@register
class BinaryCrossEntropy(PairCost):
    """-Σ (y log a + (1-y) log(1-a)) / m: targets y in 0..1, then probabilities a.

    A number outside 0..1 raises `ShapeError` in the forward pass, which names the input's entry.
    """

    role = (
        "a cross-entropy sends ({names[1]} - {names[0]})/({names[1]}(1-{names[1]}))/{m} to the "
        "prediction {to[1]}, and {local[0]} to the target {to[0]}"
    )

    def check_calls(self, do: Calls, *inputs: Array) -> None:
        """Targets and predictions are from 0 to 1."""
        for input_index, x in enumerate(inputs):
            do(_check_probabilities, self, input_index, x)

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """-Σ (y log a + (1-y) log(1-a)) / m."""
        do(_bce, out, inputs[0].reshape(-1), inputs[1].reshape(-1))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """(log(1-a) - log a)/m to y, (a-y)/(a(1-a))/m to a."""
        flat = out.reshape(-1)
        do(_bce_vjp, input_index, flat, grad, inputs[0].reshape(-1), inputs[1].reshape(-1))

    def formula(self, *names: str) -> str:
        """-Σ(y log a + (1-y) log(1-a)) / m."""
        y, a = names
        return f"-Σ({y}·log {a} + (1-{y})·log(1-{a})) / m"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """(a-y)/(a(1-a))/m."""
        y, a = names
        return f"({a} - {y})/({a}(1-{a}))/m" if input_index else f"log((1-{a})/{a})/m"


def _sigmoid_cross_entropy(out: Array, y: Array, z: Array) -> None:
    out[...] = (np.maximum(z, 0.0) - y * z + np.log1p(np.exp(-np.abs(z)))).mean()


def _sigmoid_cross_entropy_vjp(
    input_index: int, out: Array, grad: Array, y: Array, z: Array
) -> None:
    scale = grad.reshape(()) / out.size
    np.copyto(out, (1.0 / (1.0 + np.exp(-z)) - y) * scale if input_index else -z * scale)


@register
class SigmoidCrossEntropy(PairCost):
    """The binary cross-entropy of σ(z), from the logits z: targets y in 0..1, then logits.

    log(1 + e^z) - y z, computed as max(z, 0) - y z + log(1 + e^-|z|), which never overflows and
    does not saturate, as σ(z) in `BinaryCrossEntropy` does from z = 37 or so.
    """

    role = (
        "a cross-entropy of a sigmoid sends {local[1]} to {to[1]}, "
        "and {local[0]} to the target {to[0]}"
    )

    def check_calls(self, do: Calls, *inputs: Array) -> None:
        """Targets are from 0 to 1."""
        do(_check_probabilities, self, 0, inputs[0])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ (max(z, 0) - y z + log(1 + e^-|z|)) / m."""
        do(_sigmoid_cross_entropy, out, inputs[0].reshape(-1), inputs[1].reshape(-1))

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """-z/m to y, (σ(z) - y)/m to z."""
        y, z = (x.reshape(-1) for x in inputs)
        do(_sigmoid_cross_entropy_vjp, input_index, out.reshape(-1), grad, y, z)

    def formula(self, *names: str) -> str:
        """Σ(max(z, 0) - y z + log(1 + e^-|z|)) / m."""
        y, z = names
        return f"Σ(max({z}, 0) - {y}·{z} + log(1 + e^-|{z}|)) / m"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """(σ(z) - y)/m."""
        y, z = names
        return f"(σ({z}) - {y})/m" if input_index else f"-{z}/m"


def _cross_entropy(
    name: str,
    out: Array,
    probabilities: Array,
    log_probabilities: Array,
    logits: Array,
    labels: Array,
) -> None:
    softmax_into(probabilities, logits, -1)
    # Not the logarithm of `probabilities`: one that rounds to 0 has a finite logarithm.
    np.subtract(logits, logits.max(-1, keepdims=True), log_probabilities)
    np.subtract(
        log_probabilities,
        np.log(np.exp(log_probabilities).sum(-1, keepdims=True)),
        log_probabilities,
    )
    if labels.ndim == logits.ndim:
        losses = -np.where(labels == 0, 0.0, labels * log_probabilities).sum(-1)
    else:
        classes = class_indices(name, labels, logits.shape[-1])
        losses = -np.take_along_axis(log_probabilities, classes, -1)
    out[...] = losses.mean()


def class_indices(name: str, labels: Array, count: int) -> Array:
    """Return labels as indices with a last axis of 1; `ShapeError` unless they are 0 to count - 1.

    `name` is the node that the error names.
    """
    classes = labels.astype(np.intp)
    wrong = (classes != labels) | (classes < 0) | (classes >= count)
    if wrong.any():
        index = tuple(np.argwhere(wrong)[0].tolist())
        at = f" at [{','.join(map(str, index))}]" if index else ""
        raise ShapeError(
            f"labels are whole numbers from 0 to {count - 1}, not {labels[index]:g}{at}",
            where=name,
        )
    return classes[..., None]


def _cross_entropy_vjp(
    name: str, out: Array, grad: Array, probabilities: Array, labels: Array
) -> None:
    if labels.ndim == probabilities.ndim:
        np.copyto(out, probabilities * labels.sum(-1, keepdims=True) - labels)
    else:
        np.copyto(out, probabilities)
        classes = class_indices(name, labels, probabilities.shape[-1])
        taken = np.take_along_axis(out, classes, -1)
        np.put_along_axis(out, classes, taken - 1.0, -1)
    np.multiply(out, grad.reshape(()) / max(math.prod(probabilities.shape[:-1]), 1), out)


def _label_vjp(out: Array, grad: Array, log_probabilities: Array) -> None:
    rows = max(math.prod(log_probabilities.shape[:-1]), 1)
    np.copyto(out, -log_probabilities * (grad.reshape(()) / rows))


@register
class SoftmaxCrossEntropy(Op):
    """-Σ y log softmax(logits), mean over the m rows: logits, then labels.

    Labels are probabilities in the shape of the logits (one-hot rows), or one class number per
    row, counted from 0; class numbers get a gradient of 0.
    """

    arity = (2, 2)
    role = (
        "a softmax cross-entropy sends softmax({names[0]}) minus the label, over {m}: how much "
        "too sure each class is"
    )

    def output_shape(self, *shapes: Shape) -> Shape:
        """A scalar."""
        logits, labels = shapes
        if not logits or labels not in (logits, logits[:-1]):
            wanted = " or ".join(shape_text(s) for s in (logits, logits[:-1])) if logits else "?"
            raise ShapeError(
                f"labels {shape_text(labels)} do not fit logits {shape_text(logits)}",
                hint=f"one-hot rows or class numbers: {wanted}",
            )
        return ()

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """-Σ y log softmax(logits) / m."""
        logits, labels = inputs
        kept = (do.keep(key, logits.shape) for key in ("probabilities", "log_probabilities"))
        do(_cross_entropy, self.label, out, *kept, logits, labels)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """(softmax - y)/m to the logits, -log softmax / m to label probabilities."""
        logits, labels = inputs
        probabilities = do.keep("probabilities", logits.shape)
        if input_index == 0:
            do(_cross_entropy_vjp, self.label, out, grad, probabilities, labels)
        elif labels.ndim == logits.ndim:
            do(_label_vjp, out, grad, do.keep("log_probabilities", logits.shape))
        else:
            do(out.fill, 0.0)

    def takes_class_numbers(self, input_index: int, *shapes: Shape) -> bool:
        """Whether the input is the labels, with one number per row."""
        return input_index == 1 and len(shapes[1]) < len(shapes[0])

    def legend(self, *shapes: Shape) -> str:
        """m is the number of rows."""
        return f"m = {max(math.prod(shapes[0][:-1]), 1)}, the number of rows"

    def formula(self, *names: str) -> str:
        """-Σ y log softmax(z) / m."""
        return f"-Σ {names[1]}·log softmax({names[0]}) / m"

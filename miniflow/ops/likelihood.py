"""The negative log-likelihood of class numbers, and the divergence from probabilities."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import Array, Attribute, Calls, Op, Shape, register, shape_text
from miniflow.ops.cost import class_indices


def _nll(name: str, out: Array, logs: Array, labels: Array) -> None:
    taken = np.take_along_axis(logs, class_indices(name, labels, logs.shape[-1]), -1)
    # Not -mean: of zeros that is -0.0.
    out[...] = 0.0 - taken.mean()


def _nll_vjp(name: str, out: Array, grad: Array, labels: Array) -> None:
    out.fill(0.0)
    share = grad.reshape(()) / labels.size
    np.put_along_axis(out, class_indices(name, labels, out.shape[-1]), -share, -1)


@register
class NLL(Op):
    """-Σ l[label] / m, the mean over m rows: log-probabilities l, then one class number per row.

    After a LogSoftmax it is the cost of a SoftmaxCrossEntropy.
    """

    arity = (2, 2)
    role = (
        "a negative log-likelihood sends -1/{m} to the entry of {names[0]} at the row's label, "
        "{names[1]}, and nothing to the others"
    )

    def output_shape(self, *shapes: Shape) -> Shape:
        """A scalar."""
        logs, labels = shapes
        if not logs or labels != logs[:-1] or not math.prod(logs):
            raise ShapeError(
                f"labels {shape_text(labels)} do not fit log-probabilities {shape_text(logs)}",
                hint=f"one class number per row: {shape_text(logs[:-1])}" if logs else "",
            )
        return ()

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """-Σ l[label] / m."""
        do(_nll, self.label, out, *inputs)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """-1/m at each label, else 0."""
        if input_index:
            do(out.fill, 0.0)
        else:
            do(_nll_vjp, self.label, out, grad, inputs[1])

    def takes_class_numbers(self, input_index: int, *shapes: Shape) -> bool:
        """Whether the input is the labels."""
        return input_index == 1

    def stops_gradient(self, input_index: int) -> str:
        """Labels get nothing."""
        return "a class number has no gradient" if input_index else ""

    def legend(self, *shapes: Shape) -> str:
        """m is the number of rows."""
        return f"m = {math.prod(shapes[1])}, the number of rows"

    def formula(self, *names: str) -> str:
        """-Σ l[label] / m."""
        return f"-Σ onehot({names[1]})·{names[0]} / m"


def _kl(out: Array, logs: Array, target: Array, m: int, in_logs: bool) -> None:
    p, log_p = (np.exp(target), target) if in_logs else (target, np.log(target))
    # 0 log 0 is 0, whatever the other logarithm is.
    out[...] = np.where(p == 0, 0.0, p * (log_p - logs)).sum() / m


def _kl_vjp(
    input_index: int, out: Array, grad: Array, logs: Array, target: Array, m: int, in_logs: bool
) -> None:
    scale = grad.reshape(()) / m
    p = np.exp(target) if in_logs else target
    if input_index == 0:
        np.copyto(out, -p * scale)
    elif in_logs:
        np.copyto(out, np.where(p == 0, 0.0, p * (target - logs + 1.0)) * scale)
    else:
        np.copyto(out, np.where(p == 0, 0.0, np.log(p) - logs + 1.0) * scale)


@register
class KL(Op):
    """The Kullback-Leibler divergence Σ p (log p - l) / m: log-probabilities l, then target p.

    With `log_target` the second input is log p. m is the size of the first axis, or with `mean` set
    to "all" the number of entries. A target of 0 counts as 0, and gets a gradient of 0.
    """

    arity = (2, 2)
    attributes: ClassVar = {
        "log_target": Attribute(False, "true or false", lambda value: isinstance(value, bool)),
        "mean": Attribute("batch", '"batch" or "all"', lambda value: value in ("batch", "all")),
    }
    role = (
        "a KL divergence sends {local[0]} to the log-probabilities {to[0]}, "
        "and {local[1]} to the target {to[1]}"
    )

    def output_shape(self, *shapes: Shape) -> Shape:
        """A scalar."""
        if shapes[0] != shapes[1] or not math.prod(shapes[0]):
            raise ShapeError(
                f"log-probabilities {shape_text(shapes[0])} and target {shape_text(shapes[1])} "
                "differ in shape, or are empty"
            )
        return ()

    def count(self, shape: Shape) -> int:
        """Return what the sum over entries of this shape is divided by."""
        return math.prod(shape if self.attrs["mean"] == "all" else shape[:1])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """Σ p (log p - l) / m."""
        do(_kl, out, *inputs, self.count(inputs[0].shape), self.attrs["log_target"])

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """-p/m to l, (log p + 1 - l)/m to p, p (log p + 1 - l)/m to log p."""
        m, in_logs = self.count(out.shape), self.attrs["log_target"]
        do(_kl_vjp, input_index, out, grad, *inputs, m, in_logs)

    def legend(self, *shapes: Shape) -> str:
        """m is the number of rows, or of entries."""
        what = "entries" if self.attrs["mean"] == "all" else "rows"
        return f"m = {self.count(shapes[0])}, the number of {what}"

    def term(self, logs: str, target: str) -> str:
        """Return the formula of one term: `p(log p - l)`."""
        if self.attrs["log_target"]:
            return f"e^{target}·({target} - {logs})"
        return f"{target}·(log {target} - {logs})"

    def formula(self, *names: str) -> str:
        """Σ p (log p - l) / m."""
        return f"Σ {self.term(*names)} / m"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """-p/m, (log p + 1 - l)/m or p (log p + 1 - l)/m."""
        logs, target = names
        if self.attrs["log_target"]:
            return f"e^{target}·({target} + 1 - {logs})/m" if input_index else f"-e^{target}/m"
        return f"(log {target} + 1 - {logs})/m" if input_index else f"-{target}/m"

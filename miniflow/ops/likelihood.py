"""The negative log-likelihood of class numbers."""

from __future__ import annotations

import math

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import Array, Calls, Op, Shape, register, shape_text
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

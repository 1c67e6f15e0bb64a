"""An op on given inputs, in our engine and in PyTorch, compared entry by entry.

Where our convention differs from PyTorch's it is listed in `CONVENTIONS`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import OPS
from miniflow.ops.arithmetic import Mul
from miniflow.ops.reduce import Sum
from tests.support.one_pass import one_pass

torch: Any = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[test,peers]'")

Array = NDArray[Any]
EDGES = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300, 5e-324, -5e-324)
EDGES32 = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-38, 1e-45, -1e-45)


class Case(NamedTuple):
    """An op on inputs of these shapes, and the same in PyTorch.

    `draw` makes random inputs; `edges` is whether values at the edge of floats are tried too.
    """

    op: str
    shapes: tuple[tuple[int, ...], ...]
    theirs: Callable[..., Any]
    attributes: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array] = lambda rng, shape: rng.normal(
        size=shape
    )
    edges: bool = True

    def __str__(self) -> str:
        shapes = " ".join("x".join(map(str, shape)) or "()" for shape in self.shapes)
        return f"{self.op} {shapes} {self.attributes or ''}".strip()


# Where a value is NaN our gradients are others than PyTorch's; what they are is no convention of
# mathematics, only of each library.
CONVENTIONS = {
    "ReLU": "of NaN: 0, as nothing greater than 0 came in; PyTorch passes the gradient on",
    "Elu": "of NaN: NaN; PyTorch passes the gradient on",
    "Selu": "of NaN: NaN; PyTorch passes the gradient on",
    "HardSigmoid": "of NaN: 0, as nn.hardsigmoid has it; nn.hardtanh passes the gradient on",
    "Abs": "of NaN: NaN, which has no sign; PyTorch sends 0",
    "MAE": "of NaN: NaN, which has no sign; PyTorch sends 0",
    "Max": "NaN wins nothing: no input equals the value; PyTorch sends the gradient to the NaN",
    "Min": "NaN wins nothing: no input equals the value; PyTorch sends the gradient to the NaN",
    "MaxPool": "NaN wins nothing: no entry equals the value; PyTorch sends the gradient to the NaN",
}
SIGNS_OF_ZERO = {
    "ReLU": "of -0.0: 0.0, the greater of two equals is either; PyTorch keeps -0.0",
    "Clip": "of -0.0 at a limit of 0: either, they are equal",
    "Elu": "of -0.0: 0.0, the sum of both sides; PyTorch keeps -0.0",
    "Selu": "of -0.0: 0.0, the sum of both sides; PyTorch keeps -0.0",
    "HardSigmoid": "of a limit of 0: either, they are equal",
    "Max": "of 0.0 and -0.0: either, they are equal",
    "Min": "of 0.0 and -0.0: either, they are equal",
    "MaxPool": "of 0.0 and -0.0: either, they are equal",
}


def ours(case: Case, inputs: list[Array], weights: Array, dtype: str) -> list[Array]:
    """Return the op's value and the gradients of a weighted sum of it."""
    nodes = [Input(f"x{i}", value=value, trainable=True) for i, value in enumerate(inputs)]
    op = OPS[case.op](*nodes, name="op", **case.attributes)
    graph = Graph.of(Sum(Mul(op, Input("weights", value=weights)), name="cost"), dtype=dtype)
    plan = one_pass(graph)
    return [
        plan.value(graph.index[op]).copy(),
        *(plan.gradient(graph.index[node]).copy() for node in nodes),
    ]


def theirs(case: Case, inputs: list[Array], weights: Array) -> list[Array]:
    tensors = [torch.tensor(value, requires_grad=True) for value in inputs]
    value = case.theirs(*tensors)
    if value.requires_grad:
        (value * torch.tensor(weights)).sum().backward()
    # Of conditions and of what is detached PyTorch has no gradient; ours is 0.
    sent = [torch.zeros_like(tensor) if tensor.grad is None else tensor.grad for tensor in tensors]
    return [value.detach().numpy(), *(tensor.numpy() for tensor in sent)]


def compare(case: Case, inputs: list[Array], dtype: str) -> None:
    shape = case.theirs(*(torch.tensor(array) for array in inputs)).shape
    weights = np.linspace(0.5, 2.0, int(np.prod(shape)), dtype=dtype).reshape(shape)
    tolerance = 1e-12 if dtype == "float64" else 3e-5
    found, wanted = ours(case, inputs, weights, dtype), theirs(case, inputs, weights)
    for what, mine, other in zip(("value", *case.shapes), found, wanted, strict=True):
        assert mine.dtype == other.dtype == np.dtype(dtype)
        if what != "value" and case.op in CONVENTIONS and not _all_numbers(inputs):
            continue
        size = np.max(np.abs(other), initial=0.0, where=np.isfinite(other))
        # Products of rows: what is small beside them is rounding.
        summed = case.op.endswith("Norm") or case.op in (
            *("MatMul", "Linear", "LogSoftmax", "Attention", "Einsum", "Resize"),
            *("RNN", "LSTM", "GRU"),
        )
        beside = tolerance * size if summed else tolerance * 1e-3
        np.testing.assert_allclose(mine, other, tolerance, beside, err_msg=f"{case}: {what}")
        if what == "value" and case.op not in SIGNS_OF_ZERO:
            zeros = (mine == 0) & (other == 0)
            assert (np.signbit(mine) == np.signbit(other))[zeros].all(), f"{case}: signs of zero"


def _all_numbers(inputs: list[Array]) -> bool:
    """Whether neither an input nor a difference of two is NaN."""
    with np.errstate(all="ignore"):
        ends = [inputs[0] - other for other in inputs[1:] if other.shape == inputs[0].shape]
    return not any(np.isnan(array).any() for array in [*inputs, *ends])

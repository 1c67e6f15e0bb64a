"""Products of matrices: MatMul and Linear.

For Y = X·W the gradients are ∂cost/∂X = ∂cost/∂Y · Wᵀ and ∂cost/∂W = Xᵀ · ∂cost/∂Y, the only
products whose shapes fit.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import reduce

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import (
    Array,
    Calls,
    Op,
    ScalarRule,
    Shape,
    Targets,
    register,
    series,
    shape_text,
)
from miniflow.ops.broadcasting import broadcast_shape, spread, unbroadcast
from miniflow.text.lists import counted


def product_shape(x: Shape, w: Shape) -> Shape:
    """Return the shape of x·w; either may be a scalar. Raises `ShapeError` if they do not fit."""
    if not x or not w:
        return x or w
    inner = w[-2] if len(w) > 1 else w[0]
    if x[-1] != inner:
        raise ShapeError(
            f"{shape_text(x)} · {shape_text(w)} does not fit: {counted(x[-1], 'column')}, "
            f"{counted(inner, 'row')}"
        )
    if len(w) == 1:
        return x[:-1]
    stack = broadcast_shape(x[:-2], w[:-2])
    return stack + x[-2:-1] + w[-1:]


def product(do: Calls, x: Array, w: Array, out: Array) -> None:
    """List the call that writes x·w into `out`."""
    if not x.ndim or not w.ndim:
        do(np.multiply, x, w, out)
    elif x.ndim <= 2 and w.ndim <= 2:
        # On small matrices x.dot(w, out) takes 0.8 times as long as np.dot, and 0.5 times as
        # long as x @ w: it does less argument checking.
        do(x.dot, w, out)
    else:
        do(np.matmul, x, w, out)


def _rows(x: Array) -> Array:
    """Return a stack of matrices as one matrix: the rows of all, one below the other.

    One product of 256 rows, with 128 to 512 columns, takes 0.8 times as long as four of 64 rows,
    which `np.matmul` writes to a new array; the gradient towards the other factor needs no sum.
    """
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def product_vjp(do: Calls, input_index: int, out: Array, grad: Array, x: Array, w: Array) -> None:
    """List the calls that write the gradient towards x (input 0) or w (input 1) into `out`."""
    if not x.ndim or not w.ndim:
        full = do.scratch(grad.shape)
        do(np.multiply, grad, x if input_index else w, full)
        unbroadcast(do, full, out)
    elif x.ndim == 1 and w.ndim == 1:
        do(np.multiply, x if input_index else w, grad, out)
    elif w.ndim <= 2 and (x.ndim <= 2 or (x.flags.c_contiguous and grad.flags.c_contiguous)):
        rows = _rows(x)
        weights = w.reshape(x.shape[-1], w.shape[1] if w.ndim == 2 else 1)
        columns = grad.reshape(rows.shape[0], weights.shape[1])
        if input_index:
            do(rows.T.dot, columns, out.reshape(weights.shape))
        else:
            do(columns.dot, weights.T, out.reshape(rows.shape))
    else:
        do(_stacked_vjp, input_index, out, grad, x, w)


def _stacked_vjp(input_index: int, out: Array, grad: Array, x: Array, w: Array) -> None:
    if x.ndim == 1:
        x, grad = x[None, :], grad[..., None, :]
    if w.ndim == 1:
        w, grad = w[:, None], grad[..., :, None]
    full = np.swapaxes(x, -1, -2) @ grad if input_index else grad @ np.swapaxes(w, -1, -2)
    target = out.reshape((1,) * (2 - out.ndim) + out.shape) if input_index == 0 else out
    if input_index and out.ndim == 1:
        target = out.reshape(-1, 1)
    while full.ndim > target.ndim:
        full = full.sum(0)
    for axis, n in enumerate(target.shape):
        if n == 1 and full.shape[axis] != 1:
            full = full.sum(axis, keepdims=True)
    np.copyto(target, full)


@register
class MatMul(Op):
    """The matrix product X·W; stacks of matrices broadcast as in NumPy."""

    arity = (2, 2)
    role = "a matrix product sends to each factor the gradient times the other factor"

    def output_shape(self, *shapes: Shape) -> Shape:
        """(n, k) · (k, m) gives (n, m)."""
        return product_shape(*shapes)

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """X·W."""
        product(do, inputs[0], inputs[1], out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """grad·Wᵀ to X, Xᵀ·grad to W."""
        product_vjp(do, input_index, out, grad, *inputs)

    def formula(self, *names: str) -> str:
        """X·W."""
        return f"{names[0]}·{names[1]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The other matrix, transposed."""
        return f"{names[0]}ᵀ" if input_index else f"{names[1]}ᵀ"


@register
class Linear(Op):
    """X·W + b; with 2n+1 inputs, X₁·W₁ + ... + Xₙ·Wₙ + b.

    Inputs: the n matrices, then the n weights, then the bias. The first version of the lesson
    passes numbers as `Linear([x1, x2], [w1, w2], b)`; that is the case n = 2.
    """

    arity = (3, None)
    role = (
        "a linear layer sends to each input the gradient times what multiplies it, and to the bias "
        "the gradient, summed over its copies"
    )

    def _check_arity(self, count: int, name: str | None) -> None:
        super()._check_arity(count, name)
        if count % 2 == 0:
            raise ShapeError(
                f"Linear takes n inputs, n weights and one bias, not {count} nodes",
                where=name or "",
            )

    def output_shape(self, *shapes: Shape) -> Shape:
        """(n, k) · (k, m) + (m,) gives (n, m)."""
        n = len(shapes) // 2
        sums = broadcast_shape(*map(product_shape, shapes[:n], shapes[n : 2 * n]))
        bias = shapes[-1]
        fits = len(bias) <= len(sums) and all(
            b in (1, s) for b, s in zip(reversed(bias), reversed(sums), strict=False)
        )
        if not fits:
            raise ShapeError(
                f"a bias of shape {shape_text(bias)} does not fit X·W of shape {shape_text(sums)}",
                hint=f"give the bias the shape {shape_text(sums[-1:])}",
            )
        return sums

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The products, from left to right, then the bias."""
        n = len(inputs) // 2
        terms: dict[Shape, Array] = {}
        for pair in range(n):
            x, w = inputs[pair], inputs[n + pair]
            shape = product_shape(x.shape, w.shape)
            if pair == 0 and shape == out.shape:
                product(do, x, w, out)
                continue
            term = terms[shape] = terms[shape] if shape in terms else do.scratch(shape)
            product(do, x, w, term)
            do(*((np.add, out, term, out) if pair else (np.copyto, out, term)))
        do(np.add, out, spread(do, inputs[-1], out.shape), out)

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """grad·Wᵀ to each X, Xᵀ·grad to each W, and the sum of grad over the rows to b."""
        n = len(inputs) // 2
        # The gradient in the shape of each product, summed where the product was broadcast.
        summed = {grad.shape: grad}
        for input_index, out in targets:
            if input_index == 2 * n:
                unbroadcast(do, grad, out)
                continue
            x, w = inputs[input_index % n], inputs[n + input_index % n]
            shape = product_shape(x.shape, w.shape)
            if shape not in summed:
                summed[shape] = do.scratch(shape)
                unbroadcast(do, grad, summed[shape])
            product_vjp(do, input_index // n, out, summed[shape], x, w)

    def scalar(self) -> ScalarRule:
        """x₁w₁ + x₂w₂ + ... + b."""
        n = len(self.inbound_nodes) // 2

        def forward(*xs: float) -> float:
            total: float = reduce(operator.add, map(operator.mul, xs[:n], xs[n : 2 * n]))
            return total + xs[-1]

        def vjp(g: float, _value: float, *xs: float) -> tuple[float, ...]:
            return (*(g * w for w in xs[n : 2 * n]), *(g * x for x in xs[:n]), g)

        return ScalarRule(forward, vjp)

    def formula(self, *names: str) -> str:
        """X·W + b."""
        n = len(names) // 2
        products = [f"{x}·{w}" for x, w in zip(names[:n], names[n : 2 * n], strict=True)]
        return f"{series(products, ' + ')} + {names[-1]}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The other matrix, transposed; 1 for the bias."""
        n = len(names) // 2
        if input_index == 2 * n:
            return "1"
        return f"{names[input_index - n]}ᵀ" if input_index >= n else f"{names[input_index + n]}ᵀ"

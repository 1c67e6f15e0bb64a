"""Scaled dot-product attention: each query takes a mean of the values, weighted by the keys.

Vaswani et al., "Attention is all you need", arXiv:1706.03762, section 3.2. The backward rule is
that of a product, a softmax and a product; the mean of what the weights are sent, Σ w ∂cost/∂w, is
computed as Σ ∂cost/∂value × value (Dao et al., arXiv:2205.14135, appendix B.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from miniflow.errors import ShapeError
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    Shape,
    Targets,
    is_integer,
    is_number,
    register,
    shape_text,
)
from miniflow.ops.broadcasting import broadcast_shape, unbroadcast
from miniflow.text.lists import counted


def _is_scale(value: Any) -> bool:
    return value is None or (is_number(value) and math.isfinite(value))


def by_head(x: Array, heads: int) -> Array:
    """Return x, (…, n, heads·e), as a view (…, heads, n, e); without heads as it is."""
    if not heads:
        return x
    return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads).swapaxes(-2, -3)


def _to_shares(weights: Array, row: Array) -> None:
    """Turn scores into their softmax along the last axis; a row of -infinity becomes zeros.

    `row` has the shape of the weights with a last axis of 1.
    """
    np.maximum.reduce(weights, -1, out=row, keepdims=True)
    # Of a row of -infinity the lowest number is subtracted: infinity - infinity is NaN.
    np.maximum(row, np.finfo(row.dtype).min, out=row)
    np.subtract(weights, row, weights)
    np.exp(weights, weights)
    np.add.reduce(weights, -1, out=row, keepdims=True)
    # The greatest share is e^0 before it is divided: only a row of zeros sums to less than 1.
    np.maximum(row, 1.0, out=row)
    np.divide(weights, row, weights)


@register
class Attention(Op):
    """softmax(Q·Kᵀ × scale)·V: queries (…, L, E), keys (…, S, E), values (…, S, V), maybe a mask.

    The mask broadcasts to the scores, (…, L, S), or (…, heads, L, S) with `heads`. If `mask` is
    "keep", a query sees a key where the mask is not 0; if it is "add", the mask is added to the
    scores, and -infinity hides a key. With `causal`, query i sees the keys up to number i. A query
    that sees no key gets 0. With `heads`, the last axes are split into that many, each head has its
    own weights, and the results are joined.
    """

    arity = (3, 4)
    attributes: ClassVar = {
        "causal": Attribute(False, "true or false", lambda value: isinstance(value, bool)),
        "scale": Attribute(None, "a number, or null for 1/√E", _is_scale),
        "heads": Attribute(
            0, "a whole number, 0 or more", lambda value: is_integer(value) and value >= 0
        ),
        "mask": Attribute("keep", '"keep" or "add"', lambda value: value in ("keep", "add")),
    }
    role = (
        "an attention sends to {to[2]} the gradient of each query by its weights; to {to[0]} and "
        "{to[1]} what moves weight to the rows of {names[2]} that the gradient asks for"
    )

    def output_shape(self, *shapes: Shape) -> Shape:
        """(…, L, V)."""
        q, k, v = shapes[:3]
        heads = self.attrs["heads"]
        for shape, what in zip((q, k, v), ("queries", "keys", "values"), strict=True):
            if len(shape) < 2 or not shape[-1] or not shape[-2]:
                raise ShapeError(
                    f"{what} {shape_text(shape)} are not rows of numbers",
                    hint="the last two axes are the rows and their entries",
                )
            if heads and shape[-1] % heads:
                raise ShapeError(f"{what} {shape_text(shape)} do not split into {heads} heads")
        if q[-1] != k[-1]:
            raise ShapeError(
                f"queries {shape_text(q)} and keys {shape_text(k)} differ in the last axis"
            )
        if k[-2] != v[-2]:
            raise ShapeError(
                f"{counted(k[-2], 'key')} {shape_text(k)} and "
                f"{counted(v[-2], 'value')} {shape_text(v)}"
            )
        stack = broadcast_shape(q[:-2], k[:-2], v[:-2])
        scores = (*stack, *((heads,) if heads else ()), q[-2], k[-2])
        for mask in shapes[3:]:
            if len(mask) > len(scores) or broadcast_shape(scores, mask) != scores:
                raise ShapeError(
                    f"a mask {shape_text(mask)} does not fit scores {shape_text(scores)}"
                )
        return (*stack, q[-2], v[-1])

    def scale_of(self, entries: int) -> float:
        """Return what the scores of queries with `entries` numbers are multiplied by."""
        heads, given = self.attrs["heads"], self.attrs["scale"]
        return 1.0 / math.sqrt(entries // (heads or 1)) if given is None else float(given)

    def _weights(self, do: Calls, value: Array, inputs: Sequence[Array]) -> Array:
        """Return the buffer of the weights."""
        stack, heads = value.shape[:-2], self.attrs["heads"]
        rows, keys = inputs[0].shape[-2], inputs[1].shape[-2]
        return do.keep("weights", (*stack, *((heads,) if heads else ()), rows, keys))

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """softmax(Q·Kᵀ × scale)·V."""
        q, k, v = (by_head(x, self.attrs["heads"]) for x in inputs[:3])
        weights = self._weights(do, out, inputs)
        do(np.matmul, q, k.swapaxes(-1, -2), weights)
        do(np.multiply, weights, self.scale_of(inputs[0].shape[-1]), weights)
        for mask in inputs[3:]:
            if self.attrs["mask"] == "add":
                do(np.add, weights, mask, weights)
            else:
                hidden = do.keep("hidden", mask.shape, np.bool_)
                do(np.equal, mask, 0.0, hidden)
                do(np.copyto, weights, -np.inf, where=hidden)
        if self.attrs["causal"]:
            later = np.triu(np.ones(weights.shape[-2:], np.bool_), 1)
            do(np.copyto, weights, -np.inf, where=later)
        do(_to_shares, weights, do.scratch((*weights.shape[:-1], 1)))
        do(np.matmul, weights, v, by_head(out, self.attrs["heads"]))

    def backward_calls(
        self, do: Calls, targets: Targets, grad: Array, value: Array, inputs: Sequence[Array]
    ) -> None:
        """With s = w ⊙ (g·Vᵀ - Σ g ⊙ value) × scale: s·K to Q, sᵀ·Q to K, wᵀ·g to V."""
        heads = self.attrs["heads"]
        weights = self._weights(do, value, inputs)
        q, k, _ = (by_head(x, heads) for x in inputs[:3])
        sent = by_head(grad, heads)
        scores: Array | None = None
        for input_index, out in targets:
            if input_index == 3:
                do(out.fill, 0.0)
                continue
            target = by_head(out, heads)
            if input_index == 2:
                _product(do, weights.swapaxes(-1, -2), sent, target)
                continue
            if scores is None:
                scores = self._score_calls(do, grad, value, inputs, weights)
            if input_index == 0:
                _product(do, scores, k, target)
            else:
                _product(do, scores.swapaxes(-1, -2), q, target)

    def _score_calls(
        self, do: Calls, grad: Array, value: Array, inputs: Sequence[Array], weights: Array
    ) -> Array:
        """List the calls that compute ∂cost/∂(Q·Kᵀ), and return its buffer."""
        heads = self.attrs["heads"]
        sent, v = by_head(grad, heads), by_head(inputs[2], heads)
        scores, both = do.scratch(weights.shape), do.scratch(sent.shape)
        mean = do.scratch((*weights.shape[:-1], 1))
        do(np.multiply, sent, by_head(value, heads), both)
        do(np.add.reduce, both, -1, None, mean, True)
        do(np.matmul, sent, v.swapaxes(-1, -2), scores)
        do(np.subtract, scores, mean, scores)
        do(np.multiply, scores, weights, scores)
        do(np.multiply, scores, self.scale_of(inputs[0].shape[-1]), scores)
        return scores

    def stops_gradient(self, input_index: int) -> str:
        """The mask gets nothing."""
        return "a mask is data: it gets no gradient" if input_index == 3 else ""

    def takes_infinity(self, input_index: int) -> bool:
        """Whether -infinity in an input is an ordinary number: it hides a key."""
        return input_index == 3 and self.attrs["mask"] == "add"

    def formula(self, *names: str) -> str:
        """softmax(q·kᵀ/√m)·v."""
        return f"{self.weights_formula(*names)}·{names[2]}"

    def weights_formula(self, *names: str) -> str:
        """Return the formula of the weights: `softmax(q·kᵀ/√m)`."""
        scores = f"{names[0]}·{names[1]}ᵀ"
        if self.attrs["scale"] is None:
            scores += "/√m"
        elif self.attrs["scale"] != 1:
            scores += f"·{self.attrs['scale']:.6g}"
        for mask in names[3:]:
            scores += f" + {mask}" if self.attrs["mask"] == "add" else f" where {mask}"
        return f"{'causal ' if self.attrs['causal'] else ''}softmax({scores})"

    def legend(self, *shapes: Shape) -> str:
        """m is the length of a query."""
        if self.attrs["scale"] is not None:
            return ""
        entries = shapes[0][-1] // (self.attrs["heads"] or 1)
        return f"m = {entries}, the number of entries of a query"


def _product(do: Calls, x: Array, y: Array, out: Array) -> None:
    """List the calls that write x·y into `out`, summed over the axes along which it broadcasts."""
    shape = (*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1])
    if shape == out.shape:
        do(np.matmul, x, y, out)
    else:
        full = do.scratch(shape)
        do(np.matmul, x, y, full)
        unbroadcast(do, full, out)

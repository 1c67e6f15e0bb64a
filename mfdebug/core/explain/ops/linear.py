"""Linear and MatMul: sums of products; a gradient is a product with the other matrix transposed.

For Y = X·W the gradients are ∂cost/∂X = ∂cost/∂Y · Wᵀ and ∂cost/∂W = Xᵀ · ∂cost/∂Y.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import Region, copies, matched
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.ops.products import Product
from mfdebug.core.explain.sums import Bundle, Sums, TermText, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Array, Op
from miniflow.text.lists import series


class MatrixExplainer(Explainer):
    """Linear, whose inputs are n matrices, their n weights and a bias; and MatMul."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The products of a row and a column, then the bias."""
        pairs = len(view.inputs) // 2
        bundles, rules = [], []
        for pair in range(pairs):
            bundle, rule = _of_product(view, pair, pair + pairs, index)
            bundles.append(bundle)
            rules.append(rule)
        rules = [series(rules, " + ")]
        if len(view.inputs) % 2:
            input_index = 2 * pairs
            entry = matched(index, view.inputs[input_index].shape)
            name, number = view.entry(input_index, entry), view.number(input_index, entry)
            bundles.append(
                one_term(number, name, bracketed(number), [view.ref(input_index, entry)])
            )
            rules.append(name)
        return Sums(" + ".join(rules), tuple(bundles))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """grad · Wᵀ, Xᵀ · grad, and for the bias the sum of the rows."""
        pairs, gradient = len(view.inputs) // 2, view.gradient()
        if input_index == 2 * pairs:
            if view.inputs[input_index].shape == view.value.shape:
                return Sent(f"{gradient} × 1")
            return Sent(f"Σ rows of {gradient}")
        weights = input_index >= pairs
        other = input_index - pairs if weights else input_index + pairs
        name = view.labels[other]
        own_axes, other_axes = view.inputs[input_index].ndim, view.inputs[other].ndim
        if other_axes == 0 or own_axes == 0 or own_axes == other_axes == 1:
            return Sent(f"{gradient} × {name}")
        if max(own_axes, other_axes) > 2:
            # For stacks of matrices there is no short form for one entry.
            found = self.locals(view, op, input_index, entry)
            return Sent(self.rule_over(found.region, view, op, input_index, entry), whole=False)
        if other_axes == 1:
            return Sent(f"{name} ⊗ {gradient}" if weights else f"{gradient} ⊗ {name}")
        return Sent(f"{name}ᵀ · {gradient}" if weights else f"{gradient} · {name}ᵀ")

    def copied(self, view: NodeView, op: Op, input_index: int) -> str:
        """A bias is added to every row."""
        shape = view.value.shape
        if input_index < len(view.inputs) // 2 * 2 or view.inputs[input_index].shape == shape:
            return ""
        rows = view.value.size // max(1, view.inputs[input_index].size)
        if rows < 2:
            return ""
        name = view.labels[input_index]
        return f"one {name} is added to all {rows:,} rows of {view.label}: what they send adds up"

    def role(self, view: NodeView, op: Op) -> str:
        """The matrix rules with this node's names, if it is a single product of two matrices."""
        if len(view.inputs) > 3 or not all(x.ndim == 2 for x in view.inputs[:2]):
            return super().role(view, op)
        kind = "linear layer" if len(view.inputs) == 3 else "matrix product"
        x, w = (f"{self.sent(view, op, i, ()).text} to {view.target(i)}" for i in (0, 1))
        bias = f", and the sum of the rows to {view.target(2)}" if len(view.inputs) == 3 else ""
        return f"a {kind} sends {x}{',' if bias else ' and'} {w}{bias}"

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals:
        """The entries of the other factor that this one is multiplied by."""
        pairs = len(view.inputs) // 2
        if input_index == 2 * pairs:
            region = copies(entry, view.inputs[input_index].shape, view.value.shape)
            return Locals(region, np.ones([part.stop - part.start for part in region]))
        x, w = view.inputs[input_index % pairs], view.inputs[input_index % pairs + pairs]
        product, side = Product(x.shape, w.shape), input_index // pairs
        region = product.region(side, entry)
        other = _others(product, side, region, product.term_of(side, entry), w if side == 0 else x)
        return _widened(region, other, product.shape, view.value.shape)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The entry that multiplies this one; 1 for the bias."""
        factors = _multiplier(view, input_index, entry, output)
        return "1" if factors is None else view.entry(*factors)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The entry that multiplies this one."""
        factors = _multiplier(view, input_index, entry, output)
        return [] if factors is None else [view.ref(factors[0], tuple(map(int, factors[1])))]

    def upstream_last(self, view: NodeView, op: Op, input_index: int) -> bool:
        """Xᵀ is written to the left of the gradient, as in the rule for matrices."""
        pairs = len(view.inputs) // 2
        return (
            pairs <= input_index < 2 * pairs and view.inputs[input_index].ndim > 0 < view.value.ndim
        )


def _of_product(view: NodeView, left: int, right: int, index: Index) -> tuple[Bundle, str]:
    x, w = view.inputs[left], view.inputs[right]
    product = Product(x.shape, w.shape)
    lead = len(index) - len(product.shape)
    output = tuple(0 if n == 1 else i for i, n in zip(index[lead:], product.shape, strict=True))
    every: tuple[Any, ...] = output
    of_x, of_w = product.factors(every, slice(None))
    amounts = np.atleast_1d(x[of_x].astype(np.float64) * w[of_w])

    def term_text(k: int) -> TermText:
        of_x, of_w = product.factors(output, k)
        numbers = view.number(left, of_x), view.number(right, of_w)
        text = checked_formula(numbers, " × ".join, float(amounts[k]))
        return TermText(
            f"{view.entry(left, of_x)}·{view.entry(right, of_w)}",
            text or bracketed(float(amounts[k])),
            (view.ref(left, of_x), view.ref(right, of_w)),
        )

    letters: tuple[int | str, ...] = output
    k = view.letters.product
    of_x_named, of_w_named = product.factors(letters, k)
    rule = f"{view.entry(left, of_x_named)}·{view.entry(right, of_w_named)}"
    over = "" if product.length is None else f"Σ{view.letters.lowered(k)} "
    return Bundle(amounts, term_text), over + rule


def _multiplier(
    view: NodeView, input_index: int, entry: Index, output: Subscripts
) -> tuple[int, Subscripts] | None:
    """Return the input and the entry of it that multiply this one; None for a bias."""
    pairs = len(view.inputs) // 2
    if input_index == 2 * pairs:
        return None
    pair, side = input_index % pairs, input_index // pairs
    product = Product(view.inputs[pair].shape, view.inputs[pair + pairs].shape)
    own = matched(output, product.shape)
    return pair + (1 - side) * pairs, product.factors(own, product.term_of(side, entry))[1 - side]


def _others(product: Product, side: int, region: Region, k: int, other: Array) -> Array:
    """Return, for each entry of a region of the product, the entry of the other factor there."""
    sizes = [part.stop - part.start for part in region]
    if product.length is None:
        return np.broadcast_to(other, product.shape)[region]
    if other.ndim == 1:
        return np.broadcast_to(other[k], sizes)
    stacked: Array = np.broadcast_to(other, (*product.stack, *other.shape[-2:]))
    stack: tuple[Any, ...] = region[: len(product.stack)]
    if side:
        factors = stacked[(*stack, region[len(stack)], k)]
        factors = factors[..., None] if len(product.w) > 1 else factors
    else:
        factors = stacked[(*stack, k, region[-1])]
        factors = factors[..., None, :] if len(product.x) > 1 else factors
    return np.broadcast_to(factors, sizes)


def _widened(
    region: Region, numbers: Array, own: tuple[int, ...], shape: tuple[int, ...]
) -> Locals:
    """Return the locals of a product, broadcast to the shape of the value it is added to."""
    lead = len(shape) - len(own)
    wide = [slice(0, n) for n in shape[:lead]]
    for part, n, m in zip(region, own, shape[lead:], strict=True):
        wide.append(part if n == m else slice(0, m))
    sizes = [part.stop - part.start for part in wide]
    return Locals(tuple(wide), np.broadcast_to(numbers, sizes))

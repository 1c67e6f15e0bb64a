"""Means over pairs of a target and a prediction: MSE, MAE, Huber, Hinge, the binary entropies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import same_position
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import (
    Explainer,
    Locals,
    Sent,
    factor,
    in_numbers,
    scalar_vjp,
)
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Array, Op
from miniflow.ops.cost import MAE, MSE, SigmoidCrossEntropy
from miniflow.ops.piecewise_cost import Hinge, Huber

_SQUARE, _SIZE = "({0} - {1})^2/{m}", "|{0} - {1}|/{m}"
_HALF_SQUARE, _MARGIN = "0.5({0} - {1})^2/{m}", "max(0, 1 - {0}·{1})/{m}"
_HIT, _MISS = "-{0}·log {1}/{m}", "-(1-{0})·log(1-{1})/{m}"
_BOTH = "-({0}·log {1} + (1-{0})·log(1-{1}))/{m}"
_LOGIT = "(max({1}, 0) - {0}·{1} + log(1 + e^-|{1}|))/{m}"


class PairCostExplainer(Explainer):
    """A mean over m pairs; each pair is a term."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per pair."""
        y, a = (x.reshape(-1).astype(np.float64) for x in view.inputs)
        shapes = [x.shape for x in view.inputs]
        with np.errstate(all="ignore"):
            amounts = _amounts(op, y, a)

        def term_text(k: int) -> TermText:
            of_y, of_a = (same_position((k,), (y.size,), shape) for shape in shapes)
            form = _form(op, float(y[k]), float(a[k]))
            text = checked_formula(
                (float(y[k]), float(a[k])),
                lambda texts: in_numbers(view.written(partial(form.format, m=y.size), texts)),
                float(amounts[k]),
            )
            return TermText(
                view.written(
                    partial(form.format, m="m"), [view.entry(0, of_y), view.entry(1, of_a)]
                ),
                text or bracketed(float(amounts[k])),
                # The prediction first: the way to the weights.
                (view.ref(1, of_a), view.ref(0, of_y)),
            )

        rule = self.formula(view, op, view.labels)
        return Sums(rule, (Bundle(amounts, term_text),), (view.legend(),))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient of the cost times the derivative of the mean."""
        local = _local_words(view, op, input_index, view.labels)
        return Sent(f"{view.gradient()} × {factor(local)}")

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The derivative for this pair alone, divided by m: the other pairs do not matter."""
        shape = view.inputs[input_index].shape
        flat = int(np.ravel_multi_index(entry, shape)) if entry else 0
        pair = [x.reshape(-1)[flat : flat + 1] for x in view.inputs]
        return Locals((), scalar_vjp(op, input_index, pair)[0] / view.inputs[input_index].size)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The op's local derivative with the names of the pair."""
        names = [view.entry(i, index) for i, index in enumerate(_pair(view, input_index, entry))]
        return _local_words(view, op, input_index, names)

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The op's local derivative with the numbers of the pair."""
        pair = _pair(view, input_index, entry)
        m = str(view.inputs[0].size)
        text = checked_formula(
            [view.number(i, index) for i, index in enumerate(pair)],
            lambda texts: in_numbers(
                _local_words(view, op, input_index, texts).removesuffix(view.letters.count) + m
            ),
            number,
        )
        return text or bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The prediction, then the target."""
        of_y, of_a = _pair(view, input_index, entry)
        return [view.ref(1, of_a), view.ref(0, of_y)]


def _local_words(view: NodeView, op: Op, input_index: int, names: Sequence[str]) -> str:
    return view.written(lambda *n: op.local(input_index, *n), [view.label, *names])


def _pair(view: NodeView, input_index: int, entry: Index) -> list[Index]:
    """Return the entries of target and prediction that form a pair."""
    own = view.inputs[input_index].shape
    return [same_position(entry, own, x.shape) for x in view.inputs]


def _form(op: Op, y: float, a: float) -> str:
    """Return the format of a term; for a cross-entropy the part that is not 0 if y is 0 or 1."""
    if isinstance(op, Hinge):
        return _MARGIN
    if isinstance(op, Huber):
        delta = float(op.attrs["delta"])
        return _HALF_SQUARE if abs(y - a) <= delta else _far(delta)
    if isinstance(op, MSE | MAE):
        return _SQUARE if isinstance(op, MSE) else _SIZE
    if isinstance(op, SigmoidCrossEntropy):
        return _LOGIT
    return _HIT if y == 1 else _MISS if y == 0 else _BOTH


def _far(delta: float) -> str:
    return f"{delta:.6g}(|{{0}} - {{1}}| - {delta / 2:.6g})/{{m}}"


def _amounts(op: Op, y: Array, a: Array) -> Array:
    amounts: Array
    if isinstance(op, Hinge):
        return np.maximum(1.0 - y * a, 0.0) / y.size
    if isinstance(op, Huber):
        delta, size = float(op.attrs["delta"]), np.abs(y - a)
        amounts = np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)) / y.size
        return amounts
    if isinstance(op, MSE):
        amounts = (y - a) ** 2 / y.size
    elif isinstance(op, MAE):
        amounts = np.abs(y - a) / y.size
    elif isinstance(op, SigmoidCrossEntropy):
        amounts = (np.maximum(a, 0.0) - y * a + np.log1p(np.exp(-np.abs(a)))) / y.size
    else:
        amounts = -(_xlogy(y, a) + _xlogy(1 - y, 1 - a)) / y.size
    return amounts


def _xlogy(x: Array, y: Array) -> Array:
    product: Array = np.where(x == 0, 0.0, x * np.log(y))
    return product

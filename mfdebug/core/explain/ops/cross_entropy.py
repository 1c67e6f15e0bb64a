"""SoftmaxCrossEntropy, with labels that are probabilities or class numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import same_position
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, factor, scalar_vjp
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Array, Op

# The logarithm of a probability above this, or of 0, is written as a number: six digits of 1 - 1e-7
# are just 1.
_NEAR_ONE = 0.99


class CrossEntropyExplainer(Explainer):
    """The mean over m rows of -Σ y log softmax(z), or of -log softmax(z)[label]."""

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """The formula for this kind of labels."""
        if _has_classes(view):
            return f"-Σ {view.letters.log} softmax({names[0]})[{names[1]}] / {view.letters.count}"
        return super().formula(view, op, names)

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per row, or per label that is not 0."""
        table = _Table.of(view)
        y = view.inputs[1].astype(np.float64)
        if table.classes is not None:
            where: Array = np.arange(table.rows)
            amounts = -np.take_along_axis(table.logs, table.classes[..., None], -1)
            amounts = amounts.reshape(-1) / table.rows
        else:
            with np.errstate(all="ignore"):
                every = np.where(y == 0, 0.0, -y * table.logs).reshape(-1) / table.rows
            where = np.flatnonzero(y.reshape(-1))
            where = where if where.size else np.arange(y.size)
            amounts = every[where]

        def term_text(k: int) -> TermText:
            of_label = same_position((int(where[k]),), (y.size,), y.shape)
            entry = of_label if table.classes is None else (*of_label, int(y[of_label]))
            share = f"softmax({view.labels[0]}){_subscript(entry)}"
            label = view.entry(1, of_label)
            front = "" if table.classes is not None else f"{label}·"
            return TermText(
                f"-{front}{view.letters.log} {share}/{view.letters.count}",
                self._term(view, table, float(y[of_label]), entry, float(amounts[k])),
                (view.ref(0, entry), view.ref(1, of_label)),
            )

        notes = (view.legend(),)
        return Sums(self.formula(view, op, view.labels), (Bundle(amounts, term_text),), notes)

    def _term(
        self, view: NodeView, table: _Table, label: float, entry: Index, amount: float
    ) -> str:
        """Return -y log p / m in numbers; log p is one number where p is 0 or too near 1."""
        log, log_of = float(table.logs[entry]), view.letters.log
        share = float(np.exp(log))
        front = "" if table.classes is not None or label == 1 else f"{bracketed(label)} × "
        if 0 < share < _NEAR_ONE:
            text = checked_formula(
                [share], lambda texts: f"-{front}{log_of} {texts[0]}/{table.rows}", amount
            )
        else:
            text = checked_formula([log], lambda texts: f"-{front}{texts[0]}/{table.rows}", amount)
        return text or bracketed(amount)

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """(softmax(z) - y)/m for the logits, -log softmax(z)/m for label probabilities."""
        return Sent(f"{view.gradient()} × {factor(self._local_words(view, input_index))}")

    def _local_words(self, view: NodeView, input_index: int) -> str:
        """Return the local derivative with respect to an input, for all entries."""
        z, y = view.labels
        table = _Table.of(view)
        share, m = f"softmax({z})", view.letters.count
        if input_index:
            return f"-{view.letters.log} {share}/{m}"
        if table.classes is not None:
            return f"({share} - onehot({y}))/{m}"
        return f"({share}{'' if table.even else f'·Σ {y}'} - {y})/{m}"

    def role(self, view: NodeView, op: Op) -> str:
        """What each input gets, for this kind of labels."""
        z, y = view.target(0), view.target(1)
        to_logits, to_labels = (self._local_words(view, input_index) for input_index in (0, 1))
        role = f"a softmax cross-entropy sends {to_logits} to {z}: how much too sure each class is"
        return role if _has_classes(view) else f"{role}; and {to_labels} to the labels {y}"

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The derivative from the entry's own row, divided by the number of rows."""
        logits, labels = view.inputs
        row = entry[: logits.ndim - 1]
        own_row = [logits[row][None], np.asarray(labels[row])[None]]
        rows = max(logits.size // max(logits.shape[-1], 1), 1)
        sent = scalar_vjp(op, input_index, own_row) / rows
        return Locals((), np.asarray(sent[(0, *entry[len(row) :])]))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The local derivative for one entry."""
        table = _Table.of(view)
        share, m = f"softmax({view.labels[0]}){_subscript(entry)}", view.letters.count
        if input_index:
            return f"-{view.letters.log} {share}/{m}"
        if table.classes is not None:
            return f"({share} - [{view.entry(1, entry[:-1])} = {entry[-1]}])/{m}"
        total = "" if table.even else f"·Σ {view.entry(1, (*entry[:-1], view.letters.axis(0)))}"
        return f"({share}{total} - {view.entry(1, entry)})/{m}"

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The probability minus the label, over m."""
        table = _Table.of(view)
        share, rows = float(np.exp(table.logs[entry])), table.rows
        if input_index:
            return self._term(view, table, 1.0, entry, number)
        if table.classes is not None:
            label, total = float(table.classes[entry[:-1]] == entry[-1]), 1.0
        else:
            y = view.inputs[1].astype(np.float64)
            label, total = float(y[entry]), float(y[entry[:-1]].sum())
        if table.even:
            form, numbers = "({0} - {1})/" + str(rows), [share, label]
        else:
            form, numbers = "({0} × {2} - {1})/" + str(rows), [share, label, total]
        return checked_formula(numbers, lambda texts: form.format(*texts), number) or bracketed(
            number
        )

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The logit and the label."""
        return [view.ref(0, entry), view.ref(1, entry[:-1] if _has_classes(view) else entry)]

    def without_gradient(self, view: NodeView, op: Op, input_index: int) -> str:
        """Class numbers are not differentiable."""
        return "a class number has no gradient" if input_index and _has_classes(view) else ""


class _Table(NamedTuple):
    """The logarithms of all probabilities, the number of rows, and the class numbers, if any.

    `even` says that the labels of each row sum to 1.
    """

    logs: Array
    rows: int
    classes: Array | None
    even: bool

    @classmethod
    def of(cls, view: NodeView) -> _Table:
        logits, labels = (x.astype(np.float64) for x in view.inputs)
        rows = max(logits.size // max(logits.shape[-1], 1), 1)
        with np.errstate(all="ignore"):
            logs = logits - logits.max(-1, keepdims=True)
            logs -= np.log(np.exp(logs).sum(-1, keepdims=True))
        if labels.ndim < logits.ndim:
            return cls(logs, rows, labels.astype(np.intp), True)
        return cls(logs, rows, None, bool(np.allclose(labels.sum(-1), 1.0, rtol=1e-6)))


def _has_classes(view: NodeView) -> bool:
    logits, labels = view.inputs
    return labels.ndim < logits.ndim


def _subscript(entry: Index) -> str:
    return f"[{','.join(map(str, entry))}]"

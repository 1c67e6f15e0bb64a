"""SoftmaxCrossEntropy: with probabilities as labels, or with class numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, worked
from mfdebug.core.explain.entries import same_place
from mfdebug.core.explain.node_at import Site
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, factor, vjp_of_one
from mfdebug.core.explain.sums import Bundle, Sums, Told
from mfdebug.core.timeline.entry_ref import Index, Spot, Subscripts
from miniflow.ops.base import Array, Op

# The logarithm of a probability this near to 0 or 1 is written as a number: of 1 - 1e-7 six
# digits leave nothing.
_NEAR_ONE = 0.99


class CrossEntropyExplainer(Explainer):
    """The mean over m rows of -Σ y log softmax(z), or of -log softmax(z)[label]."""

    def formula(self, site: Site, op: Op, names: list[str]) -> str:
        """The formula, by what the labels are."""
        if _has_classes(site):
            return f"-Σ {site.letters.log} softmax({names[0]})[{names[1]}] / {site.letters.count}"
        return super().formula(site, op, names)

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """A term for each row, or for each label that is not 0."""
        table = _Table.of(site)
        y = site.inputs[1].astype(np.float64)
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

        def tell(k: int) -> Told:
            of_label = same_place((int(where[k]),), (y.size,), y.shape)
            entry = of_label if table.classes is None else (*of_label, int(y[of_label]))
            share = f"softmax({site.labels[0]}){_inside(entry)}"
            label = site.entry(1, of_label)
            front = "" if table.classes is not None else f"{label}·"
            return Told(
                f"-{front}{site.letters.log} {share}/{site.letters.count}",
                self._term(site, table, float(y[of_label]), entry, float(amounts[k])),
                (site.spot(0, entry), site.spot(1, of_label)),
            )

        notes = (site.legend(),)
        return Sums(self.formula(site, op, site.labels), (Bundle(amounts, tell),), notes)

    def _term(self, site: Site, table: _Table, label: float, entry: Index, amount: float) -> str:
        """Return -y log p / m in numbers: log p as it was computed where p has no digits for it."""
        log, log_of = float(table.logs[entry]), site.letters.log
        share = float(np.exp(log))
        front = "" if table.classes is not None or label == 1 else f"{bracketed(label)} × "
        if 0 < share < _NEAR_ONE:
            text = worked(
                [share], lambda texts: f"-{front}{log_of} {texts[0]}/{table.rows}", amount
            )
        else:
            text = worked([log], lambda texts: f"-{front}{texts[0]}/{table.rows}", amount)
        return text or bracketed(amount)

    def sent(self, site: Site, op: Op, slot: int, entry: Index) -> Sent:
        """(softmax(z) - y)/m for the logits, -log softmax(z)/m for label probabilities."""
        return Sent(f"{site.gradient()} × {factor(self._local_words(site, slot))}")

    def _local_words(self, site: Site, slot: int) -> str:
        """Return the local derivative to an input, of all entries."""
        z, y = site.labels
        table = _Table.of(site)
        share, m = f"softmax({z})", site.letters.count
        if slot:
            return f"-{site.letters.log} {share}/{m}"
        if table.classes is not None:
            return f"({share} - onehot({y}))/{m}"
        return f"({share}{'' if table.even else f'·Σ {y}'} - {y})/{m}"

    def role(self, site: Site, op: Op) -> str:
        """What each input gets, by what the labels are."""
        z, y = site.target(0), site.target(1)
        to_logits, to_labels = (self._local_words(site, slot) for slot in (0, 1))
        role = f"a softmax cross-entropy sends {to_logits} to {z}: how much too sure each class is"
        return role if _has_classes(site) else f"{role}; and {to_labels} to the labels {y}"

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """The derivative from the entry's own row, divided by the number of rows."""
        logits, labels = site.inputs
        row = entry[: logits.ndim - 1]
        one = [logits[row][None], np.asarray(labels[row])[None]]
        rows = max(logits.size // max(logits.shape[-1], 1), 1)
        sent = vjp_of_one(op, slot, one) / rows
        return Locals((), np.asarray(sent[(0, *entry[len(row) :])]))

    def local(self, site: Site, op: Op, slot: int, entry: Index, place: Subscripts) -> str:
        """The same for one entry."""
        table = _Table.of(site)
        share, m = f"softmax({site.labels[0]}){_inside(entry)}", site.letters.count
        if slot:
            return f"-{site.letters.log} {share}/{m}"
        if table.classes is not None:
            return f"({share} - [{site.entry(1, entry[:-1])} = {entry[-1]}])/{m}"
        total = "" if table.even else f"·Σ {site.entry(1, (*entry[:-1], site.letters.axis(0)))}"
        return f"({share}{total} - {site.entry(1, entry)})/{m}"

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """The probability less the label, over m."""
        table = _Table.of(site)
        share, rows = float(np.exp(table.logs[entry])), table.rows
        if slot:
            return self._term(site, table, 1.0, entry, number)
        if table.classes is not None:
            label, total = float(table.classes[entry[:-1]] == entry[-1]), 1.0
        else:
            y = site.inputs[1].astype(np.float64)
            label, total = float(y[entry]), float(y[entry[:-1]].sum())
        if table.even:
            form, numbers = "({0} - {1})/" + str(rows), [share, label]
        else:
            form, numbers = "({0} × {2} - {1})/" + str(rows), [share, label, total]
        return worked(numbers, lambda texts: form.format(*texts), number) or bracketed(number)

    def leads_to(self, site: Site, op: Op, slot: int, entry: Index, place: Index) -> list[Spot]:
        """The logit and the label."""
        return [site.spot(0, entry), site.spot(1, entry[:-1] if _has_classes(site) else entry)]

    def without_gradient(self, site: Site, op: Op, slot: int) -> str:
        """Class numbers cannot be varied a little."""
        return "a class number has no gradient" if slot and _has_classes(site) else ""


class _Table(NamedTuple):
    """The logarithms of all probabilities, how many rows, and the classes if labels are numbers.

    `even`: the labels of each row sum to 1.
    """

    logs: Array
    rows: int
    classes: Array | None
    even: bool

    @classmethod
    def of(cls, site: Site) -> _Table:
        logits, labels = (x.astype(np.float64) for x in site.inputs)
        rows = max(logits.size // max(logits.shape[-1], 1), 1)
        with np.errstate(all="ignore"):
            logs = logits - logits.max(-1, keepdims=True)
            logs -= np.log(np.exp(logs).sum(-1, keepdims=True))
        if labels.ndim < logits.ndim:
            return cls(logs, rows, labels.astype(np.intp), True)
        return cls(logs, rows, None, bool(np.allclose(labels.sum(-1), 1.0, rtol=1e-6)))


def _has_classes(site: Site) -> bool:
    logits, labels = site.inputs
    return labels.ndim < logits.ndim


def _inside(entry: Index) -> str:
    return f"[{','.join(map(str, entry))}]"

"""Attention: which rows of the values were mixed, and by which weights.

With w the weights of a head, an entry of the value is Σⱼ w[i,j]·v[j,c], and
∂value[i,c]/∂(score of i and j) = w[i,j]·(v[j,c] - value[i,c]).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import Region, copies, matched, single_entry
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, in_numbers
from mfdebug.core.explain.ops.softmax import ROW_SHOWN
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.attention import Attention
from miniflow.ops.base import Array, Op
from miniflow.text.lists import series

# All weights of a row are named up to the first number of keys; of more, the largest.
_ALL_KEYS, _LARGEST = 8, 4
# Of a query and of a key, this many entries are refs that the user can follow.
_ROW_REFS = 8


class _Head:
    """One head of an attention, for some of its stacks and queries.

    `weights` has the shape (stacks…, queries, keys), `q`, `k` and `v` are the rows of that head.
    """

    def __init__(self, view: NodeView, op: Attention, head: int, stack: Region, rows: slice):
        shape = view.value.shape[:-2]
        heads = op.attrs["heads"] or 1
        q, self.k, self.v = (
            _of_head(x, heads, head, shape)[stack].astype(np.float64) for x in view.inputs[:3]
        )
        self.q = q[..., rows, :]
        with np.errstate(all="ignore"):
            scores = self.q @ self.k.swapaxes(-1, -2) * op.scale_of(view.inputs[0].shape[-1])
        count = self.k.shape[-2]
        for mask in view.inputs[3:]:
            full = (*shape, *((heads,) if op.attrs["heads"] else ()), q.shape[-2], count)
            part = np.broadcast_to(mask, full)
            part = (part[..., head, :, :] if op.attrs["heads"] else part)[stack][..., rows, :]
            with np.errstate(all="ignore"):
                added = scores + part
            scores = np.where(part == 0, -np.inf, scores) if op.attrs["mask"] == "keep" else added
        if op.attrs["causal"]:
            later = np.arange(count) > np.arange(q.shape[-2])[rows, None]
            scores = np.where(later, -np.inf, scores)
        self.scores = scores
        with np.errstate(all="ignore"):
            most = np.maximum(scores.max(-1, keepdims=True), np.finfo(np.float64).min)
            powers = np.exp(scores - most)
            self.weights = powers / np.maximum(powers.sum(-1, keepdims=True), 1.0)


def _of_head(x: Array, heads: int, head: int, stack: tuple[int, ...]) -> Array:
    size = x.shape[-1] // heads
    part = x[..., head * size : (head + 1) * size]
    return np.broadcast_to(part, (*stack, *part.shape[-2:]))


class AttentionExplainer(Explainer):
    """A mean of the rows of the values, by the weights of a query."""

    reads_all_inputs = True

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per key: its weight times the entry of its row."""
        assert isinstance(op, Attention)
        *stack, i, column = index
        head, _ = self._split(view, op, 2, column)
        found = self._row(view, op, head, tuple(stack), i)
        weights, values = found.weights.reshape(-1), found.v[..., self._within(view, op, column)]
        values = values.reshape(-1)
        with np.errstate(all="ignore"):
            amounts = weights * values
        own = matched(tuple(stack), view.inputs[2].shape[:-2])

        def term_text(j: int) -> TermText:
            name = view.entry(2, (*own, j, column))
            text = checked_formula(
                [float(weights[j]), float(values[j])], " × ".join, float(amounts[j])
            )
            return TermText(
                f"{self._weight(view, op, tuple(stack), head, i, j)}·{name}",
                text or bracketed(float(amounts[j])),
                (view.ref(2, (*own, j, column)), *self._row_refs(view, op, stack, head, i, j)),
            )

        j = view.letters.axis(0)
        every = view.entry(2, (*own, j, column))
        weight = self._weight(view, op, tuple(stack), head, i, j)
        rule = f"Σ{view.letters.lowered(j)} {weight}·{every}"
        notes = (self._row_note(view, op, tuple(stack), head, i), *self._meaning(view, op))
        return Sums(rule, (Bundle(amounts, term_text),), notes)

    def role(self, view: NodeView, op: Op) -> str:
        """The rule for the rows, and that a mask gets nothing."""
        masked = f"; the mask {view.target(3)} gets none" if len(view.inputs) > 3 else ""
        return super().role(view, op) + masked

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The weight for an entry of V; what moves the weights for one of Q and K."""
        assert isinstance(op, Attention)
        if input_index == 3:
            return None
        shape, own = view.value.shape, view.inputs[input_index].shape
        head, within = self._split(view, op, input_index, entry[-1])
        stack = copies(entry[:-2], own[:-2], shape[:-2])
        row, width = entry[-2], shape[-1] // (op.attrs["heads"] or 1)
        rows = slice(row, row + 1) if input_index == 0 else slice(0, shape[-2])
        found = _Head(view, op, head, stack, rows)
        columns = slice(head * width, (head + 1) * width)
        if input_index == 2:
            columns = slice(entry[-1], entry[-1] + 1)
            return Locals((*stack, rows, columns), found.weights[..., row : row + 1])
        with np.errstate(all="ignore"):
            mixed = view.value[(*stack, rows, columns)].astype(np.float64)
            if input_index == 1:
                away = found.v[..., row : row + 1, :] - mixed
                numbers = found.weights[..., row : row + 1] * away * found.q[..., within, None]
            else:
                by_key = found.weights * found.k[..., within][..., None, :]
                numbers = by_key @ found.v - by_key.sum(-1, keepdims=True) * mixed
            numbers = numbers * op.scale_of(view.inputs[0].shape[-1])
        return Locals((*stack, rows, columns), numbers)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """w for V, w·(v - value)·q for K, the sum over the keys of w·(v - value)·k for Q."""
        assert isinstance(op, Attention)
        *stack, i, column = output
        head, _ = self._split(view, op, input_index, entry[-1])
        j: int | str = entry[-2] if input_index else view.letters.product
        weight = self._weight(view, op, tuple(stack), head, i, j)
        if input_index == 2:
            return weight
        of_v = matched(tuple(stack), view.inputs[2].shape[:-2])
        away = f"({view.entry(2, (*of_v, j, column))} - {named(view.label, output)})"
        other = 1 - input_index
        of_other = matched(tuple(stack), view.inputs[other].shape[:-2])
        met = view.entry(other, (*of_other, j if other else i, entry[-1]))
        over = "" if input_index else f"Σ{view.letters.lowered(str(j))} "
        return f"{over}{weight}·{away}·{met}{self._scaled(view, op)}"

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The same in numbers; for Q only with few keys."""
        assert isinstance(op, Attention)
        keys = view.inputs[1].shape[-2]
        if input_index == 2 or (input_index == 0 and keys > ROW_SHOWN):
            return bracketed(number)
        *stack, i, column = output
        head, within = self._split(view, op, input_index, entry[-1])
        found = self._row(view, op, head, tuple(stack), i)
        weights, own = found.weights.reshape(-1), float(view.value[output])
        values = found.v[..., self._within(view, op, column)].reshape(-1)
        met = found.k[..., within].reshape(-1) if input_index == 0 else None
        chosen = range(keys) if input_index == 0 else [entry[-2]]
        numbers: list[float] = []
        for j in chosen:
            factor = met[j] if met is not None else found.q[..., within].reshape(-1)[0]
            numbers += [float(weights[j]), float(values[j]), own, float(factor)]
        scaled = self._scaled(view, op)

        def written(texts: Sequence[str]) -> str:
            terms = [
                "{}·({} - {})·{}".format(*texts[at : at + 4]) for at in range(0, len(texts), 4)
            ]
            text = " + ".join(terms)
            return in_numbers((f"({text})" if len(terms) > 1 and scaled else text) + scaled)

        return checked_formula(numbers, written, number) or bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The row of the query; for Q and K also the entry of the value that was mixed."""
        assert isinstance(op, Attention)
        *stack, i, column = output
        head, _ = self._split(view, op, input_index, entry[-1])
        refs = self._row_refs(view, op, stack, head, i, entry[-2] if input_index else 0)
        if input_index == 2:
            return refs
        of_v = matched(tuple(stack), view.inputs[2].shape[:-2])
        keys = [entry[-2]] if input_index else range(min(view.inputs[1].shape[-2], _ROW_REFS))
        return [*(view.ref(2, (*of_v, j, column)) for j in keys), *refs]

    def notes(self, view: NodeView, op: Op, input_index: int, entry: Index) -> tuple[str, ...]:
        """What w is; for a query, its row of weights."""
        assert isinstance(op, Attention)
        meaning = self._meaning(view, op)
        own, shape = view.inputs[input_index].shape[:-2], view.value.shape[:-2]
        if input_index or own != shape:
            return meaning
        head, _ = self._split(view, op, 0, entry[-1])
        return (self._row_note(view, op, entry[:-2], head, entry[-2]), *meaning)

    # Parts of the texts ----------------------------------------------------------------------

    def _meaning(self, view: NodeView, op: Attention) -> tuple[str, ...]:
        rule = view.written(op.weights_formula, view.labels)
        return tuple(filter(None, (f"{view.letters.weight} is {rule}", view.legend())))

    def _row_note(self, view: NodeView, op: Attention, stack: Index, head: int, i: int) -> str:
        """Return the weights of one query by key: all if there are few, else the largest."""
        found = self._row(view, op, head, stack, i)
        weights, scores = found.weights.reshape(-1), found.scores.reshape(-1)
        of_q, of_k = (matched(stack, x.shape[:-2]) for x in view.inputs[:2])
        query = named(view.labels[0], (*of_q, i)) + (
            f" in head {head}" if op.attrs["heads"] else ""
        )
        hidden = np.isneginf(scores)
        if hidden.all():
            return f"all keys are masked for {query}: it gets 0"
        seen = np.flatnonzero(~hidden)
        few = weights.size <= _ALL_KEYS
        order = np.argsort(-weights[seen], kind="stable")
        chosen = seen if few else seen[order[:_LARGEST]]
        texts = [
            f"{scalar(float(weights[j]))} for {named(view.labels[1], (*of_k, j))}"
            f" (score {scalar(float(scores[j]))})"
            for j in chosen.tolist()
        ]
        front = "the weights" if few else f"the largest of {seen.size:,} weights"
        note = f"{front} of {query}: {series(texts, ', ')}"
        if few and seen.size > 1:
            top = named(view.labels[1], (*of_k, int(seen[order[0]])))
            note += f"; the largest is that of {top}"
        masked = np.flatnonzero(hidden)
        if masked.size and few:
            keys = [named(view.labels[1], (*of_k, j)) for j in masked.tolist()]
            note += f"; masked: {series(keys, ', ')}"
        elif masked.size:
            note += f"; {masked.size:,} of {weights.size:,} keys are masked"
        return note

    @staticmethod
    def _weight(
        view: NodeView, op: Attention, stack: Subscripts, head: int, i: int | str, j: int | str
    ) -> str:
        heads: Subscripts = (head,) if op.attrs["heads"] else ()
        return named(view.letters.weight, (*stack, *heads, i, j))

    @staticmethod
    def _scaled(view: NodeView, op: Attention) -> str:
        """Return what multiplies a score: `/√2`, `·0.5`, or nothing."""
        given = op.attrs["scale"]
        if given is None:
            return f"/√{view.inputs[0].shape[-1] // (op.attrs['heads'] or 1)}"
        return "" if given == 1 else f"·{bracketed(float(given), 17)}"

    @staticmethod
    def _split(view: NodeView, op: Attention, input_index: int, column: int) -> tuple[int, int]:
        """Return the head of a column of an input, and the column's number in it."""
        size: int = view.inputs[input_index].shape[-1] // (op.attrs["heads"] or 1)
        return column // size, column % size

    @staticmethod
    def _within(view: NodeView, op: Attention, column: int | str) -> int:
        assert isinstance(column, int)
        size: int = view.value.shape[-1] // (op.attrs["heads"] or 1)
        return column % size

    @staticmethod
    def _row(view: NodeView, op: Attention, head: int, stack: Subscripts, i: int | str) -> _Head:
        """Return the head for one query."""
        whole = tuple(at for at in (*stack, i) if isinstance(at, int))
        *region, row = single_entry(whole)
        return _Head(view, op, head, tuple(region), row)

    @staticmethod
    def _row_refs(
        view: NodeView, op: Attention, stack: Sequence[int], head: int, i: int, j: int
    ) -> list[EntryRef]:
        """Return the entries of the query and the key that met in a score."""
        size = view.inputs[0].shape[-1] // (op.attrs["heads"] or 1)
        columns = range(head * size, head * size + min(size, _ROW_REFS))
        refs = []
        for input_index, row in ((0, i), (1, j)):
            own = matched(tuple(stack), view.inputs[input_index].shape[:-2])
            refs += [view.ref(input_index, (*own, row, column)) for column in columns]
        return refs

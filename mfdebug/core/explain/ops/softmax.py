"""Softmax: every entry of a row depends on every other."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import single_entry
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.base import Op

# Limits for a row: terms written out in the denominator, and refs that the user can follow.
ROW_SHOWN, ROW_REFS = 4, 100


class SoftmaxExplainer(Explainer):
    """sᵢ = e^xᵢ / Σⱼ e^xⱼ; ∂sⱼ/∂xᵢ = sⱼ ([i = j] - sᵢ)."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The exponential over the row's sum; for a long row the sum is a single number."""
        axis, number = axis_of(view, op), float(view.value[index])
        width = view.value.shape[axis]
        row = [along(index, axis, j) for j in range(width)]
        name = view.entry(0, index)
        letters = view.letters
        exp, j = letters.exp, letters.axis(0)
        every = view.entry(0, (*index[:axis], j, *index[axis + 1 :]))
        over = f"Σ{letters.lowered(j)}"
        rule = f"{exp(name)} / {over} {exp(every)}"
        refs = [view.ref(0, index), *(view.ref(0, entry) for entry in row[:ROW_REFS])]
        text = None
        notes: tuple[str, ...] = ()
        if width <= ROW_SHOWN:
            numbers = [view.number(0, index), *(view.number(0, entry) for entry in row)]
            text = checked_formula(
                numbers,
                lambda texts: f"{exp(texts[0])} / ({' + '.join(map(exp, texts[1:]))})",
                number,
            )
        if text is None:
            # The row is long, or its exponentials are no floats.
            x = np.array([view.number(0, entry) for entry in row])
            with np.errstate(all="ignore"):
                highest, total = float(x.max()), float(np.exp(x - x.max()).sum())
            text = checked_formula(
                [view.number(0, index), highest, total],
                lambda texts: f"{exp(f'({texts[0]} - {texts[1]})')} / {texts[2]}",
                number,
            )
            notes = (
                f"both sides of the fraction divided by {exp(bracketed(highest))}, the row's "
                f"greatest: {over} is {scalar(total)} over {width:,} entries",
            )
        return Sums(rule, (one_term(number, rule, text or bracketed(number), refs),), notes)

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """s ⊙ (grad - Σ grad ⊙ s), the sum along the axis."""
        name, gradient = view.label, view.gradient()
        return Sent(f"{name} ⊙ ({gradient} - Σ {gradient} ⊙ {name})")

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """sⱼ ([i = j] - sᵢ) along the axis: the Jacobian is symmetric."""
        value, axis = view.value, axis_of(view, op)
        region = list(single_entry(entry))
        region[axis] = slice(0, value.shape[axis])
        shares = value[tuple(region)]
        same = np.arange(value.shape[axis]) == entry[axis]
        same = same.reshape([-1 if i == axis else 1 for i in range(value.ndim)])
        return Locals(tuple(region), shares * (same - value[entry]))

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """s(1-s) for the entry itself, -s·s for the others of its row."""
        own, other = named(view.label, entry), named(view.label, output)
        if output == entry:
            return f"{own}(1-{own})"
        if any(isinstance(i, str) for i in output):
            letter = next(i for i in output if isinstance(i, str))
            return f"{other}([{letter} = {entry[axis_of(view, op)]}] - {own})"
        return f"-{other}·{own}"

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The same in numbers."""
        numbers = [float(view.value[output]), float(view.value[entry])]
        form = "{0} × (1-{0})" if output == entry else "-{0} × {1}"
        return checked_formula(numbers, lambda texts: form.format(*texts), number) or bracketed(
            number
        )

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """Both probabilities."""
        return [EntryRef(view.node, "value", output), EntryRef(view.node, "value", entry)]


def axis_of(view: NodeView, op: Op) -> int:
    """Return the axis of the rows, counted from 0."""
    axis: int = op.attrs["axis"] % view.value.ndim
    return axis


def along(index: Index, axis: int, j: int) -> Index:
    """Return the index with `j` on an axis."""
    return (*index[:axis], j, *index[axis + 1 :])

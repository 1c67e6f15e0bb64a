"""Softmax: every entry of a row depends on every other."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, worked
from mfdebug.core.explain.entries import one_entry
from mfdebug.core.explain.node_at import Site
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.entry_ref import Index, Spot, Subscripts, named
from miniflow.ops.base import Op

# Of a row: terms written out in the denominator, and entries that one can go on to.
_ROW_SHOWN, _ROW_LED_TO = 4, 100


class SoftmaxExplainer(Explainer):
    """sᵢ = e^xᵢ / Σⱼ e^xⱼ; ∂sⱼ/∂xᵢ = sⱼ ([i = j] - sᵢ)."""

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """The exponential over the row's sum; of a long row the sum as a number."""
        axis, number = _axis(site, op), float(site.value[index])
        width = site.value.shape[axis]
        row = [_along(index, axis, j) for j in range(width)]
        name = site.entry(0, index)
        letters = site.letters
        exp, j = letters.exp, letters.axis(0)
        every = site.entry(0, (*index[:axis], j, *index[axis + 1 :]))
        over = f"Σ{letters.lowered(j)}"
        rule = f"{exp(name)} / {over} {exp(every)}"
        spots = [site.spot(0, index), *(site.spot(0, entry) for entry in row[:_ROW_LED_TO])]
        notes: tuple[str, ...] = ()
        if width <= _ROW_SHOWN:
            numbers = [site.number(0, index), *(site.number(0, entry) for entry in row)]
            text = worked(
                numbers,
                lambda texts: f"{exp(texts[0])} / ({' + '.join(map(exp, texts[1:]))})",
                number,
            )
        else:
            x = np.array([site.number(0, entry) for entry in row])
            with np.errstate(all="ignore"):
                highest, total = float(x.max()), float(np.exp(x - x.max()).sum())
            text = worked(
                [site.number(0, index), highest, total],
                lambda texts: f"{exp(f'({texts[0]} - {texts[1]})')} / {texts[2]}",
                number,
            )
            notes = (
                f"both sides of the fraction divided by {exp(bracketed(highest))}, the row's "
                f"greatest: {over} is {scalar(total)} over {width:,} entries",
            )
        return Sums(rule, (one_term(number, rule, text or bracketed(number), spots),), notes)

    def sent(self, site: Site, op: Op, slot: int, entry: Index) -> Sent:
        """s ⊙ (grad - Σ grad ⊙ s), the sum along the axis."""
        name, gradient = site.label, site.gradient()
        return Sent(f"{name} ⊙ ({gradient} - Σ {gradient} ⊙ {name})")

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """sⱼ ([i = j] - sᵢ) along the axis: the Jacobian is symmetric."""
        value, axis = site.value, _axis(site, op)
        region = list(one_entry(entry))
        region[axis] = slice(0, value.shape[axis])
        shares = value[tuple(region)]
        same = np.arange(value.shape[axis]) == entry[axis]
        same = same.reshape([-1 if one == axis else 1 for one in range(value.ndim)])
        return Locals(tuple(region), shares * (same - value[entry]))

    def local(self, site: Site, op: Op, slot: int, entry: Index, place: Subscripts) -> str:
        """s(1-s) for the entry itself, -s·s for the others of its row."""
        own, other = named(site.label, entry), named(site.label, place)
        if place == entry:
            return f"{own}(1-{own})"
        if any(isinstance(i, str) for i in place):
            letter = next(i for i in place if isinstance(i, str))
            return f"{other}([{letter} = {entry[_axis(site, op)]}] - {own})"
        return f"-{other}·{own}"

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """The same with their numbers."""
        numbers = [float(site.value[place]), float(site.value[entry])]
        form = "{0} × (1-{0})" if place == entry else "-{0} × {1}"
        return worked(numbers, lambda texts: form.format(*texts), number) or bracketed(number)

    def leads_to(self, site: Site, op: Op, slot: int, entry: Index, place: Index) -> list[Spot]:
        """Both probabilities."""
        return [Spot(site.node, "value", place), Spot(site.node, "value", entry)]


def _axis(site: Site, op: Op) -> int:
    axis: int = op.attrs["axis"] % site.value.ndim
    return axis


def _along(index: Index, axis: int, j: int) -> Index:
    return (*index[:axis], j, *index[axis + 1 :])

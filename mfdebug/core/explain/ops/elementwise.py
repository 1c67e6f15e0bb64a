"""Elementwise ops: the gradient of a broadcast input is summed over its copies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import copies, matched
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import (
    Explainer,
    Locals,
    Sent,
    factor,
    in_numbers,
    run,
)
from mfdebug.core.explain.sums import Bundle, Sums, TermText, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.activation import TwoSided
from miniflow.ops.arithmetic import Sub
from miniflow.ops.base import Array, Calls, Op
from miniflow.ops.broadcasting import Elementwise
from miniflow.ops.extremes import Selection
from miniflow.text.lists import ALL_UP_TO, series

# The number of refs in one term that the user can follow.
MAX_REFS = 100


class ElementwiseExplainer(Explainer):
    """An op that its formula and local derivative, for a single entry, explain completely."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The formula with this entry's names, then with its numbers."""
        names, numbers, refs = matching_inputs(view, index)
        rule, number = self.formula(view, op, names), float(view.value[index])
        numbers_text = checked_formula(
            numbers, lambda texts: self.forward_numbers(view, op, texts), number
        )
        term = one_term(number, rule, numbers_text or bracketed(number), refs)
        definition = view.written(op.definition, names)
        return Sums(f"{rule} = {definition}" if definition else rule, (term,))

    def role(self, view: NodeView, op: Op) -> str:
        """The op's sentence, and a clause on broadcast inputs."""
        role, shape = self.sentence(view, op), view.value.shape
        copied = dict.fromkeys(
            name for name, x in zip(view.labels, view.inputs, strict=True) if x.shape != shape
        )
        if not copied:
            return role
        names = series(list(copied), " and ")
        if len(copied) == 1:
            return f"{role}; {names} was broadcast and gets the sum"
        return f"{role}; {names} were broadcast and get the sums over their copies"

    def copied(self, view: NodeView, op: Op, input_index: int) -> str:
        """A broadcast input is used several times."""
        own = view.inputs[input_index]
        times = view.value.size // max(1, own.size)
        if own.shape == view.value.shape or times < 2:
            return ""
        name = view.labels[input_index]
        each = f"each entry of {name}" if own.size > 1 else name
        return f"{each} is used {times:,} times in {view.label}: what comes back adds up"

    def sentence(self, view: NodeView, op: Op) -> str:
        """Return the op's sentence without the clause on broadcast inputs."""
        return super().role(view, op)

    def forward_numbers(self, view: NodeView, op: Op, texts: Sequence[str]) -> str:
        """Return the forward rule with numbers in place of names."""
        return in_numbers(view.written(op.formula, texts))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient ⊙ the local derivative, summed over the copies of a broadcast input."""
        local = self.local_words(view, op, input_index, view.label, view.labels)
        sign = "⊙" if view.value.shape and local not in ("1", "-1") else "×"
        text = f"{view.gradient()} {sign} {factor(local)}"
        if view.inputs[input_index].shape != view.value.shape:
            text = f"Σ {text}"
        return Sent(text)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The local rule applied to ones, at the copies of the entry."""
        return elementwise_locals(view, op, input_index, entry)

    def local_words(
        self, view: NodeView, op: Op, input_index: int, name: str, names: Sequence[str]
    ) -> str:
        """Return the local derivative with the given names or numbers."""
        return view.written(lambda *n: op.local(input_index, *n), [name, *names])

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The op's local derivative with the names of the input entries at `output`."""
        entries = view.broadcast(output, ALL_UP_TO)
        names = [view.entry(i, index) for i, index in enumerate(entries)]
        if len(view.inputs) > ALL_UP_TO:
            # Of thousands of inputs only this one and a few others are named.
            names += [""] * (len(view.inputs) - len(names))
            names[input_index] = view.entry(
                input_index, matched(output, view.inputs[input_index].shape)
            )
        return self.local_words(view, op, input_index, named(view.label, output), names)

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The op's local derivative with the numbers of the entries at `output`."""
        if len(view.inputs) > ALL_UP_TO:
            return bracketed(number)
        _, numbers, _ = matching_inputs(view, output)
        numbers = [float(view.value[output]), *numbers]
        text = checked_formula(
            numbers,
            lambda texts: in_numbers(self.local_words(view, op, input_index, texts[0], texts[1:])),
            number,
        )
        return text or bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The value or the inputs that the local derivative names."""
        value, input_indices = _names_used(self, view, op, input_index)
        _, _, refs = matching_inputs(view, output, MAX_REFS)
        own = [EntryRef(view.node, "value", output)] if value else []
        return own + [refs[i] for i in input_indices if i < len(refs)]


def elementwise_locals(view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
    """Return an elementwise op's local rule applied to ones, at the copies of an entry."""
    assert isinstance(op, Elementwise)
    region = copies(entry, view.inputs[input_index].shape, view.value.shape)
    do = Calls(view.value.dtype, sgd_step=np.array([view.sgd_step]))
    seen = np.array(view.value[region])
    flat = seen.reshape(-1)
    shape = view.value.shape
    arrays = [np.broadcast_to(x, shape)[region].reshape(-1) for x in view.inputs]
    op.forward_calls(do, np.zeros_like(flat), *arrays)
    out = np.zeros_like(flat)
    op.local_calls(do, input_index, out, np.ones_like(flat), flat, *arrays)
    run(do)
    return Locals(region, out.reshape(seen.shape))


class SumExplainer(ElementwiseExplainer):
    """Add and Sub: each input is a term."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """One term per input."""
        entries = [tuple(map(int, entry)) for entry in view.broadcast(index)]
        amounts = np.array([float(x[i]) for x, i in zip(view.inputs, entries, strict=True)])
        if isinstance(op, Sub):
            amounts[1] = -amounts[1]

        def term_text(k: int) -> TermText:
            sign = "-" if isinstance(op, Sub) and k else ""
            number = bracketed(view.number(k, entries[k]))
            name = view.entry(k, entries[k])
            refs = (view.ref(k, entries[k]),)
            return TermText(sign + name, sign + number, refs, view.input_note(k).strip(" ()"))

        names = [named(view.labels[k], entries[k]) for k in range(len(entries))]
        return Sums(self.formula(view, op, names), (Bundle(amounts, term_text),))

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 or -1, without reading the inputs: there may be thousands."""
        region = copies(entry, view.inputs[input_index].shape, view.value.shape)
        local = -1.0 if isinstance(op, Sub) and input_index else 1.0
        return Locals(region, np.full([part.stop - part.start for part in region], local))

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """1 or -1."""
        return bracketed(number)


class ProductExplainer(ElementwiseExplainer):
    """Mul: the local derivative is the product of the other inputs."""

    def sentence(self, view: NodeView, op: Op) -> str:
        """The op's sentence, with "the others" for three or more inputs."""
        role = super().sentence(view, op)
        return role if len(view.inputs) < 3 else role.replace("the other input", "the others")

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient ⊙ the other inputs, which are whole tensors too."""
        found = super().sent(view, op, input_index, entry)
        return found._replace(text=found.text.replace("·", " ⊙ ")) if view.value.shape else found

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The product, as one term."""
        names, numbers, refs = matching_inputs(view, index)
        number, text = float(view.value[index]), None
        if len(numbers) <= ALL_UP_TO:
            text = checked_formula(numbers, " × ".join, number)
        product = series(names, "·")
        term = one_term(number, product, text or bracketed(number), refs[:MAX_REFS])
        return Sums(product, (term,))

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The product of the other inputs, at the copies of this entry only."""
        region = copies(entry, view.inputs[input_index].shape, view.value.shape)
        product = np.ones_like(view.value[region])
        with np.errstate(all="ignore"):
            for i, x in enumerate(view.inputs):
                if i != input_index:
                    whole = (
                        x if x.shape == view.value.shape else np.broadcast_to(x, view.value.shape)
                    )
                    product = product * whole[region]
        return Locals(region, product)

    def local_words(
        self, view: NodeView, op: Op, input_index: int, name: str, names: Sequence[str]
    ) -> str:
        """The product of the others; of many, the first few."""
        others = [name for i, name in enumerate(names) if i != input_index]
        return series(others, "·") or "1"


class PowerExplainer(ElementwiseExplainer):
    """Pow: the exponent is an attribute, or an input with its own gradient."""

    def sentence(self, view: NodeView, op: Op) -> str:
        """The rule of the base, and the rule of the exponent if it is an input."""
        base = super().sentence(view, op)
        if len(view.inputs) == 1:
            return base
        x = view.labels[0]
        log = f"{self.formula(view, op, view.labels)}·{view.letters.log} {x}"
        return f"{base}, by {log} towards the exponent {view.target(1)}"


class SelectionExplainer(ElementwiseExplainer):
    """Max and Min: the value is that of the winner, which gets the whole gradient."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The winner; on a tie the first input."""
        names, numbers, refs = matching_inputs(view, index)
        number, rule = float(view.value[index]), self.formula(view, op, names)
        winner = next((i for i, x in enumerate(numbers) if x == number), None)
        if winner is None:
            # Nothing equals NaN. The inputs that are NaN are the cause, so they come first.
            order = sorted(
                range(len(numbers)), key=lambda input_index: not np.isnan(numbers[input_index])
            )
            refs = [refs[input_index] for input_index in order]
            return Sums(rule, (one_term(number, rule, bracketed(number), refs),))
        tie = ": on a tie the first one does" if numbers.count(number) > 1 else ""
        text = None
        if len(numbers) <= ALL_UP_TO:
            text = checked_formula(numbers, lambda texts: in_numbers(op.formula(*texts)), number)
        term = one_term(number, rule, text or bracketed(number), [refs[winner]])
        return Sums(rule, (term,), (f"{names[winner]}{view.input_note(winner)} won{tie}",))

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """1 for the winner, 0 for the others."""
        return bracketed(number)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 where this input is the first that wins."""
        assert isinstance(op, Selection)
        region = copies(entry, view.inputs[input_index].shape, view.value.shape)
        xs = [np.broadcast_to(x, view.value.shape)[region] for x in view.inputs]
        best = reduce(op.ufunc, xs)
        earlier = [x == best for x in xs[:input_index]]
        own = xs[input_index] == best
        wins = own & ~np.logical_or.reduce(earlier) if earlier else own
        return Locals(region, wins.astype(view.value.dtype))

    def local_words(
        self, view: NodeView, op: Op, input_index: int, name: str, names: Sequence[str]
    ) -> str:
        """1 where this input won; the input is numbered if its name occurs more than once."""
        if len(names) <= ALL_UP_TO and names.count(names[input_index]) > 1:
            return f"[input {input_index + 1} won]"
        return super().local_words(view, op, input_index, name, names)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """All inputs: which one won depends on all of them."""
        _, _, refs = matching_inputs(view, output, MAX_REFS)
        return refs


class GateExplainer(ElementwiseExplainer):
    """An op with a kink: the local derivative is that of one side."""

    def forward_numbers(self, view: NodeView, op: Op, texts: Sequence[str]) -> str:
        """The formula; for one with two sides, the side that was taken."""
        if not isinstance(op, TwoSided):
            return super().forward_numbers(view, op, texts)
        above = float(texts[0].strip("()")) > 0
        return in_numbers(view.written(partial(op.branch, above=above), texts))

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The slope of this side."""
        return bracketed(number)


class DefinedExplainer(ElementwiseExplainer):
    """GELU: its name says little, so its definition is shown in numbers."""

    def forward_numbers(self, view: NodeView, op: Op, texts: Sequence[str]) -> str:
        """The definition."""
        return in_numbers(view.written(op.definition, texts))

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The slope of the curve."""
        return bracketed(number)


class DropoutExplainer(ElementwiseExplainer):
    """Dropout: the mask is drawn again from the seed and the SGD step."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The input times its mask."""
        _, (x,), refs = matching_inputs(view, index)
        mask, number = float(self._mask(view, op)[index]), float(view.value[index])
        name, mask_name = view.entry(0, index), named(view.letters.mask, index)
        text = checked_formula([x, mask], " × ".join, number) or bracketed(number)
        mask_word = f"mask {view.letters.mask}".removesuffix(" mask")
        note = f"the {mask_word} is 0, or 1/(1-rate), at random; rate {op.attrs['rate']:g}"
        term = one_term(number, f"{name}·{mask_name}", text, refs)
        return Sums(f"{name}·{mask_name}", (term,), (note,))

    def _mask(self, view: NodeView, op: Op) -> Array:
        """Return the mask: the op applied to ones. It can only be drawn for the whole value."""
        do = Calls(view.value.dtype, sgd_step=np.array([view.sgd_step]))
        mask = np.zeros_like(view.value)
        op.forward_calls(do, mask, np.ones_like(view.value))
        run(do)
        return mask

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The entry's mask."""
        region = copies(entry, view.inputs[0].shape, view.value.shape)
        return Locals(region, self._mask(view, op)[region])

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The mask at this entry."""
        return named(view.letters.mask, output)

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """0, or 1/(1 - rate)."""
        return bracketed(number)


def matching_inputs(
    view: NodeView, output: Index, limit: int | None = None
) -> tuple[list[str], list[float], list[EntryRef]]:
    """Return the names, numbers and refs of the input entries that broadcast to `output`."""
    entries = [tuple(map(int, entry)) for entry in view.broadcast(output, limit)]
    return (
        [view.entry(input_index, entry) for input_index, entry in enumerate(entries)],
        [view.number(input_index, entry) for input_index, entry in enumerate(entries)],
        [view.ref(input_index, entry) for input_index, entry in enumerate(entries)],
    )


def _names_used(
    explainer: ElementwiseExplainer, view: NodeView, op: Op, input_index: int
) -> tuple[bool, list[int]]:
    """Return whether a local derivative names the op's value, and the inputs that it names."""
    count = len(view.inputs)
    if count > ALL_UP_TO:
        return True, [i for i in range(ALL_UP_TO) if i != input_index]
    names = [f"\0{i}\0" for i in range(count)]
    words = explainer.local_words(view, op, input_index, "\0value\0", names)
    return "\0value\0" in words, [i for i in range(count) if names[i] in words]

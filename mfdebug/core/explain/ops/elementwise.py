"""Ops that work entry by entry: what a broadcast input gets back is summed over its copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, worked
from mfdebug.core.explain.entries import copies, matched
from mfdebug.core.explain.node_at import Site
from mfdebug.core.explain.ops.base import (
    Explainer,
    Locals,
    Sent,
    factor,
    in_numbers,
    run,
)
from mfdebug.core.explain.sums import Bundle, Sums, Told, one_term
from mfdebug.core.timeline.entry_ref import Index, Spot, Subscripts, named
from miniflow.ops.arithmetic import Sub
from miniflow.ops.base import Array, Calls, Elementwise, Op
from miniflow.text.lists import ALL_UP_TO, series

# Numbers of one term that one can go on to.
MOST_LED_TO = 100


class ElementwiseExplainer(Explainer):
    """An op whose formula and local derivative say all with the names or numbers of one entry."""

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """The formula with this entry's names, then with its numbers."""
        names, numbers, spots = _of_inputs(site, index)
        rule, number = self.formula(site, op, names), float(site.value[index])
        numbers_text = worked(numbers, lambda texts: self.forward_numbers(site, op, texts), number)
        term = one_term(number, rule, numbers_text or bracketed(number), spots)
        definition = site.written(op.definition, names)
        return Sums(f"{rule} = {definition}" if definition else rule, (term,))

    def role(self, site: Site, op: Op) -> str:
        """The op's sentence, and what a broadcast adds to it."""
        role, shape = self.sentence(site, op), site.value.shape
        copied = dict.fromkeys(
            name for name, x in zip(site.labels, site.inputs, strict=True) if x.shape != shape
        )
        if not copied:
            return role
        names = series(list(copied), " and ")
        if len(copied) == 1:
            return f"{role}; {names} was broadcast and gets the sum"
        return f"{role}; {names} were broadcast and get the sums over their copies"

    def sentence(self, site: Site, op: Op) -> str:
        """Return the op's sentence alone."""
        return super().role(site, op)

    def forward_numbers(self, site: Site, op: Op, texts: Sequence[str]) -> str:
        """Return the forward rule with numbers for its names."""
        return in_numbers(site.written(op.formula, texts))

    def sent(self, site: Site, op: Op, slot: int, entry: Index) -> Sent:
        """The gradient ⊙ the local derivative, summed over the copies of a broadcast input."""
        local = self.local_words(site, op, slot, site.label, site.labels)
        sign = "⊙" if site.value.shape and local not in ("1", "-1") else "×"
        text = f"{site.gradient()} {sign} {factor(local)}"
        if site.inputs[slot].shape != site.value.shape:
            text = f"Σ {text}"
        return Sent(text)

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """What the local rule makes of ones, where a broadcast put the entry."""
        return elementwise_locals(site, op, slot, entry)

    def local_words(self, site: Site, op: Op, slot: int, name: str, names: Sequence[str]) -> str:
        """Return the local derivative with these names, or numbers, in it."""
        return site.written(lambda *n: op.local(slot, *n), [name, *names])

    def local(self, site: Site, op: Op, slot: int, entry: Index, place: Subscripts) -> str:
        """The op's words, with the names of the entries that meet at `place`."""
        entries = site.broadcast(place, ALL_UP_TO)
        names = [site.entry(i, one) for i, one in enumerate(entries)]
        if len(site.inputs) > ALL_UP_TO:
            # Of thousands only this one and a few others are named.
            names += [""] * (len(site.inputs) - len(names))
            names[slot] = site.entry(slot, matched(place, site.inputs[slot].shape))
        return self.local_words(site, op, slot, named(site.label, place), names)

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """The same with their numbers."""
        if len(site.inputs) > ALL_UP_TO:
            return bracketed(number)
        _, numbers, _ = _of_inputs(site, place)
        numbers = [float(site.value[place]), *numbers]
        text = worked(
            numbers,
            lambda texts: in_numbers(self.local_words(site, op, slot, texts[0], texts[1:])),
            number,
        )
        return text or bracketed(number)

    def leads_to(self, site: Site, op: Op, slot: int, entry: Index, place: Index) -> list[Spot]:
        """The value or the inputs that the words name."""
        value, slots = _named_in(self, site, op, slot)
        _, _, spots = _of_inputs(site, place, MOST_LED_TO)
        own = [Spot(site.node, "value", place)] if value else []
        return own + [spots[i] for i in slots if i < len(spots)]


def elementwise_locals(site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
    """Return what an elementwise op's local rule makes of ones, where the entry was copied to."""
    assert isinstance(op, Elementwise)
    region = copies(entry, site.inputs[slot].shape, site.value.shape)
    do = Calls(site.value.dtype, sgd_step=np.array([site.sgd_step]))
    seen = np.array(site.value[region])
    flat = seen.reshape(-1)
    shape = site.value.shape
    arrays = [np.broadcast_to(x, shape)[region].reshape(-1) for x in site.inputs]
    op.forward_calls(do, np.zeros_like(flat), *arrays)
    out = np.zeros_like(flat)
    op.local_calls(do, slot, out, np.ones_like(flat), flat, *arrays)
    run(do)
    return Locals(region, out.reshape(seen.shape))


class SumExplainer(ElementwiseExplainer):
    """Add and Sub: each input is a term."""

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """A term for each input."""
        entries = [tuple(map(int, entry)) for entry in site.broadcast(index)]
        amounts = np.array([float(x[i]) for x, i in zip(site.inputs, entries, strict=True)])
        if isinstance(op, Sub):
            amounts[1] = -amounts[1]

        def tell(k: int) -> Told:
            sign = "-" if isinstance(op, Sub) and k else ""
            number = bracketed(site.number(k, entries[k]))
            name = site.entry(k, entries[k])
            spots = (site.spot(k, entries[k]),)
            return Told(sign + name, sign + number, spots, site.input_note(k).strip(" ()"))

        names = [named(site.labels[k], entries[k]) for k in range(len(entries))]
        return Sums(self.formula(site, op, names), (Bundle(amounts, tell),))

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """1 or -1, without a look at the inputs: there may be thousands."""
        region = copies(entry, site.inputs[slot].shape, site.value.shape)
        local = -1.0 if isinstance(op, Sub) and slot else 1.0
        return Locals(region, np.full([part.stop - part.start for part in region], local))

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """1 or -1."""
        return bracketed(number)


class ProductExplainer(ElementwiseExplainer):
    """Mul: each input gets the product of the others."""

    def sentence(self, site: Site, op: Op) -> str:
        """The op's sentence, by how many others there are."""
        role = super().sentence(site, op)
        return role if len(site.inputs) < 3 else role.replace("the other input", "the others")

    def sent(self, site: Site, op: Op, slot: int, entry: Index) -> Sent:
        """The others are whole tensors too."""
        found = super().sent(site, op, slot, entry)
        return found._replace(text=found.text.replace("·", " ⊙ ")) if site.value.shape else found

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """The product is one term."""
        names, numbers, spots = _of_inputs(site, index)
        number, text = float(site.value[index]), None
        if len(numbers) <= ALL_UP_TO:
            text = worked(numbers, " × ".join, number)
        product = series(names, "·")
        term = one_term(number, product, text or bracketed(number), spots[:MOST_LED_TO])
        return Sums(product, (term,))

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """The product of the others, of this entry's copies alone."""
        region = copies(entry, site.inputs[slot].shape, site.value.shape)
        product = np.ones_like(site.value[region])
        with np.errstate(all="ignore"):
            for i, x in enumerate(site.inputs):
                if i != slot:
                    whole = (
                        x if x.shape == site.value.shape else np.broadcast_to(x, site.value.shape)
                    )
                    product = product * whole[region]
        return Locals(region, product)

    def local_words(self, site: Site, op: Op, slot: int, name: str, names: Sequence[str]) -> str:
        """The others, multiplied; of many the first few."""
        others = [one for i, one in enumerate(names) if i != slot]
        return series(others, "·") or "1"


class PowerExplainer(ElementwiseExplainer):
    """Pow: the exponent is an attribute, or an input that gets a gradient of its own."""

    def sentence(self, site: Site, op: Op) -> str:
        """The rule of the base, and that of the exponent where it is an input."""
        base = super().sentence(site, op)
        if len(site.inputs) == 1:
            return base
        x = site.labels[0]
        log = f"{self.formula(site, op, site.labels)}·{site.letters.log} {x}"
        return f"{base}, by {log} towards the exponent {site.target(1)}"


class SelectionExplainer(ElementwiseExplainer):
    """Max and Min: the winner is the value, and takes the whole gradient."""

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """The winner; on a tie the first."""
        names, numbers, spots = _of_inputs(site, index)
        number, rule = float(site.value[index]), self.formula(site, op, names)
        winner = next((slot for slot, one in enumerate(numbers) if one == number), None)
        if winner is None:
            # Nothing equals NaN: what is NaN among the inputs made it so, and is to be followed.
            order = sorted(range(len(numbers)), key=lambda slot: not np.isnan(numbers[slot]))
            spots = [spots[slot] for slot in order]
            return Sums(rule, (one_term(number, rule, bracketed(number), spots),))
        tie = ": on a tie the first one does" if numbers.count(number) > 1 else ""
        text = None
        if len(numbers) <= ALL_UP_TO:
            text = worked(numbers, lambda texts: in_numbers(op.formula(*texts)), number)
        term = one_term(number, rule, text or bracketed(number), [spots[winner]])
        return Sums(rule, (term,), (f"{names[winner]}{site.input_note(winner)} won{tie}",))

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """1 for the winner, 0 for the others."""
        return bracketed(number)

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """1 where this input is the first that has the value."""
        region = copies(entry, site.inputs[slot].shape, site.value.shape)
        value = site.value[region]
        has = [np.broadcast_to(x, site.value.shape)[region] == value for x in site.inputs[:slot]]
        own = np.broadcast_to(site.inputs[slot], site.value.shape)[region] == value
        wins = own & ~np.logical_or.reduce(has) if has else own
        return Locals(region, wins.astype(value.dtype))

    def local_words(self, site: Site, op: Op, slot: int, name: str, names: Sequence[str]) -> str:
        """1 where this input won; by its number where its name is another one's too."""
        if len(names) <= ALL_UP_TO and names.count(names[slot]) > 1:
            return f"[input {slot + 1} won]"
        return super().local_words(site, op, slot, name, names)

    def leads_to(self, site: Site, op: Op, slot: int, entry: Index, place: Index) -> list[Spot]:
        """Who won depends on all of them."""
        _, _, spots = _of_inputs(site, place, MOST_LED_TO)
        return spots


class GateExplainer(ElementwiseExplainer):
    """ReLU and LeakyReLU: the local derivative is one of two numbers."""

    def forward_numbers(self, site: Site, op: Op, texts: Sequence[str]) -> str:
        """Of a leaky gate the side that was taken."""
        if "slope" not in op.attrs:
            return in_numbers(site.written(op.formula, texts))
        (x,) = texts
        return x if float(x.strip("()")) > 0 else f"{bracketed(op.attrs['slope'])} × {x}"

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """The slope."""
        return bracketed(number)


class DefinedExplainer(ElementwiseExplainer):
    """GELU: a name alone says little, so the numbers stand in its definition."""

    def forward_numbers(self, site: Site, op: Op, texts: Sequence[str]) -> str:
        """The definition."""
        return in_numbers(site.written(op.definition, texts))

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """The slope of the curve."""
        return bracketed(number)


class DropoutExplainer(ElementwiseExplainer):
    """Dropout: its mask is drawn again from the seed and the SGD step."""

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """The input times its mask."""
        _, (x,), spots = _of_inputs(site, index)
        mask, number = float(self._mask(site, op)[index]), float(site.value[index])
        name, mask_name = site.entry(0, index), named(site.letters.mask, index)
        text = worked([x, mask], " × ".join, number) or bracketed(number)
        mask_word = f"mask {site.letters.mask}".removesuffix(" mask")
        note = f"the {mask_word} is 0, or 1/(1-rate), at random; rate {op.attrs['rate']:g}"
        term = one_term(number, f"{name}·{mask_name}", text, spots)
        return Sums(f"{name}·{mask_name}", (term,), (note,))

    def _mask(self, site: Site, op: Op) -> Array:
        """The mask is what becomes of ones; it is drawn for the whole value or not at all."""
        do = Calls(site.value.dtype, sgd_step=np.array([site.sgd_step]))
        mask = np.zeros_like(site.value)
        op.forward_calls(do, mask, np.ones_like(site.value))
        run(do)
        return mask

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """The entry's mask."""
        region = copies(entry, site.inputs[0].shape, site.value.shape)
        return Locals(region, self._mask(site, op)[region])

    def local(self, site: Site, op: Op, slot: int, entry: Index, place: Subscripts) -> str:
        """The mask of this entry."""
        return named(site.letters.mask, place)

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """0, or what keeps the mean."""
        return bracketed(number)


def _of_inputs(
    site: Site, place: Index, most: int | None = None
) -> tuple[list[str], list[float], list[Spot]]:
    """Return the entries of the inputs that meet at `place`: their names, numbers and spots."""
    entries = [tuple(map(int, entry)) for entry in site.broadcast(place, most)]
    return (
        [site.entry(slot, entry) for slot, entry in enumerate(entries)],
        [site.number(slot, entry) for slot, entry in enumerate(entries)],
        [site.spot(slot, entry) for slot, entry in enumerate(entries)],
    )


def _named_in(
    explainer: ElementwiseExplainer, site: Site, op: Op, slot: int
) -> tuple[bool, list[int]]:
    """Return whether the words of a local derivative name the op's value, and which inputs."""
    count = len(site.inputs)
    if count > ALL_UP_TO:
        return True, [i for i in range(ALL_UP_TO) if i != slot]
    names = [f"\0{i}\0" for i in range(count)]
    words = explainer.local_words(site, op, slot, "\0value\0", names)
    return "\0value\0" in words, [i for i in range(count) if names[i] in words]

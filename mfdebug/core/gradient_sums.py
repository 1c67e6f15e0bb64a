"""The sum that is one entry of a node's gradient: what each consumer sent, term by term.

Each term is an entry of the consumer's gradient (upstream) times the local derivative.
"""

from __future__ import annotations

import re

import numpy as np

from mfdebug.core.debugger import Debugger, Standing
from mfdebug.core.entries import (
    MOVES,
    Index,
    Product,
    Region,
    Subscripts,
    matched,
    place_in,
    same_place,
)
from mfdebug.core.numbers import scalar
from mfdebug.core.spots import (
    Bundle,
    Site,
    Spot,
    Sums,
    Told,
    bracketed,
    changed_note,
    led_to,
    named,
    one_term,
    single,
    unique,
)
from mfdebug.core.working import PAIR_COSTS, local_uses, locals_of
from miniflow.graph import follows_rules
from miniflow.ops.activation import GELU, Sigmoid, Softmax, Tanh
from miniflow.ops.arithmetic import Mul, Sqrt
from miniflow.ops.base import Elementwise, Op
from miniflow.ops.cost import SoftmaxCrossEntropy
from miniflow.ops.dropout import Dropout
from miniflow.ops.linear import Linear, MatMul
from miniflow.ops.reduce import Mean, Sum

_EXPONENT = re.compile(r"(?<=\d)e[+-]\d+")
# Letters for the axes that a sum runs over, from the last axis on.
_LETTERS = "jnstpkl"
_LOWERED = str.maketrans("jnstpkli", "ⱼₙₛₜₚₖₗᵢ")


def gradient_sums(debugger: Debugger, node: int, index: Index) -> Sums:
    """Return what a node's consumers have sent to one entry of its gradient."""
    graph = debugger.graph
    if node == graph.cost:
        label = graph.nodes[node].label
        rule = "∂cost/∂cost" if not index else f"∂Σ{label}/∂{named(label, index)}"
        return Sums(rule, (), (f"the start of backward: {rule} = 1",))
    bundles: list[Bundle] = []
    rules: list[str] = []
    notes: list[str] = []
    heard = debugger.gradient_standing(node) is Standing.PARTIAL
    for edge in debugger.contributions(node):
        if heard and not edge.reported:
            continue
        sums = _of_edge(debugger, edge.consumer, edge.slot, index)
        bundles.extend(sums.bundles)
        rules.append(sums.rule)
        notes.extend(sums.notes)
    if heard:
        count = len(debugger.contributions(node))
        notes.insert(0, f"not complete: {debugger.reported(node)} of {count} consumers so far")
    rule = " + ".join(rules).replace(" + -", " - ")
    return Sums(rule, tuple(bundles), tuple(dict.fromkeys(notes)))


def _of_edge(debugger: Debugger, consumer: int, slot: int, index: Index) -> Sums:
    """Return the terms of what one consumer sent to one entry of its input number `slot`."""
    site = Site(debugger, consumer)
    written = debugger.written_at(consumer, "backward") or 0
    sent = float(debugger.plan.contribution(consumer, slot)[index])
    op = site.op
    if not isinstance(op, Op) or not follows_rules(op):
        return _of_lesson(site, slot, index, sent)
    found = locals_of(op, slot, index, site.value, site.inputs, debugger.timeline.sgd_step(written))
    if found is None:
        return _of_lesson(site, slot, index, sent)
    gradient = debugger.gradient(consumer)
    upstream = np.asarray(gradient[found.region], np.float64).reshape(-1)
    numbers = np.asarray(found.numbers, np.float64).reshape(-1)
    if not upstream.size:
        return Sums("0", (), (f"{site.label} leaves {site.entry(slot, index)} out",))
    with np.errstate(all="ignore"):
        # A single term is what was sent: a closed gate sends 0 even where upstream is infinite.
        amounts = upstream * numbers if upstream.size > 1 else np.array([sent])
    local = _Local(site, op, slot, index)

    def tell(k: int) -> Told:
        place = place_in(found.region, k)
        return local.tell(place, float(upstream[k]), float(numbers[k]))

    notes = (op.legend(*(x.shape for x in site.inputs)),)
    sums = Sums(local.rule(found.region), (Bundle(amounts, tell),), tuple(filter(None, notes)))
    if changed := _changed(debugger, site, slot, written):
        name = f"what {site.label} sent to {site.entry(slot, index)}"
        note = f"{changed}: today's numbers do not make {name}; see it made: goto {written}"
        return Sums(name, (one_term(sent, name, bracketed(sent), led_to(sums)),), (note,))
    return sums


def _of_lesson(site: Site, slot: int, index: Index, sent: float) -> Sums:
    """Tell what a node of unknown rule sent: the number is known, not how it was made."""
    symbols = f"{site.label}.gradients[{named(site.labels[slot], index)}]"
    leads_to: list[Spot] = []
    if site.value.shape == site.inputs[slot].shape:
        leads_to.append(Spot(site.node, "grad", index))
    elif site.value.size == 1:
        leads_to.append(Spot(site.node, "grad", (0,) * site.value.ndim))
    kind = type(site.op).__name__
    own = "its own rules" if follows_rules(site.op) else "its own backward()"
    note = f"{kind} has {own}: what it sent is known, not how it was made"
    return Sums(symbols, (one_term(sent, symbols, bracketed(sent), leads_to),), (note,))


def _changed(debugger: Debugger, site: Site, slot: int, written: int) -> str:
    """Say what of a term's factors is no longer as it was when the consumer sent it."""
    op = site.op
    assert isinstance(op, Op)
    if debugger.gradient_standing(site.node) is Standing.PARTIAL:
        return f"∂cost/∂{site.label} is being summed anew"
    uses = local_uses(op, slot, len(site.inputs))
    nodes = [site.sources[one] for one in uses.slots]
    return changed_note(debugger, [*nodes, *([site.node] if uses.value else [])], written)


class _Local:
    """The local derivatives of one entry of an op's input, in words."""

    def __init__(self, site: Site, op: Op, slot: int, entry: Index) -> None:
        self.site, self.op, self.slot, self.entry = site, op, slot, entry
        self._pairs = len(site.inputs) // 2
        self._factor: tuple[int, int, Product] | None = None
        if isinstance(op, Linear | MatMul) and slot < 2 * self._pairs:
            pair, side = slot % self._pairs, slot // self._pairs
            shapes = site.inputs[pair].shape, site.inputs[pair + self._pairs].shape
            self._factor = pair + (1 - side) * self._pairs, side, Product(*shapes)

    def rule(self, region: Region) -> str:
        """Return the sum over a region of the op's value in symbols: `Σₙ X[n,1]·…`."""
        place: list[int | str] = []
        over = ""
        for axis, part in enumerate(region):
            if part.stop - part.start == 1:
                place.append(part.start)
                continue
            last = len(region) - 1 - axis
            place.append(_LETTERS[last] if last < len(_LETTERS) else "i")
            over += str(place[-1])
        text = self._product(self._upstream(tuple(place)), self._symbols(tuple(place)))
        return f"Σ{over.translate(_LOWERED)} {text}" if over else text

    def tell(self, place: Index, upstream: float, local: float) -> Told:
        """Return one term: upstream × local."""
        symbols = self._symbols(place)
        number = bracketed(upstream)
        if symbols in ("1", "-1"):
            numbers = symbols[:-1] + number
        else:
            numbers = self._factors(number, self._numbers(place, local))
        return Told(
            self._product(self._upstream(place), symbols),
            numbers,
            unique([Spot(self.site.node, "grad", place), *self._spots(place)]),
        )

    def _upstream(self, place: Subscripts) -> str:
        return f"∂cost/∂{named(self.site.label, place)}"

    def _product(self, upstream: str, local: str) -> str:
        if local in ("1", "-1"):
            return local[:-1] + upstream
        return self._factors(upstream, local)

    def _factors(self, upstream: str, local: str) -> str:
        factors = [upstream, f"({local})" if _needs_brackets(local) else local]
        # Xᵀ stands to the left of the gradient, as in the rule for matrices.
        if isinstance(self.op, Linear | MatMul) and self.slot >= self._pairs:
            factors.reverse()
        return "·".join(factors)

    def _met(self, place: Subscripts) -> tuple[int, Subscripts] | None:
        """Return which entry of which input multiplies this one in a product; None: a bias."""
        if self._factor is None:
            return None
        other, side, product = self._factor
        own = matched(place, product.shape)
        return other, product.factors(own, product.met(side, self.entry))[1 - side]

    def _inputs_at(self, place: Subscripts) -> list[Subscripts]:
        """Return the entry of each input that goes with a place of the value."""
        shapes = [x.shape for x in self.site.inputs]
        if isinstance(self.op, PAIR_COSTS):
            return [same_place(self.entry, shapes[self.slot], shape) for shape in shapes]
        return [matched(place, shape) for shape in shapes]

    def _symbols(self, place: Subscripts) -> str:
        site, op = self.site, self.op
        if isinstance(op, Linear | MatMul):
            met = self._met(place)
            return "1" if met is None else site.entry(*met)
        if isinstance(op, (Sum, *MOVES)):
            return "1"
        if isinstance(op, Softmax):
            own, other = named(site.label, self.entry), named(site.label, place)
            if place == self.entry:
                return f"{own}(1-{own})"
            if any(isinstance(i, str) for i in place):
                return f"{other}([j = {self._along(self.entry)}] - {own})"
            return f"-{other}·{own}"
        if isinstance(op, SoftmaxCrossEntropy):
            return self._cross_entropy()
        if isinstance(op, Mul):
            names = [site.entry(i, e) for i, e in enumerate(self._inputs_at(place))]
            return "·".join(n for i, n in enumerate(names) if i != self.slot) or "1"
        if isinstance(op, (Elementwise, *PAIR_COSTS)):
            names = [site.entry(i, e) for i, e in enumerate(self._inputs_at(place))]
            words = op.local(self.slot, named(site.label, place), *names)
            return named(words, place) if words == "mask" else words
        return op.local(self.slot, site.label, *site.labels)

    def _along(self, entry: Index) -> int:
        return entry[self.op.attrs["axis"]] if isinstance(self.op, Softmax) else 0

    def _cross_entropy(self) -> str:
        labels, classes = self.site.inputs[1], self.site.inputs[0]
        if self.slot:
            share = f"softmax({self.site.labels[0]})[{','.join(map(str, self.entry))}]"
            return f"-log {share}/m" if labels.ndim == classes.ndim else "0"
        share = f"softmax({self.site.labels[0]})[{','.join(map(str, self.entry))}]"
        if labels.ndim == classes.ndim:
            return f"({share} - {self.site.entry(1, self.entry)})/m"
        return f"({share} - [{self.site.entry(1, self.entry[:-1])} = {self.entry[-1]}])/m"

    def _numbers(self, place: Index, local: float) -> str:
        site, op = self.site, self.op
        if isinstance(op, Linear | MatMul):
            return bracketed(local)
        if isinstance(op, Mean):
            return f"1/{site.inputs[0].size // max(site.value.size, 1)}"
        if isinstance(op, Softmax):
            own, other = (bracketed(float(site.value[i])) for i in (self.entry, place))
            if place == self.entry and _cancels(op, float(site.value[place]), local):
                return bracketed(local)
            return f"{own}(1-{own})" if place == self.entry else f"-{other}·{own}"
        told_by_formula = isinstance(op, (Elementwise, *PAIR_COSTS)) and not isinstance(op, GELU)
        gate = isinstance(op, Dropout) or self._symbols(place).startswith("[")
        if not told_by_formula or gate:
            return bracketed(local)
        if isinstance(op, Sqrt):
            return f"1/(2·{bracketed(float(site.value[place]))})"
        if isinstance(op, Sigmoid | Tanh) and _cancels(op, float(site.value[place]), local):
            return bracketed(local)
        entries = [tuple(map(int, entry)) for entry in self._inputs_at(place)]
        numbers = [site.number(i, entry) for i, entry in enumerate(entries)]
        if isinstance(op, Mul):
            return "·".join(n for i, n in enumerate(numbers) if i != self.slot)
        words = op.local(self.slot, bracketed(float(site.value[place])), *numbers)
        if isinstance(op, PAIR_COSTS):
            words = words.removesuffix("m") + str(site.inputs[0].size)
        return single(words)

    def _spots(self, place: Index) -> list[Spot]:
        """Return the spots that the local derivative is made of."""
        site, op = self.site, self.op
        if isinstance(op, Linear | MatMul):
            met = self._met(place)
            return [] if met is None else [site.spot(met[0], tuple(map(int, met[1])))]
        uses = local_uses(op, self.slot, len(site.inputs))
        own = [Spot(site.node, "value", place)] if uses.value else []
        if isinstance(op, Softmax):
            return [*own, Spot(site.node, "value", self.entry)]
        if isinstance(op, SoftmaxCrossEntropy):
            wide = site.inputs[1].ndim == site.inputs[0].ndim
            entries: list[Index] = [self.entry, self.entry if wide else self.entry[:-1]]
            if self.slot and not wide:
                return []
        elif isinstance(op, (Elementwise, *PAIR_COSTS)):
            entries = [tuple(map(int, entry)) for entry in self._inputs_at(place)]
        else:
            return [*own, *site.alike(uses.slots, place)]
        return [*own, *(site.spot(slot, entries[slot]) for slot in uses.slots)]


def _cancels(op: Op, value: float, local: float) -> bool:
    """Whether s(1-s) or 1 - t² comes to another number with the digits that are shown of s or t."""
    shown = float(scalar(value))
    told = 1 - shown**2 if isinstance(op, Tanh) else shown * (1 - shown)
    return abs(told - local) > 0.01 * abs(local)


def _needs_brackets(text: str) -> bool:
    """Whether a factor has a sum in it, a sign or a spaced product, outside all brackets."""
    depth = 0
    for character in _EXPONENT.sub("", text):
        depth += (character in "([") - (character in ")]")
        if character in "+-×" and depth == 0:
            return True
    return False

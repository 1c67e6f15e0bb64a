"""How ops are explained: what makes an entry of the value, and what an input's entry gets back.

What a node sends back to one entry of an input is a sum over the entries of its own value:
upstream (∂cost/∂value entry) x local (∂value entry/∂input entry). An explainer finds the locals:
one column of the op's Jacobian, and of it only the entries that the input's entry touches, so
that a number in a layer of millions is explained as fast as one in a layer of four.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.entries import Region
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.sums import Sums
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.base import Array, Calls, Op

_EXPONENT = re.compile(r"(?<=\d)e[+-]\d+")


class Locals(NamedTuple):
    """The region of the value that an entry of an input touches, and the derivatives there."""

    region: Region
    numbers: Array


class Sent(NamedTuple):
    """What is sent to an input: a formula of whole tensors, or `whole` False, of one entry."""

    text: str
    whole: bool = True

    def of(self, entry: Index) -> str:
        """Return the formula for an entry, which it names: `(Xᵀ · ∂cost/∂l)[0,1]`."""
        if not self.whole:
            return self.text
        return named(f"({self.text})" if entry and " " in self.text else self.text, entry)


class Explainer:
    """Explains the ops of one family; it has no state.

    `input_index` is which input of the op, `entry` one of its entries, `place` an entry of the
    value that it touches. Where a subscript is a letter, a rule is written for all entries at once.
    """

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """Return the forward rule in symbols."""
        return view.written(op.formula, names)

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """Return how the op made one entry of its value."""
        raise NotImplementedError

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """Return what is sent to an input in symbols."""
        raise NotImplementedError

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """Return ∂value/∂entry where it is not 0 by the op's very nature; None: not known."""
        raise NotImplementedError

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, place: Subscripts
    ) -> str:
        """Return one local derivative in symbols."""
        raise NotImplementedError

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, place: Index, number: float
    ) -> str:
        """Return one local derivative, which is `number`, in numbers."""
        return bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, place: Index
    ) -> list[EntryRef]:
        """Return the refs that a local derivative is made of."""
        return []

    def role(self, view: NodeView, op: Op) -> str:
        """Return in one sentence what the op does in the backward pass."""
        return op.role.format(
            gradient=view.gradient(),
            name=view.label,
            names=view.labels,
            to=_Targets(view),
            local=_LocalWords(view, op),
            m=view.letters.count,
            attrs=op.attrs,
        )

    def without_gradient(self, view: NodeView, op: Op, input_index: int) -> str:
        """Say why an input has no gradient, or nothing."""
        return ""

    def product(
        self, view: NodeView, op: Op, input_index: int, entry: Index, place: Subscripts
    ) -> str:
        """Return upstream × local in symbols, for one entry of the value."""
        local, upstream = self.local(view, op, input_index, entry, place), view.gradient(place)
        if local in ("1", "-1"):
            return local[:-1] + upstream
        return self.times(view, op, input_index, upstream, factor(local), "·")

    def rule_over(
        self, region: Region, view: NodeView, op: Op, input_index: int, entry: Index
    ) -> str:
        """Return the sum over a region of the value in symbols: `Σₙ X[n,1]·∂cost/∂l[n,0]`."""
        place: list[int | str] = []
        over = ""
        for axis, part in enumerate(region):
            if part.stop - part.start == 1:
                place.append(part.start)
                continue
            last = len(region) - 1 - axis
            place.append(view.letters.axis(last))
            over += str(place[-1])
        text = self.product(view, op, input_index, entry, tuple(place))
        return f"Σ{view.letters.lowered(over)} {text}" if over else text

    def times(
        self, view: NodeView, op: Op, input_index: int, upstream: str, local: str, sign: str
    ) -> str:
        """Return upstream × local, the other way round where the rule has it so."""
        factors = [upstream, local]
        return sign.join(factors[::-1] if self.upstream_last(view, op, input_index) else factors)

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """Say why an entry of an input gets nothing back, or nothing."""
        return ""

    def upstream_last(self, view: NodeView, op: Op, input_index: int) -> bool:
        """Whether the local derivative stands before the upstream gradient, as in Xᵀ · grad."""
        return False


class _LocalWords:
    """An op's local derivatives by input, in symbols; only those that a sentence names are made."""

    def __init__(self, view: NodeView, op: Op) -> None:
        self._site, self._op = view, op

    def __getitem__(self, input_index: int) -> str:
        view = self._site
        return view.written(lambda *n: self._op.local(input_index, *n), [view.label, *view.labels])


class _Targets:
    """An op's inputs as those to which something is sent."""

    def __init__(self, view: NodeView) -> None:
        self._site = view

    def __getitem__(self, input_index: int) -> str:
        return self._site.target(input_index)


def factor(text: str) -> str:
    """Return a text as a factor, in brackets if it needs them."""
    return f"({text})" if _needs_brackets(text) else text


def _needs_brackets(text: str) -> bool:
    """Whether a factor has a sum in it, a sign or a spaced product, outside all brackets."""
    depth = 0
    for character in _EXPONENT.sub("", text):
        depth += (character in "([") - (character in ")]")
        if character in "+-×" and depth == 0:
            return True
    return False


_DOUBLED = re.compile(r"\(\(([^()]*)\)([,)])")
_BESIDE_BRACKET = re.compile(r"(?<=[\d)])\(")


def in_numbers(formula: str) -> str:
    """Return a formula whose names have become numbers, with its products written out."""
    text = _DOUBLED.sub(r"(\1\2", formula.replace("·", " × "))
    return _BESIDE_BRACKET.sub(" × (", text)


def vjp_of_one(op: Op, input_index: int, inputs: list[Array]) -> Array:
    """Return what an op with a scalar value sends to an input for an upstream gradient of 1."""
    do = Calls(inputs[0].dtype)
    value, out = np.zeros((), do.dtype), np.zeros_like(inputs[input_index])
    op.forward_calls(do, value, *inputs)
    op.vjp_calls(do, input_index, out, np.ones_like(value), value, *inputs)
    run(do)
    return out


def run(do: Calls) -> None:
    """Run the calls collected, quietly: infinities and NaN are what people come to ask about."""
    with np.errstate(all="ignore"):
        for call in do.take():
            call()

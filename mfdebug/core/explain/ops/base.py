"""The base class of explainers: how an entry of the value and an input's gradient are computed.

What a node sends back to one entry of an input is a sum over the entries of its own value:
upstream (∂cost/∂value entry) x local (∂value entry/∂input entry). An explainer computes the
locals: one column of the op's Jacobian, restricted to the entries that depend on the input's
entry, so that the cost does not depend on the size of the layer.
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
    """The region of the value that depends on an entry of an input, and the derivatives there."""

    region: Region
    numbers: Array


class Sent(NamedTuple):
    """What is sent to an input: a formula of whole tensors, or of one entry if not `whole`."""

    text: str
    whole: bool = True

    def of(self, entry: Index) -> str:
        """Return the formula for one entry: `(Xᵀ · ∂cost/∂l)[0,1]`."""
        if not self.whole:
            return self.text
        return named(f"({self.text})" if entry and " " in self.text else self.text, entry)


class Explainer:
    """Explains the ops of one family; it has no state.

    `input_index` is an input of the op, `entry` one of its entries, and `output` an entry of the
    value that depends on it. A subscript may be a letter, for a rule that holds for all entries.

    `picks` says that the op passes nothing where a local derivative is 0, not even NaN.
    `copies_some` says that where it is 0 there is a copy of another entry, which is no term.
    `reads_all_inputs` says that a local derivative depends on more than what `leads_to` returns.
    """

    picks: bool = False
    copies_some: bool = False
    reads_all_inputs: bool = False

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """Return the forward rule in symbols."""
        return view.written(op.formula, names)

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """Return one entry of the value as a sum of terms."""
        raise NotImplementedError

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """Return the contribution to an input, in symbols: the sum over what depends on it."""
        found = self.locals(view, op, input_index, entry)
        if found is None or not np.size(found.numbers):
            return Sent("0", whole=False)
        return Sent(self.rule_over(found.region, view, op, input_index, entry), whole=False)

    def sums(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sums | None:
        """Return the contribution as a sum of its own, or None if it is one of `locals`."""
        return None

    def kept(self, view: NodeView, op: Op, index: Index) -> tuple[str, ...]:
        """Return lines on what the op keeps from pass to pass, for an entry of its value."""
        return ()

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """Return ∂value/∂entry where the op does not make it 0 by definition; None if unknown."""
        raise NotImplementedError

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """Return one local derivative in symbols."""
        raise NotImplementedError

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """Return the formula in numbers of one local derivative, whose value is `number`."""
        return bracketed(number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """Return the refs that a local derivative depends on."""
        return []

    def role(self, view: NodeView, op: Op) -> str:
        """Return one sentence on what the op does in the backward pass."""
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
        """Return why an input has no gradient, or an empty string."""
        return op.stops_gradient(input_index)

    def product(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """Return upstream × local in symbols, for one entry of the value."""
        local, upstream = self.local(view, op, input_index, entry, output), view.gradient(output)
        if local in ("1", "-1"):
            return local[:-1] + upstream
        return self.times(view, op, input_index, upstream, factor(local), "·")

    def rule_over(
        self, region: Region, view: NodeView, op: Op, input_index: int, entry: Index
    ) -> str:
        """Return the sum over a region of the value in symbols: `Σₙ X[n,1]·∂cost/∂l[n,0]`."""
        output: list[int | str] = []
        over = ""
        for axis, part in enumerate(region):
            if part.stop - part.start == 1:
                output.append(part.start)
                continue
            last = len(region) - 1 - axis
            output.append(view.letters.axis(last))
            over += str(output[-1])
        text = self.product(view, op, input_index, entry, tuple(output))
        return f"Σ{view.letters.lowered(over)} {text}" if over else text

    def times(
        self, view: NodeView, op: Op, input_index: int, upstream: str, local: str, sign: str
    ) -> str:
        """Return upstream × local, or local × upstream if `upstream_last`."""
        factors = [upstream, local]
        return sign.join(factors[::-1] if self.upstream_last(view, op, input_index) else factors)

    def notes(self, view: NodeView, op: Op, input_index: int, entry: Index) -> tuple[str, ...]:
        """Return what the letters of a contribution mean, and what its terms do not say."""
        return tuple(filter(None, (view.legend(),)))

    def copied(self, view: NodeView, op: Op, input_index: int) -> str:
        """Return which copies of an input send back what adds up, or an empty string."""
        return ""

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """Return why an entry of an input gets no gradient, or an empty string."""
        return ""

    def divided(
        self, view: NodeView, op: Op, input_index: int, entry: Index, region: Region, amounts: Array
    ) -> str:
        """Return a note on the parts of which a contribution is the sum, or an empty string.

        `amounts` are its terms for the entries of a region of the value.
        """
        return ""

    def upstream_last(self, view: NodeView, op: Op, input_index: int) -> bool:
        """Whether the local derivative is written before the upstream gradient, as in Xᵀ · grad."""
        return False


class _LocalWords:
    """An op's local derivatives by input, in symbols, formatted only when a sentence uses them."""

    def __init__(self, view: NodeView, op: Op) -> None:
        self._view, self._op = view, op

    def __getitem__(self, input_index: int) -> str:
        view = self._view
        return view.written(lambda *n: self._op.local(input_index, *n), [view.label, *view.labels])


class _Targets:
    """The names of an op's inputs as targets of its contributions."""

    def __init__(self, view: NodeView) -> None:
        self._view = view

    def __getitem__(self, input_index: int) -> str:
        return self._view.target(input_index)


def factor(text: str) -> str:
    """Return a formula as a factor, in brackets if it needs them."""
    return f"({text})" if _needs_brackets(text) else text


def _needs_brackets(text: str) -> bool:
    """Whether a formula has a sign, a sum or a × product outside all brackets."""
    depth = 0
    for character in _EXPONENT.sub("", text):
        depth += (character in "([") - (character in ")]")
        if character in "+-×" and depth == 0:
            return True
    return False


_DOUBLED = re.compile(r"\(\(([^()]*)\)([,)])")
_BESIDE_BRACKET = re.compile(r"(?<=[\d)])\(")


def in_numbers(formula: str) -> str:
    """Return a formula, already in numbers, with its products written as ×."""
    text = _DOUBLED.sub(r"(\1\2", formula.replace("·", " × "))
    return _BESIDE_BRACKET.sub(" × (", text)


def scalar_vjp(op: Op, input_index: int, inputs: list[Array]) -> Array:
    """Return what an op with a scalar value sends to an input if its own gradient is 1."""
    do = Calls(inputs[0].dtype)
    value, out = np.zeros((), do.dtype), np.zeros_like(inputs[input_index])
    op.forward_calls(do, value, *inputs)
    op.vjp_calls(do, input_index, out, np.ones_like(value), value, *inputs)
    run(do)
    return out


def run(do: Calls) -> None:
    """Run the collected calls without warnings of infinities and NaN, which users ask about."""
    with np.errstate(all="ignore"):
        for call in do.take():
            call()

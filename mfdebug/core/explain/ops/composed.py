"""Functions of another library: explained as the one op of ours that computes them.

One that takes several ops is explained in `several.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from mfdebug.core.explain.entries import Region
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.ops.several import MovesExplainer, SeveralExplainer, are_moves
from mfdebug.core.explain.part_view import PartView, Single, single
from mfdebug.core.explain.sums import Bundle, Sums, TermText
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Array, Op
from miniflow.ops.composed import Composed

# Xᵀ · g, as the gradient of Wᵀ: that of W is gᵀ · X.
_PRODUCT = re.compile(r"(\S+)ᵀ · (\S+)")


class _Inner(NamedTuple):
    """What a call of this explainer becomes: a call of another one, with these arguments."""

    explainer: Explainer
    view: NodeView
    op: Op
    input_index: int
    entry: Index


class ComposedExplainer(Explainer):
    """Explains one function at the present moment, as its op does with other names of entries.

    `explainer_of` returns the explainer of an op.
    """

    def __init__(self, view: NodeView, op: Composed, explainer_of: Callable[[Op], Explainer]):
        parts = op.parts(*(x.shape for x in view.inputs))
        self._outer, self._op = view, op
        moves = are_moves(parts) and len(parts.ops) != 1
        self._one: Single | None = None if moves else single(parts)
        if self._one is None:
            several = MovesExplainer(parts) if moves else SeveralExplainer(parts)
            self._explainer: Explainer = several
            self._view = view
        else:
            self._explainer = explainer_of(self._one.op)
            self._view = PartView(view, self._one)
            # What is read are inputs of the function, all of them to be sure.
            self.picks = self._explainer.picks
            self.reads_all_inputs = self._explainer.reads_all_inputs

    @property
    def inner_view(self) -> NodeView:
        """The view of the one op, or that of the function if it takes several."""
        return self._view

    @property
    def _inner_op(self) -> Op:
        return self._op if self._one is None else self._one.op

    def _to(self, input_index: int, entry: Index) -> _Inner:
        place = None if self._one is None else self._one.place(input_index)
        if place is None:
            # A function of several ops, or an input that the op does not take.
            explainer = self._explainer if self._one is None else SeveralExplainer(None)
            return _Inner(explainer, self._outer, self._op, input_index, entry)
        assert isinstance(self._view, PartView)
        inner = self._view.inner(place, entry)
        return _Inner(self._explainer, self._view, self._inner_op, place, inner)

    def formula(self, view: NodeView, op: Op, names: list[str]) -> str:
        """The formula of the op."""
        return self._explainer.formula(self._view, self._inner_op, self._view.labels)

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The sum of the op; a constant leads nowhere."""
        return _of_nodes(self._explainer.value(self._view, self._inner_op, index))

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """What the op sends, turned as the function's input is."""
        to = self._to(input_index, entry)
        sent = to.explainer.sent(to.view, to.op, to.input_index, to.entry)
        taken = None if to.view is self._outer or self._one is None else self._one.taken
        if taken is None or not sent.whole or not taken[to.input_index].turns:
            return sent._replace(text=_plain(sent.text))
        if taken[to.input_index].is_transposed:
            return Sent(_transposed(sent.text))
        local = to.explainer.locals(to.view, to.op, to.input_index, to.entry)
        if local is None or not np.size(local.numbers):
            return Sent("0", whole=False)
        rule = to.explainer.rule_over(local.region, to.view, to.op, to.input_index, to.entry)
        return Sent(rule, whole=False)

    def role(self, view: NodeView, op: Op) -> str:
        """The sentence of the op; with other inputs than the function, what is sent to each."""
        taken = () if self._one is None else self._one.taken
        if all(each.input_index is not None and not each.is_transposed for each in taken):
            return self._explainer.role(self._view, self._inner_op)
        sent = []
        for input_index, x in enumerate(view.inputs):
            if view.debugger.state.no_gradient(view.sources[input_index]):
                continue
            found = self.sent(view, op, input_index, (0,) * x.ndim)
            if not found.whole:
                return self._explainer.role(self._view, self._inner_op)
            sent.append(f"{found.text} to {view.target(input_index)}")
        if len(sent) < 2:
            return f"{type(op).__name__} sends {''.join(sent) or 'nothing'}"
        *first, last = sent
        return f"{type(op).__name__} sends {', '.join(first)}{',' if first[1:] else ''} and {last}"

    def sums(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sums | None:
        """The op's own sum."""
        to = self._to(input_index, entry)
        found = to.explainer.sums(to.view, to.op, to.input_index, to.entry)
        return None if found is None else _of_nodes(found)

    def kept(self, view: NodeView, op: Op, index: Index) -> tuple[str, ...]:
        """Nothing: what a function keeps from call to call is in its inputs."""
        return ()

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """The op's locals."""
        to = self._to(input_index, entry)
        return to.explainer.locals(to.view, to.op, to.input_index, to.entry)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """The op's local derivative."""
        to = self._to(input_index, entry)
        return to.explainer.local(to.view, to.op, to.input_index, to.entry, output)

    def local_numbers(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index, number: float
    ) -> str:
        """The op's local derivative in numbers."""
        to = self._to(input_index, entry)
        return to.explainer.local_numbers(to.view, to.op, to.input_index, to.entry, output, number)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The refs of the op, without constants."""
        to = self._to(input_index, entry)
        found = to.explainer.leads_to(to.view, to.op, to.input_index, to.entry, output)
        return [*_nodes_only(found)]

    def without_gradient(self, view: NodeView, op: Op, input_index: int) -> str:
        """Why the op sends nothing to an input."""
        entry = (0,) * view.inputs[input_index].ndim
        to = self._to(input_index, entry)
        return to.explainer.without_gradient(to.view, to.op, to.input_index)

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """Why the op leaves an entry out."""
        to = self._to(input_index, entry)
        return to.explainer.left_out(to.view, to.op, to.input_index, to.entry)

    def copied(self, view: NodeView, op: Op, input_index: int) -> str:
        """What is copied by the op."""
        to = self._to(input_index, (0,) * view.inputs[input_index].ndim)
        return to.explainer.copied(to.view, to.op, to.input_index)

    def notes(self, view: NodeView, op: Op, input_index: int, entry: Index) -> tuple[str, ...]:
        """The notes of the op."""
        to = self._to(input_index, entry)
        return to.explainer.notes(to.view, to.op, to.input_index, to.entry)

    def divided(
        self,
        view: NodeView,
        op: Op,
        input_index: int,
        entry: Index,
        region: Region,
        amounts: Array,
    ) -> str:
        """The parts of a contribution, as the op has them."""
        to = self._to(input_index, entry)
        return to.explainer.divided(to.view, to.op, to.input_index, to.entry, region, amounts)

    def product(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """Upstream × local, as the op writes it."""
        to = self._to(input_index, entry)
        return to.explainer.product(to.view, to.op, to.input_index, to.entry, output)

    def times(
        self, view: NodeView, op: Op, input_index: int, upstream: str, local: str, sign: str
    ) -> str:
        """Upstream × local, in the op's order."""
        to = self._to(input_index, (0,) * view.inputs[input_index].ndim)
        return to.explainer.times(to.view, to.op, to.input_index, upstream, local, sign)


def _nodes_only(refs: Iterable[EntryRef]) -> tuple[EntryRef, ...]:
    """Return the refs to nodes; one to a constant has a negative number."""
    return tuple(ref for ref in refs if ref.node >= 0)


def _of_nodes(sums: Sums) -> Sums:
    """Return a sum whose terms lead to nodes only."""

    def plain(bundle: Bundle) -> Bundle:
        def term_text(k: int) -> TermText:
            term = bundle.term_text(k)
            return term._replace(leads_to=_nodes_only(term.leads_to))

        return Bundle(bundle.amounts, term_text)

    reads = tuple(node for node in sums.reads if node >= 0)
    return replace(sums, bundles=tuple(map(plain, sums.bundles)), reads=reads)


def _plain(text: str) -> str:
    """Return a formula without double transposes."""
    return text.replace("ᵀᵀ", "")


def _transposed(text: str) -> str:
    """Return a formula of a matrix, transposed."""
    if found := _PRODUCT.fullmatch(text):
        return f"({found[2]})ᵀ · {found[1]}"
    return f"({_plain(text)})ᵀ"

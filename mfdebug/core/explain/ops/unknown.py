"""Nodes of other people's making: what they do to their numbers is known, how is not."""

from __future__ import annotations

from itertools import product

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, factor, run
from mfdebug.core.explain.ops.elementwise import elementwise_locals
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.base import Calls, Elementwise, Op

# An op is probed entry by entry if value and input have so many pairs of entries.
PROBE_LIMIT = 4096


class ProbeExplainer(Explainer):
    """An op that is not of the registry: its local derivatives are found by trying it."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The number, and the inputs that it may be made of."""
        note = f"{type(op).__name__} has rules of its own: how it makes this number is not known"
        return unknown_value(view, index, note)

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient times what the op calls its local derivative."""
        local = view.written(lambda *n: op.local(input_index, *n), [view.label, *view.labels])
        return Sent(f"{view.gradient()} × {factor(local)}")

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """What the op sends for a gradient of 1 at one entry of its value, one after the other."""
        if isinstance(op, Elementwise):
            return elementwise_locals(view, op, input_index, entry)
        value, inputs = view.value, view.inputs
        if value.size * inputs[input_index].size > PROBE_LIMIT:
            return None
        do = Calls(value.dtype)
        op.forward_calls(do, np.zeros_like(value), *inputs)
        run(do)
        column = np.zeros_like(value)
        for place in product(*map(range, value.shape)):
            one_hot = np.zeros_like(value)
            one_hot[place] = 1.0
            sent = np.zeros_like(inputs[input_index])
            op.vjp_calls(do, input_index, sent, one_hot, value, *inputs)
            run(do)
            column[place] = sent[entry]
        return Locals(tuple(slice(0, n) for n in value.shape), column)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, place: Subscripts
    ) -> str:
        """∂value entry/∂input entry."""
        return f"∂{named(view.label, place)}/∂{view.entry(input_index, entry)}"

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, place: Index
    ) -> list[EntryRef]:
        """The value, and the inputs' entries there."""
        return [EntryRef(view.node, "value", place), *view.alike(place)]


def unknown_value(view: NodeView, index: Index, note: str) -> Sums:
    """Return a value of which the inputs are known and the rule is not."""
    symbols = f"{type(view.op).__name__}({', '.join(view.labels)})"
    number = float(view.value[index])
    term = one_term(number, symbols, bracketed(number), view.alike(index))
    return Sums(symbols, (term,), (note,))

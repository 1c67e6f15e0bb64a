"""Nodes with rules that mfdebug does not know: what they compute is known, how is not."""

from __future__ import annotations

from itertools import product

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, factor, run
from mfdebug.core.explain.ops.elementwise import elementwise_locals
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.base import Calls, Op
from miniflow.ops.broadcasting import Elementwise

# An op is probed entry by entry if value and input have up to this many pairs of entries.
PROBE_LIMIT = 4096


class ProbeExplainer(Explainer):
    """An op outside the registry: its local derivatives are found by running its backward rule."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The number, and the input entries that it may depend on."""
        note = f"{type(op).__name__} has its own rules: how it computes this number is not known"
        return unknown_value(view, index, note)

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The gradient times the op's own words for its local derivative."""
        local = view.written(lambda *n: op.local(input_index, *n), [view.label, *view.labels])
        return Sent(f"{view.gradient()} × {factor(local)}")

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """What the op sends for a gradient of 1 at each single entry of its value, in turn."""
        if isinstance(op, Elementwise) and op.is_elementwise:
            return elementwise_locals(view, op, input_index, entry)
        value, inputs = view.value, view.inputs
        if value.size * inputs[input_index].size > PROBE_LIMIT:
            return None
        do = Calls(value.dtype)
        op.forward_calls(do, np.zeros_like(value), *inputs)
        run(do)
        column = np.zeros_like(value)
        for output in product(*map(range, value.shape)):
            one_hot = np.zeros_like(value)
            one_hot[output] = 1.0
            sent = np.zeros_like(inputs[input_index])
            op.vjp_calls(do, input_index, sent, one_hot, value, *inputs)
            run(do)
            column[output] = sent[entry]
        return Locals(tuple(slice(0, n) for n in value.shape), column)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """∂value entry/∂input entry."""
        return f"∂{named(view.label, output)}/∂{view.entry(input_index, entry)}"

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The value's entry, and the matching entries of the inputs."""
        return [EntryRef(view.node, "value", output), *view.matching_refs(output)]


def unknown_value(view: NodeView, index: Index, note: str) -> Sums:
    """Return an entry of a value computed from known inputs by an unknown rule."""
    symbols = f"{type(view.op).__name__}({', '.join(view.labels)})"
    number = float(view.value[index])
    term = one_term(number, symbols, bracketed(number), view.matching_refs(index))
    return Sums(symbols, (term,), (note,))

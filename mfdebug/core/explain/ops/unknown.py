"""Nodes of other people's making: what they do to their numbers is known, how is not."""

from __future__ import annotations

from itertools import product

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.node_at import Site
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent, factor, run
from mfdebug.core.explain.ops.elementwise import elementwise_locals
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import Index, Spot, Subscripts, named
from miniflow.ops.base import Calls, Elementwise, Op

# An op is probed entry by entry if value and input have so many pairs of entries.
PROBE_LIMIT = 4096


class ProbeExplainer(Explainer):
    """An op that is not of the registry: its local derivatives are found by trying it."""

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """The number, and the inputs that it may be made of."""
        note = f"{type(op).__name__} has rules of its own: how it makes this number is not known"
        return unknown_value(site, index, note)

    def sent(self, site: Site, op: Op, slot: int, entry: Index) -> Sent:
        """The gradient times what the op calls its local derivative."""
        local = site.written(lambda *n: op.local(slot, *n), [site.label, *site.labels])
        return Sent(f"{site.gradient()} × {factor(local)}")

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """What the op sends for a gradient of 1 at one entry of its value, one after the other."""
        if isinstance(op, Elementwise):
            return elementwise_locals(site, op, slot, entry)
        value, inputs = site.value, site.inputs
        if value.size * inputs[slot].size > PROBE_LIMIT:
            return None
        do = Calls(value.dtype)
        op.forward_calls(do, np.zeros_like(value), *inputs)
        run(do)
        column = np.zeros_like(value)
        for place in product(*map(range, value.shape)):
            one_hot = np.zeros_like(value)
            one_hot[place] = 1.0
            sent = np.zeros_like(inputs[slot])
            op.vjp_calls(do, slot, sent, one_hot, value, *inputs)
            run(do)
            column[place] = sent[entry]
        return Locals(tuple(slice(0, n) for n in value.shape), column)

    def local(self, site: Site, op: Op, slot: int, entry: Index, place: Subscripts) -> str:
        """∂value entry/∂input entry."""
        return f"∂{named(site.label, place)}/∂{site.entry(slot, entry)}"

    def leads_to(self, site: Site, op: Op, slot: int, entry: Index, place: Index) -> list[Spot]:
        """The value, and the inputs' entries there."""
        return [Spot(site.node, "value", place), *site.alike(place)]


def unknown_value(site: Site, index: Index, note: str) -> Sums:
    """Return a value of which the inputs are known and the rule is not."""
    symbols = f"{type(site.op).__name__}({', '.join(site.labels)})"
    number = float(site.value[index])
    term = one_term(number, symbols, bracketed(number), site.alike(index))
    return Sums(symbols, (term,), (note,))

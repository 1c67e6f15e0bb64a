"""Sum and Mean: each entry that was summed gets the gradient back, whole or divided by m."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.entries import one_entry, place_in, summed, summed_in
from mfdebug.core.explain.node_at import Site
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Bundle, Sums, Told
from mfdebug.core.timeline.entry_ref import Index, Subscripts
from miniflow.ops.base import Op
from miniflow.ops.reduce import Mean, Sum


class ReductionExplainer(Explainer):
    """Sum and Mean, over everything or along axes."""

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """A term for each entry that was summed."""
        assert isinstance(op, Sum | Mean)
        region = summed(op, index, site.inputs[0].shape)
        taken = np.asarray(site.inputs[0][region], np.float64).reshape(-1)
        count = max(taken.size, 1)
        mean = isinstance(op, Mean)

        def tell(k: int) -> Told:
            entry = place_in(region, k)
            name, number = site.entry(0, entry), bracketed(site.number(0, entry))
            if mean:
                name, number = f"{name}/{site.letters.count}", f"{number}/{count}"
            return Told(name, number, (site.spot(0, entry),))

        amounts = taken / count if mean else taken
        notes = (site.legend(),) if mean else ()
        return Sums(self.formula(site, op, site.labels), (Bundle(amounts, tell),), notes)

    def sent(self, site: Site, op: Op, slot: int, entry: Index) -> Sent:
        """The gradient of the sum that the entry is in, times 1 or 1/m."""
        assert isinstance(op, Sum | Mean)
        local = self.local(site, op, slot, entry, ())
        return Sent(f"{site.gradient(summed_in(op, entry))} × {local}", whole=False)

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """1, or 1/m."""
        assert isinstance(op, Sum | Mean)
        one = one_entry(summed_in(op, entry))
        share = site.value.size / site.inputs[0].size if isinstance(op, Mean) else 1.0
        return Locals(one, np.full((1,) * len(one), share))

    def local(self, site: Site, op: Op, slot: int, entry: Index, place: Subscripts) -> str:
        """1, or 1/m."""
        return site.written(lambda *n: op.local(0, *n), [site.label, *site.labels])

    def local_numbers(
        self, site: Site, op: Op, slot: int, entry: Index, place: Index, number: float
    ) -> str:
        """1, or 1/m with m as a number."""
        if isinstance(op, Mean):
            return f"1/{site.inputs[0].size // max(site.value.size, 1)}"
        return bracketed(number)

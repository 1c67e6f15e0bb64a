"""Transpose, Reshape, Concat and Slice: entries that move without changing."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.entries import moved_from, moved_to, one_entry
from mfdebug.core.explain.node_at import Site
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import Index, Subscripts
from miniflow.ops.base import Op
from miniflow.ops.shape import Reshape


class MoveExplainer(Explainer):
    """An op that puts each entry of its inputs somewhere else, or leaves it out."""

    def value(self, site: Site, op: Op, index: Index) -> Sums:
        """The entry that was moved here."""
        shapes = [x.shape for x in site.inputs]
        slot, entry = moved_from(op, index, site.value.shape, shapes)
        name, number = site.entry(slot, entry), bracketed(site.number(slot, entry))
        term = one_term(float(site.value[index]), name, number, [site.spot(slot, entry)])
        rule = self.formula(site, op, site.labels)
        return Sums(rule if isinstance(op, Reshape) else Sent(rule).of(index), (term,))

    def sent(self, site: Site, op: Op, slot: int, entry: Index) -> Sent:
        """The gradient where the entry went."""
        place = moved_to(op, slot, entry, site.value.shape, [x.shape for x in site.inputs])
        return Sent("0" if place is None else f"{site.gradient(place)} × 1", whole=False)

    def locals(self, site: Site, op: Op, slot: int, entry: Index) -> Locals | None:
        """1 where the entry went; nothing where a slice leaves it out."""
        shape = site.value.shape
        place = moved_to(op, slot, entry, shape, [x.shape for x in site.inputs])
        if place is None:
            return Locals((slice(0, 0),) * len(shape), np.zeros((0,) * len(shape)))
        return Locals(one_entry(place), np.ones((1,) * len(shape)))

    def left_out(self, site: Site, op: Op, slot: int, entry: Index) -> str:
        """A slice leaves entries out."""
        shapes = [x.shape for x in site.inputs]
        there = moved_to(op, slot, entry, site.value.shape, shapes) is not None
        return "" if there else f"{site.label} leaves {site.entry(slot, entry)} out"

    def local(self, site: Site, op: Op, slot: int, entry: Index, place: Subscripts) -> str:
        """1."""
        return "1"

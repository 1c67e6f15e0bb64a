"""Pad: the gradients of an entry and of its copies in the borders add up."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import Index, Subscripts
from miniflow.ops.base import Array, Op
from miniflow.ops.pad import Pad
from miniflow.text.lists import series


class PadExplainer(Explainer):
    """An entry is copied to one place inside, and by most modes to places in the borders."""

    picks = True

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The entry that was copied here, or the constant."""
        assert isinstance(op, Pad)
        shape, number = view.inputs[0].shape, float(view.value[index])
        found = [op.source(axis, i, shape) for axis, i in enumerate(index)]
        entry = tuple(i for i in found if i is not None)
        rule = self.formula(view, op, view.labels)
        if len(entry) < len(found):
            text = bracketed(number)
            return Sums(rule, (one_term(number, text, text, ()),), ("the constant of the border",))
        name = view.entry(0, entry)
        return Sums(rule, (one_term(number, name, bracketed(number), [view.ref(0, entry)]),))

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals:
        """1 at the copies, 0 between them."""
        places = self._places(view, op, entry)
        if not all(places):
            none: Array = np.zeros((0,) * view.value.ndim)
            return Locals((slice(0, 0),) * view.value.ndim, none)
        region = tuple(slice(found[0], found[-1] + 1) for found in places)
        numbers: Array = np.ones([part.stop - part.start for part in region])
        for axis, found in enumerate(places):
            at = np.zeros(found[-1] + 1 - found[0])
            at[np.subtract(found, found[0])] = 1.0
            numbers *= at.reshape([-1 if i == axis else 1 for i in range(len(places))])
        return Locals(region, numbers)

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """A negative pad takes entries away."""
        kept = all(self._places(view, op, entry))
        return "" if kept else f"{view.label} leaves {view.entry(input_index, entry)} out"

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1 for a copy; in the rule for all, the places of the copies."""
        tests = []
        for i, found in zip(output, self._places(view, op, entry), strict=True):
            if isinstance(i, int):
                if i not in found:
                    return "0"
            elif found[-1] - found[0] >= len(found):
                tests.append(f"[{i} = {series(list(map(str, found)), ' or ')}]")
        return "·".join(tests) or "1"

    @staticmethod
    def _places(view: NodeView, op: Op, entry: Index) -> list[list[int]]:
        """Return by axis the places of the value to which an entry is copied, in order."""
        assert isinstance(op, Pad)
        shape = view.inputs[0].shape
        return [
            [place for place in range(n) if op.source(axis, place, shape) == i]
            for axis, (n, i) in enumerate(zip(view.value.shape, entry, strict=True))
        ]

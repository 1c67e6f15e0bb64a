"""Expand, Tile and Take: the gradients of the copies of an entry add up."""

from __future__ import annotations

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.entries import Region, copies, matched
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Sums, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts
from miniflow.ops.base import Array, Op


class CopyExplainer(Explainer):
    """An op whose value has copies of its first input's entries."""

    picks = True
    copies_some = True

    def source(self, view: NodeView, op: Op, index: Index) -> Index:
        """Return the entry of the first input that was copied to entry `index` of the value."""
        raise NotImplementedError

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The entry that was copied here."""
        entry = self.source(view, op, index)
        name, number = view.entry(0, entry), bracketed(view.number(0, entry))
        refs = [view.ref(0, entry), *self.also(view, op, index)]
        term = one_term(float(view.value[index]), name, number, refs)
        return Sums(self.formula(view, op, view.labels), (term,))

    def also(self, view: NodeView, op: Op, index: Index) -> list[EntryRef]:
        """Return what else an entry of the value depends on."""
        return []

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The sum of the gradients of the copies."""
        if input_index:
            return Sent("0", whole=False)
        found = self.locals(view, op, input_index, entry)
        assert found is not None
        return Sent(self.rule_over(found.region, view, op, input_index, entry), whole=False)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1."""
        return "1"


class ExpandExplainer(CopyExplainer):
    """Expand: copies along the axes that were broadcast."""

    def source(self, view: NodeView, op: Op, index: Index) -> Index:
        """The entry that broadcasts here."""
        return matched(index, view.inputs[0].shape)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 at the copies."""
        region = copies(entry, view.inputs[0].shape, view.value.shape)
        return Locals(region, np.ones([part.stop - part.start for part in region]))


class TileExplainer(CopyExplainer):
    """Tile: along an axis of n entries, entry i is copied to every place with remainder i by n."""

    def source(self, view: NodeView, op: Op, index: Index) -> Index:
        """The place in its copy."""
        shape = view.inputs[0].shape
        last = index[len(index) - len(shape) :]
        return tuple(i % n for i, n in zip(last, shape, strict=True))

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 at the copies, in the region along the axes that were repeated."""
        region = self._region(view, entry)
        sizes = [part.stop - part.start for part in region]
        numbers: Array = np.ones(sizes)
        for axis, (i, n) in self._repeated(view, entry).items():
            places = np.arange(sizes[axis]) % n == i
            numbers *= places.reshape([-1 if at == axis else 1 for at in range(len(sizes))])
        return Locals(region, numbers)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """1 for a copy; in the rule for all, the copies are those with its remainder."""
        if all(isinstance(i, int) for i in output):
            return "1" if self.source(view, op, _integers(output)) == entry else "0"
        found = [
            f"[{output[axis]} mod {n} = {i}]"
            for axis, (i, n) in self._repeated(view, entry).items()
            if n > 1
        ]
        return "·".join(found) or "1"

    def _repeated(self, view: NodeView, entry: Index) -> dict[int, tuple[int, int]]:
        """Return the entry's place and the input's size, by axis of the value that was repeated."""
        front = view.value.ndim - len(entry)
        return {
            axis: (i, n)
            for axis, (i, n) in enumerate(zip(entry, view.inputs[0].shape, strict=True), front)
            if n != view.value.shape[axis]
        }

    def _region(self, view: NodeView, entry: Index) -> Region:
        front = view.value.ndim - len(entry)
        repeated = self._repeated(view, entry)
        return tuple(
            slice(0, n)
            if axis < front or axis in repeated
            else slice(entry[axis - front], entry[axis - front] + 1)
            for axis, n in enumerate(view.value.shape)
        )


class TakeExplainer(CopyExplainer):
    """Take: a row is sent the sum of the gradients of all places to which it was copied."""

    def source(self, view: NodeView, op: Op, index: Index) -> Index:
        """The row that was taken."""
        axis, count = self._axis(view, op), view.inputs[1].ndim
        row = int(view.inputs[1][index[axis : axis + count]]) % view.inputs[0].shape[axis]
        return (*index[:axis], row, *index[axis + count :])

    def also(self, view: NodeView, op: Op, index: Index) -> list[EntryRef]:
        """The number of the row."""
        return [view.ref(1, self._place(view, op, index))]

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """1 wherever this row was taken."""
        if input_index:
            return None
        axis, rows = self._axis(view, op), view.inputs[1]
        region = (
            *(slice(i, i + 1) for i in entry[:axis]),
            *(slice(0, n) for n in rows.shape),
            *(slice(i, i + 1) for i in entry[axis + 1 :]),
        )
        taken = rows.astype(np.int64) % view.inputs[0].shape[axis] == entry[axis]
        return Locals(region, taken.reshape([part.stop - part.start for part in region]) * 1.0)

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """Whether the row taken there is this one."""
        axis, count = self._axis(view, op), view.inputs[1].ndim
        name = view.entry(1, output[axis : axis + count])
        row, size = entry[axis], view.inputs[0].shape[axis]
        negative = view.inputs[1].min() < 0
        return f"[{name} = {row} or {row - size}]" if negative else f"[{name} = {row}]"

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """The number of the row."""
        return [view.ref(1, self._place(view, op, output))]

    def without_gradient(self, view: NodeView, op: Op, input_index: int) -> str:
        """A row number is not differentiable."""
        return "an index has no gradient" if input_index else ""

    def _place(self, view: NodeView, op: Op, index: Index) -> Index:
        axis = self._axis(view, op)
        return index[axis : axis + view.inputs[1].ndim]

    @staticmethod
    def _axis(view: NodeView, op: Op) -> int:
        axis: int = op.attrs["axis"] % view.inputs[0].ndim
        return axis


def _integers(subscripts: Subscripts) -> Index:
    return tuple(i for i in subscripts if isinstance(i, int))

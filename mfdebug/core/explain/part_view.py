"""A function of another library seen as the one op of ours that computes it.

That op's inputs are those of the function, in the op's own order, perhaps turned (`Wᵀ`) or with
axes of size 1, and constants. The entries keep the names that they have in the function's inputs.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.format.formula_letters import Letters
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.node import Input, Node
from miniflow.ops.base import Array, Op, Shape
from miniflow.ops.composed import Parts
from miniflow.ops.shape import SameEntries, Transpose

T = TypeVar("T", int, int | str)


class Turn(NamedTuple):
    """A step from an input to what the op takes: its axes in another order, or axes of size 1.

    `axes` is None for the latter.
    """

    axes: tuple[int, ...] | None
    before: Shape
    after: Shape

    def forth(self, entry: tuple[T, ...]) -> tuple[T, ...]:
        """Return the entry after the step that is `entry` before it."""
        if self.axes is not None:
            return tuple(entry[axis] for axis in self.axes)
        return _same(entry, self.before, self.after)

    def back(self, entry: tuple[T, ...]) -> tuple[T, ...]:
        """Return the entry before the step that is `entry` after it."""
        if self.axes is not None:
            places = dict(zip(self.axes, entry, strict=True))
            return tuple(places[axis] for axis in range(len(entry)))
        return _same(entry, self.after, self.before)

    def of(self, array: Array) -> Array:
        """Return an array after the step."""
        return array.reshape(self.after) if self.axes is None else array.transpose(self.axes)


def _same(entry: tuple[T, ...], shape: Shape, other: Shape) -> tuple[T, ...]:
    kept = iter([i for i, n in zip(entry, shape, strict=True) if n != 1])
    return tuple(0 if n == 1 else next(kept) for n in other)


class Taken(NamedTuple):
    """An input of the op: which of the function's inputs, after which steps; or a constant.

    `label` is what a constant of several numbers is called.
    """

    input_index: int | None
    turns: tuple[Turn, ...] = ()
    constant: Array | None = None
    label: str = "constants"

    @property
    def is_transposed(self) -> bool:
        """Whether it is a matrix with its rows as columns, and nothing else."""
        return len(self.turns) == 1 and self.turns[0].axes == (1, 0)

    def name(self, label: str) -> str:
        """Return the name of what is taken of an input called `label`: `Wᵀ`."""
        for turn in self.turns:
            if turn.axes == (1, 0):
                label += "ᵀ"
            elif turn.axes is not None:
                label += f".transpose({', '.join(map(str, turn.axes))})"
            else:
                label += f".reshape({', '.join(map(str, turn.after))})"
        return label


class Single(NamedTuple):
    """The one op that computes a function, and what it takes."""

    op: Op
    taken: tuple[Taken, ...]

    def place(self, input_index: int) -> int | None:
        """Return which input of the op an input of the function is; None if it is not used."""
        found = [k for k, taken in enumerate(self.taken) if taken.input_index == input_index]
        return found[0] if found else None


def single(parts: Parts) -> Single | None:
    """Return the one op of `parts`, if all else only turns inputs, each of them taken once."""
    op = parts.result
    if not isinstance(op, Op):
        return None
    taken = [_taken(node, parts) for node in op.inbound_nodes]
    used = [each.input_index for each in taken if each is not None and each.input_index is not None]
    if None in taken or len(set(used)) < len(used):
        return None
    return Single(op, tuple(each for each in taken if each is not None))


def _taken(node: Node, parts: Parts) -> Taken | None:
    turns: list[Turn] = []
    while isinstance(node, Op):
        if len(node.inbound_nodes) != 1:
            return None
        source = node.inbound_nodes[0]
        before, after = parts.shapes[source], parts.shapes[node]
        if isinstance(node, Transpose):
            given = node.attrs["axes"]
            order = range(len(before))
            axes = (
                tuple(reversed(order)) if given is None else tuple(n % len(before) for n in given)
            )
            turns.insert(0, Turn(axes, before, after))
        elif isinstance(node, SameEntries) and _wide(before) == _wide(after):
            turns.insert(0, Turn(None, before, after))
        else:
            return None
        node = source
    for input_index, given_input in enumerate(parts.inputs):
        if node is given_input:
            return Taken(input_index, tuple(turns))
    if not isinstance(node, Input) or turns:
        return None
    constant = np.asarray(node.value, np.float64)
    return Taken(None, constant=constant, label=node.name or "constants")


def _wide(shape: Shape) -> list[int]:
    return [n for n in shape if n != 1]


class PartView(NodeView):
    """A view of a function's node with the inputs of its one op."""

    def __init__(self, view: NodeView, part: Single) -> None:
        self.base = view
        self.debugger, self.node = view.debugger, view.node
        self.op = part.op
        self.label, self.value = view.label, view.value
        self.taken = part.taken
        self.inputs = [self._array(each) for each in part.taken]
        # A constant is no node: it has a number that no node has.
        self.sources = [
            -1 - k if each.input_index is None else view.sources[each.input_index]
            for k, each in enumerate(part.taken)
        ]
        self.labels = [self._label(each) for each in part.taken]

    def _array(self, taken: Taken) -> Array:
        if taken.input_index is None:
            assert taken.constant is not None
            return taken.constant.astype(self.value.dtype)
        array = self.base.inputs[taken.input_index]
        for turn in taken.turns:
            array = turn.of(array)
        return array

    def _label(self, taken: Taken) -> str:
        if taken.input_index is None:
            assert taken.constant is not None
            size = taken.constant.size
            return bracketed(float(taken.constant.reshape(()))) if size == 1 else taken.label
        return taken.name(self.base.labels[taken.input_index])

    @cached_property
    def sgd_step(self) -> int:
        """The SGD step in which the value was computed."""
        return self.base.sgd_step

    @property
    def letters(self) -> Letters:
        """The letters of the function's view: those of one sum are the same throughout."""
        return self.base.letters

    def input_note(self, input_index: int) -> str:
        """Return which input of the function it is, if the same node is several."""
        taken = self.taken[input_index].input_index
        return "" if taken is None else self.base.input_note(taken)

    def target(self, input_index: int) -> str:
        """Return an input's name as the target of a contribution."""
        taken = self.taken[input_index].input_index
        return self.labels[input_index] if taken is None else self.base.target(taken)

    def entry(self, input_index: int, index: Subscripts) -> str:
        """Return the name that an entry has in the function's input; of a constant, its number."""
        taken = self.taken[input_index]
        if taken.input_index is None:
            assert taken.constant is not None
            if any(isinstance(i, str) for i in index):
                return self.labels[input_index]
            at = tuple(int(i) for i in index)
            return bracketed(float(taken.constant[at]))
        outer: tuple[int | str, ...] = tuple(index)
        for turn in reversed(taken.turns):
            outer = turn.back(outer)
        return named(self.base.labels[taken.input_index], outer)

    def ref(self, input_index: int, index: Index) -> EntryRef:
        """Return the ref of an entry of a function's input; of a constant, one to no node."""
        taken, outer = self.taken[input_index], index
        for turn in reversed(taken.turns):
            outer = turn.back(outer)
        return EntryRef(self.sources[input_index], "value", outer)

    def inner(self, input_index: int, entry: Index) -> Index:
        """Return an entry of the function's input that is input `input_index` of the op."""
        for turn in self.taken[input_index].turns:
            entry = turn.forth(entry)
        return entry

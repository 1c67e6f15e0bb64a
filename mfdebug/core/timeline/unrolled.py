"""The debugger of a graph with layers that are unrolled, and the way to it and back.

An unrolled layer computes what the layer computes, to the last bit. So the moment, the edits and
the costs of one are those of the other; only the numbers of the moments differ.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.cursor import Progress
from mfdebug.core.timeline.debugger import Debugger, Position
from mfdebug.core.timeline.edits import Edit, EditAction
from miniflow.node import Input


class UnrolledDebugger(ComputedDebugger):
    """A debugger of the graph of `rolled`, in which `layers` are unrolled.

    `inner` has, for each of them, the names of its nodes. Raises `MiniflowError` if one is no layer
    that can be unrolled.
    """

    def __init__(self, rolled: ComputedDebugger, layers: Sequence[str]) -> None:
        # It knows a dozen kinds of ops, and few graphs have a layer to unroll.
        from miniflow.unroll import unroll

        graph = rolled.graph
        self.inner: dict[str, frozenset[str]] = {}
        for name in layers:
            graph, names = unroll(graph, name)
            self.inner[name] = frozenset(names)
        super().__init__(graph, history_memory=rolled.cursor.checkpoints.memory)
        self._rolled = rolled

    @property
    def rolled(self) -> ComputedDebugger:
        """The debugger of the graph itself."""
        return self._rolled

    @property
    def unrolled(self) -> tuple[str, ...]:
        """The layers that are unrolled."""
        return tuple(self.inner)

    def layer_of(self, name: str) -> str | None:
        """Return the unrolled layer that a node is part of, or is the value of."""
        found = (layer for layer, inner in self.inner.items() if name == layer or name in inner)
        return next(found, None)


def inner_of(debugger: Debugger) -> dict[str, frozenset[str]]:
    """Return the nodes of each unrolled layer of a debugger."""
    return debugger.inner if isinstance(debugger, UnrolledDebugger) else {}


def carry(
    source: ComputedDebugger, target: ComputedDebugger, progress: Progress | None = None
) -> list[Edit]:
    """Give `target` the edits and the moment of `source`; return the edits that stay behind.

    Those are the overrides of nodes that `target` does not have, and the ones that were made, or
    take effect, in the middle of a layer that is a single moment there. The branches that `undo`
    returns to are carried over if all edits are.
    """
    position = _Carrier(source, target).position()
    left = [edit for edit in source.edits if _carried(source, target, edit) is None]
    target.restore(position._replace(moment=0))
    _begin_near(source, target, not left)
    target.cursor.go(position.moment, progress)
    return left


def _begin_near(source: ComputedDebugger, target: ComputedDebugger, same: bool) -> None:
    """Let `target` begin at the SGD step before the present one, whose state is the same in both.

    Without it all steps of the run would be computed again.
    """
    step = max(source.sgd_step - 1, 0)
    if not same or not step:
        return
    costs = source.cursor.costs[:]
    with source.visiting(source.timeline.start_of(step)):
        plan = target.plan
        for i, node in enumerate(source.graph.nodes):
            there = target.graph.by_name.get(node.label)
            if isinstance(node, Input) and there is not None:
                plan.set_value(there, source.plan.value(i))
        for trainable in range(len(source.graph.trainables)):
            pairs = zip(
                plan.optimizer_state(trainable),
                source.plan.optimizer_state(trainable),
                strict=True,
            )
            for ours, theirs in pairs:
                ours[...] = theirs
        plan.take_control(source.plan.control)
    target.cursor.checkpoints.record(step, plan, recent=True)
    target.cursor.costs[:] = costs


def moment_in(source: Debugger, target: Debugger, moment: int) -> int:
    """Return the moment of `target` that a moment of `source` is.

    The moments of the nodes of an unrolled layer are all that of the layer.
    """
    if moment <= 0:
        return 0
    where = source.timeline.name(moment)
    start = target.timeline.start_of(where.sgd_step)
    if where.node is None:
        return start + 1
    name = source.graph.nodes[where.node].label
    if name not in target.graph.by_name and isinstance(source, UnrolledDebugger):
        name = source.layer_of(name) or name
    nodes = [target.graph.by_name[name]]
    if where.phase == "backward":
        # A layer's backward has run when the last of its nodes has.
        inner = inner_of(target).get(name, frozenset()) if name not in inner_of(source) else ()
        nodes += [target.graph.by_name[label] for label in inner]
    positions = (target.timeline.position_of(where.phase, node) for node in nodes)
    return start + max(position for position in positions if position is not None)


def _carried(source: Debugger, target: Debugger, edit: Edit) -> Edit | None:
    """Return an edit of `source` as one of `target`, or None if it cannot be one."""
    after = moment_in(source, target, edit.after)
    if edit.lasts and moment_in(target, source, after) != edit.after:
        return None
    if edit.node is None:
        return replace(edit, after=after)
    name = source.graph.nodes[edit.node].label
    if name not in target.graph.by_name:
        return None
    return replace(edit, after=after, node=target.graph.by_name[name])


class _Carrier:
    """Makes the position of a debugger one of another; each edit and branch stays one object."""

    def __init__(self, source: ComputedDebugger, target: ComputedDebugger) -> None:
        self._source, self._target = source, target
        self._edits: dict[int, Edit | None] = {}
        self._branches: dict[int, tuple[Edit, ...]] = {}

    def position(self) -> Position:
        """Return the present position of the source as one of the target."""
        position = self._source.position
        moment = moment_in(self._source, self._target, position.moment)
        every = [*position.edits, *(edit for branch in position.branches for edit in branch)]
        if all(self._edit(edit) is not None for edit in every):
            return Position(
                moment,
                self._branch(position.edits),
                tuple(map(self._branch, position.branches)),
                tuple(map(self._branch, position.done)),
                tuple(map(self._branch, position.undone)),
                tuple(map(self._action, position.actions)),
            )
        # What an `undo` took back cannot be told apart from what stays behind: only the edits in
        # force are made again, one after the other.
        kept = tuple(filter(None, map(self._edit, position.edits)))
        before = tuple(kept[:count] for count in range(len(kept)))
        return Position(moment, kept, (*before, kept), before, (), kept)

    def _edit(self, edit: Edit) -> Edit | None:
        if id(edit) not in self._edits:
            self._edits[id(edit)] = _carried(self._source, self._target, edit)
        return self._edits[id(edit)]

    def _branch(self, branch: tuple[Edit, ...]) -> tuple[Edit, ...]:
        if id(branch) not in self._branches:
            self._branches[id(branch)] = tuple(filter(None, map(self._edit, branch)))
        return self._branches[id(branch)]

    def _action(self, action: EditAction) -> EditAction:
        carried = action if isinstance(action, str) else self._edit(action)
        assert carried is not None
        return carried

"""The debugger: a cursor with edits, each of which makes a branch of the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from mfdebug.core.format.hints import CHANGE, REDO
from mfdebug.core.timeline.branch_costs import BranchCosts, fork_after
from mfdebug.core.timeline.checkpoints import DEFAULT_MEMORY
from mfdebug.core.timeline.cursor import DebuggerError, Edit, Progress, Update
from mfdebug.core.timeline.state import Contribution, Freshness, StateCursor
from miniflow.errors import GraphError, MiniflowError, ShapeError
from miniflow.files import save as save_graph
from miniflow.gradcheck.checker import Verdict, check
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops.base import Array, shape_text
from miniflow.plans.base import Plan

__all__ = [
    "Contribution",
    "Debugger",
    "DebuggerError",
    "Edit",
    "Freshness",
    "OtherRun",
    "Progress",
    "SetTrace",
    "Update",
    "index_text",
    "node_or_error",
]


# One action in the log of edits.
EditAction = Edit | Literal["undo", "redo"]


class Position(NamedTuple):
    """The state of a debugger: the moment, the edits, the branches and the undo stacks."""

    moment: int
    edits: tuple[Edit, ...]
    branches: tuple[tuple[Edit, ...], ...]
    done: tuple[tuple[Edit, ...], ...]
    undone: tuple[tuple[Edit, ...], ...]
    actions: tuple[EditAction, ...]


class OtherRun(DebuggerError):  # noqa: N818 - nothing is wrong
    """The run continues with another graph, which has a debugger of its own."""

    def __init__(self, debugger: Debugger, *, back: bool = False) -> None:
        words = "before this the program ran" if back else "the program continues with"
        super().__init__(f"{words} another graph: {debugger.graph.name}")
        self.debugger = debugger
        self.back = back


class SetTrace(DebuggerError):  # noqa: N818 - nothing is wrong
    """The program has called `set_trace()`; the present pass is the next one after the call."""

    def __init__(self) -> None:
        super().__init__("the program called set_trace()")


class Debugger(StateCursor):
    """A graph, a cursor on its timeline, and the branches that edits make.

    `branches[0]` is the run without edits; each edit adds a branch. Replaying `actions` in order
    makes the same branches again.
    """

    def __init__(
        self, graph: Graph, *, history_memory: int = DEFAULT_MEMORY, plan: Plan | None = None
    ) -> None:
        super().__init__(graph, history_memory=history_memory, plan=plan)
        self.branches: list[tuple[Edit, ...]] = [()]
        self.branch_costs = BranchCosts()
        self._undone: list[tuple[Edit, ...]] = []
        self._done: list[tuple[Edit, ...]] = []
        self.actions: list[EditAction] = []

    def set_value(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Set an input's entry, or its whole value: this makes a branch.

        Within a pass the change takes effect at its feed, and all that depends on it is recomputed;
        a parameter already updated in this pass changes from the present moment on. Returns the
        number of later edits that remain on the old branch. Raises `DebuggerError` for a node that
        is not an input or a value that is not numeric, `ShapeError` for a value or index that does
        not fit.
        """
        target = self.graph.nodes[node]
        if not isinstance(target, Input):
            inputs = ", ".join(n.label for n in target.inbound_nodes[:4])
            raise DebuggerError(
                f"{target.label} is computed; set one of its inputs ({inputs})", where="set"
            )
        new = self._checked(node, index, value)
        words = f"{target.label}{index_text(index)} = {_short(new)}"
        return self._branch(Edit(self._effective_after(node), node, index, new, words))

    def set_learning_rate(self, rate: float) -> int:
        """Set the learning rate for all updates after the present moment; at least 0."""
        if not self.graph.trains:
            raise DebuggerError("nothing is trained here: no learning rate", where="set lr")
        if not np.isfinite(rate):
            raise DebuggerError(f"the learning rate must be a finite number, not {rate}")
        if rate < 0:
            raise DebuggerError(
                f"the learning rate is at least 0, not {rate:g}", hint="to ascend, negate the cost"
            )
        name = "lr()" if "lr" in self.graph.by_name else "lr"
        return self._branch(Edit(self.moment, None, None, np.array(rate), f"{name} = {rate:g}"))

    def _checked(self, node: int, index: tuple[int, ...] | None, value: Any) -> Array:
        name, shape = self.graph.nodes[node].label, self.plan.shapes[node]
        new = np.asarray(value)
        if new.dtype.kind not in "biuf":
            raise DebuggerError("not a number or rows of numbers", where=f"set {name}")
        with np.errstate(over="ignore"):
            new = new.astype(self.graph.dtype)
        if index is None:
            try:
                return np.array(np.broadcast_to(new, shape))
            except ValueError:
                raise ShapeError(
                    f"{name} has shape {shape_text(shape)}, "
                    f"the value has shape {shape_text(new.shape)}",
                    where="set",
                ) from None
        self.check_index(node, index)
        if new.shape:
            raise ShapeError(f"{name}{index_text(index)} takes one number", where="set")
        return new

    def check_index(self, node: int, index: tuple[int, ...]) -> None:
        """Raise `ShapeError` unless the node's value has an entry at `index`."""
        name, shape = self.graph.nodes[node].label, self.plan.shapes[node]
        if len(index) != len(shape) or any(
            not -n <= i < n for i, n in zip(index, shape, strict=True)
        ):
            raise ShapeError(
                f"{name}{index_text(index)} does not exist: its shape is {shape_text(shape)}"
            )

    def _effective_after(self, node: int) -> int:
        """Return the moment after which an edit of this input, made now, takes effect."""
        step_ends = (
            self.graph.trains and self.timeline.position(self.moment) == self.timeline.length
        )
        if self.moment == 0 or step_ends:
            # The feed overwrites inputs that come from data: the edit is applied after it.
            return self.moment + self.graph.fed_from_data(node)
        updated = self.timeline.position_of("update", node)
        if updated is not None and updated <= self.timeline.position(self.moment):
            return self.moment
        return self.timeline.start_of(self.sgd_step) + 1

    def _branch(self, edit: Edit) -> int:
        before = self.edits
        kept = tuple(e for e in before if e.after <= edit.after)
        self._take_edits((*kept, edit))
        self.branches.append(self.edits)
        self._done.append(before)
        self._undone.clear()
        self.actions.append(edit)
        return len(before) - len(kept)

    def _take_edits(self, edits: tuple[Edit, ...]) -> None:
        """Replace the edits and recompute the present moment.

        If that fails, the previous edits are restored and the error is raised.
        """
        before, moment = self.edits, self.moment
        try:
            self._replay_with(edits)
        except MiniflowError:
            self.moment = moment
            self._replay_with(before)
            raise

    def _replay_with(self, edits: tuple[Edit, ...]) -> None:
        changed = fork_after(self.edits, edits)
        if changed is None:
            return
        length = self.timeline.length
        self.branch_costs.keep(self.edits, self.history.costs)
        self.history.forget_from(-(-changed // length), costs_from=changed // length)
        self.edits = edits
        self._edits_after = {}
        for edit in edits:
            self._edits_after.setdefault(edit.after, []).append(edit)
        self._travel(self.moment, None)
        computed = len(self.history.costs)
        self.history.record_costs(computed, self.branch_costs.of(edits)[computed:])

    def undo(self) -> Edit:
        """Revert the last edit and return it; edits that it removed are restored."""
        if not self._done:
            raise DebuggerError("nothing to undo", hint=CHANGE)
        edits = self.edits
        self._take_edits(self._done[-1])
        self._done.pop()
        self._undone.append(edits)
        self.actions.append("undo")
        return edits[-1]

    def redo(self) -> Edit:
        """Reapply the edit that was reverted last, and return it."""
        if not self._undone:
            raise DebuggerError("nothing to redo", hint=REDO)
        edits = self.edits
        self._take_edits(self._undone[-1])
        self._undone.pop()
        self._done.append(edits)
        self.actions.append("redo")
        return self.edits[-1]

    @property
    def position(self) -> Position:
        """The present position, for `restore`."""
        return Position(
            self.moment,
            self.edits,
            tuple(self.branches),
            tuple(self._done),
            tuple(self._undone),
            tuple(self.actions),
        )

    def restore(self, position: Position) -> None:
        """Restore an earlier position, or `START`."""
        self._replay_with(position.edits)
        self.go(position.moment)
        self.branches = [*position.branches]
        self._done, self._undone = [*position.done], [*position.undone]
        self.actions = [*position.actions]

    @contextmanager
    def visiting(self, moment: int, branch: int | None = None) -> Iterator[None]:
        """Move to another moment, and branch if given, within a `with` block.

        `branch` is an index into `branches`: 0 is the run without edits, n is the branch of the
        n-th edit. Afterwards the debugger's state and its recorded costs are restored, bit for
        bit.
        """
        present, edits = self.moment, self.edits
        last_update, costs = self.last_update, self.history.costs[:]
        try:
            if branch is not None and self.branches[branch] is not edits:
                self._replay_with(self.branches[branch])
            self.go(moment)
            yield
        finally:
            if self.edits is not edits:
                self._replay_with(edits)
            self.go(present)
            self.last_update = last_update
            self.history.costs[:] = costs
            self.history.forget_beyond(len(costs))

    # The passes of a record ----------------------------------------------------------------

    def last_position(self, step: int) -> int:
        """Return the last position of an SGD step at which something is executed."""
        return self.timeline.length

    def has_ended(self, step: int) -> bool:
        """Whether the present moment is the last one of an SGD step."""
        here, position = self.timeline.sgd_step(self.moment), self.timeline.position(self.moment)
        return self.moment > 0 and here == step and position >= self.last_position(step)

    def is_finite(self, step: int) -> bool:
        """Whether all numbers of an SGD step are known to be finite."""
        return False

    # The graphs of a run: a program may have several ----------------------------------------

    def go(self, moment: int, progress: Progress | None = None) -> int:
        """Move to a moment of this graph, even if the program ran other graphs in between."""
        return self.move(moment, progress)

    @property
    def lines(self) -> Sequence[Debugger]:
        """The debuggers of all graphs of the run, in the order of their first pass."""
        return (self,)

    @property
    def passes_run(self) -> int | None:
        """How many passes the program has run over this graph; None if no program runs it."""
        return None

    def find_line(self, number: int, progress: Progress | None = None) -> Debugger:
        """Return the debugger of a graph of the run by its number, from 0.

        Raises `DebuggerError` if there is no such graph.
        """
        if not 0 <= number < len(self.lines):
            count = len(self.lines)
            known = "there is only one" if count == 1 else f"there are 1 to {count}"
            raise DebuggerError(f"there is no graph {number + 1}", hint=known)
        return self.lines[number]

    def must_stop(self) -> bool:
        """Whether the program itself requests a stop at the present pass; True only once."""
        return False

    def block_first_step(self, step: int) -> int:
        """Return the first SGD step of a block: steps with no other graph's step in between."""
        return 0

    def block_start(self, step: int) -> int:
        """Return the moment at which the block of an SGD step starts."""
        return 0

    def before_block(self, step: int) -> Debugger | None:
        """Return the debugger of the graph run before an SGD step, at its end; None if none was."""
        return None

    @property
    def remark(self) -> str:
        """A remark on the present moment besides its numbers, or ""."""
        return ""

    def check(self, node: int | None = None) -> list[Verdict]:
        """Check the gradients of one node, or of all, against central differences."""
        return check(self.plan, node)

    def save(self, path: str | Path) -> None:
        """Save the graph at the present moment: parameters, learning rate and optimizer state.

        A run from the file continues with the SGD step of the present moment, or with the next one
        if the present step has ended.
        """
        graph = self.graph
        inputs = [node for node in graph.nodes if isinstance(node, Input)]
        before = [(node, node.value) for node in inputs], graph.training, graph.progress
        progress = self.plan.progress(self.moment // self.timeline.length)
        optimizer = dataclasses.replace(
            graph.training.optimizer, learning_rate=self.plan.learning_rate
        )
        try:
            self.plan.store()
            graph.training = dataclasses.replace(graph.training, optimizer=optimizer)
            graph.progress = progress
            save_graph(graph, path)
        finally:
            for node, value in before[0]:
                node.value = value
            graph.training, graph.progress = before[1:]


START = Position(0, (), ((),), (), (), ())


def index_text(index: tuple[int, ...] | None) -> str:
    """Return an index as it is typed: `[2,3]`, or ""."""
    return "" if not index else f"[{','.join(map(str, index))}]"


def node_or_error(graph: Graph, name: str) -> int:
    """Return a node's index by name; raise `DebuggerError` with the nearest name as a hint."""
    try:
        return graph.index_of(name)
    except GraphError as error:
        raise DebuggerError(error.problem, hint=error.hint) from None


def _short(value: Array) -> str:
    first = float(value.reshape(-1)[0]) if value.size else 0.0
    return f"{first:g}" if value.size == 1 else f"{shape_text(value.shape)} numbers"

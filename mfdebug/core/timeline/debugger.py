"""The debugger: a cursor, the state at its moment, and the branches of the run that edits make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mfdebug.core.format.hints import CHANGE, REDO
from mfdebug.core.timeline.cursor import Cursor, DebuggerError, Progress, Update
from mfdebug.core.timeline.edits import Edit, EditAction
from mfdebug.core.timeline.pass_numbers import PassNumbers
from mfdebug.core.timeline.state import Contribution, Freshness, State
from mfdebug.core.timeline.timeline import Moment
from miniflow.errors import GraphError, ShapeError
from miniflow.graph import Graph
from miniflow.ops.base import shape_text
from miniflow.training.schedules import Schedule

if TYPE_CHECKING:
    from mfdebug.core.timeline.graph_diff import GraphComparison
    from mfdebug.core.timeline.library_ops import LibraryOps
    from miniflow.gradcheck.checker import Verdict

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


class Position(NamedTuple):
    """The state of a debugger: the moment, the edits, the branches and the undo stacks."""

    moment: int
    edits: tuple[Edit, ...]
    branches: tuple[tuple[Edit, ...], ...]
    done: tuple[tuple[Edit, ...], ...]
    undone: tuple[tuple[Edit, ...], ...]
    actions: tuple[EditAction, ...]
    shows_order: bool = False


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


class Debugger(ABC):
    """A cursor on the timeline of a graph, and the state at its moment.

    `branches[0]` is the run without edits; each edit adds a branch. Replaying `actions` in order
    makes the same branches again.
    """

    def __init__(self, cursor: Cursor, state: State) -> None:
        self.cursor = cursor
        self.state = state
        self.graph, self.plan, self.timeline = cursor.graph, cursor.plan, cursor.timeline
        self.branches: list[tuple[Edit, ...]] = [()]
        self._undone: list[tuple[Edit, ...]] = []
        self._done: list[tuple[Edit, ...]] = []
        self.actions: list[EditAction] = []

    # The present moment ------------------------------------------------------------------------

    @property
    def moment(self) -> int:
        """The present moment."""
        return self.cursor.moment

    @property
    def where(self) -> Moment:
        """The name of the present moment."""
        return self.cursor.where

    @property
    def sgd_step(self) -> int:
        """The SGD step of the present moment."""
        return self.cursor.sgd_step

    def move(self, moment: int, progress: Progress | None = None) -> int:
        """Move the cursor; return the moment reached. See `Cursor.move`."""
        return self.cursor.move(moment, progress)

    @contextmanager
    def visiting(self, moment: int, branch: int | None = None) -> Iterator[None]:
        """Move to another moment, and branch if given, within a `with` block.

        `branch` is an index into `branches`: 0 is the run without edits, n is the branch of the
        n-th edit. Afterwards the debugger's state and its recorded costs are restored, bit for
        bit.
        """
        present, edits = self.moment, self.edits
        last_update, costs = self.cursor.last_update, self.cursor.costs[:]
        try:
            if branch is not None and self.branches[branch] is not edits:
                self.cursor.take_edits(self.branches[branch])
            self.cursor.go(moment)
            yield
        finally:
            if self.edits is not edits:
                self.cursor.take_edits(edits)
            self.cursor.go(present)
            self.cursor.last_update = last_update
            self.cursor.costs[:] = costs
            self.cursor.forget_costs_from(len(costs))

    def kept_passes(self, most: int, *, newest: bool = False) -> Sequence[PassNumbers]:
        """Return the last SGD steps up to the present one whose numbers are kept, at most so many.

        With `newest`, up to the newest that is known. Empty for a graph, which keeps none.
        """
        return ()

    @property
    def remark(self) -> str:
        """What is to be said about how the present SGD step follows the one before, or ""."""
        return ""

    def library_ops(self, node: int) -> LibraryOps:
        """Return the ops of a library's own that a function of it runs, forward and backward.

        Raises `DebuggerError` with the reason if there are none, or if they cannot be known.
        """
        raise DebuggerError(
            f"{self.graph.nodes[node].label} is an op of this graph, not a function of PyTorch"
        )

    # Edits -------------------------------------------------------------------------------------

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits in force, in the order in which they were made."""
        return self.cursor.edits

    @abstractmethod
    def set_value(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Set a node's entry, or its whole value: this makes a branch.

        An input is set once. Within a pass the change takes effect at its feed, and all that
        depends on it is recomputed; a parameter already updated in this pass changes from the
        present moment on. A computed value is overridden from the present moment on, in every pass:
        what was computed before is not recomputed. Returns the number of later edits that remain on
        the old branch. Raises `DebuggerError` for a value that is not numeric or a line that cannot
        be changed, `ShapeError` for a value or index that does not fit.
        """

    @abstractmethod
    def set_gradient(self, node: int, index: tuple[int, ...] | None, value: Any) -> int:
        """Override a node's gradient, or an entry of it, from the present moment on.

        Raises as `set_value` does, and `DebuggerError` for a node whose gradient is not computed:
        that of the cost is where backward starts.
        """

    @abstractmethod
    def scale(
        self, node: int, index: tuple[int, ...] | None, factor: Any, *, gradient: bool = False
    ) -> int:
        """Multiply a value or gradient by a number, as `set_value` and `set_gradient` set it."""

    @abstractmethod
    def set_learning_rate(self, rate: float) -> int:
        """Set the learning rate for all updates after the present moment; at least 0.

        A schedule ends with it.
        """

    @abstractmethod
    def set_schedule(self, schedule: Schedule | None) -> int:
        """Set the schedule of all updates after the present moment, counted from the next one."""

    @abstractmethod
    def set_trainable(self, node: int, trainable: bool) -> int:
        """Let the updates after the present moment change a parameter, or freeze it."""

    def check_index(self, node: int, index: tuple[int, ...]) -> None:
        """Raise `ShapeError` unless the node's value has an entry at `index`."""
        name, shape = self.graph.nodes[node].label, self.plan.shapes[node]
        if len(index) != len(shape) or any(
            not -n <= i < n for i, n in zip(index, shape, strict=True)
        ):
            raise ShapeError(
                f"{name}{index_text(index)} does not exist: its shape is {shape_text(shape)}"
            )

    def _branch(self, edit: Edit) -> int:
        before = self.edits
        kept = tuple(e for e in before if e.after <= edit.after)
        self.cursor.take_edits((*kept, edit))
        self.branches.append(self.edits)
        self._done.append(before)
        self._undone.clear()
        self.actions.append(edit)
        return len(before) - len(kept)

    def undo(self) -> Edit:
        """Revert the last edit and return it; edits that it removed are restored."""
        if not self._done:
            raise DebuggerError("nothing to undo", hint=CHANGE)
        edits = self.edits
        self.cursor.take_edits(self._done[-1])
        self._done.pop()
        self._undone.append(edits)
        self.actions.append("undo")
        return edits[-1]

    def redo(self) -> Edit:
        """Reapply the edit that was reverted last, and return it."""
        if not self._undone:
            raise DebuggerError("nothing to redo", hint=REDO)
        edits = self.edits
        self.cursor.take_edits(self._undone[-1])
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
            self.timeline.shows_order,
        )

    def restore(self, position: Position) -> None:
        """Restore an earlier position, or `START`."""
        self.cursor.take_edits(position.edits)
        self.timeline.shows_order = position.shows_order
        self.cursor.go(position.moment)
        self.branches = [*position.branches]
        self._done, self._undone = [*position.done], [*position.undone]
        self.actions = [*position.actions]

    # Layers that are unrolled ------------------------------------------------------------------

    @property
    def rolled(self) -> Debugger:
        """The debugger of the same graph with no layer unrolled."""
        return self

    @property
    def unrolled(self) -> tuple[str, ...]:
        """The layers that are unrolled."""
        return ()

    # Branches of a recorded run ----------------------------------------------------------------

    @property
    def trunk(self) -> Debugger | None:
        """The debugger of the run from which this branches off, or None."""
        return None

    def branched(self) -> Debugger:
        """Return a debugger that computes on from the present pass, with its inputs.

        Raises `DebuggerError` if a number or a rule that it needs is not known.
        """
        raise DebuggerError("only a recorded pass has branches", hint="here `set` changes a number")

    # The graphs of a run: a program may have several ---------------------------------------------

    @property
    def lines(self) -> Sequence[Debugger]:
        """The debuggers of all graphs of the run, in the order of their first pass."""
        return (self,)

    def find_line(self, number: int, progress: Progress | None = None) -> Debugger:
        """Return the debugger of a graph of the run by its number, from 0.

        Raises `DebuggerError` if there is no such graph.
        """
        if not 0 <= number < len(self.lines):
            count = len(self.lines)
            known = "there is only one" if count == 1 else f"there are 1 to {count}"
            raise DebuggerError(f"there is no graph {number + 1}", hint=known)
        return self.lines[number]

    def before_block(self, step: int) -> Debugger | None:
        """Return the debugger of the graph run before an SGD step, at its end; None if none was."""
        return None

    # Checking and saving -----------------------------------------------------------------------

    @abstractmethod
    def check(self, node: int | None = None) -> list[Verdict]:
        """Check the gradients of one node, or of all, against central differences."""

    def compare_with(self, other: Graph) -> GraphComparison:
        """Compare one pass of the graph, as `save` would write it, with one of another graph.

        Raises `DebuggerError` for the run of a program, which does not run again.
        """
        raise DebuggerError("the run of a program is not compared with a graph")

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Save the graph as a graph file, with the numbers of the present moment."""


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

"""The cursor on the timeline: the present moment, and the moves from it.

Stepping, running, going back and replaying are one operation: `move`. What it takes differs between
a computed and a recorded line; which moment is meant by "two phases back" does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable

from msgspec import Struct

from mfdebug.core.format.hints import GO_BACK
from mfdebug.core.timeline.branch_costs import BranchCosts
from mfdebug.core.timeline.edits import Edit
from mfdebug.core.timeline.method import Method
from mfdebug.core.timeline.overrides import Overrides
from mfdebug.core.timeline.timeline import NODE_PHASES, Moment, Phase, Timeline
from miniflow.errors import MiniflowError
from miniflow.graph import Graph
from miniflow.ops.base import Array
from miniflow.plans.base import Plan
from miniflow.plans.trace import Trace

Progress = Callable[[int], bool]


class DebuggerError(MiniflowError):
    """A command that cannot be executed in the present state."""


class Update(Struct, frozen=True):
    """The update of the present moment: the parameter before and after, and the learning rate.

    The optimizer's state for the parameter has one array for each of its `state_names`. `gradient`
    is the one that was used, if the present one may be another. `method`: how an optimizer of a
    program made it. `left_out`: one has stepped after the pass, without this parameter;
    `left_alone`: it was so in every pass, and the parameter is as it was at first. `between`: so
    many passes over other graphs ran before it was seen again, which may have changed it too.
    """

    before: Array
    after: Array
    rate: float
    state_before: tuple[Array, ...] = ()
    state_after: tuple[Array, ...] = ()
    gradient: Array | None = None
    method: Method | None = None
    left_out: bool = False
    left_alone: bool = False
    between: int = 0


class Cursor(ABC):
    """The present moment of a timeline; `plan` is in the state of that moment.

    `costs` are those of all SGD steps so far. Each of `edits` takes effect right after its moment;
    `overrides` are those that last.
    `last_update` is the update that the present moment made, if it made one.
    """

    def __init__(self, graph: Graph, plan: Plan, timeline: Timeline) -> None:
        self.graph = graph
        self.plan = plan
        self.timeline = timeline
        self.moment = 0
        self.costs: array[float] = array("d")
        self.branch_costs = BranchCosts()
        self.edits: tuple[Edit, ...] = ()
        self.overrides = Overrides(timeline, ())
        self.last_update: Update | None = None

    @property
    def where(self) -> Moment:
        """The name of the present moment."""
        return self.timeline.name(self.moment)

    @property
    def sgd_step(self) -> int:
        """The SGD step of the present moment."""
        return self.timeline.sgd_step(self.moment)

    @property
    def pass_number(self) -> int:
        """The number of the present pass among all passes of a program; else the SGD step."""
        return self.sgd_step

    def not_kept(self, since: int) -> int:
        """Return how many passes from number `since` to the present one were not kept whole."""
        return 0

    @property
    def at_end(self) -> bool:
        """Whether the cursor is at the end of the timeline."""
        return self.moment == self.timeline.end

    @property
    def endless(self) -> bool:
        """Whether the timeline has no end."""
        return self.timeline.end is None

    @property
    def has_steps(self) -> bool:
        """Whether the graph has SGD steps: it has none if nothing is trained."""
        return self.graph.trains

    @property
    def ending(self) -> str:
        """Why the timeline ends, as text; empty if it does not."""
        return "" if self.graph.trains else "nothing is trained here"

    @property
    def coming_step(self) -> int:
        """The SGD step of the next moment."""
        return self.timeline.sgd_step(self.moment + 1)

    @property
    def costs_reached(self) -> int:
        """The number of SGD steps whose cost is computed by the present moment."""
        cost = self.timeline.position_of("forward", self.graph.cost) or 1
        here = self.timeline.position(self.moment)
        return self.sgd_step + (here >= cost)

    def cost_moment(self, sgd_step: int) -> int:
        """Return the moment that computes the cost of an SGD step; its feed if nothing does."""
        position = self.timeline.position_of("forward", self.graph.cost) or 1
        return self.timeline.start_of(sgd_step) + position

    def coming(self) -> Moment | None:
        """Return the name of the next moment, or None at the end."""
        return None if self.at_end else self.timeline.name(self.moment + 1)

    # Moving ------------------------------------------------------------------------------------

    @abstractmethod
    def move(self, moment: int, progress: Progress | None = None) -> int:
        """Move the cursor to `moment`, or the nearest that exists; return the moment reached.

        A long run calls `progress` with the present moment now and then, and ends early if it
        returns True.
        """

    def go(self, moment: int, progress: Progress | None = None) -> int:
        """Move to a moment of this graph, even if the program ran other graphs in between."""
        return self.move(moment, progress)

    def step(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move by `count` moments; a negative count moves back."""
        return self.move(self.moment + count, progress)

    def phases(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move to the end of the phase, or back to its start if negative, `count` times."""
        return self.move(self.timeline.phases_from(self.moment, count), progress)

    def sgd(self, count: int = 1, progress: Progress | None = None) -> int:
        """Move by whole SGD steps, first to the end (or back to the start) of the present one."""
        return self.move(self.sgd_target(count, progress), progress)

    def sgd_target(self, count: int, progress: Progress | None = None) -> int:
        """Return the moment that `sgd(count)` moves to; finding it may itself take a run."""
        length = self.timeline.length
        if count >= 0:
            return (self.timeline.completed_steps(self.moment) + count) * length
        target = (-(-max(self.moment, 0) // length) + count) * length
        return target if target >= 0 else self.timeline.first

    def next_moment(self, node: int, phase: Phase | None = None) -> int:
        """Return the next moment of a node; raise `DebuggerError` if there is none."""
        phases = (phase,) if phase else NODE_PHASES
        found = [self.timeline.next_of(self.moment, name, node) for name in phases]
        ahead = [moment for moment in found if moment is not None]
        if not ahead:
            name = self.graph.nodes[node].label
            ends = f"end of the run; {GO_BACK}"
            never = "the feed sets its value" if phase is None else "nor in later SGD steps"
            raise DebuggerError(
                f"{name} has no {phase or 'further'} moment ahead",
                hint=ends if self.timeline.end else never,
            )
        return min(ahead)

    @abstractmethod
    def settle(self) -> None:
        """Recompute the present moment, with all that a run of whole SGD steps does not keep."""

    @abstractmethod
    def take_edits(self, edits: tuple[Edit, ...]) -> None:
        """Replace the edits and recompute the present moment.

        If that fails, the previous edits are restored and the error is raised.
        """

    @abstractmethod
    def run_traced(self, last: int, trace: Trace) -> None:
        """Run whole SGD steps into a trace, from the start of the present one to `last` at most.

        Only for a plan that `traces`. Stops early when the trace is full, after some time and
        before a step with edits, possibly without running a step. Stale numbers shown at later
        moments are right only if at least one step was run.
        """

    def forget_costs_from(self, sgd_step: int) -> None:
        """Keep only the costs of the steps before `sgd_step`."""
        del self.costs[sgd_step:]

    # Where the passes of a program may differ ----------------------------------------------------

    def last_position(self, step: int) -> int:
        """Return the last position of an SGD step at which something is executed."""
        return self.timeline.length

    def has_ended(self, step: int) -> bool:
        """Whether the present moment is the last one of an SGD step."""
        here, position = self.timeline.sgd_step(self.moment), self.timeline.position(self.moment)
        return self.moment > 0 and here == step and position >= self.last_position(step)

    @property
    def passes_run(self) -> int | None:
        """How many passes the program has run over this graph; None if no program runs it."""
        return None

    def left_alone(self, node: int) -> bool:
        """Whether a program's optimizers have updated others before the present pass, never it."""
        return False

    def must_stop(self) -> bool:
        """Whether the program itself requests a stop at the present pass; True only once."""
        return False

    def block_first_step(self, step: int) -> int:
        """Return the first SGD step of a block: steps with no other graph's step in between."""
        return 0

    def block_start(self, step: int) -> int:
        """Return the moment at which the block of an SGD step starts."""
        return 0

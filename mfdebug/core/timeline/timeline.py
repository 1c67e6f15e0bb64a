"""Time is an integer: a training run is a line of moments, each of which is one small event.

    SGD step 0: feed | forward of each op | backward of each node | update of each trainable | ...

Moment 0 is the start. Moment t is the state right after t events, and is named by the t-th: its SGD
step, phase and node. Without trainables the timeline ends after one backward pass; with them it has
no end. On request, the order of the nodes is found at the moments before the start, which have
negative numbers: see `mfdebug.core.timeline.ordering`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from mfdebug.core.timeline.ordering import Ordering
from miniflow.graph import Graph

Phase = Literal["order", "start", "feed", "forward", "backward", "update"]
NODE_PHASES: tuple[Phase, ...] = ("forward", "backward", "update")


class Moment(Struct, frozen=True):
    """One moment: its number and its name.

    `node` is a node index (None at the start, for feed, and while the inputs are counted); `part`
    of `parts` counts within the phase, from 1.
    """

    number: int
    sgd_step: int
    phase: Phase
    node: int | None
    part: int
    parts: int


class Timeline:
    """Converts moment numbers to names and back, by arithmetic alone."""

    # How often it was built: moment numbers are valid for one build only.
    builds = 0

    def __init__(self, graph: Graph) -> None:
        # Whether the moments at which the order is found are in front of the start.
        self.shows_order = False
        self.build(graph)

    def build(self, graph: Graph, *, backward: bool = True) -> None:
        """Build the moments of a graph's SGD step; without `backward`, of a forward pass alone."""
        self.builds += 1
        self.graph = graph
        self.forward = graph.forward_nodes
        self.backward = graph.backward_nodes if backward else []
        self.update = list(graph.trainables) if backward else []
        self._phases: list[tuple[Phase, list[int | None], int]] = []
        length = 0
        for phase, nodes in self._phase_nodes():
            self._phases.append((phase, nodes, length))
            length += len(nodes)
        self.length = length
        self.end: int | None = None if graph.trains else length
        self._positions: dict[Phase, dict[int | None, int]] = {
            phase: {node: start + part + 1 for part, node in enumerate(nodes)}
            for phase, nodes, start in self._phases
        }
        self._phase_ends = sorted({start + len(nodes) for _, nodes, start in self._phases})
        self._first_reports: dict[int, int] = {}
        self._last_reports: dict[int, int] = {}
        self._first_trained: list[int | None] | None = None
        self._ordering: Ordering | None = None

    def _phase_nodes(self) -> list[tuple[Phase, list[int | None]]]:
        return [
            ("feed", [None]),
            ("forward", [*self.forward]),
            ("backward", [*self.backward]),
            ("update", [*self.update]),
        ]

    @property
    def first(self) -> int:
        """The first moment: the start, or where the order begins to be found."""
        return -len(self.graph) - 1 if self.shows_order else 0

    @property
    def ordering(self) -> Ordering:
        """What waits and what is ready, at each of these moments."""
        if self._ordering is None:
            self._ordering = Ordering(self.graph)
        return self._ordering

    def placed(self, moment: int) -> int:
        """Return how many nodes are in the order at a moment."""
        return min(len(self.graph), moment + len(self.graph) + 1)

    def order_moment(self, placed: int) -> int:
        """Return the moment at which so many nodes are in the order."""
        return placed - len(self.graph) - 1

    def sgd_step(self, moment: int) -> int:
        """Return the SGD step of a moment; the start belongs to step 0."""
        return max(moment - 1, 0) // self.length

    def position(self, moment: int) -> int:
        """Return the position in its SGD step: 1 (the feed) to `length`; 0 up to the start."""
        return (moment - 1) % self.length + 1 if moment > 0 else 0

    def completed_steps(self, moment: int) -> int:
        """Return how many SGD steps have ended at a moment."""
        return max(moment, 0) // self.length

    def is_complete(self, moment: int) -> bool:
        """Whether every value and gradient at a moment is of its own SGD step."""
        return self.position(moment) >= self.length - len(self.update) and moment > 0

    def name(self, moment: int) -> Moment:
        """Return the moment's name."""
        if moment < 0:
            placed = self.placed(moment)
            node = placed - 1 if placed else None
            return Moment(moment, 0, "order", node, placed, len(self.graph))
        if moment == 0:
            return Moment(0, 0, "start", None, 0, 0)
        offset = self.position(moment) - 1
        for phase, nodes, start in reversed(self._phases):
            if nodes and offset >= start:
                part = offset - start
                return Moment(
                    moment, self.sgd_step(moment), phase, nodes[part], part + 1, len(nodes)
                )
        raise AssertionError("every position in an SGD step lies in a phase")

    def position_of(self, phase: Phase, node: int | None) -> int | None:
        """Return the position in an SGD step of a node's phase, or None."""
        return self._positions[phase].get(node)

    # Positions are looked up for every visible row of every frame: a search is kept until `build`.

    def report_positions(self, node: int) -> list[int]:
        """Return the position in an SGD step at which each edge to a consumer reports."""
        backward = self._positions["backward"]
        found = (backward.get(consumer) for consumer, _ in self.graph.consumers[node])
        return [position for position in found if position is not None]

    def first_report(self, node: int) -> int:
        """Return where the first contribution to a node is sent; beyond the SGD step if none is."""
        first = self._first_reports.get(node)
        if first is None:
            first = min(self.report_positions(node), default=self.length + 1)
            self._first_reports[node] = first
        return first

    def last_report(self, node: int) -> int:
        """Return where the last contribution to a node is sent; 0 if none is."""
        last = self._last_reports.get(node)
        if last is None:
            last = self._last_reports[node] = max(self.report_positions(node), default=0)
        return last

    def first_trained(self, node: int) -> int | None:
        """Return the first trainable among those that a node depends on, itself included."""
        if self._first_trained is None:
            first: list[int | None] = []
            trainables = set(self.graph.trainables)
            for i, sources in enumerate(self.graph.inbound):
                found = [parent for source in sources if (parent := first[source]) is not None]
                first.append(min(found, default=i if i in trainables else None))
            self._first_trained = first
        return self._first_trained[node]

    def start_of(self, sgd_step: int) -> int:
        """Return the moment before an SGD step: nothing of it is executed yet."""
        return sgd_step * self.length

    def first_of(self, sgd_step: int) -> int:
        """Return the first moment of an SGD step: its feed."""
        return self.start_of(sgd_step) + 1

    def clamp(self, moment: int) -> int:
        """Return the nearest moment that exists."""
        moment = max(moment, self.first)
        return moment if self.end is None else min(moment, self.end)

    def phase_after(self, moment: int) -> int:
        """Return the first end of a phase after `moment`."""
        if moment < 0:
            return 0
        step, position = divmod(moment, self.length)
        ahead = next((end for end in self._phase_ends if end > position), self.length)
        return self.clamp(self.start_of(step) + ahead)

    def phase_before(self, moment: int) -> int:
        """Return the last end of a phase before `moment`: the start of the present phase."""
        if moment <= 0:
            return self.first
        step, position = self.sgd_step(moment), self.position(moment)
        behind = max((end for end in self._phase_ends if end < position), default=0)
        return self.start_of(step) + behind

    def phases_from(self, moment: int, count: int) -> int:
        """Return the moment `count` phases after `moment`; before it if negative.

        Whole SGD steps are computed, not counted: a million phases cost as much as three.
        """
        move = self.phase_after if count > 0 else self.phase_before
        left = abs(count)
        if left:
            moment, left = move(moment), left - 1
        steps, left = divmod(left, len(self._phase_ends))
        moment = self.clamp(moment + (steps if count > 0 else -steps) * self.length)
        for _ in range(left):
            moment = move(moment)
        return moment

    def next_of(self, moment: int, phase: Phase, node: int) -> int | None:
        """Return the first moment after `moment` of this phase of a node, or None."""
        position = self.position_of(phase, node)
        if position is None:
            return None
        found = self.next_at(moment, position)
        return None if self.end is not None and found > self.end else found

    def next_at(self, moment: int, position: int) -> int:
        """Return the first moment after `moment` at this position in an SGD step."""
        step, now = divmod(max(moment, 0), self.length)
        return self.start_of(step if position > now else step + 1) + position

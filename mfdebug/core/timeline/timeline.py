"""Time is an integer: a training run is a line of moments, each one small thing that happened.

    SGD step 0: feed | forward of each op | backward of each node | update of each trainable | ...

Moment 0 is the start. Moment t is the state right after t things have happened, and is named by
the t-th: its SGD step, its phase and its node. Without trainables the line ends after one
backward pass; with them it has no end.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from miniflow.graph import Graph

Phase = Literal["start", "feed", "forward", "backward", "update"]
NODE_PHASES: tuple[Phase, ...] = ("forward", "backward", "update")


class Moment(Struct, frozen=True):
    """One moment: its number and its name.

    `node` is a place in the graph's order (None at the start and for feed); `part` of `parts`
    counts within the phase, from 1.
    """

    number: int
    sgd_step: int
    phase: Phase
    node: int | None
    part: int
    parts: int


class Timeline:
    """Moment numbers to names and back, by arithmetic alone."""

    # How often it was built: the numbers of moments hold for one build.
    builds = 0

    def __init__(self, graph: Graph) -> None:
        self.build(graph)

    def build(self, graph: Graph, *, backward: bool = True) -> None:
        """Know the moments of a graph's SGD steps; without `backward`, of passes forward alone."""
        self.builds += 1
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
        self._place: dict[Phase, dict[int | None, int]] = {
            phase: {node: start + part + 1 for part, node in enumerate(nodes)}
            for phase, nodes, start in self._phases
        }
        self._phase_ends = sorted({start + len(nodes) for _, nodes, start in self._phases})

    def _phase_nodes(self) -> list[tuple[Phase, list[int | None]]]:
        return [
            ("feed", [None]),
            ("forward", [*self.forward]),
            ("backward", [*self.backward]),
            ("update", [*self.update]),
        ]

    def sgd_step(self, moment: int) -> int:
        """Return the SGD step of a moment; the start belongs to step 0."""
        return max(moment - 1, 0) // self.length

    def position(self, moment: int) -> int:
        """Return how many things of its SGD step have happened: 1 to `length`, 0 at the start."""
        return (moment - 1) % self.length + 1 if moment else 0

    def name(self, moment: int) -> Moment:
        """Return the moment's name."""
        if moment == 0:
            return Moment(0, 0, "start", None, 0, 0)
        place = self.position(moment) - 1
        for phase, nodes, start in reversed(self._phases):
            if nodes and place >= start:
                part = place - start
                return Moment(
                    moment, self.sgd_step(moment), phase, nodes[part], part + 1, len(nodes)
                )
        raise AssertionError("every place of an SGD step lies in a phase")

    def position_of(self, phase: Phase, node: int | None) -> int | None:
        """Return the place in an SGD step at which a node has this phase, or None."""
        return self._place[phase].get(node)

    def start_of(self, sgd_step: int) -> int:
        """Return the moment at which an SGD step begins: nothing of it has happened yet."""
        return sgd_step * self.length

    def first_of(self, sgd_step: int) -> int:
        """Return the first moment of an SGD step: its feed."""
        return self.start_of(sgd_step) + 1

    def clamp(self, moment: int) -> int:
        """Return the nearest moment that exists."""
        moment = max(moment, 0)
        return moment if self.end is None else min(moment, self.end)

    def phase_after(self, moment: int) -> int:
        """Return the first end of a phase after `moment`."""
        step, place = divmod(moment, self.length)
        ahead = next((end for end in self._phase_ends if end > place), self.length)
        return self.clamp(self.start_of(step) + ahead)

    def phase_before(self, moment: int) -> int:
        """Return the last end of a phase before `moment`: where the present phase began."""
        if moment == 0:
            return 0
        step, place = self.sgd_step(moment), self.position(moment)
        behind = max((end for end in self._phase_ends if end < place), default=0)
        return self.start_of(step) + behind

    def phases_from(self, moment: int, count: int) -> int:
        """Return where `count` phases lead from `moment`; back when it is negative.

        Whole SGD steps are reckoned, not counted: a million phases cost what three do.
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
        """Return the first moment after `moment` in which the node has this phase."""
        place = self.position_of(phase, node)
        if place is None:
            return None
        found = self.next_at(moment, place)
        return None if self.end is not None and found > self.end else found

    def next_at(self, moment: int, place: int) -> int:
        """Return the first moment after `moment` at this place in an SGD step."""
        step, now = divmod(moment, self.length)
        return self.start_of(step if place > now else step + 1) + place

"""What a running program does with its graphs, noted as the taps tell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from types import FrameType
from typing import Any

from mfdebug.core.cursor import DebuggerError, Progress
from mfdebug.program.foreign import Foreign, stand_ins
from mfdebug.program.names import names_in, trainables_in
from mfdebug.program.output import Output
from mfdebug.program.passes import Passes, ProgramGraph
from mfdebug.program.taps import Taps
from miniflow.characters import is_printable
from miniflow.node import Node


class Recorder:
    """The passes that a program has run over each of its graphs, in the order of their first.

    `count` of them have begun, over all graphs; `present` is the graph of the last. `error` says
    how a program ended that failed.
    """

    def __init__(self, name: str, memory: int) -> None:
        self.name = name
        self.memory = memory
        self.output = Output()
        self.acts: list[Passes] = []
        # Who looks at each of them.
        self.debuggers: dict[Passes, object] = {}
        self.count = 0
        self.present: Passes | None = None
        self.ended = False
        self.error = ""
        self._act_of: dict[frozenset[int], Passes] = {}
        self._stand_ins: dict[int, Node] = {}
        self._nodes: Sequence[Any] = ()
        self._names: dict[Any, str] = {}
        self._taps = Taps(self)

    def go_on(self, reached: Callable[[], bool], progress: Progress | None = None) -> None:
        """Let the program run until `reached()`, which is asked wherever it may wait."""
        raise NotImplementedError

    def _pause(self) -> None:
        """Let the program wait here, if this is the place."""
        raise NotImplementedError

    # What the taps tell ------------------------------------------------------------------------

    def pass_begins(
        self, nodes: Sequence[Any], cost: Any, *, backward: bool, ours: bool, frame: FrameType
    ) -> None:
        """Note the pass, and wait if this is the place."""
        act = self.present
        if act is None or nodes != self._nodes:
            if act is not None:
                act.close()
            key = frozenset(map(id, nodes))
            act = self._act_of.get(key)
            if act is None:
                act = self._act_of[key] = self._new_act(nodes, cost, ours=ours, frame=frame)
                self.acts.append(act)
            self._nodes = nodes
        act.ours = act.ours and ours
        act.begin(backward=backward)
        self.present = act
        self.count += 1
        self._pause()

    def sorted(self, nodes: Sequence[Any], frame: FrameType) -> None:
        """Note the names that the nodes have where they are put in order."""
        self._names = {**names_in(frame, nodes), **self._names}

    def goes_back(self) -> None:
        """Note that this pass goes back, too."""
        if self.present is not None and self.present.all and not self.present.all[-1].backward:
            self.present.note_backward()
            self._pause()

    def updated(self, trainables: Sequence[Any], rate: float) -> None:
        """Note the update, and wait if this is the place."""
        act = self.present
        if act is None:
            return
        places = [act.graph.index[self._standing_for(one)] for one in trainables]
        act.note_update(places, rate)
        self._pause()

    def _new_act(self, nodes: Sequence[Any], cost: Any, *, ours: bool, frame: FrameType) -> Passes:
        names = {**self._names, **names_in(frame, nodes)}
        made = stand_ins(nodes)
        self._stand_ins.update(zip(map(id, nodes), made, strict=True))
        taken: set[str] = set()
        for node, one in zip(nodes, made, strict=True):
            name = one.name or names.get(node)
            if not isinstance(name, str) or not is_printable(name):
                name = None
            if name in taken:
                name = next(f"{name}_{i}" for i in count(2) if f"{name}_{i}" not in taken)
            one.name = name
            if name is not None:
                taken.add(name)
        graph = ProgramGraph(made, self._standing_for(cost), self.name)
        trained = [self._standing_for(one) for one in trainables_in(frame, nodes)]
        if trained:
            graph.note_trained([graph.index[one] for one in trained], None)
        return Passes(
            graph, self.memory, ours=ours and not any(isinstance(n, Foreign) for n in made)
        )

    def _standing_for(self, node: Any) -> Node:
        found = self._stand_ins.get(id(node), node)
        if not isinstance(found, Node):
            raise DebuggerError("a node is updated that is in no pass")
        return found

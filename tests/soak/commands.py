"""Random commands, and what a debugger must be after any of them."""

from __future__ import annotations

from random import Random

from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import Debugger, Freshness
from miniflow.errors import MiniflowError
from miniflow.node import Input
from tests.support.debuggers import make_again

COMMANDS = [
    "step",
    "step 7",
    "back",
    "back 5",
    "next 2",
    "previous",
    "sgd 3",
    "sgd 40",
    "sgd -2",
    "goto start",
    "goto sgd 12",
    "order",
    "order on",
    "order off",
    "continue",
    "reverse-continue",
    "until {node}",
    "last {node}",
    "last {node}.grad",
    "why {node}",
    "why grad {node}",
    "check {node}",
    "break {node}",
    "break {node} backward if any({node}.grad > 0)",
    "break on-change {node} by 0.01",
    "break if cost > prev(cost)",
    "break health",
    "tbreak {node}",
    "disable all",
    "delete all",
    "watch mean({node})",
    "watch prev(cost)",
    "watch",
    "diff 3",
    "diff 5 now@0",
    "set {input} = 0.3",
    "set {node} = 0.3",
    "set {node}.grad = 0.1",
    "scale {node} 2",
    "scale {node}.grad 0.5",
    "set lr = 0.01",
    "undo",
    "redo",
    "quiz",
    "answer 1",
    "answer +",
    "quiz off",
    "explain",
    "find i",
    "branches",
    "print prev({node})",
]


def everything(debugger: Debugger) -> list[object]:
    """Return all that can be seen: what has not been computed is nothing."""
    unseen = (Freshness.NONE, Freshness.WAITING)
    shown: list[object] = [repr(debugger.state.learning_rate), repr(debugger.where)]
    for i in range(len(debugger.graph)):
        for freshness, array in (
            (debugger.state.value_freshness(i), debugger.state.value(i)),
            (debugger.state.gradient_freshness(i), debugger.state.gradient(i)),
        ):
            shown.append((freshness, None if freshness in unseen else array.tobytes()))
    return shown


class Walk:
    """A walk of random commands over a graph. `refused` counts those that could not be carried out.

    Raises whatever a command raises that is no error of ours.
    """

    def __init__(self, session: Session, seed: object) -> None:
        self.session = session
        self.random = Random(f"{seed}")
        self.refused = 0
        nodes = session.debugger.graph.nodes
        self._names = [node.label for node in nodes]
        self._inputs = [node.label for node in nodes if isinstance(node, Input)]
        self._looked = 0
        # A search without an end is not what is tried here.
        session.progress = self._enough

    def _enough(self, _moment: int) -> bool:
        self._looked += 1
        return self._looked % 50 == 0

    def go(self, commands: int) -> None:
        """Run so many commands."""
        for _ in range(commands):
            line = self.random.choice(COMMANDS)
            line = line.replace("{node}", self.random.choice(self._names))
            line = line.replace("{input}", self.random.choice(self._inputs))
            try:
                told = self.session.run(line).text
            except MiniflowError as error:
                told = str(error)
                self.refused += 1
            assert told.replace("\n", "").isprintable(), f"{line!r} says {told!r}"


def check_against_a_straight_way(run: Debugger, twin: Debugger) -> None:
    """Check that a debugger shows what one shows that came straight to the same moment.

    `twin` is a fresh one of the same graph: it makes the same edits and goes there.
    """
    twin.timeline.shows_order = run.timeline.shows_order
    for edit in run.edits:
        twin.move(edit.after)
        make_again(twin, edit)
    assert [edit.after for edit in twin.edits] == [edit.after for edit in run.edits]
    for moment in range(0, run.moment, max(1, run.moment // 3)):
        twin.move(moment)
    twin.move(run.moment)
    assert everything(run) == everything(twin)

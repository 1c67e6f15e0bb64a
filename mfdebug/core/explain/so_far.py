"""What a pass has computed before the present moment, an equation a line: the chain of its numbers.

Of graphs of single numbers, whose equations are short: there a whole pass fits below a node. Also
of small tensors that nothing trains, where no curve needs the room: of the first entry of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from msgspec import Struct

from mfdebug.core.explain.report import report
from mfdebug.core.timeline.debugger import Debugger, index_text
from miniflow.node import Input

# Each node costs a report; a larger graph has more nodes than a panel has lines.
MOST_NODES = 40
# Entries of a small tensor.
SMALL = 12


class Computed(Struct, frozen=True):
    """An equation and the number that it gave."""

    text: str
    number: float


class SoFar:
    """The equations of a pass; each is kept while the pass lasts, as a moment adds those of a node.

    In the forward pass they compute values, in the backward pass what is sent to inputs.
    """

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._pass: object = None
        self._known: dict[int, list[Computed]] = {}
        shapes = debugger.plan.shapes
        most = 1 if debugger.graph.trains else SMALL
        self._offered = len(shapes) <= MOST_NODES and all(prod(shape) <= most for shape in shapes)

    def last(self, most: int) -> list[Computed]:
        """Return the last equations, at most `most`, before those of the moment's node.

        There are none in a graph of larger tensors, and none while a question hides numbers.
        """
        debugger, where = self._debugger, self._debugger.where
        nodes = debugger.graph.nodes
        if not self._offered or debugger.state.concealed:
            return []
        if where.node is None or where.phase not in ("forward", "backward"):
            return []
        backward = where.phase == "backward"
        of = backward, debugger.sgd_step, debugger.edits, debugger.timeline.builds
        if of != self._pass:
            self._pass, self._known = of, {}
        found: list[Computed] = []
        before = range(where.node + 1, len(nodes)) if backward else range(where.node - 1, -1, -1)
        for node in before:
            if len(found) >= most:
                break
            if node not in self._known:
                equations = _sent if backward else _value
                computed = not isinstance(nodes[node], Input)
                self._known[node] = list(equations(debugger, node)) if computed else []
            found += reversed(self._known[node])
        return found[:most][::-1]


def _value(debugger: Debugger, node: int) -> Iterator[Computed]:
    shown = report(debugger, node)
    if shown.working and shown.value is not None:
        form = f"{shown.name} = {shown.formula}"
        if prod(debugger.plan.shapes[node]) > 1:
            # The formula is of the whole tensor.
            form = f"{shown.name}{index_text(shown.index)}"
        yield Computed(f"{form} = {shown.working}", shown.value)


def _sent(debugger: Debugger, node: int) -> Iterator[Computed]:
    shown = report(debugger, node)
    for sent in shown.outgoing:
        if sent.working and not sent.remark:
            target = f"{sent.source}{sent.entry}{sent.input}"
            text = f"{shown.name} to {target}  {sent.words} = {sent.working}"
            yield Computed(text, sent.number)

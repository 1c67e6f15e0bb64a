"""The graph of a recorded line: the program's nodes as the debugger knows them.

An op of this miniflow becomes that op, so that its rules explain its numbers. A node of any other
class is a stand-in under the program's own class name, with the names and the edges of the real
one and no rule: nothing of it can run here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mfdebug.recording.records import RecordedNode, Structure
from miniflow.arguments import LEARNING_RATE
from miniflow.errors import GraphError, printable
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import OPS, Op
from miniflow.training.optimizers import SGD

# A name may be of any length in a program.
LONGEST_NAME = 80


class Recorded(Node):
    """Stands for a node of a program's own class, by whose rules its numbers were made."""


class RecordedInput(Recorded, Input):
    """Stands for an input of a program's own class: its value is known, like any input's."""


class RecordedGraph(Graph):
    """The graph of a line; moments are in the order of the program's own calls.

    `fed` are the inputs that the program sets between passes. `made_at` is the file and line at
    which the program made each node, where that is known.
    """

    feeder = "the program"

    def __init__(self, structure: Structure, nodes: list[Node], name: str) -> None:
        inbound = [list(node.inbound) for node in structure.nodes]
        super().__init__(
            nodes,
            nodes[structure.cost],
            name=name,
            description="recorded from a program",
            inbound=inbound,
        )
        self.fed: set[int] = set()
        self.made_at = [(node.file, node.line) for node in structure.nodes]
        self.goes_back = False
        self.follow(structure)

    def follow(self, structure: Structure) -> None:
        """Order the moments as the structure has the calls; it may come to know of backward."""
        computed = [i for i, sources in enumerate(self.inbound) if sources]
        self.forward_nodes = _first_called(structure.forward, computed)
        self.goes_back = bool(structure.backward)
        reached = [i for i in reversed(range(len(self))) if self.reaches_cost[i]]
        self.backward_nodes = _first_called(structure.backward, reached) if self.goes_back else []

    def fed_from_data(self, node: int) -> bool:
        """Whether the program gives this input its value between passes."""
        return node in self.fed

    def note_trained(self, nodes: Iterable[int]) -> None:
        """Mark inputs as those that the program trains."""
        self.trainables = sorted({*self.trainables, *nodes})
        for i in self.trainables:
            node = self.nodes[i]
            assert isinstance(node, Input)
            node.trainable = True
        self.fed -= set(self.trainables)

    def saveable(self) -> Graph:
        """Return the same network of new nodes, without values.

        Raises `GraphError` naming the nodes that are not of this miniflow.
        """
        strange = [node for node in self.nodes if isinstance(node, Recorded)]
        strange = [node for node in strange if not isinstance(node, Input)]
        if strange:
            shown = [f"{node.label} ({type(node).__name__})" for node in strange[:5]]
            more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
            raise GraphError(
                f"{', '.join(shown)}{more}: a graph file holds miniflow's own ops alone",
                where=self.name,
            )
        made: list[Node] = []
        for node, sources in zip(self.nodes, self.inbound, strict=True):
            if isinstance(node, Input):
                made.append(Input(node.label, trainable=node.trainable))
            else:
                assert isinstance(node, Op)
                made.append(
                    type(node).of([made[source] for source in sources], node.label, node.attrs)
                )
        return Graph(made, made[self.cost], name=self.name, training=Training(SGD()))


def sgd_at(rate: float) -> Training:
    """Return a training by plain gradient descent, at the default rate if this is not one."""
    return Training(SGD(rate) if rate in LEARNING_RATE else SGD())


def graph_of(structure: Structure, name: str) -> RecordedGraph:
    """Return the graph of a line, called `name`.

    Raises `GraphError` if a node stands before one of its inputs.
    """
    names = _names(structure.nodes)
    kinds: dict[tuple[str, bool], type[Recorded]] = {}
    made: list[Node] = []
    for i, (node, called) in enumerate(zip(structure.nodes, names, strict=True)):
        if any(not 0 <= source < i for source in node.inbound):
            raise GraphError(f"{called} stands before one of its inputs", where=name)
        made.append(_node(node, [made[source] for source in node.inbound], called, kinds))
    return RecordedGraph(structure, made, name)


def _node(
    node: RecordedNode,
    inbound: list[Node],
    name: str,
    kinds: dict[tuple[str, bool], type[Recorded]],
) -> Node:
    if node.ours:
        if node.kind == "Input" and not inbound:
            return Input(name)
        try:
            ours: Node = OPS[node.kind].of(inbound, name, node.attributes)
            return ours
        except (KeyError, GraphError):
            # Of a miniflow of another version: its rules are not known here.
            pass
    key = node.kind, bool(inbound)
    if key not in kinds:
        base: type[Recorded] = Recorded if inbound else RecordedInput
        kinds[key] = type(_class_name(node.kind), (base,), {"__module__": __name__})
    kind = kinds[key]
    return kind(name) if issubclass(kind, RecordedInput) else kind(inbound, name)


def _class_name(kind: str) -> str:
    return printable(kind, LONGEST_NAME) or "Node"


def _names(nodes: tuple[RecordedNode, ...]) -> list[str]:
    """Return a printable name for each node, each only once: `name_2` for a second one.

    A node without a name is called by its class and a number, as in any graph.
    """
    wanted = [_printable_name(node.name) for node in nodes]
    taken = set(filter(None, wanted))
    used: set[str] = set()
    counts: dict[str, int] = {}
    names = []
    for node, name in zip(nodes, wanted, strict=True):
        if not name:
            stem, found = _class_name(node.kind).lower(), ""
        elif name in used:
            stem, found = f"{name}_", ""
            counts.setdefault(stem, 1)
        else:
            stem, found = "", name
        while not found:
            counts[stem] = counts.get(stem, 0) + 1
            candidate = f"{stem}{counts[stem]}"
            found = "" if candidate in taken or candidate in used else candidate
        used.add(found)
        names.append(found)
    return names


def _printable_name(name: str) -> str:
    return printable(re.sub(r"[\s`]+", " ", name).strip(), LONGEST_NAME)


def _first_called(called: Iterable[int], wanted: list[int]) -> list[int]:
    """Return the wanted nodes in the order of the calls, those that were not called last."""
    there = set(wanted)
    return list(dict.fromkeys([*(i for i in called if i in there), *wanted]))

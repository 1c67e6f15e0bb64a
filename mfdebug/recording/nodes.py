"""The graph of a recorded line: the program's nodes as nodes of the debugger.

An op of this miniflow becomes that op, so that its rules explain its numbers. A node of any other
class becomes a placeholder with the program's class name, the same name and edges, and no rules:
its code cannot run here.
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

# A program may use names of any length.
MAX_NAME = 80


class Recorded(Node):
    """A placeholder for a node of a program's own class; it has no rules."""


class RecordedInput(Recorded, Input):
    """A placeholder for an input of a program's own class; its value is known."""


class RecordedGraph(Graph):
    """The graph of a line; moments are in the order of the program's calls.

    `fed` are the inputs that the program sets between passes. `made_at` is the file and line in
    which the program created each node; empty and 0 if unknown.
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
        # Nodes of which the program's engine wants no gradient.
        self.without_gradient: set[int] = set()
        self.has_backward = False
        self.follow(structure)
        self.note_trained(i for i, node in enumerate(structure.nodes) if node.trained)

    def follow(self, structure: Structure) -> None:
        """Order the moments by a structure's calls; it may be the first one with backward."""
        computed = [i for i, sources in enumerate(self.inbound) if sources]
        self.forward_nodes = _by_first_call(structure.forward, computed)
        self.has_backward = bool(structure.backward)
        called = set(structure.backward)
        self.without_gradient = {
            i
            for i, node in enumerate(structure.nodes)
            if self.has_backward and node.engine and i not in called
        }
        reached = [
            i
            for i in reversed(range(len(self)))
            if self.reaches_cost[i] and i not in self.without_gradient
        ]
        self.backward_nodes = (
            _by_first_call(structure.backward, reached) if self.has_backward else []
        )

    def fed_from_data(self, node: int) -> bool:
        """Whether the program sets this input between passes."""
        return node in self.fed

    def note_trained(self, nodes: Iterable[int]) -> None:
        """Mark inputs as trained by the program."""
        self.trainables = sorted({*self.trainables, *nodes})
        for i in self.trainables:
            node = self.nodes[i]
            assert isinstance(node, Input)
            node.trainable = True
        self.fed -= set(self.trainables)

    def saveable(self) -> Graph:
        """Return a copy of the network with new nodes and without values.

        Raises `GraphError` naming the nodes that are not of this miniflow.
        """
        foreign = [node for node in self.nodes if isinstance(node, Recorded)]
        foreign = [node for node in foreign if not isinstance(node, Input)]
        if foreign:
            shown = [f"{node.label} ({type(node).__name__})" for node in foreign[:5]]
            more = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""
            raise GraphError(
                f"{', '.join(shown)}{more}: a graph file can hold only miniflow's own ops",
                where=self.name,
            )
        nodes: list[Node] = []
        for node, sources in zip(self.nodes, self.inbound, strict=True):
            if isinstance(node, Input):
                nodes.append(Input(node.label, trainable=node.trainable))
            else:
                assert isinstance(node, Op)
                nodes.append(
                    type(node).of([nodes[source] for source in sources], node.label, node.attrs)
                )
        return Graph(nodes, nodes[self.cost], name=self.name, training=Training(SGD()))


def sgd_at(rate: float) -> Training:
    """Return training by plain gradient descent, at the default rate if `rate` is not valid."""
    return Training(SGD(rate) if rate in LEARNING_RATE else SGD())


def graph_of(structure: Structure, name: str) -> RecordedGraph:
    """Return the graph of a line, called `name`.

    Raises `GraphError` if a node comes before one of its inputs.
    """
    names = labels_of(structure.nodes)
    kinds: dict[tuple[str, bool], type[Recorded]] = {}
    nodes: list[Node] = []
    for i, (node, label) in enumerate(zip(structure.nodes, names, strict=True)):
        if any(not 0 <= source < i for source in node.inbound):
            raise GraphError(f"{label} comes before one of its inputs", where=name)
        nodes.append(_node(node, [nodes[source] for source in node.inbound], label, kinds))
    return RecordedGraph(structure, nodes, name)


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
            # From another version of miniflow: its rules are not known here.
            pass
    key = node.kind, bool(inbound)
    if key not in kinds:
        base: type[Recorded] = Recorded if inbound else RecordedInput
        kinds[key] = type(_class_name(node.kind), (base,), {"__module__": __name__})
    kind = kinds[key]
    return kind(name) if issubclass(kind, RecordedInput) else kind(inbound, name)


def _class_name(kind: str) -> str:
    return printable(kind, MAX_NAME) or "Node"


def labels_of(nodes: tuple[RecordedNode, ...]) -> list[str]:
    """Return a unique printable name for each node: a second `name` becomes `name_2`.

    A node without a name gets its class and a number, as in any graph.
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
    return printable(re.sub(r"[\s`]+", " ", name).strip(), MAX_NAME)


def _by_first_call(calls: Iterable[int], wanted: list[int]) -> list[int]:
    """Return the wanted nodes in the order of their first calls; uncalled ones come last."""
    remaining = set(wanted)
    return list(dict.fromkeys([*(i for i in calls if i in remaining), *wanted]))

"""The graph of a recorded line: the program's nodes as nodes of the debugger.

An op of this miniflow becomes that op, so that its rules explain its numbers. A node of any other
class becomes a placeholder with the program's class name, the same name and edges, and no rules:
its code cannot run here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mfdebug.recording.engine_ops import op_of
from mfdebug.recording.records import RecordedNode, Structure
from miniflow.arguments import LEARNING_RATE
from miniflow.errors import GraphError, printable
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import OPS
from miniflow.training.optimizers import SGD

# A program may use names of any length.
MAX_NAME = 80
# What an engine is called where people read it.
LIBRARIES = {"torch": "PyTorch", "micrograd": "micrograd", "autograd": "autograd"}
# Whose a function is that the program has added to a library's engine.
OF_THE_PROGRAM = "the program"


class Recorded(Node):
    """A placeholder for a node of a program's own class, or for a function; it has no rules."""


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
        self._recorded: Sequence[RecordedNode] = structure.nodes
        self.fed: set[int] = set()
        self.made_at = [(node.file, node.line) for node in structure.nodes]
        # The nodes whose values a node is computed from.
        self.reads = [list(structure.reads(i)) for i in range(len(nodes))]
        # Of a function with several results, their nodes.
        self.results: list[list[int]] = [[] for _ in nodes]
        for i, node in enumerate(structure.nodes):
            if node.is_result:
                self.results[node.inbound[0]].append(i)
        # Nodes of which the program's engine wants no gradient.
        self.without_gradient: set[int] = set()
        self.has_engine = any(node.engine for node in structure.nodes)
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

    def with_settings(self, number: int, nodes: Sequence[RecordedNode]) -> Node:
        """Return a node; a function's op with the settings it has among `nodes`, those of a pass.

        Such an op is apart from the graph: its inputs only stand for those of the node.
        """
        if nodes is self._recorded:
            return self.nodes[number]
        concerned = {number, *self.inbound[number], *self.reads[number]}
        if all(nodes[i].attributes == self._recorded[i].attributes for i in concerned):
            return self.nodes[number]
        apart: list[Node] = [Input(source.label) for source in self.nodes[number].inbound_nodes]
        found = _call(nodes, number, apart, self.nodes[number].label)
        return self.nodes[number] if found is None else found

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


def sgd_at(rate: float) -> Training:
    """Return training by plain gradient descent, at the default rate if `rate` is not valid."""
    return Training(SGD(rate) if rate in LEARNING_RATE else SGD())


def graph_of(structure: Structure, name: str) -> RecordedGraph:
    """Return the graph of a line, called `name`.

    Raises `GraphError` if a node comes before one of its inputs.
    """
    names = labels_of(structure.nodes)
    kinds: dict[tuple[str, bool, str], type[Recorded]] = {}
    nodes: list[Node] = []
    for i, (node, label) in enumerate(zip(structure.nodes, names, strict=True)):
        if any(not 0 <= source < i for source in node.inbound):
            raise GraphError(f"{label} comes before one of its inputs", where=name)
        inbound = [nodes[source] for source in node.inbound]
        made = _call(structure.nodes, i, inbound, label) if node.engine and inbound else None
        nodes.append(made or _node(node, _function(structure.nodes, i), inbound, label, kinds))
    return RecordedGraph(structure, nodes, name)


def _call(
    nodes: Sequence[RecordedNode], number: int, inbound: list[Node], name: str
) -> Node | None:
    """Return the op of a function of PyTorch; None if its rules are not known here."""
    if nodes[number].engine != "torch":
        return None
    # The rules are loaded for programs that use such a library.
    from mfdebug.recording.functions import call_of

    return call_of(nodes, number, inbound, _class_name(_function(nodes, number)), name)


def _function(nodes: Sequence[RecordedNode], number: int) -> str:
    """Return the kind of a node; of one of several results, that of the function."""
    node = nodes[number]
    return nodes[node.inbound[0]].kind if node.is_result else node.kind


def _node(
    node: RecordedNode,
    kind: str,
    inbound: list[Node],
    name: str,
    kinds: dict[tuple[str, bool, str], type[Recorded]],
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
    elif inbound and (found := op_of(node)) is not None:
        try:
            same: Node = OPS[found[0]].of(inbound, name, found[1])
            return same
        except GraphError:
            # Its inputs are others than our op takes: from a damaged file.
            pass
    library = OF_THE_PROGRAM if node.is_own else LIBRARIES.get(node.engine, "")
    key = kind, bool(inbound), library
    if key not in kinds:
        base: type[Recorded] = Recorded if inbound else RecordedInput
        body = {"__module__": __name__, "library": library}
        kinds[key] = type(_class_name(kind), (base,), body)
    cls = kinds[key]
    return cls(name) if issubclass(cls, RecordedInput) else cls(inbound, name)


def _class_name(kind: str) -> str:
    return printable(kind, MAX_NAME) or "Node"


def labels_of(nodes: tuple[RecordedNode, ...]) -> list[str]:
    """Return a unique printable name for each node: a second `name` becomes `name_2`.

    A node without a name gets its class and a number, as in any graph, and one of several results
    the name of the function with its number.
    """
    wanted = [_printable_name(node.name) for node in nodes]
    taken = set(filter(None, wanted))
    used: set[str] = set()
    counts: dict[str, int] = {}
    names: list[str] = []
    for node, name in zip(nodes, wanted, strict=True):
        part = node.attributes.get("part")
        if not name and node.is_result and isinstance(part, int) and node.inbound[0] < len(names):
            # One of several results without a name of its own is called after the function.
            name = f"{names[node.inbound[0]]}.{part}"
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

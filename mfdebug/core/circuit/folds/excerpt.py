"""Boxes and wires of some groups; what is outside is an entry or an exit at the border."""

from __future__ import annotations

from collections.abc import Callable, Collection

from mfdebug.core.circuit.boxes import Box, Kind, Parts, Wire
from mfdebug.core.circuit.cells import plain
from mfdebug.core.circuit.folds.folding import Folding, Group
from mfdebug.core.circuit.folds.symbols import ops_text, pins, symbol
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.text.scope_names import split_name

ExitName = Callable[[list[int]], str]


def excerpt(
    folding: Folding,
    chosen: Collection[int] | None = None,
    *,
    exit_name: ExitName | None = None,
    most_inputs: int | None = None,
) -> Parts:
    """Return the boxes and wires of the chosen groups (all by default).

    A value that is used outside leaves at an exit, unless it is an input's, which is drawn again
    where it is used; with `exit_name`, a function of the groups outside, all leave at a named exit.
    Of a box with more than `most_inputs` inputs, the last ones are one wire.
    """
    return _Excerpt(folding, chosen, exit_name, most_inputs).parts


class _Excerpt:
    def __init__(
        self,
        folding: Folding,
        chosen: Collection[int] | None,
        exit_name: ExitName | None,
        most_inputs: int | None,
    ) -> None:
        self._folding = folding
        numbers = range(len(folding.groups)) if chosen is None else sorted(chosen)
        self._boxes = {number: box_of(folding.graph, folding.groups[number]) for number in numbers}
        self._border: list[Box] = []
        self._wires: dict[int, Wire] = {}
        self._bundles: list[Wire] = []
        for number, box in self._boxes.items():
            if box.folds:
                box.foot = folding.widest(number, box.name_inside)
            for node in folding.outputs(number):
                wire = self._wires[node] = Wire(node, box, self._name_outside(box, node))
                box.gives.append(wire)
        for number, box in self._boxes.items():
            self._connect(box, folding.inputs(number), most_inputs)
        if chosen is not None:
            for wire in [*self._wires.values()]:
                self._exit(wire, exit_name)
        self.parts = Parts(
            [*self._boxes.values(), *self._border], [*self._wires.values(), *self._bundles]
        )

    def _name_outside(self, box: Box, node: int) -> str:
        """Return the name of an output of a scope, whose frame has the name of the scope alone."""
        if box.kind is not Kind.SCOPE:
            return ""
        target = self._folding.graph.nodes[node]
        star = "*" if isinstance(target, Input) and target.trainable else ""
        return split_name(plain(target.label))[-1] + star

    def _connect(self, box: Box, sources: list[int], most: int | None) -> None:
        shown = sources if most is None else self._most_important(sources, most)
        box.takes = [self._wires.get(node) or self._enter(node) for node in shown]
        if len(shown) < len(sources):
            text = f"{len(sources) - len(shown):,} more"
            entry = Box(f"{box.key} + {text}", Kind.ENTRY, text)
            bundle = Wire(None, entry)
            entry.gives = [bundle]
            self._border.append(entry)
            self._bundles.append(bundle)
            box.takes.append(bundle)
        for port, wire in enumerate(box.takes):
            wire.ends.append((box, port))

    def _most_important(self, sources: list[int], most: int) -> list[int]:
        """Return the inputs that have a port: those that are drawn, and then the first ones."""
        if len(sources) <= most:
            return sources
        ranked = sorted(range(len(sources)), key=lambda place: sources[place] not in self._wires)
        return [sources[place] for place in sorted(ranked[: most - 1])]

    def _enter(self, node: int) -> Wire:
        target = self._folding.graph.nodes[node]
        trained = isinstance(target, Input) and target.trainable
        label = plain(target.label)
        box = Box(target.label, Kind.ENTRY, label, (node,), trained=trained)
        wire = self._wires[node] = Wire(node, box)
        box.gives = [wire]
        self._border.append(box)
        return wire

    def _exit(self, wire: Wire, name: ExitName | None) -> None:
        if wire.node is None or wire.source.kind is Kind.ENTRY:
            return
        outside = [g for g in self._folding.users(wire.node) if g not in self._boxes]
        if not outside or (name is None and wire.source.kind is Kind.INPUT):
            return
        nodes = () if name is None else self._folding.groups[outside[0]].nodes[:1]
        label = "▸" if name is None else f"▸ {name(outside)}"
        box = Box(f"{wire.source.key} ▸", Kind.EXIT, label, nodes, takes=[wire])
        wire.ends.append((box, 0))
        self._border.append(box)


def box_of(graph: Graph, group: Group) -> Box:
    """Return the box of a group, without wires."""
    first = graph.nodes[group.nodes[0]]
    if group.kind == "node":
        label = plain(group.key)
        if not graph.inbound[group.nodes[0]]:
            trained = isinstance(first, Input) and first.trainable
            return Box(group.key, Kind.INPUT, label, group.nodes, trained=trained)
        return Box(group.key, Kind.OP, label, group.nodes, (symbol(first),), pins(first))
    if group.kind == "repeat":
        name, _, count = plain(group.key).rpartition(" ")
        label = f"{split_name(name.rstrip('/.'))[-1]} {count}"
        return Box(group.key, Kind.REPEAT, label, group.nodes, units=group.units)
    label = plain(group.key.rstrip("/."))
    inside = ops_text([graph.nodes[node] for node in group.nodes])
    return Box(group.key, Kind.SCOPE, label, group.nodes, (split_name(label)[-1], inside))

"""Nodes that stand for those of another miniflow: the program's own copy, in any printing."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

from mfdebug.program.taps import INBOUND, neighbours
from miniflow.node import Input, Node, StandIn


class _Gradients(MutableMapping[Node, Any]):
    """A node's gradients, by the nodes that stand for its inputs."""

    def __init__(self, target: Any, places: dict[Node, Any]) -> None:
        self._target = target
        self._places = places

    def __getitem__(self, node: Node) -> Any:
        return self._target.gradients[self._places[node]]

    def __setitem__(self, node: Node, value: Any) -> None:
        self._target.gradients[self._places.get(node, node)] = value

    def __delitem__(self, node: Node) -> None:
        del self._target.gradients[self._places[node]]

    def __iter__(self) -> Iterator[Node]:
        held = self._target.gradients
        return (node for node, target in self._places.items() if target in held)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Foreign(StandIn):
    """Stands for a node of the program: its value and gradients are that one's."""

    def __init__(self, target: Any, inbound: Sequence[Node]) -> None:
        self.target = target
        self._places: dict[Node, Any] = {}
        Node.__init__(self, inbound, getattr(target, "name", None))
        self._places.update(
            (node, node.target) for node in (*inbound, self) if isinstance(node, Foreign)
        )

    @property
    def value(self) -> Any:
        """The program's node's value."""
        return self.target.value

    @value.setter
    def value(self, value: Any) -> None:
        if "_places" in vars(self) and self._places:
            self.target.value = value

    @property
    def gradients(self) -> Any:
        """The program's node's gradients, by the nodes that stand for its inputs."""
        return _Gradients(self.target, self._places)

    @gradients.setter
    def gradients(self, gradients: Any) -> None:
        if "_places" in vars(self) and self._places:
            self.target.gradients = {self._places[node]: sent for node, sent in gradients.items()}

    def forward(self) -> None:
        """Call the program's node's `forward()`."""
        self.target.forward()

    def backward(self) -> None:
        """Call the program's node's `backward()`."""
        self.target.backward()


class ForeignInput(Foreign, Input):
    """Stands for an input of the program."""

    def __init__(self, target: Any) -> None:
        Foreign.__init__(self, target, ())
        self.shape = None
        self.trainable = False

    def forward(self, value: Any = None) -> None:
        """Take a value, or keep the one already set."""
        if value is not None:
            self.value = value


def stand_ins(nodes: Sequence[Any]) -> list[Node]:
    """Return nodes of miniflow for the program's nodes: itself for one that is."""
    made: dict[Any, Node] = {}
    for node in nodes:
        if isinstance(node, Node):
            made[node] = node
            continue
        inbound = [made[source] for source in neighbours(node, INBOUND)]
        base: type[Foreign] = Foreign if inbound else ForeignInput
        kind = type(type(node).__name__, (base,), {})
        made[node] = kind(node, inbound) if inbound else kind(node)
    return [made[node] for node in nodes]

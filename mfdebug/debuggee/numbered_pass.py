"""A pass with its nodes numbered: what its structure is, and which bytes it consists of."""

from __future__ import annotations

from .fast_path import SMALL_BYTES
from .pass_nodes import INSIDE, ancestors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from .name_facts import SourceSpan
    from .open_pass import Encoded
    from .pass_nodes import Backward, Node


class NumberedPass:
    """The nodes that a cost depends on, in their order, and what was sent backward.

    `leaves` are the inputs that are trained, with their numbers.
    """

    def __init__(self, cost: Node, backward: Backward) -> None:
        self.nodes = ancestors([cost])
        self.cost = cost
        self.backward = backward
        self.numbers = {node: i for i, node in enumerate(self.nodes)}
        self.leaves = [(i, node) for i, node in enumerate(self.nodes) if node.instance is not None]
        # The nodes that have sent, in their order.
        self._calls = tuple([self.numbers[n] for n in backward.order if n in self.numbers])

    def key(self) -> Hashable:
        """Return what its structure depends on."""
        numbers = self.numbers
        forms = [(node.form, tuple([numbers[s] for s in node.sources])) for node in self.nodes]
        return tuple(forms), self._calls, numbers[self.cost]

    def structure(self, engine: str, site: Callable[[Any], SourceSpan | None]) -> dict[str, Any]:
        """Return its structure as plain data; `site` returns the source of where a form was made.

        `engine` is the name of the program's engine.
        """
        nodes = []
        for node in self.nodes:
            kind, name, made, settings = node.form
            nodes.append(
                {
                    "kind": kind,
                    "engine": engine,
                    "trained": node.instance is not None,
                    "inbound": [self.numbers[source] for source in node.sources],
                    "named": "" if name == INSIDE else name,
                    "inside": name == INSIDE,
                    "made": site(made),
                    "attributes": dict(settings),
                }
            )
        return {
            "nodes": nodes,
            "forward": [i for i, node in enumerate(self.nodes) if node.sources],
            "backward": self._calls,
            "cost": self.numbers[self.cost],
        }

    def entries(self, *, whole: bool) -> tuple[tuple[Hashable, ...], list[bytes]]:
        """Return the entries of the pass and their bytes; if not `whole`, only the small ones."""
        entries: list[Hashable] = []
        parts: list[bytes] = []

        def add(tag: str, number: int, index: int, value: Encoded) -> None:
            dtype, shape, data = value
            entries.append((tag, number, index, dtype, shape))
            parts.append(data)

        # The small inputs are stored apart: the rest must not be copied for that.
        later = []
        for number, node in enumerate(self.nodes):
            if node.value is None:
                continue
            if not node.sources and len(node.value[2]) <= SMALL_BYTES:
                add("v", number, -1, node.value)
            elif whole or node is self.cost:
                later.append((number, node.value))
        for number, value in later:
            add("v", number, -1, value)
        if whole:
            for (node, source), value in self.backward.sent.items():
                add("s", self.numbers[node], node.sources.index(source), value)
            for node, value in self.backward.own.items():
                add("g", self.numbers[node], -1, value)
        return tuple(entries), parts

"""A graph that the program has run before."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .name_facts import Variable


class KnownGraph:
    """The nodes and the cost of a finished pass; later passes may run the same nodes.

    `number` identifies this set of node objects. `sharing` is the number of the record of the
    inputs that it has in common with other graphs. `script` is the fast path over it, if any.
    """

    __slots__ = (
        "calls",
        "cost",
        "nodes",
        "number",
        "numbers",
        "script",
        "sharing",
        "structure",
        "variables",
    )

    def __init__(
        self,
        structure: int,
        number: int,
        sharing: int,
        *,
        nodes: list[Any],
        numbers: dict[int, int],
        calls: list[tuple[str, int]],
        cost: int,
        variables: dict[int, list[Variable]],
    ) -> None:
        self.structure = structure
        self.number = number
        self.sharing = sharing
        self.nodes = nodes
        self.numbers = numbers
        self.calls = calls
        self.cost = cost
        self.variables = variables
        # A `Script`, if one was made.
        self.script: Any = None

    def has(self, nodes: list[Any]) -> bool:
        """Whether the graph consists of these nodes, in this order."""
        return list(map(id, nodes)) == list(map(id, self.nodes))

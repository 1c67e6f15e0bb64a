"""What kind a pass is of: passes of one kind have the same graph over the same parameters.

That is seen in the engine's own graph, node by node.
"""

from __future__ import annotations

from ..pace import MAX_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from typing import Any

# What the engine calls the nodes that add to `.grad`.
ACCUMULATE = "torch::autograd::AccumulateGrad"


class PassKinds:
    """Numbers the kinds of passes, by their forms as `walk` returns them."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._next = 0

    def number_of(self, form: Hashable) -> int:
        """Return the number of the kind of passes of a form."""
        known = self._numbers.get(form)
        if known is None:
            if len(self._numbers) >= MAX_KINDS:
                self._numbers.clear()
            known = self._numbers[form] = self._next
            self._next += 1
        return known


def walk(ends: Iterable[Any]) -> tuple[list[tuple[Any, Any]], Hashable]:
    """Return all nodes of the engine that some depend on, with their edges, and their form."""
    queue = [end for end in ends if end is not None]
    numbers = {engine_node: i for i, engine_node in enumerate(queue)}
    found: list[tuple[Any, Any]] = []
    form: list[Hashable] = []
    for engine_node in queue:
        edges = engine_node.next_functions
        found.append((engine_node, edges))
        name = engine_node.name()
        if name == ACCUMULATE:
            form.append(id(engine_node.variable))
            continue
        form.append(name)
        for below, output in edges:
            number = -1
            if below is not None:
                known = numbers.get(below)
                if known is None:
                    known = numbers[below] = len(queue)
                    queue.append(below)
                number = known
            form.append((number, output))
    return found, tuple(form)

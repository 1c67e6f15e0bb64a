"""Nodes for what a program computed before it was watched, as the engine's own graph has it.

Of these functions the engine knows which they are and what they depend on. Their values are gone.
"""

from __future__ import annotations

from ..pass_nodes import Node
from .forward import kind_of
from .tensors import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..tape import Tape
    from .forward import Forward


class Unseen:
    """Makes the nodes of results that were computed unseen."""

    def __init__(self, tape: Tape, forward: Forward) -> None:
        self._tape = tape
        self._forward = forward

    def node_of(self, tensor: Any, name: str) -> Node:
        """Return the node of a result, with nodes for all that it depends on.

        `name` is that of the result if it was computed unseen.
        """
        forward, made = self._forward, tensor.grad_fn
        place = made._sequence_nr(), tensor.output_nr
        known = forward.known(tensor)
        if known is not None:
            return known
        if forward.at_place(*place) is None:
            outputs = self._outputs(made)
            outputs.setdefault(made, set()).add(tensor.output_nr)
            for engine_node in self._in_order(made):
                self._make(engine_node, outputs[engine_node])
        node = forward.at_place(*place)
        assert node is not None
        node.form = (node.form[0], name, *node.form[2:])
        forward.remember(tensor, node)
        return node

    def _known(self, engine_node: Any, output: int) -> Node | None:
        """Return the node where an edge of the engine leads, if there is one."""
        if hasattr(engine_node, "variable"):
            return self._forward.node_of(engine_node.variable)
        return self._forward.at_place(engine_node._sequence_nr(), output)

    def _outputs(self, root: Any) -> dict[Any, set[int]]:
        """Return the unseen nodes of the engine, each with the outputs that are used."""
        found: dict[Any, set[int]] = {}
        stack = [root]
        while stack:
            for below, output in stack.pop().next_functions:
                if below is None or self._known(below, output) is not None:
                    continue
                if below not in found:
                    found[below] = set()
                    stack.append(below)
                found[below].add(output)
        return found

    def _in_order(self, root: Any) -> list[Any]:
        """Return the unseen nodes of the engine, each after those that it depends on."""
        order: dict[Any, None] = {}
        stack = [(root, False)]
        entered = set()
        while stack:
            engine_node, done = stack.pop()
            if done:
                order[engine_node] = None
            elif engine_node not in entered:
                entered.add(engine_node)
                stack.append((engine_node, True))
                for below, output in reversed(engine_node.next_functions):
                    if below is not None and self._known(below, output) is None:
                        stack.append((below, False))
        return list(order)

    def _make(self, engine_node: Any, outputs: set[int]) -> None:
        sources: dict[Node, None] = {}
        for below, output in engine_node.next_functions:
            source = None if below is None else self._known(below, output)
            if source is not None:
                sources[source] = None
        sequence, kind = engine_node._sequence_nr(), kind_of(engine_node)
        node = self._node(kind, list(sources), ())
        node.first, node.last = sequence, sequence + 1
        if len(outputs) == 1:
            self._forward.place(node, sequence, *outputs)
            return
        node.value = text(f"{len(outputs)} tensors")
        for output in sorted(outputs):
            part = self._node("result", [node], (("part", output),))
            self._forward.place(part, sequence, output)

    def _node(self, kind: str, sources: list[Node], settings: Any) -> Node:
        node = Node(self._tape.new_serial(), (kind, "", -1, settings), sources)
        node.hidden = True
        return node

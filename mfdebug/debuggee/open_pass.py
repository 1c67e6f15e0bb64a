"""The pass that is running, as far as it has come."""

from __future__ import annotations

from .reading import (
    GRADIENTS,
    INBOUND,
    OUTBOUND,
    VALUE,
    attribute,
    encoded,
    has_method,
    inputs_of,
    neighbours,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .known_graph import KnownGraph
    from .name_facts import Variable

# An entry of a layout: tag, node, input index, dtype, shape (`mfdebug.recording.records.Entry`).
Entry = tuple[str, int, int, str, tuple[int, ...]]
# The dtype, the shape and the bytes of a value.
Encoded = tuple[str, tuple[int, ...], bytes]
# A call: "f" for forward or "b" for backward, and the node's number.
Call = tuple[str, int]

# Nodes searched to find out whether a node belongs to a pass; beyond that, everything connected
# with the pass is collected once.
SEARCH_LIMIT = 200
# Consumers of one node that are followed: graphs rebuilt in each step may share a parameter.
MAX_CONSUMERS = 50


class OpenPass:
    """The nodes of a pass in order of appearance, and what was recorded of each.

    `entries` describe the `parts`, which are bytes. `fault` is a direction, the number of the node,
    the class of the error and its message.
    """

    def __init__(
        self,
        number: int,
        variables: dict[int, list[Variable]],
        graph: KnownGraph | None = None,
    ) -> None:
        self.number = number
        self._variables = variables
        # A graph known in full from an earlier pass, of which the calls may be a part.
        self.graph = graph
        # The number of the graph, once the pass has been written without a known graph.
        self.instance = -1
        self.nodes: list[Any] = [] if graph is None else [*graph.nodes]
        self.numbers: dict[int, int] = {id(node): i for i, node in enumerate(self.nodes)}
        self.calls: list[Call] = []
        self.forward_done: set[int] = set()
        self.backward_done: set[int] = set()
        self.entries: list[Entry] = []
        self.parts: list[bytes] = []
        # How many entries there were after each call.
        self.ends: list[int] = []
        # The recorded bytes of values, by the number of the node.
        self.recorded: dict[int, bytes] = {}
        self.fault: tuple[str, int, str, str] | None = None
        # Whether everything that it has computed so far was recorded.
        self.whole = True
        # Whether it was written to the ring as finished.
        self.complete = False
        self._connected: set[int] | None = None

    @property
    def variables(self) -> dict[int, list[Variable]]:
        """The variables that hold the nodes; of a known graph, those of its first pass."""
        return self._variables if self.graph is None else self.graph.variables

    def number_of(self, node: Any) -> int:
        """Return the number of a node; a new node is numbered after its inputs."""
        known = self.numbers.get(id(node))
        if known is not None:
            return known
        stack, expanded = [node], set()
        while stack:
            top = stack[-1]
            # In a cycle a node depends on itself: it is numbered when it appears again.
            if id(top) not in expanded:
                expanded.add(id(top))
                stack.extend(n for n in inputs_of(top)[::-1] if id(n) not in self.numbers)
                continue
            stack.pop()
            if id(top) not in self.numbers:
                self.numbers[id(top)] = len(self.nodes)
                self.nodes.append(top)
        return self.numbers[id(node)]

    # Recording ---------------------------------------------------------------------------------

    def record_value(self, node: Any, *, again: bool) -> None:
        """Record a node's value; if it was recorded before, only with `again`."""
        number = self.number_of(node)
        if number in self.recorded and not again:
            return
        found = encoded(attribute(node, VALUE))
        if found is None:
            return
        self.recorded[number] = found[2]
        self.add_entry("v", number, -1, found)

    def record_inputs(self, node: Any) -> None:
        """Record the input values that no call has produced: the node uses them now."""
        for source in inputs_of(node):
            self.record_value(source, again=False)

    def record_changes(self, node: Any) -> bool:
        """Record the inputs that a node has changed in place; return whether there are any."""
        number, changed = self.number_of(node), False
        for input_index, source in enumerate(inputs_of(node)):
            source_number = self.number_of(source)
            found = encoded(attribute(source, VALUE))
            before = self.recorded.get(source_number)
            if found is not None and before is not None and found[2] != before:
                self.recorded[source_number] = found[2]
                self.add_entry("c", number, input_index, found)
                changed = True
        return changed

    def record_gradients(self, node: Any) -> None:
        """Record what a node has sent to its inputs, and the gradient it stores for itself."""
        gradients = attribute(node, GRADIENTS)
        if not isinstance(gradients, dict):
            return
        number, inbound = self.number_of(node), inputs_of(node)
        for key, sent in dict.items(gradients):
            input_index = next((i for i, source in enumerate(inbound) if source is key), -1)
            if input_index < 0 and key is not node:
                continue
            self.add_entry("g" if key is node else "s", number, input_index, encoded(sent))

    def add_entry(self, tag: str, number: int, input_index: int, found: Encoded | None) -> None:
        """Record the bytes of a value, if it has any, under its node and input index."""
        if found is not None:
            dtype, shape, data = found
            self.entries.append((tag, number, input_index, dtype, shape))
            self.parts.append(data)

    def record_call(self, direction: str, node: Any) -> None:
        """Record that a node's method has been called and has returned."""
        self.complete = False
        number = self.number_of(node)
        (self.forward_done if direction == "f" else self.backward_done).add(number)
        self.calls.append((direction, number))
        self.ends.append(len(self.entries))

    # Extent of the pass ------------------------------------------------------------------------

    def accepts(self, direction: str, node: Any) -> bool:
        """Whether a call can be the next one of this pass; if not, it starts another pass."""
        if self.fault is not None:
            return False
        number = self.numbers.get(id(node))
        if direction == "b":
            return number is not None and number not in self.backward_done
        if self.backward_done or (number is not None and number in self.forward_done):
            return False
        return number is not None or self._is_connected(node)

    def _is_connected(self, node: Any) -> bool:
        """Whether a node is in the same graph as the nodes that were called."""
        if self._connected is not None:
            return id(node) in self._connected or self._reaches(node, SEARCH_LIMIT) is True
        near = self._reaches(node, SEARCH_LIMIT)
        if near is None:
            self._connected = _connected_with(self.nodes)
            return id(node) in self._connected
        return near

    def _reaches(self, node: Any, limit: int) -> bool | None:
        """Whether a path leads from a node to one of this pass; None after `limit` nodes."""
        seen, queue = {id(node)}, [node]
        for current in queue:
            for names in (INBOUND, OUTBOUND):
                for other in list(neighbours(current, names) or ())[: -MAX_CONSUMERS - 1 : -1]:
                    if id(other) in self.numbers:
                        return True
                    if id(other) not in seen:
                        seen.add(id(other))
                        queue.append(other)
            if len(seen) > limit:
                return None
        return False

    @property
    def cost(self) -> int:
        """The number of the node where backward starts, or of the last one computed."""
        backward = next((number for direction, number in self.calls if direction == "b"), None)
        if backward is not None:
            return backward
        if self.graph is not None:
            return self.graph.cost
        return max(self.forward_done, default=len(self.nodes) - 1)

    def drop_unused(self) -> None:
        """Drop the known graph and its unused nodes if nodes outside it were called."""
        graph = self.graph
        if graph is None or len(self.nodes) == len(graph.nodes):
            return
        self.graph = None
        used = {number for _, number in self.calls}
        if self.fault is not None:
            used.add(self.fault[1])
        for number in range(len(self.nodes) - 1, -1, -1):
            if number in used:
                used.update(self.numbers[id(source)] for source in inputs_of(self.nodes[number]))
        kept = sorted(used)
        new_number = {number: i for i, number in enumerate(kept)}
        self.nodes = [self.nodes[number] for number in kept]
        self.numbers = {id(node): i for i, node in enumerate(self.nodes)}
        self.calls = [(direction, new_number[number]) for direction, number in self.calls]
        self.entries = [
            (tag, new_number[number], input_index, dtype, shape)
            for tag, number, input_index, dtype, shape in self.entries
        ]
        self.forward_done = {new_number[number] for number in self.forward_done}
        self.backward_done = {new_number[number] for number in self.backward_done}
        self.recorded = {new_number[number]: data for number, data in self.recorded.items()}
        if self.fault is not None:
            direction, number, kind, message = self.fault
            self.fault = direction, new_number[number], kind, message

    @property
    def is_complete(self) -> bool:
        """Whether backward has run on every node that has it, or as in an earlier such pass."""
        if not self.backward_done:
            return False
        if self.graph is not None and len(self.calls) == len(self.graph.calls):
            return self.calls == self.graph.calls
        return len(self.backward_done) >= len(self.forward_done) and all(
            number in self.backward_done or not has_method(type(node), "backward")
            for number, node in enumerate(self.nodes)
        )


def _connected_with(nodes: list[Any]) -> set[int]:
    seen, queue = set(map(id, nodes)), list(nodes)
    for node in queue:
        for names in (INBOUND, OUTBOUND):
            for other in neighbours(node, names) or ():
                if id(other) not in seen:
                    seen.add(id(other))
                    queue.append(other)
    return seen

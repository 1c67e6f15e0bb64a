"""The pass that runs now, as far as it has come."""

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

    from .graphs import KnownGraph
    from .naming import Variable

# An entry of a layout: tag, node, input index, dtype, shape (`mfdebug.recording.records.Entry`).
Entry = tuple[str, int, int, str, tuple[int, ...]]
# The dtype, the shape and the bytes of a value.
Encoded = tuple[str, tuple[int, ...], bytes]
# A call: "f" for forward or "b" for backward, and the node's number.
Call = tuple[str, int]

# Nodes that are looked at to find out whether a node belongs to a pass, before all that are
# connected with the pass are looked up once.
NEAR = 200
# Consumers of one node that are followed: graphs built anew in each step may share a parameter.
MOST_FOLLOWED = 50


class OpenPass:
    """The nodes of a pass in the order in which they came up, and what was noted of each.

    `entries` say what the `parts` are, bytes each. `fault` is a direction, a node and two texts.
    """

    def __init__(
        self,
        number: int,
        variables: dict[int, list[Variable]],
        graph: KnownGraph | None = None,
    ) -> None:
        self.number = number
        self._variables = variables
        # What is called may be a part of a graph that is known whole from an earlier pass.
        self.graph = graph
        # The number of the graph, once the pass was written without a known one.
        self.instance = -1
        self.nodes: list[Any] = [] if graph is None else [*graph.nodes]
        self.numbers: dict[int, int] = {id(node): i for i, node in enumerate(self.nodes)}
        self.calls: list[Call] = []
        self.forwarded: set[int] = set()
        self.gone_back: set[int] = set()
        self.entries: list[Entry] = []
        self.parts: list[bytes] = []
        # How many entries there were after each call.
        self.ends: list[int] = []
        # What was noted of a node's value, by the node's number.
        self.noted: dict[int, bytes] = {}
        self.fault: tuple[str, int, str, str] | None = None
        # Whether all that it has computed so far was noted.
        self.whole = True
        # Whether it was written to the ring as a pass of which nothing more will come.
        self.complete = False
        self._connected: set[int] | None = None

    @property
    def variables(self) -> dict[int, list[Variable]]:
        """The names of the nodes: of a known graph those that they had at first."""
        return self._variables if self.graph is None else self.graph.variables

    def number_of(self, node: Any) -> int:
        """Return the number of a node; one that is new comes after its inputs."""
        known = self.numbers.get(id(node))
        if known is not None:
            return known
        stack, begun = [node], set()
        while stack:
            one = stack[-1]
            # In a cycle a node waits for itself: it is numbered when it comes up again.
            if id(one) not in begun:
                begun.add(id(one))
                stack.extend(n for n in inputs_of(one)[::-1] if id(n) not in self.numbers)
                continue
            stack.pop()
            if id(one) not in self.numbers:
                self.numbers[id(one)] = len(self.nodes)
                self.nodes.append(one)
        return self.numbers[id(node)]

    # What happened -----------------------------------------------------------------------------

    def note_value(self, node: Any, *, again: bool) -> None:
        """Note a node's value, unless it was noted before and `again` is False."""
        number = self.number_of(node)
        if number in self.noted and not again:
            return
        found = encoded(attribute(node, VALUE))
        if found is None:
            return
        self.noted[number] = found[2]
        self.note("v", number, -1, found)

    def note_inputs(self, node: Any) -> None:
        """Note the values of a node's inputs that no call has given yet: it uses them now."""
        for one in inputs_of(node):
            self.note_value(one, again=False)

    def note_changes(self, node: Any) -> bool:
        """Note which inputs a node has changed in place; return whether there are any."""
        number, changed = self.number_of(node), False
        for input_index, one in enumerate(inputs_of(node)):
            source = self.number_of(one)
            found = encoded(attribute(one, VALUE))
            if found is not None and source in self.noted and found[2] != self.noted[source]:
                self.noted[source] = found[2]
                self.note("c", number, input_index, found)
                changed = True
        return changed

    def note_gradients(self, node: Any) -> None:
        """Note what a node has sent to its inputs, and what it keeps of itself."""
        gradients = attribute(node, GRADIENTS)
        if not isinstance(gradients, dict):
            return
        number, inbound = self.number_of(node), inputs_of(node)
        for key, sent in dict.items(gradients):
            input_index = next((i for i, one in enumerate(inbound) if one is key), -1)
            if input_index < 0 and key is not node:
                continue
            self.note("g" if key is node else "s", number, input_index, encoded(sent))

    def note(self, tag: str, number: int, input_index: int, found: Encoded | None) -> None:
        """Note the bytes of a value by the numbers of its node and input, if it has any."""
        if found is not None:
            dtype, shape, data = found
            self.entries.append((tag, number, input_index, dtype, shape))
            self.parts.append(data)

    def called(self, direction: str, node: Any) -> None:
        """Note that a node's method has been called and has returned."""
        self.complete = False
        number = self.number_of(node)
        (self.forwarded if direction == "f" else self.gone_back).add(number)
        self.calls.append((direction, number))
        self.ends.append(len(self.entries))

    # What belongs to it ------------------------------------------------------------------------

    def takes(self, direction: str, node: Any) -> bool:
        """Whether a call can be the next one of this pass; else it begins another."""
        if self.fault is not None:
            return False
        number = self.numbers.get(id(node))
        if direction == "b":
            return number is not None and number not in self.gone_back
        if self.gone_back or (number is not None and number in self.forwarded):
            return False
        return number is not None or self._is_connected(node)

    def _is_connected(self, node: Any) -> bool:
        """Whether a node is in one graph with those that were called."""
        if self._connected is not None:
            return id(node) in self._connected or self._reaches(node, NEAR) is True
        near = self._reaches(node, NEAR)
        if near is None:
            self._connected = _connected_with(self.nodes)
            return id(node) in self._connected
        return near

    def _reaches(self, node: Any, most: int) -> bool | None:
        """Whether a way leads from a node to one of this pass; None if that takes too long."""
        seen, todo = {id(node)}, [node]
        for one in todo:
            for names in (INBOUND, OUTBOUND):
                for other in list(neighbours(one, names) or ())[: -MOST_FOLLOWED - 1 : -1]:
                    if id(other) in self.numbers:
                        return True
                    if id(other) not in seen:
                        seen.add(id(other))
                        todo.append(other)
            if len(seen) > most:
                return None
        return False

    @property
    def cost(self) -> int:
        """The number of the node that the pass begins to go back from, or of the last one."""
        backward = next((number for direction, number in self.calls if direction == "b"), None)
        if backward is not None:
            return backward
        if self.graph is not None:
            return self.graph.cost
        return max(self.forwarded, default=len(self.nodes) - 1)

    def drop_what_is_not_used(self) -> None:
        """Forget the known graph if other nodes than its were called: it was another one."""
        graph = self.graph
        if graph is None or len(self.nodes) == len(graph.nodes):
            return
        self.graph = None
        used = {number for _, number in self.calls}
        if self.fault is not None:
            used.add(self.fault[1])
        for number in range(len(self.nodes) - 1, -1, -1):
            if number in used:
                used.update(self.numbers[id(one)] for one in inputs_of(self.nodes[number]))
        kept = sorted(used)
        place = {number: i for i, number in enumerate(kept)}
        self.nodes = [self.nodes[number] for number in kept]
        self.numbers = {id(node): i for i, node in enumerate(self.nodes)}
        self.calls = [(direction, place[number]) for direction, number in self.calls]
        self.entries = [
            (tag, place[number], input_index, dtype, shape)
            for tag, number, input_index, dtype, shape in self.entries
        ]
        self.forwarded = {place[number] for number in self.forwarded}
        self.gone_back = {place[number] for number in self.gone_back}
        self.noted = {place[number]: data for number, data in self.noted.items()}
        if self.fault is not None:
            direction, number, kind, words = self.fault
            self.fault = direction, place[number], kind, words

    @property
    def is_complete(self) -> bool:
        """Whether all has gone back that can, or that went back in an earlier pass like this."""
        if not self.gone_back:
            return False
        if self.graph is not None and len(self.calls) == len(self.graph.calls):
            return self.calls == self.graph.calls
        return len(self.gone_back) >= len(self.forwarded) and all(
            number in self.gone_back or not has_method(type(node), "backward")
            for number, node in enumerate(self.nodes)
        )


def _connected_with(nodes: list[Any]) -> set[int]:
    seen, todo = set(map(id, nodes)), list(nodes)
    for one in todo:
        for names in (INBOUND, OUTBOUND):
            for other in neighbours(one, names) or ():
                if id(other) not in seen:
                    seen.add(id(other))
                    todo.append(other)
    return seen

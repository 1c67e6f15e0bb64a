"""The nodes of a pass of an engine that builds its graph anew in each pass, as PyTorch does.

The taps of such an engine make a `Node` for each tensor that a gradient flows through, with the
nodes it was computed from, and collect in a `Backward` what the engine sends.
"""

from __future__ import annotations

from _heapq import heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .open_pass import Encoded

    # Returns an object, or None if it is gone.
    Held = Callable[[], Any]
    # What a node is: its function, its name, where it was called, settings of the call.
    Form = tuple[str, str, Any, tuple[Any, ...]]


# In the place of a name: the node is a value on the way to that of the line it was made in.
INSIDE = "."


class Node:
    """A tensor of a pass: an input, or the result of a function.

    `form` says what it is, `sources` are the nodes it was computed from, `value` its bytes, None if
    they were not copied. `instance` refers to a trained input, weakly if that is possible.
    `serial` orders nodes by when they were made. `call` is what the engine's taps need to run the
    function again, `strides` is how the gradient that arrived lay in memory, if not in order.
    """

    __slots__ = (
        "__weakref__",
        "call",
        "first",
        "form",
        "hidden",
        "instance",
        "last",
        "output",
        "sequence",
        "serial",
        "sources",
        "strides",
        "value",
    )

    def __init__(
        self, serial: int, form: Form, sources: list[Node], value: Encoded | None = None
    ) -> None:
        self.serial = serial
        self.form = form
        self.sources = sources
        self.value = value
        self.instance: Held | None = None
        # For engines that number what they do: the numbers from `first` to before `last` are of
        # this node's function; `sequence` and `output` are where its gradient arrives.
        self.first = self.last = 0
        self.sequence = self.output = -1
        # Whether it stands for something unseen.
        self.hidden = False
        self.call: Any = None
        self.strides: tuple[int, ...] | None = None


class Backward:
    """What an engine has sent in one backward pass.

    `order`: the nodes in the order in which they have sent; `sent`: what a node has sent to one of
    its sources; `own`: gradients that are not simply the one contribution that there is.
    """

    def __init__(self) -> None:
        self.order: dict[Node, None] = {}
        self.sent: dict[tuple[Node, Node], Encoded] = {}
        self.own: dict[Node, Encoded] = {}

    def leaf_gradients(self) -> dict[Node, Encoded]:
        """Return the gradients of the inputs that are trained."""
        found = {
            target: sent for (_, target), sent in self.sent.items() if target.instance is not None
        }
        return found | {node: own for node, own in self.own.items() if node.instance is not None}

    def put_in_order(self) -> None:
        """Put a function behind all of its results, and what it sends to behind it.

        An engine may run a part of the function of several results before the gradient of each of
        these is complete. Everything else stays in the engine's order.
        """
        order = self.order
        place = {node: at for at, node in enumerate(order)}
        parts = [
            (node, owner)
            for node in order
            if node.form[0] == "result" and (owner := node.sources[0]) in place
        ]
        if all(place[node] < place[owner] for node, owner in parts):
            return
        behind: dict[Node, list[Node]] = {node: [] for node in order}
        waits = dict.fromkeys(order, 0)
        for node, later in (*parts, *self.sent):
            if node in place and later in place:
                behind[node].append(later)
                waits[later] += 1
        nodes = list(order)
        ready = [place[node] for node, count in waits.items() if not count]
        order.clear()
        while ready:
            node = nodes[heappop(ready)]
            order[node] = None
            for later in behind[node]:
                waits[later] -= 1
                if not waits[later]:
                    heappush(ready, place[later])


class Fault:
    """An error raised by the function of a node, forward ("f") or backward ("b")."""

    def __init__(self, direction: str, node: Node, error: str, message: str) -> None:
        self.direction = direction
        self.node = node
        self.error = error
        self.message = message


def ancestors(roots: Iterable[Node]) -> list[Node]:
    """Return the nodes that some nodes depend on, and these, in the order they were made in."""
    found = set(roots)
    stack = list(found)
    while stack:
        for source in stack.pop().sources:
            if source not in found:
                found.add(source)
                stack.append(source)
    return sorted(found, key=_serial_of)


def _serial_of(node: Node) -> int:
    return node.serial

"""A node in the lesson's style among the calls of a plan.

Such a node overrides `forward()` and `backward()`: it reads `value` and `gradients[self]` of its
neighbours and writes its own. Here the attributes of its neighbours are set before each call, and
what the node wrote is copied into the plan's buffers afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from miniflow.errors import GraphError, MiniflowError, ShapeError
from miniflow.node import Node, gradient_sent, seeded, shape_text
from miniflow.ops.base import Array
from miniflow.plans.integers import in_type
from miniflow.text.lists import series

if TYPE_CHECKING:
    from miniflow.structure import Structure


class LessonNode:
    """A node in the lesson's style, with index `index` in a graph.

    `integers` are the dtypes of the inputs that hold integers, by node index.
    """

    def __init__(
        self, node: Node, graph: Structure, index: int, integers: Mapping[int, np.dtype[Any]]
    ) -> None:
        self.node = node
        # A consumer that is not part of this pass must not add what it sent in another.
        consumers = {
            graph.nodes[consumer]
            for consumer, _ in graph.consumers[index]
            if graph.reaches_cost[consumer]
        }
        self._consumers = list(dict.fromkeys(n for n in node.outbound_nodes if n in consumers))
        self._absent = [n for n in node.outbound_nodes if n not in consumers]
        self._is_cost = index == graph.cost
        self._types = [integers.get(source) for source in graph.inbound[index]]

    def forward(self, inputs: list[Array], out: Array) -> None:
        """Call the node's `forward()` and copy its value into `out`."""
        node = self.node
        for source, value, dtype in zip(node.inbound_nodes, inputs, self._types, strict=True):
            source.value = read_only(in_type(value, dtype))
        run_method(node, "forward")
        value = np.asarray(computed_value(node))
        if value.shape != out.shape:
            raise ShapeError(
                f"forward() of {type(node).__name__} gave a value of shape "
                f"{shape_text(value.shape)}; before it was {shape_text(out.shape)}",
                where=node.label,
            )
        np.copyto(out, value)

    def set_value(self, value: Array) -> None:
        """Give the node a value other than the one that its `forward()` has set."""
        self.node.value = value.copy() if value.ndim else value[()]

    def set_gradient(self, gradient: Array) -> None:
        """Let the node read `gradient` from its consumers: all of it from the first."""
        for i, consumer in enumerate(self._consumers):
            share = np.zeros_like(gradient) if i else gradient.copy()
            consumer.gradients[self.node] = share if share.ndim else share[()]

    def receive(self, consumer: Node, sent: Array, first: bool) -> None:
        """Store what a consumer sent in its `gradients`, where this node reads it."""
        # A copy: the node may add to it in place.
        sent_value: Any = sent.copy() if sent.ndim else sent[()]
        if first:
            consumer.gradients[self.node] = sent_value
        else:
            consumer.gradients[self.node] = consumer.gradients[self.node] + sent_value

    def backward(self, targets: list[Array]) -> None:
        """Call the node's `backward()` and copy its contributions into `targets`.

        `gradients` has one entry per input: if the node takes an input twice, the first target gets
        the sum of both contributions and the second gets 0. Integers need no entry.
        """
        node = self.node
        if self._is_cost:
            with seeded(node):
                run_method(node, "backward")
        else:
            for consumer in self._absent:
                consumer.gradients[node] = np.zeros(np.shape(node.value))[()]
            run_method(node, "backward")
        sent_to: set[Node] = set()
        for source, target, dtype in zip(node.inbound_nodes, targets, self._types, strict=True):
            if source in sent_to or (dtype is not None and source not in node.gradients):
                target.fill(0.0)
                continue
            sent_to.add(source)
            if source not in node.gradients:
                raise ShapeError(
                    f"backward() of {type(node).__name__} set no gradient for {source.label}",
                    where=node.label,
                    hint=f"set self.gradients[{source.label}]",
                )
            np.copyto(target, gradient_sent(node, source, target.shape))


def read_only(value: Array) -> Any:
    """Return a read-only view for a node in the lesson's style; a scalar is returned by value."""
    if not value.ndim:
        return value[()]
    view = value.view()
    view.flags.writeable = False
    return view


def run_method(node: Node, method: Literal["forward", "backward"]) -> None:
    """Call a node's `forward()` or `backward()`; wrap exceptions in an error that names it."""
    try:
        getattr(node, method)()
    except MiniflowError:
        raise
    except Exception as error:
        inputs = series(
            [
                f"{source.label} {shape_text(np.shape(source.value))}"
                for source in node.inbound_nodes
            ],
            ", ",
        )
        problem = f"{method}() of {type(node).__name__} raised {type(error).__name__}: {error}"
        hint = ""
        if "read-only" in str(error):
            problem = f"{method}() of {type(node).__name__} changes the value of an input in place"
            hint = "other nodes use that value too: change a copy of it"
        raise GraphError(
            f"{_printable(problem)} [{inputs}]", where=node.label, hint=hint
        ) from error


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:300]


def computed_value(node: Node) -> Any:
    """Return the value that `forward()` has set; raise `GraphError` if it is None."""
    if node.value is None:
        raise GraphError(
            f"forward() of {type(node).__name__} set no value",
            where=node.label,
            hint="set self.value",
        )
    return node.value

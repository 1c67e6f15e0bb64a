"""The lesson's functions: topological sort, forward pass, backward pass, SGD update.

They call `forward()` and `backward()` of the nodes themselves, so programs written for any version
of the MiniFlow lesson run, with their own node classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from miniflow.arguments import LEARNING_RATE
from miniflow.errors import FeedError, GraphError
from miniflow.node import Input, Node, seeded
from miniflow.structure import in_order, reached, with_inputs


def topological_sort(feed_dict: Mapping[Any, Any]) -> list[Node]:
    """Set the values of the inputs in `feed_dict` and return the graph's nodes in order.

    The graph is every node that depends on these inputs, and the other nodes that those depend on;
    an input that already has a value need not be fed. Nodes come in order of creation, as far as
    dependencies allow, so `graph[-1]` is always the sink that was created last: the cost. An
    earlier sink with an unfed input was tried out and dropped, so it is left out.

    Raises `FeedError` for a key that is not an Input, and for an input without a value that the
    cost needs.
    """
    if not feed_dict:
        raise FeedError("nothing is fed", where="feed_dict", hint="feed an input of the graph")
    for node, value in feed_dict.items():
        if not isinstance(node, Input):
            name = node.label if isinstance(node, Node) else repr(node)
            raise FeedError(f"{name} is fed, but it is not an Input", where="feed_dict")
        node.value = value
    found = with_inputs(reached(feed_dict, lambda node: node.outbound_nodes))
    complete = _complete(found)
    return in_order([node for node in found if node in complete], "topological_sort")


def _complete(nodes: Sequence[Node]) -> set[Node]:
    """Return the nodes whose inputs all have values; raise `FeedError` if the last one is not."""
    waits_for: dict[Node, Node] = {}
    for node in nodes:
        if isinstance(node, Input):
            if node.value is None:
                waits_for[node] = node
        else:
            missing = next((n for n in node.inbound_nodes if n in waits_for), None)
            if missing is not None:
                waits_for[node] = waits_for[missing]
    if nodes and nodes[-1] in waits_for:
        missing = waits_for[nodes[-1]]
        raise FeedError(
            f"{missing.label} has no value, and {nodes[-1].label} needs it",
            where="feed_dict",
            hint="add it to feed_dict",
        )
    return {node for node in nodes if node not in waits_for}


def forward_pass(first: Any, sorted_nodes: Sequence[Node] | None = None) -> Any:
    """Run all nodes forward.

    `forward_pass(graph)` returns None; `forward_pass(output_node, sorted_nodes)` returns the output
    node's value. The lesson uses both.
    """
    for node in first if sorted_nodes is None else sorted_nodes:
        node.forward()
    return None if sorted_nodes is None else first.value


def forward_and_backward(graph: Sequence[Node]) -> None:
    """Run all nodes forward, then backward from the cost, `graph[-1]`.

    Nodes that the cost does not depend on, and consumers that are not in `graph`, send zeros, so
    nodes that were built and dropped do not change any gradient.
    """
    forward_pass(graph)
    for _ in backward_from(graph):
        pass


def backward_from(graph: Sequence[Node]) -> Iterator[Node]:
    """Run all nodes backward from the cost, `graph[-1]`; yield each node that has run."""
    cost = graph[-1]
    reached = {cost}
    sent: set[Node] = set()
    for node in reversed(graph):
        for consumer in node.outbound_nodes:
            if consumer not in sent:
                consumer.gradients[node] = _zeros(node)
        if node is cost:
            with seeded(cost):
                node.backward()
        elif node in reached:
            node.backward()
        else:
            node.gradients = {n: _zeros(n) for n in node.inbound_nodes or [node]}
            continue
        sent.add(node)
        reached.update(node.inbound_nodes)
        yield node


def _zeros(node: Node) -> Any:
    return np.zeros(np.shape(node.value))[()]


def sgd_update(trainables: Iterable[Node], learning_rate: float = 1e-2) -> None:
    """Take one step of gradient descent: value ← value - learning_rate × gradient.

    A float array is updated in place, as by the lesson's `t.value -= ...`, and so is the array that
    was fed. Integers, plain numbers and read-only arrays are replaced by a new value. Raises
    `GraphError` for a node without a gradient of its own, and for a learning rate that is negative
    or not finite.
    """
    try:
        rate = LEARNING_RATE.check(float(learning_rate), "learning_rate", "sgd_update")
    except (TypeError, ValueError):
        rate = LEARNING_RATE.check(learning_rate, "learning_rate", "sgd_update")
    for node in trainables:
        if node not in node.gradients:
            raise GraphError(
                "it has no gradient of its own",
                where=node.label,
                hint="only inputs have one, after forward_and_backward(graph)",
            )
        value, change = node.value, rate * node.gradients[node]
        if _is_writable_float_array(value):
            value -= change
        else:
            node.value = value - change


def _is_writable_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.flags.writeable

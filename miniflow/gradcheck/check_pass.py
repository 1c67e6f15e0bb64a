"""A pass over a graph in its own plan, whose backward rules can be run again.

A gradient check gives a node a gradient and reads the contributions that its backward rule sends,
once for the gradient that the node received in the pass, and once for another. A node in the
lesson's style reads the gradient from its consumers' attributes, and may keep any state in its own;
both are restored after each run, so that every run starts from the same state.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from miniflow.errors import ShapeError
from miniflow.gradcheck.differences import EPSILON
from miniflow.gradcheck.restoring import attributes_restored, state_restored
from miniflow.node import Input, Node, gradient_sent
from miniflow.ops.base import Array, Op, follows_rules
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.plans.custom_node import run_method
from miniflow.plans.integers import in_type, integer_types
from miniflow.structure import Structure

# A sum of contributions counts as 0 if it is at most this fraction of the sum of their sizes.
CANCELS = 8 * EPSILON
# The fractional parts of its multiples are evenly distributed, without a period along any axis.
GOLDEN_RATIO = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Upstream:
    """The gradient that a node receives; `shares` are the contributions by consumer.

    Ops of ours read only the total and have no shares. `assumed`: zeros were replaced.
    """

    total: Array
    shares: dict[int, Array]
    assumed: bool = False


class CheckPass:
    """A pass over a graph, in float64, at the values of the subject's inputs.

    `own` are the nodes whose backward rule is the program's, `integers` those that hold integers.
    Nodes must be checked in topological order: then each node still finds the gradient that it
    received, because a check only overwrites gradients that no later check reads.
    """

    def __init__(self, subject: Structure | Plan, graph: Structure) -> None:
        self.graph = graph
        self.own = {i for i, node in enumerate(graph.nodes) if has_own_rule(node)}
        self.plan = _plan_of(subject, graph)
        for i in range(len(graph)):
            self.plan.forward(i)
        for i in graph.backward_nodes:
            if graph.inbound[i] and not self.lacks_rule(i):
                with self._receiving(i, self.upstream(i)):
                    self.plan.backward(i)
        self.integers = self.plan.integer_types.keys()
        self.plan.skip_value_checks()

    def lacks_rule(self, node: int) -> bool:
        """Whether a node defines no backward rule, or one that does not know what to send."""
        own = self.graph.nodes[node]
        if isinstance(own, Op):
            return any(map(own.unknown_gradient, range(len(own.inbound_nodes))))
        rule = getattr(type(own), "backward", None)
        return rule is None or rule is Node.backward

    def upstream(self, node: int) -> Upstream:
        """Return the gradient that a node received in the pass."""
        if node == self.graph.cost:
            return Upstream(np.ones(self.plan.shapes[node]), {})
        if node not in self.own:
            return Upstream(self.plan.gradient(node).copy(), {})
        shares: dict[int, Array] = {}
        for consumer, input_index in self.graph.consumers[node]:
            if self.graph.reaches_cost[consumer]:
                sent = self.plan.contribution(consumer, input_index)
                shares[consumer] = shares.get(consumer, 0.0) + np.array(sent)
        return Upstream(np.asarray(sum(shares.values())), shares)

    def assumed(self, node: int, upstream: Upstream) -> list[Upstream]:
        """Return the gradient with its zeros replaced, or an empty list if it has none."""
        if node == self.graph.cost:
            return []
        if not upstream.shares:
            filled = _without_zeros(upstream.total, 0)
            return [] if filled is upstream.total else [Upstream(filled, {}, assumed=True)]
        shares = {
            consumer: _without_zeros(share, i)
            for i, (consumer, share) in enumerate(upstream.shares.items())
        }
        if all(shares[consumer] is share for consumer, share in upstream.shares.items()):
            return []
        return [Upstream(np.asarray(sum(shares.values())), shares, assumed=True)]

    def send(self, node: int, upstream: Upstream) -> dict[int, Array]:
        """Run a node's backward rule for `upstream`; return its contributions, summed by source.

        The state of a node in the lesson's style is restored, so every call gives the same result.
        """
        inbound, plan = self.graph.inbound[node], self.plan
        with self._receiving(node, upstream):
            plan.backward(node)
            sums: dict[int, Array] = {}
            sizes: dict[int, Array] = {}
            for input_index, source in enumerate(inbound):
                sent = np.array(plan.contribution(node, input_index))
                if source in sums:
                    sizes[source] = sizes.get(source, abs(sums[source])) + abs(sent)
                    sums[source] += sent
                else:
                    sums[source] = sent
        for source, size in sizes.items():
            # The remainder of contributions that cancel is rounding error.
            sums[source] = np.where(abs(sums[source]) <= CANCELS * size, 0.0, sums[source])
        return {source: sent for source, sent in sums.items() if sent.size}

    def own_gradient(self, node: int, upstream: Upstream) -> Array:
        """Return the gradient that an input's own backward rule computes from its contributions."""
        own = self.graph.nodes[node]
        with self._receiving(node, upstream):
            run_method(own, "backward")
            if own not in own.gradients:
                raise ShapeError(
                    f"backward() of {type(own).__name__} set no gradient for itself",
                    where=own.label,
                    hint="set self.gradients[self]",
                )
            return gradient_sent(own, own, self.plan.shapes[node]).astype(np.float64)

    @contextlib.contextmanager
    def _receiving(self, node: int, upstream: Upstream) -> Iterator[None]:
        """Set the gradient that a node receives to `upstream` within the block."""
        if node not in self.own:
            self.plan.set_gradient(node, upstream.total)
            yield
            return
        own = self.graph.nodes[node]
        consumers = {self.graph.nodes[i]: share for i, share in upstream.shares.items()}
        with attributes_restored([own]):
            for consumer, share in consumers.items():
                consumer.gradients[own] = share.copy() if share.ndim else share[()]
            yield


def _without_zeros(gradient: Array, offset: int) -> Array:
    """Return a gradient with its zeros replaced by numbers of its own scale, or the same array."""
    zeros = gradient == 0
    if not zeros.any():
        return gradient
    finite = np.abs(gradient[np.isfinite(gradient)])
    scale = finite.max(initial=0.0) or 1.0
    numbers = 1 + (np.arange(gradient.size) * GOLDEN_RATIO + 0.3 * offset) % 1
    return np.asarray(np.where(zeros, scale * numbers.reshape(gradient.shape), gradient))


def _plan_of(subject: Structure | Plan, graph: Structure) -> Plan:
    """Return a plan in float64 with the subject's inputs."""
    double = copy.copy(graph)
    double.dtype = np.dtype(np.float64)
    inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
    if isinstance(subject, Plan):
        # Compile with the shapes of the subject's pass: a program may use batches of any size.
        integers = integer_types(graph)
        for i in inputs:
            value = np.asarray(subject.value(i), np.float64)
            graph.nodes[i].value = in_type(value, integers.get(i))
    plan = compile_plan(double)
    if isinstance(subject, Plan):
        plan.feed(subject.sgd_step)
        for i in inputs:
            plan.set_value(i, np.asarray(subject.value(i), np.float64))
        for i in range(len(graph)):
            for name, array in subject.lasting(i).items():
                np.copyto(plan.lasting(i)[name], array)
    else:
        plan.feed(0)
    return plan


@contextlib.contextmanager
def unchanged(graph: Structure) -> Iterator[None]:
    """Restore the inputs' values at the end; with a program's own nodes, the state of all nodes."""
    inputs = [(node, node.value) for node in graph.nodes if isinstance(node, Input)]
    with state_restored(graph.nodes if any(map(has_own_rule, graph.nodes)) else []):
        try:
            yield
        finally:
            for node, value in inputs:
                node.value = value


def has_own_rule(node: Node) -> bool:
    """Whether the node's backward rule is the program's, in the lesson's style."""
    if isinstance(node, Input):
        return type(node).backward is not Input.backward
    return not follows_rules(node)

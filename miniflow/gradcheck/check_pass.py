"""A pass over a graph in a plan of its own, whose nodes can be asked again what they send.

A gradient check gives a node a gradient and reads what its backward rule sends for it, once for
the gradient that came to it in the pass, and once more for another. A node in the lesson's style
reads that from its consumers' attributes, and keeps what it likes in its own: both are as before
after each answer, so that a second one is found as the first was.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from miniflow.errors import ShapeError
from miniflow.gradcheck.differences import EPSILON
from miniflow.gradcheck.restoring import as_before, attributes_as_before
from miniflow.node import Input, Node, gradient_sent
from miniflow.ops.base import Array, follows_rules
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.plans.custom_node import run_method
from miniflow.plans.integers import in_type, integer_types
from miniflow.structure import Structure

# A sum of contributions that is so much smaller than these is 0.
CANCELS = 8 * EPSILON
# Fractions of its multiples are spread evenly, and repeat along no axis.
GOLDEN_RATIO = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Upstream:
    """The gradient that came to a node; `shares` are what came from each consumer.

    A node of ours reads the total alone and has no shares. `assumed`: zeros were replaced.
    """

    total: Array
    shares: dict[int, Array]
    assumed: bool = False


class CheckPass:
    """A pass over a graph, in float64, over the values of the subject's inputs.

    `own` are the nodes whose backward rule is the program's, `integers` those that hold integers.
    Asked in topological order, a node finds the gradient that came to it: what an answer leaves in
    the plan's gradients is read by no later node.
    """

    def __init__(self, subject: Structure | Plan, graph: Structure) -> None:
        self.graph = graph
        self.own = {i for i, node in enumerate(graph.nodes) if has_own_rule(node)}
        self.plan = _plan_of(subject, graph)
        for i in range(len(graph)):
            self.plan.forward(i)
        for i in graph.backward_nodes:
            if graph.inbound[i] and not self.lacks_rule(i):
                with self._sent_to(i, self.upstream(i)):
                    self.plan.backward(i)
        self.integers = self.plan.integer_types.keys()
        self.plan.skip_value_checks()

    def lacks_rule(self, node: int) -> bool:
        """Whether a node defines no backward rule."""
        rule = getattr(type(self.graph.nodes[node]), "backward", None)
        return rule is None or rule is Node.backward

    def upstream(self, node: int) -> Upstream:
        """Return the gradient that came to a node in the pass."""
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
        """Return the gradient with other numbers for its zeros, if there are any."""
        if node == self.graph.cost:
            return []
        if not upstream.shares:
            filled = _without_zeros(upstream.total, 0)
            return [] if filled is upstream.total else [Upstream(filled, {}, assumed=True)]
        shares = {
            consumer: _without_zeros(share, place)
            for place, (consumer, share) in enumerate(upstream.shares.items())
        }
        if all(shares[consumer] is share for consumer, share in upstream.shares.items()):
            return []
        return [Upstream(np.asarray(sum(shares.values())), shares, assumed=True)]

    def send(self, node: int, upstream: Upstream) -> dict[int, Array]:
        """Let a node send its contributions for `upstream`; return their sum for each source.

        What a node in the lesson's style keeps is as before: a second call finds what the first
        one found.
        """
        inbound, plan = self.graph.inbound[node], self.plan
        with self._sent_to(node, upstream):
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
            # What is left of contributions that cancel is rounding.
            sums[source] = np.where(abs(sums[source]) <= CANCELS * size, 0.0, sums[source])
        return {source: sent for source, sent in sums.items() if sent.size}

    def own_gradient(self, node: int, upstream: Upstream) -> Array:
        """Return what an input's own backward rule makes of what its consumers sent."""
        own = self.graph.nodes[node]
        with self._sent_to(node, upstream):
            run_method(own, "backward")
            if own not in own.gradients:
                raise ShapeError(
                    f"backward() of {type(own).__name__} left no gradient for itself",
                    where=own.label,
                    hint="set self.gradients[self]",
                )
            return gradient_sent(own, own, self.plan.shapes[node]).astype(np.float64)

    @contextlib.contextmanager
    def _sent_to(self, node: int, upstream: Upstream) -> Iterator[None]:
        """Let `upstream` be what came to a node."""
        if node not in self.own:
            self.plan.set_gradient(node, upstream.total)
            yield
            return
        own = self.graph.nodes[node]
        consumers = {self.graph.nodes[i]: share for i, share in upstream.shares.items()}
        with attributes_as_before([own]):
            for consumer, share in consumers.items():
                consumer.gradients[own] = share.copy() if share.ndim else share[()]
            yield


def _without_zeros(gradient: Array, place: int) -> Array:
    """Return a gradient with numbers of its own size for its zeros, itself if it has none."""
    zeros = gradient == 0
    if not zeros.any():
        return gradient
    finite = np.abs(gradient[np.isfinite(gradient)])
    scale = finite.max(initial=0.0) or 1.0
    numbers = 1 + (np.arange(gradient.size) * GOLDEN_RATIO + 0.3 * place) % 1
    return np.asarray(np.where(zeros, scale * numbers.reshape(gradient.shape), gradient))


def _plan_of(subject: Structure | Plan, graph: Structure) -> Plan:
    """Return a plan in float64 with the subject's inputs."""
    double = copy.copy(graph)
    double.dtype = np.dtype(np.float64)
    inputs = [i for i, node in enumerate(graph.nodes) if isinstance(node, Input)]
    if isinstance(subject, Plan):
        # The shapes are those of the subject's pass: a program's batches are of any size.
        integers = integer_types(graph)
        for i in inputs:
            value = np.asarray(subject.value(i), np.float64)
            graph.nodes[i].value = in_type(value, integers.get(i))
    plan = compile_plan(double)
    if isinstance(subject, Plan):
        plan.feed(subject.sgd_step)
        for i in inputs:
            plan.set_value(i, np.asarray(subject.value(i), np.float64))
    else:
        plan.feed(0)
    return plan


@contextlib.contextmanager
def unchanged(graph: Structure) -> Iterator[None]:
    """Restore the inputs' values; where there are nodes of a program's own, all that nodes hold."""
    inputs = [(node, node.value) for node in graph.nodes if isinstance(node, Input)]
    with as_before(graph.nodes if any(map(has_own_rule, graph.nodes)) else []):
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

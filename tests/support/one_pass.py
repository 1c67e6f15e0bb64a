"""The plan of a graph after one pass, forward and backward."""

from __future__ import annotations

from miniflow.graph import Graph
from miniflow.plans.arrays import ArrayPlan


def one_pass(graph: Graph) -> ArrayPlan:
    """Return the plan of a graph after its pass 0."""
    plan = ArrayPlan(graph, graph.shapes())
    plan.feed(0)
    plan.walk(1, 1 + len(graph.forward_nodes) + len(graph.backward_nodes))
    return plan

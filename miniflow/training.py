"""Training: make a graph's plan and run SGD steps."""

from __future__ import annotations

from array import array

from miniflow.array_plan import ArrayPlan
from miniflow.collecting import collector_paused
from miniflow.graph import Graph
from miniflow.plan import Plan
from miniflow.scalar_plan import ScalarPlan, runs_on_floats


def compile_plan(graph: Graph) -> Plan:
    """Return the plan of a graph: on Python floats if all its values are scalars, else on arrays.

    Raises `FeedError` for an input without a value and `ShapeError` for shapes that clash.
    """
    with collector_paused():
        shapes = graph.shapes()
        kind = ScalarPlan if runs_on_floats(graph, shapes) else ArrayPlan
        return kind(graph, shapes)


def train(graph: Graph, sgd_steps: int) -> list[float]:
    """Run SGD steps, leave the trained values in the graph's nodes, and return each step's cost."""
    plan = compile_plan(graph)
    costs = array("d")
    plan.run(0, sgd_steps, costs)
    plan.store()
    return costs.tolist()

"""Training: compile the plan of a graph and run SGD steps."""

from __future__ import annotations

from array import array

from miniflow.garbage import collector_paused
from miniflow.graph import Graph
from miniflow.plans.arrays import ArrayPlan
from miniflow.plans.base import Plan
from miniflow.plans.scalars import ScalarPlan, runs_on_floats
from miniflow.training.arguments import SGD_STEPS


def compile_plan(graph: Graph) -> Plan:
    """Return the plan of a graph: on Python floats if all its values are scalars, else on arrays.

    Raises `FeedError` for an input without a value and `ShapeError` for shapes that do not fit.
    """
    with collector_paused():
        shapes = graph.shapes()
        kind = ScalarPlan if runs_on_floats(graph, shapes) else ArrayPlan
        return kind(graph, shapes)


def train(graph: Graph, sgd_steps: int) -> list[float]:
    """Run SGD steps and return the cost of each.

    The trained values are stored in the graph's nodes and the optimizer's state in
    `graph.progress`, from which the next call continues. Raises `MiniflowError` if an input has no
    value, if shapes do not fit, and if `sgd_steps` is not a whole number from 0.
    """
    sgd_steps = SGD_STEPS.check(sgd_steps, "sgd_steps", "train")
    plan = compile_plan(graph)
    costs = array("d")
    if Plan.watcher is None:
        plan.run(0, sgd_steps, costs)
    else:
        plan.run_watched(0, sgd_steps, costs, Plan.watcher)
    plan.store()
    graph.progress = plan.progress(sgd_steps)
    return costs.tolist()

"""Training: compile the plan of a graph and run SGD steps."""

from __future__ import annotations

from array import array

from miniflow.arguments import SGD_STEPS
from miniflow.plans.base import Plan
from miniflow.plans.compile import compile_plan
from miniflow.structure import Structure


def train(graph: Structure, sgd_steps: int) -> list[float]:
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

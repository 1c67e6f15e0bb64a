"""Which plan a graph gets: one of floats, or one of arrays."""

from __future__ import annotations

from miniflow.garbage import collector_paused
from miniflow.plans.arrays import ArrayPlan
from miniflow.plans.base import Plan
from miniflow.plans.scalars import ScalarPlan, runs_on_floats
from miniflow.plans.shapes import shapes_of
from miniflow.structure import Structure


def compile_plan(graph: Structure) -> Plan:
    """Return the plan of a graph: on Python floats if all its values are scalars, else on arrays.

    Raises `FeedError` for an input without a value and `ShapeError` for shapes that do not fit.
    """
    with collector_paused():
        shapes = shapes_of(graph)
        kind = ScalarPlan if runs_on_floats(graph, shapes) else ArrayPlan
        return kind(graph, shapes)

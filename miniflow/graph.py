"""A graph: a structure of nodes that can be trained, and shown as text."""

from __future__ import annotations

from miniflow.graph_text import as_html, as_line
from miniflow.ops.base import Shape
from miniflow.plans.shapes import shapes_of
from miniflow.plans.train import train
from miniflow.structure import Structure
from miniflow.training.progress import Training as Training


class Graph(Structure):
    """A structure of nodes that can be trained; see `Structure` for what it is made of."""

    def train(self, sgd_steps: int) -> list[float]:
        """Run SGD steps, store the trained values in the nodes, and return the cost of each step.

        A second call continues from there, with the optimizer's state and the rows of the next
        step; with an optimizer of another kind it starts from step 0. Raises `MiniflowError` if an
        input has no value, if shapes do not fit, and if `sgd_steps` is not a whole number from 0.
        """
        return train(self, sgd_steps)

    def shapes(self) -> list[Shape]:
        """Return the shape of every node's value; raise `ShapeError` that names the node."""
        return shapes_of(self)

    def __repr__(self) -> str:
        return as_line(self)

    def _repr_html_(self) -> str:
        """Return HTML for notebooks: a drawing if mfdebug is installed, else a table."""
        return as_html(self)

"""What a landscape consists of: axes, costs, the path of the SGD steps, and where rates lead."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from miniflow.ops.base import Array

# Of which parameters the cost is drawn: one or two entries; all of them along the gradient; the
# plane of the path's principal directions.
Kind = Literal["entries", "gradient", "path"]


class View(Struct, frozen=True):
    """What is drawn; `entries` are positions in the joined parameters, one or two.

    `rates` are the learning rates whose landings are shown; without them, multiples of the present.
    """

    kind: Kind
    entries: tuple[int, ...] = ()
    rates: tuple[float, ...] = ()


class Axis(Struct, frozen=True):
    """An axis: what it stands for, and the numbers at which costs are computed."""

    name: str
    at: Array


class Mark(Struct, frozen=True):
    """A place on the axes: an SGD step, with the cost that it computed, if it is known."""

    step: int
    at: tuple[float, ...]
    cost: float | None


class Landing(Struct, frozen=True):
    """Where an update with another learning rate would lead, and the cost there."""

    rate: float
    at: tuple[float, ...]
    cost: float


class Landscape(Struct, frozen=True):
    """The cost over one or two axes.

    `costs` has the shape (len(y), len(x)), or (len(x),) with one axis; None if costs cannot be
    computed. `path` has the marks of the SGD steps so far, `present` is where the parameters are
    now. `slope` is the derivative of the cost there along the only axis.
    """

    view: View
    cost_name: str
    axes: tuple[Axis, ...]
    costs: Array | None
    path: tuple[Mark, ...]
    present: Mark
    slope: float | None = None
    landings: tuple[Landing, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What is drawn, in words: `cost against w`."""
        if self.view.kind == "gradient":
            return f"{self.cost_name} along the gradient"
        if self.view.kind == "path":
            return f"{self.cost_name} over the path"
        return f"{self.cost_name} against {' and '.join(axis.name for axis in self.axes)}"

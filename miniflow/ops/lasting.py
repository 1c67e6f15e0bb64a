"""Nodes that keep arrays from pass to pass, such as a running mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from miniflow.errors import ShapeError
from miniflow.node import Node, shape_text
from miniflow.ops.calls import Array, Shape


class KeepsArrays(Node):
    """A node with arrays that last from pass to pass; most have none.

    `lasts` has their names, each with the number with which all its entries start. `state` has the
    arrays as the last run left them; it is empty before the first.
    """

    lasts: ClassVar[Mapping[str, float]] = {}
    state: Mapping[str, Array] = MappingProxyType({})

    @property
    def reads_lasting(self) -> bool:
        """Whether the value depends on the arrays."""
        return bool(self.lasts)

    def lasting_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of each of the arrays, for inputs of these shapes."""
        raise NotImplementedError

    def starting_state(self, shapes: Sequence[Shape], dtype: DTypeLike) -> dict[str, Array]:
        """Return the arrays with which a run starts, for inputs of these shapes.

        They are copies of those in `state`. Raises `ShapeError` for an array of another shape.
        """
        if not self.lasts:
            return {}
        shape = self.lasting_shape(*shapes)
        found: dict[str, Array] = {}
        for name, start in self.lasts.items():
            given = np.asarray(self.state.get(name, np.full(shape, start)))
            if given.shape != shape:
                raise ShapeError(
                    f"its {name} has shape {shape_text(given.shape)}, not {shape_text(shape)}",
                    where=self.label,
                )
            found[name] = np.array(given, dtype)
        return found

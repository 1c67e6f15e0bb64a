"""The numbers of one SGD step as a whole, whichever moment is the present one."""

from __future__ import annotations

from typing import Protocol

from miniflow.ops.base import Array


class PassNumbers(Protocol):
    """Values as computed in an SGD step, and gradients as they are at its end.

    None is a number that there is not: not computed, not kept, or not a number.
    """

    @property
    def sgd_step(self) -> int:
        """The number of the SGD step."""

    def value(self, node: int) -> Array | None:
        """Return a node's value as floats."""

    def gradient(self, node: int) -> Array | None:
        """Return a node's gradient."""

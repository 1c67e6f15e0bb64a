"""How far training has come: what a run needs to continue where an earlier one ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from miniflow.ops.base import Array


@dataclass(frozen=True)
class Progress:
    """The SGD steps taken, and what the optimizer keeps from one to the next.

    `kept` has an array of each parameter's shape by the name of what is kept and the parameter's
    name: `kept["velocity"]["W1"]`. The rows of the next step and what `Dropout` leaves out follow
    from the number of steps taken, and so does Adam's bias correction.
    """

    sgd_steps: int = 0
    kept: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)

"""How a graph is trained, and how far that has come: what a run needs to continue another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from miniflow.arguments import BATCH_SIZE, SEED, check_fields
from miniflow.errors import GraphError, nearest
from miniflow.ops.base import Array
from miniflow.training.data import SAMPLINGS, Sampling
from miniflow.training.optimizers import SGD, Optimizer


@dataclass(frozen=True)
class Training:
    """How a graph is trained: the optimizer, and which rows make a batch.

    Raises `GraphError` for a field out of its range.
    """

    optimizer: Optimizer = field(default_factory=SGD)
    batch_size: int | None = None
    sampling: Sampling = "all"
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, Optimizer):
            raise GraphError(
                f"optimizer is a {type(self.optimizer).__name__}; it takes SGD, Momentum or Adam",
                where="Training",
                hint="as in SGD(0.1)",
            )
        if self.sampling not in SAMPLINGS:
            raise GraphError(
                f"sampling is {self.sampling!r}; it takes {', '.join(map(repr, SAMPLINGS))}",
                where="Training",
                hint=nearest(str(self.sampling), SAMPLINGS),
            )
        sized = {} if self.batch_size is None else {"batch_size": BATCH_SIZE}
        check_fields(self, {"seed": SEED, **sized})


@dataclass(frozen=True)
class Progress:
    """The SGD steps taken, and what the optimizer keeps from one to the next.

    `kept` has an array of each parameter's shape by the name of what is kept and the parameter's
    name: `kept["velocity"]["W1"]`. The rows of the next step and what `Dropout` leaves out follow
    from the number of steps taken, and so does Adam's bias correction.
    """

    sgd_steps: int = 0
    kept: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)

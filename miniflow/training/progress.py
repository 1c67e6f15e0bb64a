"""The training settings of a graph, and the progress from which a run can continue."""

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
    """Training settings: the optimizer, and how batches of rows are chosen.

    Raises `GraphError` for an invalid field.
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
    """The number of SGD steps taken, and the optimizer's state.

    `kept` has an array of the parameter's shape for each name of state and each parameter:
    `kept["velocity"]["W1"]`. The rows of the next step, the masks of `Dropout` and Adam's bias
    correction follow from the number of steps taken.
    """

    sgd_steps: int = 0
    kept: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)

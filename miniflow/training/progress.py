"""The training settings of a graph, and the progress from which a run can continue."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from miniflow.arguments import BATCH_SIZE, CLIP, EVERY, SEED, check_fields
from miniflow.errors import GraphError, nearest
from miniflow.ops.base import Array
from miniflow.training.data import SAMPLINGS, Sampling
from miniflow.training.direction import Direction
from miniflow.training.groups import Group, Treatment, treatment_of
from miniflow.training.optimizers import OPTIMIZERS, SGD, Optimizer
from miniflow.training.schedules import Schedule
from miniflow.training.settings import Settings


class Training(Settings, frozen=True):
    """Training settings: the optimizer, how batches of rows are chosen, and how updates are made.

    `schedule` multiplies the learning rate. `clip_value` limits each entry of a gradient,
    `clip_norm` the norm of all gradients together. Parameters are updated every `accumulate` SGD
    steps, with the mean of their gradients. A parameter belongs to the first of `groups` that its
    name matches. Raises `GraphError` for an invalid field.
    """

    optimizer: Optimizer = field(default_factory=SGD)
    batch_size: int | None = None
    sampling: Sampling = "all"
    seed: int = 0
    schedule: Schedule | None = None
    clip_value: float | None = None
    clip_norm: float | None = None
    accumulate: int = 1
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, Optimizer):
            known = " or ".join(", ".join(OPTIMIZERS).rsplit(", ", 1))
            is_class = isinstance(self.optimizer, type)
            raise GraphError(
                f"optimizer is a {'class' if is_class else type(self.optimizer).__name__}; "
                f"it takes {known}",
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
        if self.clip_value is not None and self.clip_norm is not None:
            raise GraphError("clip_value or clip_norm, not both", where="Training")
        clips = [n for n in ("clip_value", "clip_norm") if getattr(self, n) is not None]
        check_fields(
            self, {"seed": SEED, "accumulate": EVERY, **sized, **dict.fromkeys(clips, CLIP)}
        )

    @property
    def keeps(self) -> tuple[str, ...]:
        """The arrays kept for each parameter: the optimizer's, and the accumulated gradient."""
        return (*self.optimizer.keeps, *(("accumulated",) if self.accumulate > 1 else ()))

    @property
    def state_names(self) -> tuple[str, ...]:
        """The letters of `keeps` in formulas."""
        return (*self.optimizer.state_names, *(("a",) if self.accumulate > 1 else ()))

    def treatment(self, label: str) -> Treatment:
        """Return how the parameter called `label` is updated."""
        return treatment_of(label, self.optimizer, self.groups)

    def direction(self, optimizer: Optimizer) -> Direction:
        """Return what an optimizer receives in place of the gradient."""
        return Direction(optimizer.added_decay, self.clip_value, self.clip_norm, self.accumulate)

    def updates_after(self, sgd_step: int) -> bool:
        """Whether parameters are updated in an SGD step of the whole run, counted from 0."""
        return (sgd_step + 1) % self.accumulate == 0

    def rate_factor(self, sgd_step: int, schedule: Schedule | None) -> float:
        """Return the factor of the learning rate in an SGD step of the whole run."""
        return 1.0 if schedule is None else schedule.factor(sgd_step // self.accumulate)


class Progress(Settings, frozen=True):
    """The number of SGD steps taken, and the optimizer's state.

    `kept` has an array of the parameter's shape for each name of state and each parameter:
    `kept["velocity"]["W1"]`. The rows of the next step, the masks of `Dropout` and Adam's bias
    correction follow from the number of steps taken.
    """

    sgd_steps: int = 0
    kept: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)

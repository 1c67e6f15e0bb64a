"""Learning-rate schedules: the factor of the learning rate in each update.

A schedule is a function of the number of the update alone, so a debugger that goes to any moment
knows the rate there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from miniflow.arguments import EVERY, FRACTION, SGD_STEPS, Range, check_fields
from miniflow.training.settings import Settings


class Schedule(Settings, frozen=True, kw_only=True):
    """Base of the schedules: a linear warm-up, and then a factor.

    In each of the first `warmup` updates the factor is 1/warmup, 2/warmup, ..., 1; the schedule
    itself begins after them. `start` is the update of the whole run from which it counts. Raises
    `GraphError` for a field out of its range.
    """

    warmup: int = 0
    start: int = 0
    ranges: ClassVar[Mapping[str, Range]] = {"warmup": SGD_STEPS, "start": SGD_STEPS}

    def __post_init__(self) -> None:
        check_fields(self, self.ranges)

    def factor(self, update: int) -> float:
        """Return the factor of the learning rate in an update of the run, counted from 0."""
        done = max(0, update - self.start)
        return (done + 1) / self.warmup if done < self.warmup else self.after(done - self.warmup)

    def after(self, updates: int) -> float:
        """Return the factor after a number of updates since the end of the warm-up."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Return it as it is typed: `cosine(steps=90, warmup=10)`."""
        shown = [*type(self).__match_args__, *(["warmup"] if self.warmup else [])]
        given = ", ".join(f"{field}={getattr(self, field)!r}" for field in shown)
        name = type(self).__name__.lower()
        return f"{name}({given})" if given else name


class Constant(Schedule, frozen=True):
    """The factor is 1."""

    def after(self, updates: int) -> float:
        """1."""
        return 1.0


class StepDecay(Schedule, frozen=True):
    """The rate is multiplied by `decay` every `every` updates."""

    every: int = 100
    decay: float = 0.1
    ranges: ClassVar = {**Schedule.ranges, "every": EVERY, "decay": FRACTION}

    def after(self, updates: int) -> float:
        """Decay to the power ⌊updates / every⌋."""
        return math.pow(self.decay, updates // self.every)


class Cosine(Schedule, frozen=True):
    """Half a cosine from 1 down to `least` in `steps` updates; `least` from then on.

    Loshchilov and Hutter, "SGDR", arXiv:1608.03983, equation 5, without restarts.
    """

    steps: int = 1000
    least: float = 0.0
    ranges: ClassVar = {**Schedule.ranges, "steps": EVERY, "least": FRACTION}

    def after(self, updates: int) -> float:
        """Least + (1 - least) × (1 + cos(π × updates / steps)) / 2."""
        if updates >= self.steps:
            return self.least
        return (
            self.least + (1.0 - self.least) * (1.0 + math.cos(math.pi * updates / self.steps)) / 2
        )


SCHEDULES: dict[str, type[Schedule]] = {
    kind.__name__: kind for kind in (Constant, StepDecay, Cosine)
}

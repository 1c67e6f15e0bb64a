"""The update calls of an array plan: of each parameter, and of all of them at once.

Parameters that are next to each other in memory and treated alike are updated as one. An SGD step
that only accumulates gradients has calls of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby

import numpy as np

from miniflow.ops.base import Array, Call, Calls, Shape
from miniflow.plans.arena import Arena
from miniflow.training.groups import Treatment
from miniflow.training.progress import Training


class Updates:
    """Update calls, compiled for the parameters that are not frozen.

    `sgd_step` holds the number of the SGD step in the whole run. After `compile`, `whole` and
    `each` are the calls of all parameters and of each one; `accumulate` and `accumulations` are
    those of an SGD step that accumulates.
    """

    def __init__(
        self,
        training: Training,
        treatments: Sequence[Treatment],
        arena: Arena,
        sgd_step: Array,
        pool: dict[tuple[Shape, int], Array],
    ) -> None:
        self._training, self._treatments = training, treatments
        self._arena, self._sgd_step, self._pool = arena, sgd_step, pool
        self._dtype = arena.parameters.dtype
        # The number of the update; without accumulation, that of the SGD step.
        self._update_number = np.zeros(1, np.int64) if training.accumulate > 1 else sgd_step
        # The factor of all gradients when their norm is clipped.
        self._scale = np.ones((), self._dtype)
        # The learning rate of each group of parameters, by its factor.
        self._rates = {treatment.rate: np.zeros((), self._dtype) for treatment in treatments}
        self.whole: tuple[Call, ...] = ()
        self.each: list[tuple[Call, ...]] = []
        self.accumulate: tuple[Call, ...] = ()
        self.accumulations: list[tuple[Call, ...]] = []

    def set_rate(self, rate: float) -> None:
        """Set the learning rate that later updates read."""
        for factor, of_group in self._rates.items():
            of_group.fill(rate * factor)

    def set_number(self, update: int) -> None:
        """Set the number of the update that the present SGD step leads to."""
        if self._update_number is not self._sgd_step:
            self._update_number[0] = update

    def present(self, *, updates: bool) -> tuple[tuple[Call, ...], list[tuple[Call, ...]]]:
        """Return the calls of all parameters and of each, in a step that updates or accumulates."""
        return (self.whole, self.each) if updates else (self.accumulate, self.accumulations)

    def compile(self, frozen: frozenset[int]) -> None:
        """Compile the calls of all parameters but the frozen ones."""
        parts = self._arena.parts
        treated: list[tuple[Treatment, slice]] = []
        alone = [(treatment, i in frozen) for i, treatment in enumerate(self._treatments)]
        start = 0
        for (treatment, is_frozen), run in groupby(alone):
            end = start + len(list(run))
            if not is_frozen:
                treated.append((treatment, slice(parts[start].start, parts[end - 1].stop)))
            start = end
        runs = [part for _, part in treated]
        moving = [
            (treatment, part)
            for (treatment, is_frozen), part in zip(alone, parts, strict=True)
            if not is_frozen
        ]
        self.whole = self._update_calls(treated, runs)
        self.accumulate = self._accumulate_calls(runs)
        updates = iter([self._update_calls([treated_part], runs) for treated_part in moving])
        accumulations = iter([self._accumulate_calls([part]) for _, part in moving])
        self.each = [() if is_frozen else next(updates) for _, is_frozen in alone]
        self.accumulations = [() if is_frozen else next(accumulations) for _, is_frozen in alone]

    def _update_calls(
        self, treated: Sequence[tuple[Treatment, slice]], runs: Sequence[slice]
    ) -> tuple[Call, ...]:
        """Return the calls that update parts of the parameters.

        `runs` are all parts that are updated: a norm is that of the gradients of all of them.
        """
        arena, do = self._arena, Calls(self._dtype, self._pool, self._update_number)
        kept, training = list(arena.kept.values()), self._training
        if training.clip_norm is not None and treated:
            accumulated = [kept[-1][run] for run in runs] if training.accumulate > 1 else None
            gradients = [arena.parameter_gradients[run] for run in runs]
            direction = training.direction(training.optimizer)
            direction.scale_calls(do, gradients, accumulated, self._scale)
        for (optimizer, rate, _), part in treated:
            optimizer.update_calls(
                do,
                arena.parameters[part],
                arena.parameter_gradients[part],
                [state[part] for state in kept],
                self._rates[rate],
                training.direction(optimizer),
                self._scale,
            )
        return do.take()

    def _accumulate_calls(self, parts: Sequence[slice]) -> tuple[Call, ...]:
        if self._training.accumulate == 1:
            return ()
        total, gradients = self._arena.kept["accumulated"], self._arena.parameter_gradients
        return tuple(partial(self._add, total[part], gradients[part]) for part in parts)

    def _add(self, total: Array, gradients: Array) -> None:
        """Add gradients to their total; the first pass of a cycle replaces the total."""
        if self._sgd_step[0] % self._training.accumulate == 0:
            np.copyto(total, gradients)
        else:
            np.add(total, gradients, total)

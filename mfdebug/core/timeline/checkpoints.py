"""Checkpoints of the state that lasts from one SGD step to the next: they make time travel cheap.

Any moment is restored from a checkpoint and a short replay. Checkpoints are kept every `stride` SGD
steps; when they would exceed the memory limit, every other one is dropped, from the start of the
run on and only as needed, and the stride doubles when that is done. So a run of any length fits.
Where a replay takes long and the memory suffices, they are closer together; where a state is
large for its update, most of the memory has the last steps of a run, each of them
(`dense_steps.py`). The last few steps that were stepped through are kept as well, because going
back by one moment is the most frequent use.
"""

from __future__ import annotations

import time
from collections import OrderedDict

from mfdebug.core.timeline.dense_steps import GROUP, DenseSteps, Known
from miniflow.plans.base import Plan, State

DEFAULT_MEMORY = 256 * 2**20
# Initial number of SGD steps between checkpoints. Copying the parameters every 16th step costs 2 %
# of the training time of a small network; every step would cost 9 %. Tiny networks replay so fast
# that checkpoints can be further apart: for them each checkpoint interval costs half an SGD step.
FIRST_STRIDE = 16
FIRST_STRIDE_TINY, TINY_BYTES, TINY_NODES = 128, 2**14, 64
RECENT = 4
# Checkpoints are brought closer while a replay from one to the next takes longer than this, in
# seconds, and copying the state takes at most this share of the SGD steps between two copies.
REPLAY_SECONDS, COPY_SHARE = 0.025, 1 / 16
# The share of the memory that the last steps of a run have, if each of them is kept.
DENSE_SHARE = 5 / 8


class Checkpoints:
    """Checkpoints by SGD step, within `memory` bytes; that of step k is the state at its start."""

    def __init__(self, plan: Plan, memory: int = DEFAULT_MEMORY) -> None:
        self.memory = memory
        self._state_bytes = plan.state_bytes
        tiny = self._state_bytes <= TINY_BYTES and len(plan.graph) <= TINY_NODES
        self.stride = FIRST_STRIDE_TINY if tiny else FIRST_STRIDE
        # The least seconds seen: others include what other processes took, and a copy to new memory
        # what the system takes to give it, once for all memory of the limit.
        self.copy_seconds = self._step_seconds = float("inf")
        # Below `_swept`, a multiple of twice the stride, checkpoints are twice as far apart.
        self._swept = self._last = 0
        # The last state that was dropped: the next copy takes its memory.
        self._spare: State | None = None
        self._is_timed = False
        self._origin = plan.save()
        # The last steps of a run, once it is known to be slow; `_may_be_dense` says if they fit.
        self._dense: DenseSteps | None = None
        self._may_be_dense = DenseSteps.suits(plan, int(memory * DENSE_SHARE))
        self._checkpoints: dict[int, State] = {}
        self._recent: OrderedDict[int, State] = OrderedDict()
        self._recent_limit = max(1, min(RECENT, memory // (4 * self._state_bytes)))
        self._limit = self._limit_of(memory)
        self._is_full = self._limit == 0

    def _limit_of(self, memory: int) -> int:
        """Return how many checkpoints fit, beside the origin, the recent states and a spare one."""
        return max(0, memory // self._state_bytes - self._recent_limit - 2)

    def __len__(self) -> int:
        return len(self._checkpoints) + len(self._recent) + 1

    @property
    def bytes(self) -> int:
        """The memory used by states."""
        dense = 0 if self._dense is None else self._dense.bytes
        return (len(self) + (self._spare is not None)) * self._state_bytes + dense

    def due(self, sgd_step: int) -> int:
        """Return the first step at or after `sgd_step` that is due for a checkpoint."""
        if self._dense is not None:
            return sgd_step
        return -(-sgd_step // self.stride) * self.stride

    def record(self, sgd_step: int, plan: Plan, *, recent: bool = False) -> None:
        """Save the state at the start of `sgd_step` if a checkpoint is due or `recent` is set."""
        apart = self.stride if sgd_step >= self._swept else 2 * self.stride
        if sgd_step % apart == 0 and sgd_step not in self._checkpoints and self._limit:
            self._checkpoints[sgd_step] = self._copy(plan)
            self._last = max(self._last, sgd_step)
            self._thin()
        elif recent and sgd_step not in self._checkpoints:
            over = self._recent.pop(sgd_step, None)
            if over is None and len(self._recent) == self._recent_limit:
                _, over = self._recent.popitem(last=False)
            self._recent[sgd_step] = plan.save(over)

    def _copy(self, plan: Plan) -> State:
        """Return a copy of the plan's state, and note the time it takes."""
        over, self._spare = self._spare, None
        # New memory is written once more: what the system takes to give it says nothing.
        state = over if over is not None or self._is_timed else plan.save()
        self._is_timed = True
        started = time.perf_counter()
        state = plan.save(state)
        self.copy_seconds = min(self.copy_seconds, time.perf_counter() - started)
        return state

    def ran(self, sgd_step: int, plan: Plan, step_seconds: float) -> None:
        """Note that the plan has run SGD steps of `step_seconds`, now at the start of `sgd_step`.

        Later checkpoints come closer if a replay takes long.
        """
        self.pace(step_seconds)
        if (
            self._dense is None
            and self._may_be_dense
            and not self._is_full
            and self._is_slow(GROUP)
            # Gradients take at most half the memory of a state.
            and self.copy_seconds / 2 <= COPY_SHARE * self._step_seconds
        ):
            memory = int(self.memory * DENSE_SHARE)
            self._dense = DenseSteps(plan, memory)
            self._limit = self._limit_of(self.memory - memory)
        self.went_through(sgd_step, plan)

    def went_through(self, sgd_step: int, plan: Plan) -> None:
        """Note that the plan has just executed all of the step before `sgd_step`, without edits."""
        if self._dense is not None:
            self._dense.record(sgd_step, plan)

    def _is_slow(self, sgd_steps: int) -> bool:
        """Whether a replay of so many SGD steps takes long."""
        return sgd_steps * self._step_seconds > REPLAY_SECONDS

    def pace(self, step_seconds: float) -> None:
        """Bring later checkpoints closer if a replay takes long; an SGD step took `step_seconds`.

        Once the memory was full, they stay as far apart as they are.
        """
        self._step_seconds = step = min(self._step_seconds, step_seconds)
        least = GROUP if self._may_be_dense else 1
        while (
            self.stride > least
            and not self._is_full
            and self._is_slow(self.stride)
            and self.copy_seconds <= COPY_SHARE * step * (self.stride // 2)
        ):
            self.stride //= 2

    def _thin(self) -> None:
        while len(self._checkpoints) > self._limit:
            self._is_full = True
            if self._swept > self._last:
                self.stride *= 2
                self._swept = 0
            self._spare = self._checkpoints.pop(self._swept + self.stride, self._spare)
            self._swept += 2 * self.stride

    def before(self, sgd_step: int) -> Known | None:
        """Return the last step known at or before `sgd_step`; None means: start from `origin`."""
        # The keys are multiples of the stride, up to the last: the nearest one needs no search,
        # even for a step that a run will never reach.
        step = min(sgd_step, self._last) // self.stride * self.stride
        while step > 0 and step not in self._checkpoints:
            step -= self.stride
        found = [Known(step, self._checkpoints[step])] if step in self._checkpoints else []
        found += [Known(k, state) for k, state in self._recent.items() if k <= sgd_step]
        if self._dense is not None and (dense := self._dense.before(sgd_step)) is not None:
            found.append(dense)
        # Of equals the first, which needs no update.
        return max(found, key=lambda known: known.sgd_step, default=None)

    @property
    def origin(self) -> State:
        """The state before the first moment, without edits."""
        return self._origin

    def forget_from(self, sgd_step: int) -> None:
        """Drop the checkpoints from `sgd_step` on."""
        self._checkpoints = {k: s for k, s in self._checkpoints.items() if k < sgd_step}
        for step in [k for k in self._recent if k >= sgd_step]:
            del self._recent[step]
        self._swept = min(self._swept, sgd_step // (2 * self.stride) * 2 * self.stride)
        self._last = min(self._last, sgd_step)
        if self._dense is not None:
            self._dense.forget_from(sgd_step)

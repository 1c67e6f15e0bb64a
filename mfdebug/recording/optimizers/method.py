"""How a step of the program's optimizer updated an input of a pass, as far as it is known.

A rule is shown only if it gives what the program has: it is computed again from the recorded
gradient and state, in the parameter's type, and every entry must come out to the last bit, or
within the rounding of other kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdebug.core.timeline.method import Method
from mfdebug.recording.op_rule import half_of
from mfdebug.recording.optimizers.floats import Floats
from mfdebug.recording.optimizers.known import (
    Arrays,
    Known,
    Settings,
    UnknownRuleError,
    rate_of,
)
from mfdebug.recording.optimizers.rules import KNOWN
from mfdebug.recording.optimizers.words import in_words
from mfdebug.recording.records import OptimizerStep
from miniflow.ops.base import Array

CHANGED_GRADIENT = "its gradient was clipped or changed before the step"
MOVED_BEFORE = "the parameter was changed after the pass first used it, before the step"
CHANGED_AFTER = "then changed by the program"
NOT_SHOWN = "its rule is not shown"
IN_HALF = "its rule is not shown, as the parameter is rounded to {}"
NOT_GIVEN = "its rule is not shown, as it does not give these numbers"


def method_of(
    steps: Sequence[OptimizerStep],
    node: int,
    before: Array,
    gradient: Array | None,
    later: Array | None,
) -> Method | None:
    """Return how steps after a pass updated an input; None if none of them did.

    `before` and `gradient` are those of the pass; `later` is the value with which the next pass
    began, None if that does not follow at once.
    """
    made = [step for step in steps if node in step.settings]
    if not made:
        return None
    first, last = made[0], made[-1]
    words = in_words(last.optimizer, last.settings[node])
    remarks = []
    changed = last.arrays.get((node, "gradient"))
    if changed is not None and gradient is not None:
        remarks.append(CHANGED_GRADIENT)
    if (node, "before") in first.arrays:
        remarks.append(MOVED_BEFORE)
    after = last.arrays.get((node, "after"))
    if after is not None and later is not None and _differ(after, later):
        remarks.append(CHANGED_AFTER)
    rate = rate_of(last.settings[node])
    if len(made) > 1:
        return Method(f"{len(made)} steps, the last of {words}", rate, tuple(remarks))
    used = changed if changed is not None else gradient
    start = last.arrays.get((node, "before"), before)
    if after is None or used is None or not last.known or last.optimizer not in KNOWN:
        return Method(words, rate, (*remarks, NOT_SHOWN))
    try:
        known, kept, exact = _again(last, node, start, used, after)
    except UnknownRuleError as why:
        half = half_of(start) and half_of(after)
        reason = IN_HALF.format(half) if half else NOT_GIVEN
        return Method(words, rate, (*remarks, str(why) or reason))
    return Method(
        words,
        rate,
        tuple(remarks),
        rules=known.rules,
        constants=known.constants,
        t=known.t,
        old=_whole(known.kept, start),
        new=_whole(kept, start),
        before=start,
        gradient=used if changed is not None else None,
        exact=exact,
        left=known.left(used),
        cases=known.cases,
        case=known.case(kept),
        legend=known.legend,
    )


def _whole(arrays: Arrays, parameter: Array) -> Arrays:
    """Return arrays with a number for each entry of the parameter."""
    return {letter: np.broadcast_to(array, parameter.shape) for letter, array in arrays.items()}


def _again(
    step: OptimizerStep, node: int, before: Array, gradient: Array, after: Array
) -> tuple[Known, Arrays, Array]:
    """Return the rule of a step, what was kept after it, and which entries are exact.

    Raises `UnknownRuleError` if its results are not what the program has.
    """
    arrays = (before, gradient, after)
    if any(x.shape != before.shape for x in arrays):
        raise UnknownRuleError
    if before.dtype not in (np.float32, np.float64) or any(x.dtype != before.dtype for x in arrays):
        raise UnknownRuleError
    kind = KNOWN[step.optimizer]
    kept = {}
    for name, letter in kind.letters.items():
        array = step.arrays.get((node, f"state.{name}"))
        if array is not None:
            if array.shape != kind.shape_of(letter, before.shape) or array.dtype != before.dtype:
                raise UnknownRuleError
            kept[letter] = array
    scalars = {
        name.removeprefix("state."): array
        for (i, name), array in step.arrays.items()
        if i == node and name.startswith("state.") and not array.shape
    }
    known = kind(Settings(step.settings[node]), kept, scalars, _number(step, node), before)
    best: tuple[Arrays, Array] | None = None
    exact = np.zeros(before.shape, bool)
    close = np.zeros(before.shape, bool)
    with np.errstate(all="ignore"):
        try:
            for fused in (True, False):
                now, result = known.step(Floats(before.dtype, fused=fused), before, gradient)
                same = _same(result, after)
                if best is None or same.sum() > exact.sum():
                    best = now, result
                exact = exact | same
                near = np.abs(result - after) <= known.rounding(now, before, after)
                close = close | same | near
        except (ArithmeticError, ValueError):
            raise UnknownRuleError from None
    if best is None or not close.all():
        raise UnknownRuleError
    return known, best[0], exact


def _number(step: OptimizerStep, node: int) -> int:
    """Return the number of a step, from 1."""
    done = step.arrays.get((node, "state.step"))
    if done is None:
        return 1
    if done.shape or done.dtype.kind not in "iuf" or not 0 <= float(done) < 2**53:
        raise UnknownRuleError
    return int(done) + 1


def _same(a: Array, b: Array) -> Array:
    """Return which entries are the same to the last bit; NaN is NaN."""
    zeros = np.signbit(a) == np.signbit(b)
    return np.asarray(((a == b) & zeros) | (np.isnan(a) & np.isnan(b)))


def _differ(a: Array, b: Array) -> bool:
    return a.shape != b.shape or a.dtype != b.dtype or a.tobytes() != b.tobytes()

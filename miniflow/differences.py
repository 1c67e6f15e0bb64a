"""One derivative against finite differences, each of which knows how far it can be trusted.

The derivative of f at x is compared with the central difference

    (f(x + h) - f(x - h)) / 2h,    h = ε^(1/3) max(1, |x|),

the step at which truncation (of order h²) and rounding (of order ε/h) balance: W. H. Press et al.,
"Numerical Recipes", 3rd ed., section 5.7. The relative error is |a - n| / max(|a|, |n|), as in
Stanford's CS231n notes on gradient checks, which also warn of kinks: where the slopes to the left
and to the right differ, no difference can agree with a backward rule that had to choose.

A derivative is right if one difference agrees with it that could have disagreed, and wrong only if
the differences settle on another number. What they cannot decide stays untested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from miniflow.ops.base import Array

Judgement = Literal["right", "untested", "undefined", "kink", "wrong"]
ValueAt = Callable[[float], Array]

EPSILON = float(np.finfo(np.float64).eps)
STEP = EPSILON ** (1 / 3)
TOLERANCE = 1e-6
# A sum of a hundred products is off by about so many ε.
ROUNDING = 100 * EPSILON
# Where rounding alone may be off by this much, agreement says nothing.
LOOSE = 1e-2
# Steps about one step, by which it is tried whether a difference depends on its step.
NEARBY = (0.83, 0.91, 1.07, 1.13)


class Finding(NamedTuple):
    """What the differences say of one derivative.

    `numeric` is the central difference, `relative_error` what was measured, and `tolerance` what it
    was held to: `TOLERANCE`, and what rounding can do to this difference.
    """

    judgement: Judgement
    numeric: float = math.nan
    relative_error: float = math.nan
    tolerance: float = TOLERANCE


class _Difference(NamedTuple):
    """A central difference, and how far rounding can have moved it.

    `hidden`: an entry of the value is infinite, so that a change of it cannot be seen.
    """

    step: float
    slope: float
    rounding: float
    hidden: bool = False


def judge(x: float, analytic: float, upstream: Array, value_at: ValueAt) -> Finding:
    """Judge the derivative of Σ upstream · value at x; `value_at` evaluates the value near x."""
    if not math.isfinite(x):
        return Finding("undefined")
    h = STEP * max(1.0, abs(x))
    first = _difference(x, h, upstream, value_at)
    if first is not None and _agrees_at_once(first, analytic):
        return _finding("right", first, analytic, 0.0)
    steps = list(_smaller(x, h))
    small = [d for d in (first, *_differences(x, steps, upstream, value_at)) if d is not None]
    if not small:
        return Finding("undefined", relative_error=math.inf)
    if not math.isfinite(analytic):
        sound = np.isfinite(upstream).all() and np.isfinite(value_at(x)).all()
        return Finding("wrong" if sound else "undefined", small[0].slope, math.inf)
    # The wider steps see a slope that rounding hides from the others.
    wide = [d for d in _differences(x, (100 * h, 1e4 * h), upstream, value_at) if d is not None]
    candidates = [*small, *wide, *map(_extrapolated, small, small[1:])]
    nearby = max(abs(d.slope) for d in (*small, *wide))
    agreeing = [d for d in candidates if _agrees(d, analytic, nearby)]
    if agreeing:
        return _finding("right", agreeing[0], analytic, nearby)
    best = min(candidates, key=lambda d: _error(d, analytic, nearby)[0])
    if any(d.hidden for d in small):
        return _finding("undefined", best, analytic, nearby)
    if _is_kink(x, h, analytic, upstream, value_at):
        return _finding("kink", best, analytic, nearby)
    settled = _settled(small, analytic)
    if settled is not None and not _wavers(x, settled, analytic, upstream, value_at):
        return _finding("wrong", settled, analytic, nearby)
    return _finding("untested", best, analytic, nearby)


def _smaller(x: float, h: float) -> Iterator[float]:
    """Yield the steps for places close to a kink or to the end of where f is defined."""
    yield h / 100
    if 0 < STEP * abs(x) < h / 1000:
        yield STEP * abs(x)


def _differences(
    x: float, steps: tuple[float, ...] | list[float], upstream: Array, value_at: ValueAt
) -> Iterator[_Difference | None]:
    return (_difference(x, step, upstream, value_at) for step in steps)


def _difference(x: float, step: float, upstream: Array, value_at: ValueAt) -> _Difference | None:
    """Return the central difference with this step, None where it has no finite value."""
    low, high = x - step, x + step
    slope, rounding, hidden = _slope(low, high, upstream, value_at)
    if not math.isfinite(slope) or (hidden and not slope):
        return None
    return _Difference(step, slope, rounding, hidden)


def _slope(
    low: float, high: float, upstream: Array, value_at: ValueAt
) -> tuple[float, float, bool]:
    """Return the slope of Σ g · value from low to high, what can round it, and if any is hidden."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return math.nan, math.nan, False
    change, size, hidden = change_between(value_at(low), value_at(high), upstream)
    return change / (high - low), ROUNDING * size / (high - low), hidden


def change_between(down: Array, up: Array, upstream: Array) -> tuple[float, float, bool]:
    """Return how far Σ g · value moves, the size of what rounds it, and if any of it is hidden.

    Entries that do not change are left out, so that they cannot round it; but if one is about
    to change, as a saturated one is, half its last digit is missing. Of an infinite one a change
    cannot be seen.
    """
    with np.errstate(all="ignore"):
        change = (up != down) & ~(np.isnan(up) & np.isnan(down)) & (upstream != 0)
        moved = (upstream * (up - down))[change].sum()
        sizes = np.abs(upstream * up) + np.abs(upstream * down)
        still = ~change & np.isfinite(sizes)
        size = sizes[change].sum() + 0.01 * sizes[still].sum()
        hidden = bool((~change & ~np.isfinite(up) & (upstream != 0)).any())
    return float(moved), float(size), hidden


def _extrapolated(wider: _Difference, narrower: _Difference) -> _Difference:
    """Return what two differences tend to as the step goes to 0: their error is of order h²."""
    ratio = (wider.step / narrower.step) ** 2
    move = (narrower.slope - wider.slope) / (ratio - 1)
    rounding = narrower.rounding + wider.rounding / ratio + 1e-3 * abs(move)
    hidden = narrower.hidden or wider.hidden
    return _Difference(narrower.step, narrower.slope + move, rounding, hidden)


def _error(difference: _Difference, analytic: float, nearby: float) -> tuple[float, float]:
    """Return the relative error, and the scale that it is relative to.

    For a derivative of 0 that is the largest slope `nearby`: x³ at 0 has differences of h².
    """
    off = abs(analytic - difference.slope)
    scale = max(abs(analytic), abs(difference.slope)) if analytic else nearby
    return (off / scale if off else 0.0), scale


def _agrees(difference: _Difference, analytic: float, nearby: float) -> bool:
    error, scale = _error(difference, analytic, nearby)
    if not scale:
        return True
    rounding = difference.rounding / scale
    return error <= TOLERANCE + rounding and rounding <= (LOOSE if analytic else TOLERANCE)


def _agrees_at_once(first: _Difference, analytic: float) -> bool:
    """Whether no other difference is needed, as in most cases."""
    if not analytic:
        return first.slope == first.rounding == 0.0
    return _agrees(first, analytic, 0.0)


def _finding(
    judgement: Judgement, difference: _Difference, analytic: float, nearby: float
) -> Finding:
    error, scale = _error(difference, analytic, nearby)
    tolerance = TOLERANCE + (difference.rounding / scale if scale else 0.0)
    return Finding(judgement, difference.slope, error, tolerance)


def _settled(small: list[_Difference], analytic: float) -> _Difference | None:
    """Return the difference that is surest, if that is sure enough to differ from `analytic`."""

    def doubt(pair: tuple[_Difference, _Difference]) -> float:
        wider, narrower = pair
        return abs(wider.slope - narrower.slope) + wider.rounding + narrower.rounding

    pair = min(pairwise(small), key=doubt, default=None)
    if pair is None or abs(analytic - pair[1].slope) <= 3 * doubt(pair):
        return None
    return min(pair, key=lambda difference: difference.rounding)


def _wavers(
    x: float, settled: _Difference, analytic: float, upstream: Array, value_at: ValueAt
) -> bool:
    """Whether the difference depends on the step, as it does where a value is cut to few digits."""
    steps = [settled.step * factor for factor in NEARBY]
    tried = [d.slope for d in _differences(x, steps, upstream, value_at) if d is not None]
    spread = max(tried, default=math.inf) - min(tried, default=0.0)
    return 10 * spread >= abs(analytic - settled.slope)


def _is_kink(x: float, h: float, analytic: float, upstream: Array, value_at: ValueAt) -> bool:
    """Whether the slopes on both sides of x differ, and the derivative lies between them.

    On a smooth curve the two slopes come together as the step shrinks; at a kink they do not.
    """
    gaps = []
    for step in (h, h / 100):
        left = _slope(x - step, x, upstream, value_at)[0]
        right = _slope(x, x + step, upstream, value_at)[0]
        slack = 1e-3 * max(abs(left), abs(right))
        if not min(left, right) - slack <= analytic <= max(left, right) + slack:
            return False
        gaps.append(abs(right - left))
    return gaps[0] > slack and gaps[1] > gaps[0] / 10

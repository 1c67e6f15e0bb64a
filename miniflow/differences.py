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


def judge(
    x: float,
    analytic: float,
    upstream: Array,
    value_at: ValueAt,
    noise: Callable[[Array], float],
) -> Finding:
    """Judge the derivative of Σ upstream · value at x; `value_at` evaluates the value near x.

    `noise` returns how far that sum moves if the last digits of all that it is computed from do.
    """
    if not math.isfinite(x):
        return Finding("undefined")
    h = STEP * max(1.0, abs(x))
    first = _difference(x, h, upstream, value_at)
    if first is not None and _agrees_at_once(first, analytic):
        return _finding("right", first, analytic, first.slope)
    steps = list(_smaller(x, h))
    small = [d for d in (first, *_differences(x, steps, upstream, value_at)) if d is not None]
    if not small:
        return Finding("undefined", relative_error=math.inf)
    if not math.isfinite(analytic):
        sound = _is_sound(x, (h, *steps), upstream, value_at)
        return Finding("wrong" if sound else "undefined", small[0].slope, math.inf)
    # The wider steps see a slope that rounding hides from the others.
    wide = [d for d in _differences(x, (100 * h, 1e4 * h), upstream, value_at) if d is not None]
    candidates = [*small, *_extrapolated(small), *(wide if analytic else ())]
    nearby = max(abs(d.slope) for d in (*small, *wide))
    first = small[0]
    agreeing = [d for d in candidates if _agrees(d, analytic, first.slope, nearby)]
    if agreeing or _is_zero([*small, *wide], analytic):
        return _finding("right", [*agreeing, first][0], analytic, first.slope)
    best = min(candidates, key=lambda d: _error(d, analytic, first.slope)[0])
    if any(d.hidden for d in small):
        return _finding("undefined", best, analytic, first.slope)
    if _is_kink(x, h, analytic, upstream, value_at):
        return _finding("kink", best, analytic, first.slope)
    settled = _settled(wide, small, analytic)
    if settled is not None and not _wavers(x, settled, analytic, upstream, value_at):
        off = abs(analytic - settled.slope)
        if off > 3 * noise(upstream) / settled.step:
            return _finding("wrong", settled, analytic, first.slope)
    return _finding("untested", best, analytic, first.slope)


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


def _changes(down: Array, up: Array) -> Array:
    return np.asarray((up != down) & ~(np.isnan(up) & np.isnan(down)))


def _moves(down: Array, up: Array, upstream: Array) -> Array:
    """Return how far each entry of g · value moves; one that stays infinite does not."""
    return np.where(_changes(down, up), upstream * (up - down), 0.0)


def change_between(down: Array, up: Array, upstream: Array) -> tuple[float, float, bool]:
    """Return how far Σ g · value moves, the size of what rounds it, and if any of it is hidden.

    Entries that do not change are left out, so that they cannot round it; but if one is about
    to change, as a saturated one is, half its last digit is missing. Of an infinite one a change
    cannot be seen, and a change that underflows is NaN.
    """
    with np.errstate(all="ignore"):
        change = _changes(down, up) & (upstream != 0)
        moves = _moves(down, up, upstream)[change]
        if not moves.all():
            return math.nan, math.nan, False
        sizes = np.abs(upstream * up) + np.abs(upstream * down)
        still = ~change & np.isfinite(sizes)
        size = sizes[change].sum() + 0.01 * sizes[still].sum()
        hidden = bool((~change & ~np.isfinite(up) & (upstream != 0)).any())
    return float(moves.sum()), float(size), hidden


def _extrapolated(small: list[_Difference]) -> Iterator[_Difference]:
    """Yield what neighbouring differences, off by order h², tend to as the step goes to 0."""
    for wider, narrower in pairwise(small):
        ratio = wider.step / narrower.step
        if ratio < 1e3:
            move = (narrower.slope - wider.slope) / (ratio**2 - 1)
            rounding = narrower.rounding + wider.rounding / ratio**2 + 1e-3 * abs(move)
            hidden = narrower.hidden or wider.hidden
            yield _Difference(narrower.step, narrower.slope + move, rounding, hidden)


def _error(difference: _Difference, analytic: float, first: float) -> tuple[float, float]:
    """Return the relative error, and the scale that it is relative to.

    For a derivative of 0 that includes the `first` slope: x³ at 0 has differences of h².
    """
    off = abs(analytic - difference.slope)
    scale = max(abs(analytic), abs(difference.slope), 0.0 if analytic else abs(first))
    return (off / scale if off else 0.0), scale


def _agrees(difference: _Difference, analytic: float, first: float, nearby: float) -> bool:
    """Whether a difference agrees, and is not so rounded that it would agree with anything."""
    error, scale = _error(difference, analytic, first)
    if analytic:
        rounding = difference.rounding / scale
        return error <= TOLERANCE + rounding and rounding <= LOOSE
    # Of 0 it must be seen that it is none of the slopes nearby.
    return error <= TOLERANCE and difference.rounding <= TOLERANCE * max(scale, nearby)


def _is_zero(differences: list[_Difference], analytic: float) -> bool:
    """Whether all are 0 but for rounding, as where contributions cancel."""
    # The first step times max(1, |x|) is the size of x: this is rounding of a slope of the size
    # of value/x.
    rounding = differences[0].rounding * STEP
    return abs(analytic) <= rounding and all(
        abs(d.slope - analytic) <= d.rounding for d in differences
    )


def _agrees_at_once(first: _Difference, analytic: float) -> bool:
    """Whether no other difference is needed, as in most cases."""
    return _agrees(first, analytic, first.slope, 0.0) and bool(analytic or not first.slope)


def _finding(
    judgement: Judgement, difference: _Difference, analytic: float, first: float
) -> Finding:
    error, scale = _error(difference, analytic, first)
    tolerance = TOLERANCE + (difference.rounding / scale if scale else 0.0)
    return Finding(judgement, difference.slope, error, tolerance)


def _is_sound(x: float, steps: tuple[float, ...], upstream: Array, value_at: ValueAt) -> bool:
    """Whether all has a finite slope, also what does not count since its upstream is 0.

    0 times an infinite slope is NaN, and no mistake of the rule; nor is it that a number of the
    size of value/x overflows.
    """
    weights = np.where(upstream == 0, 1.0, upstream)
    with np.errstate(all="ignore"):
        sizes = weights * value_at(x) / (x or 1.0)
    slopes = [_slope(x - step, x + step, weights, value_at) for step in steps]
    return bool(np.isfinite(sizes).all()) and all(
        math.isfinite(slope) and not hidden for slope, _, hidden in slopes
    )


def _settled(
    wide: list[_Difference], small: list[_Difference], analytic: float
) -> _Difference | None:
    """Return the difference that is surest, if that is sure enough to differ from `analytic`."""

    def doubt(pair: tuple[_Difference, _Difference]) -> float:
        wider, narrower = pair
        return abs(wider.slope - narrower.slope) + wider.rounding + narrower.rounding

    pair = min(pairwise([*reversed(wide), *small]), key=doubt, default=None)
    if pair is None:
        return None
    wider, narrower = pair
    off = abs(analytic - narrower.slope)
    if off <= 3 * doubt(pair) or any(
        abs(d.slope - narrower.slope) > d.rounding + off / 3 for d in small
    ):
        return None
    # A slope that grows as the step shrinks belongs to a step that is too wide.
    if abs(narrower.slope) > 2 * abs(wider.slope) + wider.rounding:
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

    On a smooth curve the two slopes come together as the step shrinks; at a kink they do not. Each
    entry of the value may choose a side of its own.
    """
    gaps = []
    for step in (h, h / 100):
        with np.errstate(all="ignore"):
            left = _moves(value_at(x - step), value_at(x), upstream) / step
            right = _moves(value_at(x), value_at(x + step), upstream) / step
            low, high = float(np.minimum(left, right).sum()), float(np.maximum(left, right).sum())
        slack = 1e-3 * max(abs(low), abs(high))
        if not low - slack <= analytic <= high + slack:
            return False
        gaps.append(high - low)
    return gaps[0] > slack and gaps[1] > gaps[0] / 10

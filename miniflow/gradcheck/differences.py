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
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from miniflow.ops.base import Array

Judgement = Literal["right", "untested", "undefined", "kink", "wrong"]
ValueAt = Callable[[float], Array]

EPSILON = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)
STEP = EPSILON ** (1 / 3)
TOLERANCE = 1e-6
# A sum of a hundred products is off by about so many ε.
ROUNDING = 100 * EPSILON
# Where rounding alone may be off by this much, agreement says nothing.
LOOSE = 1e-2
# Parts of a step, by which it is tried whether a difference depends on its step.
NEARBY = (0.77, 0.83, 0.91, 0.97)


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
    return _Entry(x, analytic, upstream, value_at).judged(noise)


class _Entry:
    """The entry at x, what the backward rule says of it, and the function to compare with."""

    def __init__(self, x: float, analytic: float, upstream: Array, value_at: ValueAt) -> None:
        self.x = x
        self.analytic = analytic
        self.upstream = upstream
        self.value_at = value_at
        self.step = STEP * max(1.0, abs(x))

    def judged(self, noise: Callable[[Array], float]) -> Finding:
        """Take as few differences as it needs: most entries are right at the first."""
        first = self._difference(self.step)
        if first is not None and self._agrees(first, 0.0, 0.0):
            return self._finding("right", first, 0.0)
        narrower = self._differences(self._narrower_steps())
        small = narrower if first is None else [first, *narrower]
        if not small:
            return Finding("undefined", relative_error=math.inf)
        if not math.isfinite(self.analytic):
            judgement: Judgement = "wrong" if self._is_sound() else "undefined"
            return Finding(judgement, small[0].slope, math.inf)
        # Wider steps see a slope that rounding hides from the others.
        wide = self._differences([100 * self.step, 1e4 * self.step])
        return self._weighed(small, wide, noise)

    def _weighed(
        self, small: list[_Difference], wide: list[_Difference], noise: Callable[[Array], float]
    ) -> Finding:
        first = small[0].slope
        candidates = [*small, *_extrapolated(small), *(wide if self.analytic else ())]
        nearby = max(abs(d.slope) for d in (*small, *wide))
        agreeing = [d for d in candidates if self._agrees(d, first, nearby)]
        if agreeing or self._is_zero([*small, *wide]):
            return self._finding("right", [*agreeing, small[0]][0], first)
        best = min(candidates, key=lambda d: self._error(d, first)[0])
        if any(d.hidden for d in small):
            return self._finding("undefined", best, first)
        if self._is_kink():
            return self._finding("kink", best, first)
        settled = self._settled(small, wide)
        if settled is not None and not self._wavers(settled):
            off = abs(self.analytic - settled.slope)
            if off > 3 * noise(self.upstream) / settled.step:
                return self._finding("wrong", settled, first)
        return self._finding("untested", best, first)

    # Differences -------------------------------------------------------------------------

    def _narrower_steps(self) -> Iterator[float]:
        """Yield the steps for places close to a kink or to the end of where f is defined."""
        yield self.step / 100
        if 0 < STEP * abs(self.x) < self.step / 1000:
            yield STEP * abs(self.x)

    def _differences(self, steps: Iterable[float]) -> list[_Difference]:
        found = map(self._difference, steps)
        return [difference for difference in found if difference is not None]

    def _difference(self, step: float) -> _Difference | None:
        """Return the central difference with this step, None where it has no finite value."""
        difference = self._slope(step, self.upstream)
        if not math.isfinite(difference.slope) or (difference.hidden and not difference.slope):
            return None
        return difference

    def _slope(self, step: float, upstream: Array) -> _Difference:
        low, high = self.x - step, self.x + step
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            return _Difference(step, math.nan, math.nan)
        change, size, hidden = change_between(self.value_at(low), self.value_at(high), upstream)
        width = high - low
        return _Difference(step, change / width, ROUNDING * size / width, hidden)

    # Right -------------------------------------------------------------------------------

    def _error(self, difference: _Difference, first: float) -> tuple[float, float]:
        """Return the relative error, and the scale that it is relative to.

        For a derivative of 0 that includes the `first` slope: x³ at 0 has differences of h².
        """
        off = abs(self.analytic - difference.slope)
        least = 0.0 if self.analytic else abs(first)
        scale = max(abs(self.analytic), abs(difference.slope), least)
        return (off / scale if off else 0.0), scale

    def _agrees(self, difference: _Difference, first: float, nearby: float) -> bool:
        """Whether a difference agrees, and is not so rounded that it agrees with anything."""
        error, scale = self._error(difference, first)
        if self.analytic:
            rounding = difference.rounding / scale
            return error <= TOLERANCE + rounding and rounding <= LOOSE
        # Of 0 it must be seen that it is none of the slopes nearby.
        return error <= TOLERANCE and difference.rounding <= TOLERANCE * max(scale, nearby)

    def _is_zero(self, differences: list[_Difference]) -> bool:
        """Whether all are 0 but for rounding, as where contributions cancel."""
        # The first step times STEP is the size of x: this is the rounding of a slope of the size
        # of value/x.
        rounding = differences[0].rounding * STEP
        return abs(self.analytic) <= rounding and all(
            abs(d.slope - self.analytic) <= d.rounding for d in differences
        )

    def _finding(self, judgement: Judgement, difference: _Difference, first: float) -> Finding:
        error, scale = self._error(difference, first)
        tolerance = TOLERANCE + (difference.rounding / scale if scale else 0.0)
        return Finding(judgement, difference.slope, error, tolerance)

    # Not right ---------------------------------------------------------------------------

    def _is_sound(self) -> bool:
        """Whether all has a finite slope, also what does not count since its upstream is 0.

        0 times an infinite slope is NaN, and not a mistake of the rule; nor is it one that a number
        of the size of value/x overflows.
        """
        weights = np.where(self.upstream == 0, 1.0, self.upstream)
        with np.errstate(all="ignore"):
            sizes = self.value_at(self.x) / (self.x or 1.0)
            sizes = np.concatenate([sizes.ravel(), (weights * sizes).ravel()])
        slopes = [self._slope(step, weights) for step in (self.step, *self._narrower_steps())]
        return bool(np.isfinite(sizes).all()) and all(
            math.isfinite(d.slope) and not d.hidden for d in slopes
        )

    def _is_kink(self) -> bool:
        """Whether the slopes on both sides of x differ, and the derivative lies between them.

        On a smooth curve the two slopes come together as the step shrinks; at a kink they do not.
        Each entry of the value may choose a side of its own.
        """
        wider, narrower = self._sides(self.step), self._sides(self.step / 100)
        for low, high in (wider, narrower):
            slack = 1e-3 * max(abs(low), abs(high))
            if not low - slack <= self.analytic <= high + slack:
                return False
        return _gap(wider) > slack and _gap(narrower) > _gap(wider) / 10

    def _sides(self, step: float) -> tuple[float, float]:
        """Return the least and the largest slope that the sides of x allow."""
        here = self.value_at(self.x)
        below, above = self.value_at(self.x - step), self.value_at(self.x + step)
        with np.errstate(all="ignore"):
            left = _moves(below, here, self.upstream) / step
            right = _moves(here, above, self.upstream) / step
            return float(np.minimum(left, right).sum()), float(np.maximum(left, right).sum())

    def _settled(self, small: list[_Difference], wide: list[_Difference]) -> _Difference | None:
        """Return the difference that is surest, if it is sure to differ from what is judged."""

        def doubt(pair: tuple[_Difference, _Difference]) -> float:
            wider, narrower = pair
            return abs(wider.slope - narrower.slope) + wider.rounding + narrower.rounding

        pair = min(pairwise([*reversed(wide), *small]), key=doubt, default=None)
        if pair is None:
            return None
        wider, narrower = pair
        off = abs(self.analytic - narrower.slope)
        around, close = self._sides(wider.step), self._sides(narrower.step)
        if _gap(close) > _gap(around) / 10:
            # Not smooth: any slope from the least to the largest may be meant.
            low, high = min(around[0], close[0]), max(around[1], close[1])
            off = max(low - self.analytic, self.analytic - high)
        apart = any(abs(d.slope - narrower.slope) > d.rounding + off / 3 for d in small)
        # Slopes that grow as the step shrinks belong to a step that is too wide.
        grow = max(map(abs, close)) > 2 * max(map(abs, around)) + wider.rounding
        if not off > 3 * doubt(pair) or apart or grow:
            return None
        return min(pair, key=lambda difference: difference.rounding)

    def _wavers(self, settled: _Difference) -> bool:
        """Whether it depends on the step, as it does where a value is cut to few digits."""
        tried = self._differences(settled.step * factor for factor in NEARBY)
        slopes = [difference.slope for difference in tried]
        spread = max(slopes, default=math.inf) - min(slopes, default=0.0)
        return 10 * spread >= abs(self.analytic - settled.slope)


def _gap(sides: tuple[float, float]) -> float:
    return sides[1] - sides[0]


def _extrapolated(small: list[_Difference]) -> Iterator[_Difference]:
    """Yield what neighbouring differences, off by order h², tend to as the step goes to 0."""
    for wider, narrower in pairwise(small):
        ratio = wider.step / narrower.step
        if ratio < 1e3:
            move = (narrower.slope - wider.slope) / (ratio**2 - 1)
            rounding = narrower.rounding + wider.rounding / ratio**2 + 1e-3 * abs(move)
            hidden = narrower.hidden or wider.hidden
            yield _Difference(narrower.step, narrower.slope + move, rounding, hidden)


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
        # Below the smallest normal number, digits are missing.
        sizes = np.abs(upstream) * (np.abs(up) + np.abs(down) + TINY * ((up != 0) | (down != 0)))
        still = ~change & np.isfinite(sizes)
        size = sizes[change].sum() + 0.01 * sizes[still].sum()
        hidden = bool((~change & ~np.isfinite(up) & (upstream != 0)).any())
    return float(moves.sum()), float(size), hidden


def _changes(down: Array, up: Array) -> Array:
    return np.asarray((up != down) & ~(np.isnan(up) & np.isnan(down)))


def _moves(down: Array, up: Array, upstream: Array) -> Array:
    """Return how far each entry of g · value moves; one that stays infinite does not."""
    return np.where(_changes(down, up), upstream * (up - down), 0.0)

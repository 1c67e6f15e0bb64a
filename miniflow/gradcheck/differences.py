"""One derivative compared with finite differences, each with an estimate of its rounding error.

The derivative of f at x is compared with the central difference

    (f(x + h) - f(x - h)) / 2h,    h = ε^(1/3) max(1, |x|),

the step at which truncation (of order h²) and rounding (of order ε/h) balance: W. H. Press et al.,
"Numerical Recipes", 3rd ed., section 5.7. The relative error is |a - n| / max(|a|, |n|), as in
Stanford's CS231n notes on gradient checks, which also warn of kinks: where the slopes to the left
and to the right differ, no difference can agree with a backward rule that had to choose one.

A derivative is right if it agrees with a difference that is precise enough to disagree, and wrong
only if the differences converge to another number. Otherwise it is untested.
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
# The error of a sum of a hundred products, about so many ε.
ROUNDING = 100 * EPSILON
# Agreement is meaningless if rounding alone may cause a relative error of this size.
LOOSE = 1e-2
# How many times smaller a step is that stays on one side of a kink nearby.
NARROWER = 100
# Fractions of a step, to test whether a difference depends on its step.
NEARBY = (0.77, 0.83, 0.91, 0.97)


class Finding(NamedTuple):
    """The judgement of one derivative.

    `numeric` is the central difference, `relative_error` its measured error, and `tolerance` the
    allowed error: `TOLERANCE` plus the rounding error of this difference.
    """

    judgement: Judgement
    numeric: float = math.nan
    relative_error: float = math.nan
    tolerance: float = TOLERANCE


class _Difference(NamedTuple):
    """A central difference, with its rounding error.

    `hidden`: an entry of the value is infinite, so changes of it cannot be measured.
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

    `noise` returns how far that sum moves if the last digits of all its operands change.
    """
    if not math.isfinite(x):
        return Finding("undefined")
    return _Entry(x, analytic, upstream, value_at).judge(noise)


def first_points(x: float) -> Iterator[float]:
    """Yield the points at which `judge` evaluates if the derivative is right."""
    step = _first_step(x)
    yield x - step
    yield x + step


def further_points(x: float) -> Iterator[float]:
    """Yield the points at which `judge` evaluates otherwise, but for a few that are rare."""
    yield x
    for step in (_first_step(x) / NARROWER, *_wider_steps(x)):
        for factor in (1.0, *NEARBY):
            yield x - step * factor
            yield x + step * factor


def _first_step(x: float) -> float:
    step: float = STEP * max(1.0, abs(x))
    return step


def _wider_steps(x: float) -> tuple[float, float]:
    """Return steps that show a slope which rounding hides at the other steps."""
    return 100 * _first_step(x), 1e4 * _first_step(x)


class _Entry:
    """The entry at x, its analytic derivative, and the function to compare it with."""

    def __init__(self, x: float, analytic: float, upstream: Array, value_at: ValueAt) -> None:
        self.x = x
        self.analytic = analytic
        self.upstream = upstream
        self.value_at = value_at
        self.step = _first_step(x)

    def judge(self, noise: Callable[[Array], float]) -> Finding:
        """Judge with as few differences as possible: most entries agree with the first."""
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
        wide = self._differences(_wider_steps(self.x))
        return self._compare(small, wide, noise)

    def _compare(
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
        converged = self._converged(small, wide)
        if converged is not None and not self._depends_on_step(converged):
            error = abs(self.analytic - converged.slope)
            if error > 3 * noise(self.upstream) / converged.step:
                return self._finding("wrong", converged, first)
        return self._finding("untested", best, first)

    # Differences -------------------------------------------------------------------------

    def _narrower_steps(self) -> Iterator[float]:
        """Yield steps for points close to a kink or to the edge of the domain of f."""
        yield self.step / NARROWER
        if 0 < STEP * abs(self.x) < self.step / 1000:
            yield STEP * abs(self.x)

    def _differences(self, steps: Iterable[float]) -> list[_Difference]:
        differences = map(self._difference, steps)
        return [difference for difference in differences if difference is not None]

    def _difference(self, step: float) -> _Difference | None:
        """Return the central difference with this step, or None if it is not finite."""
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

        For a derivative of 0 the scale includes the `first` slope: x³ at 0 has differences of h².
        """
        error = abs(self.analytic - difference.slope)
        least = 0.0 if self.analytic else abs(first)
        scale = max(abs(self.analytic), abs(difference.slope), least)
        return (error / scale if error else 0.0), scale

    def _agrees(self, difference: _Difference, first: float, nearby: float) -> bool:
        """Whether a difference agrees, and is precise enough that agreement means something."""
        error, scale = self._error(difference, first)
        if self.analytic:
            rounding = difference.rounding / scale
            return error <= TOLERANCE + rounding and rounding <= LOOSE
        # A 0 must be distinguishable from the slopes nearby.
        return error <= TOLERANCE and difference.rounding <= TOLERANCE * max(scale, nearby)

    def _is_zero(self, differences: list[_Difference]) -> bool:
        """Whether all differences are 0 up to rounding, as when contributions cancel.

        The derivative is then the rounding error of their sum. Where the value is so large that its
        changes are lost, nothing is known of the contributions.
        """
        # Rounding times STEP is the rounding error of a slope of the size of value/x, as the first
        # step is STEP times the size of x.
        rounding = differences[0].rounding * STEP
        if abs(self.analytic) > min(rounding, ROUNDING * self._contributions(differences)):
            return False
        return all(abs(d.slope - self.analytic) <= d.rounding for d in differences)

    def _contributions(self, differences: list[_Difference]) -> float:
        """Return the sum of the sizes of what the entries of the value contribute to the slope."""
        with np.errstate(all="ignore"):
            sizes = [
                float(np.abs(_moves(*self._ends(d.step), self.upstream)).sum()) / (2 * d.step)
                - d.rounding
                for d in differences
            ]
        return max(0.0, *sizes)

    def _ends(self, step: float) -> tuple[Array, Array]:
        return self.value_at(self.x - step), self.value_at(self.x + step)

    def _finding(self, judgement: Judgement, difference: _Difference, first: float) -> Finding:
        error, scale = self._error(difference, first)
        tolerance = TOLERANCE + (difference.rounding / scale if scale else 0.0)
        return Finding(judgement, difference.slope, error, tolerance)

    # Not right ---------------------------------------------------------------------------

    def _is_sound(self) -> bool:
        """Whether every entry has a finite slope, including those whose upstream is 0.

        0 × an infinite slope is NaN, which is not an error of the rule; nor is an overflow of a
        number of the size of value/x.
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

        On a smooth curve the two slopes converge as the step shrinks; at a kink they do not. Each
        entry of the value may choose its own side.
        """
        wider, narrower = self._sides(self.step), self._sides(self.step / NARROWER)
        for low, high in (wider, narrower):
            slack = 1e-3 * max(abs(low), abs(high))
            if not low - slack <= self.analytic <= high + slack:
                return False
        rounding = self._slope(self.step / NARROWER, self.upstream).rounding
        return _gap(wider) > slack and _gap(narrower) > max(_gap(wider) / 10, rounding)

    def _sides(self, step: float) -> tuple[float, float]:
        """Return the smallest and the largest slope that the sides of x allow."""
        center = self.value_at(self.x)
        below, above = self.value_at(self.x - step), self.value_at(self.x + step)
        with np.errstate(all="ignore"):
            left = _moves(below, center, self.upstream) / step
            right = _moves(center, above, self.upstream) / step
            return float(np.minimum(left, right).sum()), float(np.maximum(left, right).sum())

    def _converged(self, small: list[_Difference], wide: list[_Difference]) -> _Difference | None:
        """Return the most reliable difference, if it clearly differs from the derivative."""

        def uncertainty(pair: tuple[_Difference, _Difference]) -> float:
            wider, narrower = pair
            return abs(wider.slope - narrower.slope) + wider.rounding + narrower.rounding

        pair = min(pairwise([*reversed(wide), *small]), key=uncertainty, default=None)
        if pair is None:
            return None
        wider, narrower = pair
        error = abs(self.analytic - narrower.slope)
        around, close = self._sides(wider.step), self._sides(narrower.step)
        if _gap(close) > _gap(around) / 10:
            # Not smooth: any slope from the smallest to the largest is possible.
            low, high = min(around[0], close[0]), max(around[1], close[1])
            error = max(low - self.analytic, self.analytic - high)
        apart = any(abs(d.slope - narrower.slope) > d.rounding + error / 3 for d in small)
        # Slopes that grow as the step shrinks mean that the step is too wide.
        grow = max(map(abs, close)) > 2 * max(map(abs, around)) + wider.rounding
        if not error > 3 * uncertainty(pair) or apart or grow:
            return None
        return min(pair, key=lambda difference: difference.rounding)

    def _depends_on_step(self, converged: _Difference) -> bool:
        """Whether a difference depends on its step, as for a value rounded to few digits."""
        others = self._differences(converged.step * factor for factor in NEARBY)
        slopes = [difference.slope for difference in others]
        spread = max(slopes, default=math.inf) - min(slopes, default=0.0)
        return 10 * spread >= abs(self.analytic - converged.slope)


def _gap(sides: tuple[float, float]) -> float:
    return sides[1] - sides[0]


def _extrapolated(small: list[_Difference]) -> Iterator[_Difference]:
    """Yield Richardson extrapolations of neighbouring differences, whose error is of order h²."""
    for wider, narrower in pairwise(small):
        ratio = wider.step / narrower.step
        if ratio < 1e3:
            move = (narrower.slope - wider.slope) / (ratio**2 - 1)
            rounding = narrower.rounding + wider.rounding / ratio**2 + 1e-3 * abs(move)
            hidden = narrower.hidden or wider.hidden
            yield _Difference(narrower.step, narrower.slope + move, rounding, hidden)


def change_between(down: Array, up: Array, upstream: Array) -> tuple[float, float, bool]:
    """Return the change of Σ g · value, the size of the rounded terms, and if any change is hidden.

    Entries that do not change are excluded, so they add no rounding error, except 0.01 of their
    size: a saturated entry may be about to change by half its last digit. A change of an infinite
    entry is hidden, and a change that underflows is NaN.
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
    """Return the change of each entry of g · value; 0 for an entry that stays infinite."""
    return np.where(_changes(down, up), upstream * (up - down), 0.0)

"""Ticks at round numbers, 1, 2, 2.5 or 5 times a power of ten, and their labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from mfdebug.core.format.numbers import scalar

# Round numbers in tenths, so that a multiple of one is exact.
ROUND = (10, 20, 25, 50)
# Ends of the axis of SGD steps, in tenths of a power of ten: at most a quarter of it is empty.
ENDS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)
# Labels below and from these magnitudes are in scientific notation.
SMALL, BIG = 1e-4, 1e6
# The largest power of ten that is a number.
MOST_DECADES = 308
# SGD steps are in thousands and millions from these on: 20k, 1.5M.
LETTERS = ((10**6, 10**6, "M"), (10**4, 10**3, "k"), (0, 1, ""))


class Tick(NamedTuple):
    """A tick: its place on the axis, and the number there as text."""

    at: float
    label: str


def round_ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[Tick]:
    """Return at most `most` ticks between two finite numbers, as near together as possible.

    With `whole` they are whole numbers.
    """
    multiples: list[int] = []
    tenths, power = ROUND[0], 0
    for tenths, power in _spacings(high - low):
        spacing = tenths * 10.0 ** (power - 1)
        if whole and not spacing.is_integer():
            continue
        multiples = list(range(math.ceil(low / spacing), math.floor(high / spacing) + 1))
        if len(multiples) <= most:
            break
    return ticks_at(multiples, tenths, power)


def ticks_at(multiples: Sequence[int], tenths: int, power: int) -> list[Tick]:
    """Return ticks at multiples of `tenths` tenths of 10^power, with as many digits as these."""
    places = [float(f"{k * tenths}e{power - 1}") + 0.0 for k in multiples]
    label = _label_for(places, power - 1 if tenths % 10 else power)
    return [Tick(place, label(place)) for place in places]


def power_ticks(exponents: Sequence[int]) -> list[Tick]:
    """Return ticks at powers of ten, without a label where a power is no number but 0 or inf."""
    powers = [(exponent, float(f"1e{exponent}")) for exponent in exponents]
    return [Tick(at, scalar(power) if 0 < power < math.inf else "") for at, power in powers]


def log_ticks(low: float, high: float, most: int) -> list[Tick]:
    """Return at most `most` ticks on a logarithmic axis; `low`, `high` and places are exponents.

    They are powers of ten if two of them fit, else other round numbers.
    """
    every = next(n for n in _strides() if (high - low) / n < most)
    first = math.ceil(low / every) * every
    powers = list(range(first, math.floor(high) + 1, every))
    if len(powers) > 1:
        return power_ticks(powers[:most])
    if high > MOST_DECADES:
        return []
    ticks = round_ticks(10.0**low, 10.0**high, most)
    return [Tick(math.log10(tick.at), tick.label) for tick in ticks if tick.at > 0]


def step_ticks(last: int, most: int) -> list[Tick]:
    """Return at most `most` ticks at whole SGD steps from 0 to `last`, with short labels."""
    size, letter = next((unit, letter) for least, unit, letter in LETTERS if last >= least)
    ticks = round_ticks(0, last, max(2, most), whole=True)
    return [Tick(at, f"{at / size:g}{letter if at else ''}") for at, _ in ticks]


def step_end(last: int) -> int:
    """Return a round number of SGD steps that is not below `last`.

    The axis keeps it for many steps: a curve that grows then changes only at its end.
    """
    for power in count():
        for tenths in ENDS:
            end: int = tenths * 10**power // 10
            if end >= max(1, last):
                return end
    raise AssertionError("powers of ten have no end")


def _spacings(span: float) -> Iterator[tuple[int, int]]:
    """Yield round spacings, the smallest first, as tenths of a power of ten and that power."""
    power = math.floor(math.log10(span)) - 2 if span > 0 else 0
    while True:
        yield from ((tenths, power) for tenths in ROUND)
        power += 1


def _strides() -> Iterator[int]:
    for power in count():
        yield from (n * 10**power for n in (1, 2, 5))


def _label_for(places: list[float], unit: int) -> Callable[[float], str]:
    """Return the format of labels whose last digit is that of 10^unit."""
    largest = max(map(abs, places), default=0.0)
    if largest and not SMALL <= largest < BIG:
        digits = max(0, math.floor(math.log10(largest)) - unit)
        return lambda place: f"{place:.{digits}e}" if place else "0"
    return lambda place: f"{place:.{max(0, -unit)}f}"

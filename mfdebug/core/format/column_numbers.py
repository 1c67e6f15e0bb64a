"""Numbers in a column, one below the other, so that their magnitudes are seen down the column."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mfdebug.core.format.numbers import scalar

# A bar is a line: blocks, one below the other, would be one area without rows.
_CELL, _HALF, _BEYOND = "━╸→"
# Smaller numbers are written with an exponent: leading zeros would take the place of digits.
_SMALLEST_FIXED = 1e-3
# A bar of one cell is the decade up to this number; of n cells, n decades up to it.
BAR_TOP = 100.0


def column_number(x: float, width: int) -> str:
    """Return a number left-aligned in `width` cells, at least 5, with as many digits as fit.

    With 6 cells or more, the decimal points of numbers below 10 are one below the other; with 7,
    also those of negative numbers. In 5 cells a number below 1 has no zero before its point.
    """
    if math.isnan(x) or math.isinf(x):
        text = scalar(x)
        return f"{'' if text.startswith('-') or width < 7 else ' '}{text}".ljust(width)
    negative = x < 0
    room = width - 1 if width >= 7 else width - negative
    sign = "-" if negative else " " if width >= 7 else ""
    return f"{sign}{_magnitude(abs(x), room, zero=width > 5)}".ljust(width)


def _magnitude(x: float, room: int, *, zero: bool = True) -> str:
    """Return a number that is not negative in at most `room` cells, perhaps as `.5` for 0.5."""
    if x == round(x) and len(whole := str(round(x))) <= room and x < 1e15:
        return whole
    if _SMALLEST_FIXED <= x < 10 ** (room - 2 if zero else room - 1):
        # At most 4 digits that mean something.
        before = len(str(int(x))) if x >= 1 or zero else 0
        digits = min(room - before - 1, max(0, 3 - math.floor(math.log10(x))))
        # Rounded up it may have one digit more before its point.
        for decimals in (digits, digits - 1):
            text = f"{x:.{max(0, decimals)}f}"
            text = text if zero else text.removeprefix("0")
            if len(text) <= room:
                return text
    for digits in (2, 1, 0):
        mantissa, _, exponent = f"{x:.{digits}e}".partition("e")
        if math.isinf(float(f"{mantissa}e{exponent}")):
            # Rounded up it would be read as infinity: cut its digits instead.
            mantissa, _, exponent = f"{x:.17e}".partition("e")
            mantissa = mantissa[: digits + 2].rstrip(".") if digits else mantissa[0]
        text = f"{mantissa}e{int(exponent)}"
        if len(text) <= room:
            return text
    # Its exponent has no room: in 6 cells only that of -1e-100 and smaller ones, in 5 of -1e-10.
    return "tiny" if x < 1 else "huge"


def column_entries(entries: Sequence[float], width: int) -> str:
    """Return all of a few numbers in at most `width` cells, or "" if they do not fit."""
    for digits in (4, 3):
        text = " ".join(_short(x, digits) for x in entries)
        if len(text) <= width:
            return text
    return ""


def _short(x: float, digits: int) -> str:
    mantissa, e, exponent = scalar(x, digits).partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def magnitude_bar(x: float, width: int) -> str:
    """Return a bar as long as the logarithm of |x|: each cell is a factor of 10, up to `BAR_TOP`.

    A number that is too small for the scale has the shortest bar, 0 has none; the bar of one that
    is too large ends on an arrow.
    """
    if not math.isfinite(x) or not x:
        return " " * width
    if abs(x) > BAR_TOP:
        return _CELL * (width - 1) + _BEYOND
    decades = math.log10(abs(x)) - math.log10(BAR_TOP) + width
    whole, half = divmod(max(round(2 * decades), 1), 2)
    return (_CELL * whole + _HALF * half).ljust(width)

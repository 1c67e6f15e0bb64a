"""Numbers in few cells: one number, up to four, or the mean of absolute values."""

from __future__ import annotations

import math
import re

import numpy as np

from mfdebug.core.format.numbers import PIECE, scalar
from miniflow.ops.base import Array

# Up to so many entries are written as numbers, if they fit.
MOST_NUMBERS = 4
_EXPONENT = re.compile(r"e([+-])0*(\d+)")
_ZERO_BEFORE_POINT = re.compile(r"^(-?)0\.")


def compact(number: float, width: int) -> str:
    """Return a number in at most `width` cells (5 or more): 0.2513, .003, 4e-4, -1e12.

    It has as many of 4 significant digits as fit. A number other than 0 never looks like 0; if no
    form fits, the shortest is cut, and ends with `…`.
    """
    if not math.isfinite(number):
        return str(number)
    if number == int(number) and abs(number) < 10 ** (width - 2):
        return str(int(number))
    shortest = ""
    for digits in (4, 3, 2, 1):
        text = _EXPONENT.sub(_short_exponent, scalar(number, digits))
        shortest = _ZERO_BEFORE_POINT.sub(r"\1.", text)
        if len(text) <= width:
            return text
        if len(shortest) <= width:
            return shortest
        if abs(number) < 0.1:
            text = f"{number:.{digits - 1}e}"
            text = _EXPONENT.sub(_short_exponent, text)
            if len(text) <= width:
                return text
            shortest = min(shortest, text, key=len)
    return shortest[: width - 1] + "…"


def _short_exponent(found: re.Match[str]) -> str:
    return "e" + found[1].replace("+", "") + found[2]


def mean_size(array: Array) -> float:
    """Return the mean of the absolute values, in pieces: no temporary is large."""
    flat = array.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        total = sum(
            float(np.abs(flat[start : start + PIECE]).sum(dtype=np.float64))
            for start in range(0, flat.size, PIECE)
        )
        if math.isinf(total) and np.isfinite(flat).all():
            return float((np.abs(flat) / flat.size).sum(dtype=np.float64))
    return total / flat.size


def entries(array: Array, width: int) -> str:
    """Return up to four entries as text, or "" if there are more or if they do not fit."""
    if array.size > MOST_NUMBERS or not array.size:
        return ""
    texts = [compact(float(number), width) for number in array.reshape(-1)]
    text = " ".join(texts)
    return text if len(text) <= width and "…" not in text[:-1] else texts[0] * (len(texts) == 1)


def size_text(size: float, width: int) -> str:
    """Return a mean of absolute values in at most `width` cells (5 or more): `|.425|`.

    Where not one digit fits, only its power of ten is written, `|e-12|`; where not even that fits,
    `|…|`.
    """
    text = f"|{compact(size, width - 2)}|"
    if "…" in text:
        power = f"{size:e}".partition("e")[2]
        text = f"|e{int(power)}|"
    return text if len(text) <= width else "|…|"

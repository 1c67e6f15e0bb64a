"""The arithmetic of what is shown: a line of numbers, computed again from its digits.

An equation is shown only if its two sides agree. A rule that special-cases a kink, cancels, or
overflows on the way may leave a number that its formula does not give with six digits of each
operand: then more digits are shown, or the number alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from mfdebug.core.format.numbers import scalar

# Digits of each number in a formula: the first count that gives the result is shown.
DIGITS = (6, 9, 12, 17)
# Six digits of each operand give a result at least this near, unless it cancels.
NEAR = 1e-4

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:e[+-]\d+)?|inf|nan)|(?P<word>[^\W\d_]+)"
    r"|(?P<sign>[-+×·/^²√|(),]))"
)
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "log": np.log,
    "ln": np.log,
    "exp": np.exp,
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "sign": np.sign,
    "max": lambda *numbers: max(numbers),
    "min": lambda *numbers: min(numbers),
}


class _Reader:
    """A recursive-descent reader of one line: sums of products of powers."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise ValueError(f"{text[at:]!r} is not arithmetic")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = 0

    @property
    def ahead(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise ValueError("it ends in the middle")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, sign: str) -> None:
        if self.take()[1] != sign:
            raise ValueError(f"{sign!r} is missing")

    def sum(self) -> np.float64:
        total = self.product()
        while self.ahead in ("+", "-"):
            total = total + self.product() if self.take()[1] == "+" else total - self.product()
        return total

    def product(self) -> np.float64:
        total = self.factor()
        while self.at < len(self.tokens) and self.ahead not in ("+", "-", ")", ",", "|"):
            divides = self.ahead == "/"
            if self.ahead in ("×", "·", "/"):
                self.take()
            total = total / self.factor() if divides else total * self.factor()
        return total

    def factor(self) -> np.float64:
        if self.ahead == "-":
            self.take()
            return -self.factor()
        base = self.primary()
        while self.ahead in ("^", "²"):
            base = np.power(base, 2 if self.take()[1] == "²" else self.exponent())
        return base

    def exponent(self) -> np.float64:
        if self.ahead == "-":
            self.take()
            return -self.primary()
        return self.primary()

    def primary(self) -> np.float64:
        kind, text = self.take()
        if kind == "number":
            return np.float64(text)
        if text == "(":
            inside = self.sum()
            self.expect(")")
            return inside
        if text == "|":
            inside = self.sum()
            self.expect("|")
            return np.float64(np.abs(inside))
        if text == "√":
            return np.float64(np.sqrt(self.primary()))
        if text == "e" and self.ahead == "^":
            self.take()
            return np.float64(np.exp(self.exponent()))
        if text in _FUNCTIONS:
            return np.float64(_FUNCTIONS[text](*self.arguments()))
        raise ValueError(f"{text!r} is not arithmetic")

    def arguments(self) -> list[np.float64]:
        if self.ahead != "(":
            return [self.factor()]
        self.take()
        found = [self.sum()]
        while self.ahead == ",":
            self.take()
            found.append(self.sum())
        self.expect(")")
        return found


def evaluate(text: str) -> float:
    """Return what a line of numbers comes to; raise `ValueError` if it is not arithmetic.

    Beside numbers it may have + - × · / ^ ², brackets, |x|, √, e^x, log, σ, tanh, sign, max, min,
    and a factor beside a bracket, `2(1 - 3)`.
    """
    reader = _Reader(text)
    with np.errstate(all="ignore"):
        total = float(reader.sum())
    if reader.at < len(reader.tokens):
        raise ValueError(f"{reader.ahead!r} is not arithmetic")
    return total


def comes_to(text: str, number: float) -> bool:
    """Whether a line of numbers gives a number, as nearly as its digits can."""
    try:
        found = evaluate(text)
    except (ValueError, RecursionError):
        return False
    if not math.isfinite(number) or not math.isfinite(found):
        return found == number or (math.isnan(found) and math.isnan(number))
    return abs(found - number) <= NEAR * abs(number)


def worked(
    numbers: Sequence[float], write: Callable[[Sequence[str]], str], result: float
) -> str | None:
    """Return a formula with numbers in it that gives `result`, with as few digits as that takes.

    `write` makes the formula from the numbers as text. None where no digits give it.
    """
    for digits in DIGITS:
        text = write([bracketed(number, digits) for number in numbers])
        if comes_to(text, result):
            return text
    return None


def bracketed(number: float, digits: int = 6) -> str:
    """Return a number as a factor or a term: in parentheses unless it begins with a digit."""
    text = scalar(number, digits)
    return text if text[0].isdigit() or text in ("inf", "nan") else f"({text})"

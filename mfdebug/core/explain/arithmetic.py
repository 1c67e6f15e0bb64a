"""Check displayed arithmetic: evaluate a formula from the digits that are shown.

An equation is shown only if its two sides agree. Because of a special case at a kink, cancellation
or an overflow in between, a formula with six digits of each operand may not give the result: then
more digits are shown, or the result alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from mfdebug.core.format.numbers import scalar

# Numbers of digits to try in a formula: the first that gives the result is used.
DIGITS = (6, 9, 12, 17)
# Relative error below which six digits of each operand stay, unless there is cancellation.
TOLERANCE = 1e-4

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
    "sin": np.sin,
    "cos": np.cos,
    "erf": math.erf,
    "sign": np.sign,
    "max": lambda *numbers: max(numbers),
    "min": lambda *numbers: min(numbers),
}


class _Parser:
    """A recursive-descent parser of one line: sums of products of powers."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        start = 0
        while start < len(text.rstrip()):
            match = _TOKEN.match(text, start)
            if match is None or match.lastgroup is None:
                raise ValueError(f"{text[start:]!r} is not arithmetic")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            start = match.end()
        self.at = 0

    @property
    def ahead(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise ValueError("unexpected end of the formula")
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
        arguments = [self.sum()]
        while self.ahead == ",":
            self.take()
            arguments.append(self.sum())
        self.expect(")")
        return arguments


def evaluate(text: str) -> float:
    """Return the result of a formula in numbers; raise `ValueError` if it cannot be parsed.

    The grammar has numbers, + - × · / ^ ², brackets, |x|, √, e^x, log, ln, exp, σ, tanh, sin, cos,
    erf, sign, max, min, and implicit multiplication beside a bracket: `2(1 - 3)`.
    """
    parser = _Parser(text)
    with np.errstate(all="ignore"):
        total = float(parser.sum())
    if parser.at < len(parser.tokens):
        raise ValueError(f"{parser.ahead!r} is not arithmetic")
    return total


def evaluates_to(text: str, number: float) -> bool:
    """Whether a formula in numbers gives `number`, within the precision of its digits."""
    try:
        result = evaluate(text)
    except (ValueError, RecursionError):
        return False
    if not math.isfinite(number) or not math.isfinite(result):
        return result == number or (math.isnan(result) and math.isnan(number))
    return abs(result - number) <= TOLERANCE * abs(number)


def checked_formula(
    numbers: Sequence[float], write: Callable[[Sequence[str]], str], result: float
) -> str | None:
    """Return a formula in numbers that gives `result`, with as few digits as that needs.

    `write` formats the formula from the numbers as text. Returns None if no number of digits gives
    the result.
    """
    for digits in DIGITS:
        text = write([bracketed(number, digits) for number in numbers])
        if evaluates_to(text, result):
            return text
    return None


def bracketed(number: float, digits: int = 6) -> str:
    """Format a number as a factor or a term: in parentheses unless it starts with a digit."""
    text = scalar(number, digits)
    return text if text[0].isdigit() or text in ("inf", "nan") else f"({text})"

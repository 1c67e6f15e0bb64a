"""An independent reader of the equations that are shown to people.

It finds the equations in a text, computes both sides from the digits shown and from the names'
values, and says where they differ by more than the digits leave open. It shares no code with what
writes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Lookup = Callable[[str, bool], Any]
"""The value (False) or gradient (True) of a node by its name; raises KeyError."""


@dataclass
class Shown:
    """A number or array: its value, how far its digits leave it open, the largest thing added."""

    value: Any
    error: Any
    scale: Any

    @classmethod
    def of(cls, value: Any) -> Shown:
        exact = np.asarray(value, np.float64)
        return cls(exact, np.zeros_like(exact), np.abs(exact))

    @classmethod
    def digits(cls, text: str) -> Shown:
        value = float(text)
        if value == 0 or not math.isfinite(value):
            return cls.of(value)
        mantissa = text.partition("e")[0].replace(".", "").lstrip("0")
        shown = max(6, len(mantissa))
        # Half a unit of the last digit, and what floats round.
        error = 0.5 * 10.0 ** (math.floor(math.log10(abs(value))) - shown + 1) * 1.001
        return cls(np.float64(value), np.float64(error), np.float64(abs(value)))

    def _with(self, value: Any, error: Any, *scales: Any) -> Shown:
        scale = np.abs(value)
        for other in scales:
            scale = np.maximum(scale, other)
        return Shown(value, error + 1e-15 * np.abs(value), scale)

    def __add__(self, other: Shown) -> Shown:
        return self._with(
            self.value + other.value, self.error + other.error, self.scale, other.scale
        )

    def __neg__(self) -> Shown:
        return Shown(-self.value, self.error, self.scale)

    def __sub__(self, other: Shown) -> Shown:
        return self + -other

    def __mul__(self, other: Shown) -> Shown:
        error = (
            np.abs(self.value) * other.error
            + np.abs(other.value) * self.error
            + self.error * other.error
        )
        scale = np.maximum(self.scale * np.abs(other.value), np.abs(self.value) * other.scale)
        return self._with(self.value * other.value, error, scale)

    def __matmul__(self, other: Shown) -> Shown:
        if max(np.ndim(self.value), np.ndim(other.value)) > 2:
            raise Unreadable("stacks of matrices")
        return Shown.of(self.value @ other.value)

    def __truediv__(self, other: Shown) -> Shown:
        low = np.maximum(np.abs(other.value) - other.error, 1e-300)
        return self * Shown(1.0 / other.value, other.error / low**2, 1.0 / np.abs(other.value))

    def applied(self, function: Any) -> Shown:
        """Apply a function, its error by the steepest of three slopes."""
        value = function(self.value)
        around = [function(self.value + side * self.error) for side in (-1, 1)]
        error = np.maximum(np.abs(around[0] - value), np.abs(around[1] - value))
        return self._with(value, error)

    def power(self, other: Shown) -> Shown:
        raised = self.applied(lambda x: np.power(x, other.value))
        if np.all(other.value == np.rint(other.value)):
            return raised
        moved = other.applied(lambda p: np.power(self.value, p))
        return Shown(raised.value, raised.error + moved.error, raised.scale)

    def part(self, index: tuple[int, ...]) -> Shown:
        return Shown(self.value[index], self.error[index], self.scale[index])


class Unreadable(Exception):  # noqa: N818 - no error: words are not arithmetic
    """A piece of text that is words, or a general rule, not an equation's side."""


def _tokens(names: tuple[str, ...], cost: str = "") -> re.Pattern[str]:
    """Return what a side is made of, with the names of the graph's nodes.

    With the name of the cost, only what is differentiated is a gradient: ∂y/∂x is not.
    """
    known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(
        rf"\s*(?:(?P<rest>\+? ?… \([\d,]+ more, together (?P<together>[^()]+)\))"
        rf"|∂Σ?(?P<of>{re.escape(cost) or known})/∂(?P<gradient>{known})"
        r"|(?P<number>\d+(?:\.\d*)?(?:e[+-]\d+)?|inf\b|nan\b)"
        r"|(?P<matmul>(?<= )·(?= ))"
        rf"|(?P<name>lr\(\)|(?:{known})(?![^\W²ᵀ])|[^\W\d²ᵀ][^\W²ᵀ]*'?)"
        r"|(?P<sign>[-+×·⊙⊗/^²ᵀ√|(),\[\]=><Σ]))"
    )


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "ln": np.log,
    "log": np.log,
    "σ": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
    "sign": np.sign,
}


def _softmax(x: Any) -> Any:
    shifted = np.exp(x - x.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


class _Reader:
    def __init__(
        self, text: str, lookup: Lookup, words: dict[str, float], pattern: re.Pattern[str]
    ) -> None:
        self.text, self.lookup, self.words = text, lookup, words
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            found = pattern.match(text, at)
            if found is None:
                raise Unreadable(text[at:])
            kind = "rest" if found["rest"] else str(found.lastgroup)
            piece = found["together"] if found["rest"] else found[kind]
            if kind == "gradient" and found["of"] == found["gradient"]:
                kind = "seed"
            self.tokens.append((kind, piece))
            at = found.end()
        self.at = 0

    def ahead(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        if self.at == len(self.tokens):
            raise Unreadable("the end")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def expect(self, sign: str) -> None:
        if self.take() != sign:
            raise Unreadable(f"no {sign}")

    def whole(self) -> Shown:
        found = self.sum()
        if self.at < len(self.tokens):
            raise Unreadable(self.ahead())
        return found

    def sum(self) -> Shown:
        total = self.product()
        while self.ahead() in ("+", "-") or self.kind() == "rest":
            if self.kind() == "rest":
                total = total + _signed(self.take())
            else:
                minus = self.take() == "-"
                if self.kind() == "rest":
                    continue
                term = self.product()
                total = total - term if minus else total + term
        return total

    def product(self) -> Shown:
        total = self.unary()
        while self.at < len(self.tokens):
            kind, text = self.kind(), self.ahead()
            if kind == "matmul":
                self.take()
                total = total @ self.unary()
            elif text in ("×", "·", "⊙"):
                self.take()
                other = self.unary()
                if text == "·" and np.ndim(total.value) and np.ndim(other.value):
                    raise Unreadable("a product of matrices, or of their entries")
                total = total * other
            elif text == "⊗":
                self.take()
                total = Shown.of(np.multiply.outer(total.value, self.unary().value))
            elif text == "/":
                self.take()
                total = total / self.unary()
            elif text in ("(", "[") or kind in ("name", "number", "gradient", "seed"):
                total = total * self.unary()
            else:
                break
        return total

    def unary(self) -> Shown:
        if self.ahead() == "-":
            self.take()
            return -self.unary()
        return self.powered()

    def powered(self) -> Shown:
        base = self.postfix()
        while self.ahead() in ("^", "²"):
            if self.take() == "²":
                base = base.applied(np.square)
            elif self.ahead() == "-":
                self.take()
                base = base.power(-self.postfix())
            else:
                base = base.power(self.postfix())
        return base

    def postfix(self) -> Shown:
        found = self.primary()
        while True:
            if self.ahead() == "ᵀ":
                self.take()
                if np.ndim(found.value) > 2:
                    raise Unreadable("stacks of matrices")
                found = Shown.of(np.transpose(found.value))
            elif self.ahead() == "[" and np.ndim(found.value):
                found = found.part(self.index())
            else:
                return found

    def index(self) -> tuple[int, ...]:
        self.expect("[")
        items = []
        while True:
            if self.kind() != "number":
                raise Unreadable("a letter for an index")
            items.append(int(self.take()))
            if self.take() == "]":
                return tuple(items)

    def primary(self) -> Shown:
        kind = self.kind()
        text = self.take()
        if kind == "number":
            return Shown.digits(text)
        if kind == "seed":
            return Shown.of(np.ones_like(self.lookup(text, True)))
        if kind == "gradient":
            return Shown.of(self.lookup(text, True))
        if text == "(":
            inside = self.sum()
            self.expect(")")
            return inside
        if text == "|":
            inside = self.sum()
            self.expect("|")
            return inside.applied(np.abs)
        if text == "[":
            left = self.sum()
            sign = self.take()
            right = self.sum()
            self.expect("]")
            if sign == ">":
                return Shown.of(left.value > right.value)
            if sign == "=":
                return Shown.of(left.value == right.value)
            raise Unreadable(sign)
        if text == "√":
            return self.postfix().applied(np.sqrt)
        if kind == "name":
            return self.named(text)
        raise Unreadable(text)

    def named(self, text: str) -> Shown:
        if text == "e" and self.ahead() == "^" and not self.is_node("e"):
            self.take()
            if self.ahead() == "-":
                self.take()
                return (-self.postfix()).applied(np.exp)
            return self.postfix().applied(np.exp)
        if text in _FUNCTIONS and (self.ahead() == "(" or not self.is_node(text)):
            inside = self.postfix() if self.ahead() == "(" else self.unary()
            if text == "sign":
                # It jumps: of the digits shown it is true or false, not true within an error.
                return Shown.of(np.sign(inside.value))
            return inside.applied(_FUNCTIONS[text])
        if text in ("max", "min") and self.ahead() == "(":
            return self.selection(np.maximum if text == "max" else np.minimum)
        if text == "softmax" and self.ahead() == "(":
            self.take()
            inside = self.sum()
            self.expect(")")
            return Shown.of(_softmax(inside.value))
        if text in self.words:
            return Shown.of(self.words[text])
        try:
            return Shown.of(self.lookup(text, False))
        except KeyError:
            raise Unreadable(text) from None

    def is_node(self, name: str) -> bool:
        try:
            self.lookup(name, False)
        except KeyError:
            return False
        return True

    def selection(self, function: Any) -> Shown:
        self.take()
        found = self.sum()
        while self.ahead() == ",":
            self.take()
            other = self.sum()
            if np.ndim(found.value) or np.ndim(other.value):
                raise Unreadable("arrays")
            found = found if function(found.value, other.value) == found.value else other
        self.expect(")")
        return found


def _signed(text: str) -> Shown:
    return -Shown.digits(text.strip()[1:]) if "-" in text[:2] else Shown.digits(text.strip())


# Finding equations --------------------------------------------------------------------------

_PREFIX = re.compile(r"^\s*(?:(?:to|upstream from) [^:]*: )?(?:upstream × local = )?")
_ASIDE = re.compile(r"(?<=\S)\s+\((?:[\d,]+ terms? (?:are|is) 0)\)|   \(.*\)$|  stale.*$")
_ROW = re.compile(r"^\s+(\S+)\s{2,}(\S+)\s{2}(?=\S)")


def sides(line: str) -> list[str]:
    """Return the sides of the equation in a line: what stands between ` = ` outside of brackets."""
    text = _ASIDE.sub("", _PREFIX.sub("", line, count=1))
    found, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "=" and depth == 0 and text[at - 1 : at + 2] == " = ":
            found.append(text[start : at - 1])
            start = at + 2
    found.append(text[start:])
    return [side.strip() for side in found]


def chains(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the sides of each equation of a text; lines that begin with `=` go on with one."""
    current: list[str] = []
    for line in lines:
        if "←" in line:
            continue
        stripped = line.strip()
        if stripped.startswith("= "):
            current += sides(stripped[2:])
            continue
        if len(current) > 1:
            yield current
        current = []
        if row := _ROW.match(line):
            current = [row[1], *sides(line[row.end() :])]
        elif " = " in line:
            current = sides(line)
    if len(current) > 1:
        yield current


class Judgement:
    """What was found in texts: sides read, sides that are words, and equations that are false."""

    def __init__(self, names: Iterable[str], precision: float = 1e-12, cost: str = "") -> None:
        names = tuple(names)
        self._names = frozenset(names)
        self._pattern = _tokens(names, cost)
        self._precision = precision
        self.read = 0
        self.numeric = 0
        self.unread: list[str] = []
        self.false: list[str] = []

    def _clashes(self, line: str) -> bool:
        """Whether a letter of a line is the name of a node, which it would be read as."""
        return any(letter in self._names for letter in _letters(line))

    def judge(
        self, lines: Iterable[str], lookup: Lookup, words: dict[str, float] | None = None
    ) -> None:
        """Read every equation of a text."""
        lines = list(lines)
        self.false += [f"a letter is a node: {line}" for line in lines if self._clashes(line)]
        known = _counts(lines) | (words or {})
        for chain in chains(lines):
            found: list[tuple[str, Shown]] = []
            for side in chain:
                try:
                    with np.errstate(all="ignore"):
                        shown = _Reader(side, lookup, known, self._pattern).whole()
                except Unreadable:
                    self.unread.append(side)
                    continue
                if np.size(shown.value) != 1:
                    self.unread.append(side)
                    continue
                found.append((side, shown))
            self.read += len(found)
            self.numeric += sum(not re.search(r"[^\W\d_e]", side) for side, _ in found)
            for (left, a), (right, b) in pairwise(found):
                if not _agree(a, b, self._precision):
                    self.false.append(f"{left} = {right}   [{a.value} against {b.value}]")


_COUNT = re.compile(r"(?<![^\s(;])(\S+) = ([\d,]+), the number of")
# `X[k,0]`, not a list of nodes, `[x, y]`, nor the class numbers of `softmax(z)[label]`, nor what a
# node sends, `y.gradients[x]`.
_INDEX = re.compile(r"(?<=\w)(?<!\.gradients)\[([^\[\]<>= ]+)\]")
_SUMMED = re.compile(r"Σ([ⱼₙₛₜₚₖₗᵢₕᵣᵤᵥₓₐₒ]+) ")
_RAISED = str.maketrans("ⱼₙₛₜₚₖₗᵢₕᵣᵤᵥₓₐₒ", "jnstpklihruvxao")


def _counts(lines: list[str]) -> dict[str, float]:
    found = _COUNT.findall("\n".join(lines))
    return {letter: float(number.replace(",", "")) for letter, number in found}


def _letters(line: str) -> Iterator[str]:
    """Yield the letters that stand in a line for a number of entries, or for a subscript."""
    yield from (letter for letter, _ in _COUNT.findall(line))
    for inside in _INDEX.findall(line):
        yield from (part for part in inside.split(",") if not re.fullmatch(r"-?\d+|won", part))
    for lowered in _SUMMED.findall(line):
        yield from lowered.translate(_RAISED)


def _agree(a: Shown, b: Shown, precision: float) -> bool:
    x, y = float(np.reshape(a.value, ())), float(np.reshape(b.value, ()))
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if math.isinf(x) or math.isinf(y):
        return x == y
    if x == y == 0.0:
        # Such as e^(-inf), whose error is not a number.
        return True
    error = float(np.reshape(a.error, ())) + float(np.reshape(b.error, ()))
    scale = max(float(np.reshape(a.scale, ())), float(np.reshape(b.scale, ())))
    # Digits that leave open what they show are no equation.
    return abs(x - y) <= error + precision * scale and error <= 0.02 * max(scale, 1e-2)

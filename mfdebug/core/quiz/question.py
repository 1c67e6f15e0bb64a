"""A question about the next moment, with what is needed to answer it and the usual mistakes."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from msgspec import Struct

from mfdebug.core.timeline.entry_ref import Index

Kind = Literal["number", "sign", "shape", "order", "update"]
KINDS: tuple[Kind, ...] = ("number", "sign", "shape", "order", "update")
# What a learner took for something else.
Confusion = Literal[
    "own value", "factor", "upstream", "unchanged", "sign", "sum", "mean", "transpose", "rate",
    "order", "rule",
]  # fmt: skip

NUMBER_FORM = "a number, as in 0.5, -2e-3 or 1/3; 2 % off is right"
SIGN_FORM = "+, - or 0"
LETTERS = "abcdef"


class Mistake(NamedTuple):
    """A wrong answer (a number, or a choice), what was confused, and a sentence that says so."""

    answer: float | str
    confusion: Confusion
    words: str


class Question(Struct, frozen=True):
    """A question about moment `moment`.

    `given` are the facts that are needed and `ask` is the question. The answer is `number`, one of
    `choices`, or of kind "sign" one of + - 0. `rule` and `working` explain it afterwards, `hint`
    before. `concept` is what is practised: questions of one concept are alike. `hides` are the
    "value", "gradient", "shape" or "name" of nodes, which the screen must not show. `scale` is the
    largest term of a sum, for the rounding error of one that cancels.
    """

    moment: int
    node: int
    index: Index
    kind: Kind
    concept: str
    given: tuple[str, ...]
    ask: str
    answer: str
    rule: str
    working: str
    hint: str
    number: float | None = None
    scale: float = 0.0
    choices: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    hides: frozenset[tuple[int, str]] = frozenset()

    @property
    def form(self) -> str:
        """The expected form of an answer."""
        if self.number is not None:
            return NUMBER_FORM
        return SIGN_FORM if not self.choices else f"a letter, {LETTERS[0]} to {self.last_letter}"

    @staticmethod
    def letter(number: int) -> str:
        """Return the letter of a choice, counted from 0."""
        return LETTERS[number]

    @property
    def last_letter(self) -> str:
        """The letter of the last choice."""
        return self.letter(len(self.choices) - 1)

    @property
    def listed(self) -> tuple[str, ...]:
        """The choices, each after its letter."""
        return tuple(
            f"{letter}  {choice}" for letter, choice in zip(LETTERS, self.choices, strict=False)
        )

    @property
    def text(self) -> str:
        """The question in one line: what is given, the question, the choices."""
        given = [line if line.endswith(".") else f"{line}," for line in self.given]
        choices = zip(LETTERS, self.choices, strict=False)
        listed = ", ".join(f"{letter}: {choice}" for letter, choice in choices)
        return " ".join([*given, self.ask, *([listed] if listed else [])])

    @property
    def typed_characters(self) -> str:
        """The characters of which an answer consists."""
        if self.choices:
            return LETTERS[: len(self.choices)]
        return "+-−0" if self.kind == "sign" else "0123456789.+-−/eE"


def numbers_in(text: str) -> list[str]:
    """Return the numbers in a working, without their signs."""
    return re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)

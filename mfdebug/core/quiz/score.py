"""The score of a quiz: each answer by kind, with what was confused, and a summary of it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal, get_args

from msgspec import Struct

from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.quiz.question import KINDS, Confusion, Kind

Outcome = Literal["right", "wrong", "skipped"]
_SIGN: dict[Outcome, str] = {"right": "+", "wrong": "-", "skipped": "."}
_TOKEN = re.compile(r"([a-z]+)([-+.])(h?)(?::([a-z-]+))?")

# What the summary says of the kinds, and of the confusion that occurred most.
TITLES: dict[Kind, str] = {
    "number": "numbers", "sign": "signs", "shape": "shapes", "order": "order",
    "update": "where it lands",
}  # fmt: skip
ADVICE: dict[Confusion, str] = {
    "own value": "an input's own value in place of the other factor: play `mfdebug demo gates`",
    "factor": "a factor of the local derivative is left out: `explain` writes the whole product",
    "upstream": "what arrives from above is left out: play `mfdebug demo chain-rule`",
    "unchanged": "passed on unchanged: only an add gate does that; `mfdebug demo gates`",
    "sign": "a sign: `explain` writes the signs of both factors",
    "sum": "one part of a sum: contributions add up; play `mfdebug demo diamond`",
    "mean": "sum and mean: a cost divides by its entries, a bias adds up its rows; see `explain`",
    "transpose": "a shape: in the panel of Linear, both matrices stand as they meet",
    "rate": "the learning rate: play `mfdebug demo five-to-two`",
    "order": "the order: a row of the list, opened, shows who feeds a node and whom it feeds",
    "rule": "the rule: `explain` says it after each step",
}  # fmt: skip


class Answered(Struct, frozen=True):
    """A question that was answered or skipped, and what was confused."""

    kind: Kind
    outcome: Outcome
    hinted: bool = False
    confusion: Confusion | None = None
    concept: str = ""


class Score(Struct, frozen=True):
    """All answers so far, in their order; `earlier` are right and all answers without their kind.

    Those are of a session that an earlier version saved.
    """

    answers: tuple[Answered, ...] = ()
    earlier: tuple[int, int] = (0, 0)

    def add(self, answer: Answered) -> Score:
        """Return the score with one answer more."""
        return Score((*self.answers, answer), self.earlier)

    def count(self, outcome: Outcome, kind: Kind | None = None) -> int:
        """Return how many answers had an outcome."""
        return sum(a.outcome == outcome and kind in (None, a.kind) for a in self.answers)

    @property
    def right(self) -> int:
        """How many answers were right."""
        return self.count("right") + self.earlier[0]

    @property
    def asked(self) -> int:
        """How many questions were answered; those skipped do not count."""
        return self.count("right") + self.count("wrong") + self.earlier[1]

    @property
    def streak(self) -> int:
        """How many answers in a row were right, up to the last one."""
        found = 0
        for answer in reversed(self.answers):
            if answer.outcome != "right":
                break
            found += 1
        return found

    @property
    def text(self) -> str:
        """The score in words: `3 of 4 right, 2 in a row`."""
        if not self.asked:
            return "no answer yet"
        row = f", {self.streak} in a row" if self.streak > 1 else ""
        return f"{self.right} of {self.asked} right{row}"

    @property
    def asked_by_kind(self) -> Counter[str]:
        """How often each kind was asked."""
        return Counter(answer.kind for answer in self.answers)

    @property
    def asked_by_concept(self) -> Counter[str]:
        """How often each concept was asked."""
        return Counter(answer.concept for answer in self.answers)

    @property
    def confused_most(self) -> Confusion | None:
        """The confusion that occurred most, the first of equal ones."""
        found = Counter(answer.confusion for answer in self.answers if answer.confusion)
        return found.most_common(1)[0][0] if found else None

    @property
    def summary(self) -> tuple[Part, ...]:
        """The summary: a row for each kind, and where to read on about the usual confusion."""
        rows = []
        for kind in KINDS:
            mine = [answer for answer in self.answers if answer.kind == kind]
            if mine:
                hints = sum(answer.hinted for answer in mine)
                outcomes = [self.count(outcome, kind) for outcome in ("right", "wrong", "skipped")]
                rows.append(Row((TITLES[kind], *map(str, (*outcomes, hints)))))
        if not rows:
            return ()
        heads = ("right", "wrong", "skipped", "hints")
        table = Table((Column(), *(Column(head, "right") for head in heads)), tuple(rows))
        most = self.confused_most
        if most is None:
            return (table,)
        times = sum(answer.confusion == most for answer in self.answers)
        return table, f"confused most ({times} ×): {ADVICE[most]}"

    @property
    def data(self) -> dict[str, object]:
        """The score for programs."""
        kinds = {
            kind: {outcome: self.count(outcome, kind) for outcome in get_args(Outcome)}
            for kind in KINDS
            if self.asked_by_kind[kind]
        }
        hints = sum(answer.hinted for answer in self.answers)
        return {
            "right": self.right, "asked": self.asked, "skipped": self.count("skipped"),
            "hints": hints, "kinds": kinds, "confused": self.confused_most,
        }  # fmt: skip

    @property
    def written(self) -> str:
        """The score as words that `read_score` reads: `number+ sign-:sign order.`."""
        right, asked = self.earlier
        before = [f"{right} of {asked}"] if asked else []
        answers = (
            f"{a.kind}{_SIGN[a.outcome]}{'h' * a.hinted}"
            + (f":{a.confusion.replace(' ', '-')}" if a.confusion else "")
            for a in self.answers
        )
        return " ".join([*before, *answers])


def read_score(text: str) -> Score | None:
    """Read what `Score.written` wrote; return None if it is something else."""
    outcomes = {sign: outcome for outcome, sign in _SIGN.items()}
    found: list[Answered] = []
    before = re.match(r"(\d{1,9}) of (\d{1,9})(?: |$)", text)
    earlier = (0, 0) if before is None else (int(before[1]), int(before[2]))
    if earlier[0] > earlier[1]:
        return None
    for word in text[0 if before is None else before.end() :].split():
        token = _TOKEN.fullmatch(word)
        if token is None or token[1] not in KINDS:
            return None
        confusion = None if token[4] is None else token[4].replace("-", " ")
        if confusion is not None and confusion not in ADVICE:
            return None
        found.append(Answered(token[1], outcomes[token[2]], bool(token[3]), confusion))
    return Score(tuple(found), earlier)

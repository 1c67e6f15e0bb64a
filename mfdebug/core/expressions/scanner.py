"""The scanner of expressions: names, numbers and signs at a position of the text, and its errors.

A node may have any name (`layer1/W`, `my node`), so the text cannot be tokenized before the names
are known. Where an operand is expected, the longest matching node name is taken: with nodes `a`,
`b` and `a-b`, `a-b` is the third and `a - b` is the difference. Numbers, `nan`, `inf`, `and`, `or`,
`not` and a function before its `(` keep their meaning even if a node has that name; such a node is
written in backquotes. `cost`, `lr`, `sgd_step` and `moment` mean the node if one has that name;
with empty parentheses, `lr()`, they never do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from itertools import islice

from mfdebug.core.expressions.functions import FUNCTIONS, ExpressionError
from miniflow.errors import nearest
from miniflow.ops import OPS

WORD_MEANINGS = {
    "cost": "the cost",
    "lr": "the learning rate",
    "sgd_step": "the number of this SGD step, from 0",
    "moment": "the number of this moment",
}
WORDS = frozenset(WORD_MEANINGS)
LONGEST_TEXT = 1000
LONGEST_NAME = 200

_RESERVED = frozenset({"and", "or", "not", "nan", "inf"})
_OPERATOR = re.compile(r"\*\*|//|[<>=!]=|[-+*/%@<>]|(?:and|or)(?!\w)")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_TAIL = re.compile(r"[\w.]+")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_ATTRIBUTE = re.compile(r"\s*\.(?!\.)\s*(\w*)")
_RUN = re.compile(r"\w+|[^\w\s()\[\],`]+|.", re.DOTALL)
_CALLED_WORD = re.compile(rf"({'|'.join(sorted(WORDS))})\s*\(\s*\)")
_QUOTED = re.compile(r"`((?:[^`]|``)*)`")
_SUGGESTIONS = {
    "=": "compare with ==",
    "!": "write 'not'",
    "&": "write 'and'",
    "&&": "write 'and'",
    "|": "write 'or'",
    "||": "write 'or'",
    "^": "write ** for a power",
}


@cache
def lasting() -> tuple[str, ...]:
    """Return the names of what ops keep from pass to pass, such as `running_mean`."""
    return tuple(dict.fromkeys(name for op in OPS.values() for name in op.lasts))


def attributes() -> tuple[str, ...]:
    """Return the attributes of nodes."""
    return ("value", "grad", "shape", *lasting())


class Scanner:
    """A position in a text, about the nodes in `names`; the parser says what it expects there."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        if len(text) > LONGEST_TEXT:
            raise ExpressionError(f"{len(text):,} characters, the limit is {LONGEST_TEXT:,}")
        self.text = text
        self.names = names
        self.at = 0

    def skip(self) -> int:
        """Skip spaces; return the column."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at + 1

    def sees(self, character: str) -> bool:
        """Return whether this character is next, after skipping spaces."""
        self.skip()
        return self.text.startswith(character, self.at)

    def operator(self) -> str:
        """Return the next binary operator, or ""."""
        self.skip()
        match = _OPERATOR.match(self.text, self.at)
        return match[0] if match else ""

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Return what matches a pattern here, without consuming it."""
        return pattern.match(self.text, self.at)

    def quoted_name(self) -> str:
        """Consume a node's name in backquotes."""
        quoted = _QUOTED.match(self.text, self.at)
        if quoted is None:
            raise self.error("unmatched '`'")
        name = quoted[1].replace("``", "`")
        if name not in self.names:
            raise self.unknown(name)
        self.at = quoted.end()
        return name

    def called_word(self) -> str:
        """Consume a word with empty parentheses, as in `lr()`; return the word, or ""."""
        match = _CALLED_WORD.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[1]

    def number(self) -> str:
        """Consume a number; return "" if there is none."""
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            return ""
        if tail := _TAIL.match(self.text, match.end()):
            raise self.error(f"unexpected {match[0] + tail[0]!r}")
        self.at = match.end()
        return match[0]

    def bare_name(self) -> str:
        """Return the longest node name here that is not another token, or ""."""
        if self.text[self.at : self.at + 1] in ("+", "-", "(", "`"):
            return ""
        if _CALLED_WORD.match(self.text, self.at):
            return ""
        name = self.longest_name()
        number = _NUMBER.match(self.text, self.at)
        if name in _RESERVED or (number and len(number[0]) >= len(name)):
            return ""
        if name in FUNCTIONS and self.text[self.at + len(name) :].lstrip()[:1] == "(":
            return ""
        return name

    def longest_name(self) -> str:
        """Return the longest node name here, or ""."""
        text, start = self.text, self.at
        for end in range(min(len(text), start + LONGEST_NAME), start, -1):
            inside_word = end < len(text) and _is_word(text[end])
            if not inside_word and not text[end - 1].isspace() and text[start:end] in self.names:
                return text[start:end]
        return ""

    def attribute(self, known: tuple[str, ...] = ()) -> str:
        """Consume an attribute, one of `known` or any; return `value` if there is none."""
        match = _ATTRIBUTE.match(self.text, self.at)
        if match is None:
            return "value"
        known = known or attributes()
        if match[1] not in known:
            self.at = match.start(1)
            of_all = ", ".join(attribute for attribute in known if attribute not in lasting())
            hint = nearest(match[1], known) or f"there are {of_all}"
            raise self.error(f"unknown attribute {match[1][:80]!r}", hint=hint)
        self.at = match.end()
        return match[1]

    def expect_no_attribute(self) -> None:
        """Raise an error at an attribute that is not right after a node's name."""
        if attribute := _ATTRIBUTE.match(self.text, self.at):
            self.skip()
            raise self.error(
                f"unexpected '.{attribute[1]}'", hint="it belongs right after a node's name"
            )

    def integer(self) -> int | None:
        """Consume an integer if there is one."""
        match = _INTEGER.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return int(match[0])

    def error(self, problem: str, hint: str = "") -> ExpressionError:
        """Return an error at the present column."""
        return ExpressionError(problem, column=self.at + 1, hint=hint)

    def unexpected(self, expected: str = "") -> ExpressionError:
        """Return an error about the next token, or the end of the text."""
        self.skip()
        suffix = f", expected {expected}" if expected else ""
        run = _RUN.match(self.text, self.at)
        if run is None:
            problem = "unexpected end" if self.text.strip() else "empty expression"
            return self.error(problem + suffix)
        return self.error(f"unexpected {run[0][:40]!r}{suffix}", hint=_SUGGESTIONS.get(run[0], ""))

    def no_name(self) -> ExpressionError:
        """Return an error about what stands here in place of a node's name."""
        run = _RUN.match(self.text, self.at)
        return self.error("expected a node name") if run is None else self.unknown(run[0])

    def unknown(self, name: str, others: Iterable[str] = ()) -> ExpressionError:
        """Return an error about a name, with the nearest right one."""
        # `layr1/W` is a misspelt name, `W9/2` a division: the nearest name decides which.
        match = re.compile(rf"([\w/.:-]*?\w)(?:\.(?:{'|'.join(attributes())}))?(?![\w/.:-])").match(
            self.text, self.at
        )
        if match and len(match[1]) > len(name):
            hint = self.nearest_name(match[1])
            if any(separator in hint for separator in "/.:-"):
                return self.error(f"unknown name {match[1][:80]!r}", hint=hint)
        return self.error(f"unknown name {name[:80]!r}", hint=self.nearest_name(name, others))

    def nearest_name(self, name: str, others: Iterable[str] = ()) -> str:
        """Return a hint; in a large graph only names of about this length are compared."""
        if last := self._last_within(name):
            return f"it is a scope; its last node is {last!r}"
        if len(self.names) <= 10_000:
            return nearest(name, [*others, *self.names])
        alike = (known for known in self.names if abs(len(known) - len(name)) <= 2)
        return nearest(name, [*others, *islice(alike, 10_000)])

    def _last_within(self, scope: str) -> str:
        """Return the last node of a scope, which may be named without those around it."""
        found = {}
        for known in self.names if scope else ():
            for part in (f"{scope}.", f"{scope}/"):
                before, there, _ = known.partition(part)
                if there and before[-1:] in ("", ".", "/"):
                    found[before] = known
        # A scope of this name in several places: which of them is meant is open.
        return found.get("") or (next(iter(found.values())) if len(found) == 1 else "")


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"

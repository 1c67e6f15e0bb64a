"""The parser of the expression language of conditions, watches and `print`.

Examples are `norm(W1.grad) > 10`, `l1[2, 3]` and `cost > prev(cost)`. The text may come from an
untrusted file, so this parser accepts these forms and nothing else, with a limit on length and
depth.

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
from itertools import islice
from typing import Literal

import numpy as np
from msgspec import Struct

from mfdebug.core.expressions.ast import (
    Bracket,
    Call,
    Chain,
    Comparison,
    Indexed,
    Item,
    Link,
    Logic,
    NodeTerm,
    Not,
    Number,
    Operand,
    Result,
    Signed,
    Term,
    Word,
    truth,
)
from mfdebug.core.expressions.environment import (
    Environment,
    EvaluationContext,
    OneRow,
    RowEnvironment,
)
from mfdebug.core.expressions.operators import FUNCTIONS, ExpressionError, NotComputed, Rows
from miniflow.errors import nearest

__all__ = [
    "FUNCTIONS",
    "WORDS",
    "Environment",
    "Expression",
    "ExpressionError",
    "NodeRef",
    "NotComputed",
    "Result",
    "parse",
    "parse_entry",
    "quoted",
    "take_entry",
]

WORD_MEANINGS = {
    "cost": "the cost",
    "lr": "the learning rate",
    "sgd_step": "the number of this SGD step, from 0",
    "moment": "the number of this moment",
}
WORDS = frozenset(WORD_MEANINGS)
LONGEST_TEXT = 1000
LONGEST_NAME = 200
DEEPEST = 50

_RESERVED = frozenset({"and", "or", "not", "nan", "inf"})
_ATTRIBUTES = ("value", "grad", "shape")
_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER = range(1, 9)
_BINDING = (
    {"or": _OR, "and": _AND, "+": _SUM, "-": _SUM, "**": _POWER}
    | dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARE)
    | dict.fromkeys(("*", "/", "//", "%", "@"), _PRODUCT)
)
_OPERATOR = re.compile(r"\*\*|//|[<>=!]=|[-+*/%@<>]|(?:and|or)(?!\w)")
_PREFIX = re.compile(r"[-+]|not(?!\w)")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_TAIL = re.compile(r"[\w.]+")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_ATTRIBUTE = re.compile(r"\s*\.(?!\.)\s*(\w*)")
_SCOPED = re.compile(r"([\w/.:-]*?\w)(?:\.(?:value|grad|shape))?(?![\w/.:-])")
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


class Expression(Struct, frozen=True):
    """A parsed expression."""

    text: str
    values: frozenset[str]
    """The nodes whose values it uses."""
    gradients: frozenset[str]
    """The nodes whose gradients it uses."""
    words: frozenset[str]
    """The words it uses. The result changes only if a value, gradient or word changes."""
    root: Term
    lookback: int = 0
    """The number of earlier SGD steps it needs: the nesting depth of `prev`."""
    hiding: frozenset[str] = frozenset()
    """The words that it uses as names of nodes without backquotes."""

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes whose values or gradients it uses."""
        return self.values | self.gradients

    def evaluate(self, environment: Environment) -> Result:
        """Return the result: a copy of an array, a `float`, a `bool`, or a shape as a tuple."""
        with np.errstate(all="ignore"):
            value = self.root.evaluate(EvaluationContext(OneRow(environment)))
        if isinstance(value, tuple):
            return value
        row = value[0]
        if row.ndim:
            return np.array(row)
        return bool(row) if value.dtype == np.bool_ else float(row)

    def holds(self, environment: Environment) -> bool:
        """Return the truth of a condition; raise `ExpressionError` for several numbers."""
        return bool(self.holds_over(OneRow(environment), 1)[0])

    def holds_over(self, environment: RowEnvironment, rows: int) -> Rows:
        """Return the truth of a condition at each of several moments.

        Raises `ExpressionError` if it has no truth value at one of them, and `TooManyRows` if they
        are too many at once.
        """
        with np.errstate(all="ignore"):
            holds = truth(self.root.evaluate(EvaluationContext(environment, rows)), 1)
        return holds if len(holds) == rows else np.broadcast_to(holds, rows)


class NodeRef(Struct, frozen=True):
    """A node's value or gradient, or an entry of either, by the node's name."""

    node: str
    attribute: Literal["value", "grad"] = "value"
    index: tuple[int, ...] | None = None


def parse(text: str, names: Collection[str]) -> Expression:
    """Parse an expression about the nodes in `names`, a dict or set; raise `ExpressionError`."""
    reader = _Reader(text, names)
    root = reader.expression()
    reader.expect_end()
    values, gradients = (frozenset(reader.mentions[of]) for of in ("value", "grad"))
    words, hiding = frozenset(reader.words), frozenset(reader.hiding)
    return Expression(text, values, gradients, words, root, reader.lookback, hiding)


def parse_entry(text: str, names: Collection[str]) -> NodeRef:
    """Parse a node with an optional `.value` or `.grad` and an optional index, and nothing else."""
    reader = _Reader(text, names)
    ref = reader.node_ref()
    reader.expect_end()
    return ref


def take_entry(text: str, names: Collection[str]) -> tuple[NodeRef, str]:
    """Parse a node or entry at the start of `text`; return it and the rest of the text."""
    # The rest may be longer than any expression: the numbers of a whole tensor.
    reader = _Reader(text[:LONGEST_TEXT], names)
    ref = reader.node_ref()
    return ref, text[reader.skip() - 1 :]


def quoted(name: str) -> str:
    """Return `name` in backquotes, which the parser always takes as that node."""
    return "`" + name.replace("`", "``") + "`"


class _Reader:
    """A Pratt parser that tokenizes as it parses: the tokens depend on where a name is expected."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        if len(text) > LONGEST_TEXT:
            raise ExpressionError(f"{len(text):,} characters, the limit is {LONGEST_TEXT:,}")
        self.text = text
        self.names = names
        self.mentions: dict[str, set[str]] = {attribute: set() for attribute in _ATTRIBUTES}
        self.words: set[str] = set()
        self.hiding: set[str] = set()
        self.at = 0
        self.depth = 0
        self.prev_depth = self.lookback = 0

    def expression(self, floor: int = _OR) -> Term:
        """Parse operands and operators that bind at least as tightly as `floor`."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error("nested too deeply")
        column = self.skip()
        left = self.operand(floor)
        while (binding := _BINDING.get(self.operator(), 0)) >= floor:
            first = self.as_operand(left, column)
            links = self.links(binding)
            if binding <= _AND:
                left = Logic(links[0].operator, (first, *(link.right for link in links)))
            elif binding == _COMPARE:
                left = Comparison(first, links)
            else:
                left = Chain(left, links)
        self.depth -= 1
        return left

    def as_operand(self, term: Term, column: int) -> Operand:
        """Return a term just parsed, which starts at `column`, with its source text."""
        return Operand(term, self.text[column - 1 : self.at].rstrip(), column)

    def links(self, binding: int) -> tuple[Link, ...]:
        """Parse all following operators of one binding; `**` is right-associative."""
        found: list[Link] = []
        while _BINDING.get(operator := self.operator(), 0) == binding:
            column = self.skip()
            self.at += len(operator)
            start = self.skip()
            right = self.expression(_SIGN if binding == _POWER else binding + 1)
            found.append(Link(operator, column, self.as_operand(right, start)))
        return tuple(found)

    def operand(self, floor: int) -> Term:
        """Parse a sign or `not` with its operand, or a primary with its brackets."""
        column = self.skip()
        name = self.bare_name()
        if not name and (prefix := _PREFIX.match(self.text, self.at)):
            if prefix[0] == "not" and floor > _NOT:
                raise self.error("'not' needs parentheses here")
            self.at = prefix.end()
            if prefix[0] == "not":
                column = self.skip()
                return Not(self.as_operand(self.expression(_NOT), column))
            return Signed(prefix[0], self.expression(_SIGN), column)
        term = self.primary(name, column)
        brackets: list[Bracket] = []
        while self.sees("["):
            brackets.append(self.bracket())
        if attribute := _ATTRIBUTE.match(self.text, self.at):
            self.skip()
            raise self.error(
                f"unexpected '.{attribute[1]}'", hint="it belongs right after a node's name"
            )
        return Indexed(term, tuple(brackets)) if brackets else term

    def primary(self, node: str, column: int) -> Term:
        """Parse a node, number, word, call or parenthesis."""
        if node or self.sees("`"):
            term = NodeTerm(self.node(node), self.attribute())
            self.mentions[term.attribute].add(term.name)
            return term
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            if tail := _TAIL.match(self.text, self.at):
                self.at = number.start()
                raise self.error(f"unexpected {number[0] + tail[0]!r}")
            return Number(float(number[0]))
        if self.sees("("):
            return self.group()
        identifier = _IDENTIFIER.match(self.text, self.at)
        if identifier is None or identifier[0] in ("and", "or"):
            raise self.unexpected()
        name = identifier[0]
        if called_word := _CALLED_WORD.match(self.text, self.at):
            self.at = called_word.end()
            self.words.add(name)
            return Word(name)
        start, self.at = self.at, identifier.end()
        if name in FUNCTIONS and self.sees("("):
            self.prev_depth += name == "prev"
            self.lookback = max(self.lookback, self.prev_depth)
            call = Call(name, self.argument(), column)
            self.prev_depth -= name == "prev"
            return call
        if name in ("nan", "inf"):
            return Number(float(name))
        if name in WORDS:
            self.words.add(name)
            return Word(name)
        called = self.sees("(")
        self.at = start
        if name in FUNCTIONS:
            raise self.error(f"{name!r} is a function", hint=f"write {name}(...)")
        if called:
            raise self.error(
                f"unknown function {name[:80]!r}", hint=nearest(name, sorted(FUNCTIONS))
            )
        raise self.unknown(name, sorted(WORDS | FUNCTIONS))

    def group(self) -> Term:
        """Parse an expression in parentheses."""
        self.at += 1
        inside = self.expression()
        if not self.sees(")"):
            raise self.unexpected("')'")
        self.at += 1
        return inside

    def argument(self) -> Operand:
        """Parse the operand of a function, in its parentheses."""
        self.skip()
        start = self.at + 1
        inside = self.group()
        return Operand(inside, self.text[start : self.at - 1].strip(), start + 1)

    def node(self, bare: str) -> str:
        """Consume a node's name: `bare`, already matched here, or one in backquotes."""
        if bare:
            name = bare
            self.at += len(bare)
            if name in WORDS:
                self.hiding.add(name)
        else:
            quoted = _QUOTED.match(self.text, self.at)
            if quoted is None:
                raise self.error("unmatched '`'")
            name = quoted[1].replace("``", "`")
            if name not in self.names:
                raise self.unknown(name)
            self.at = quoted.end()
        return name

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

    def attribute(self, known: tuple[str, ...] = _ATTRIBUTES) -> str:
        """Parse `.value`, `.grad` or `.shape`; return `value` if there is none."""
        match = _ATTRIBUTE.match(self.text, self.at)
        if match is None:
            return "value"
        if match[1] not in known:
            self.at = match.start(1)
            hint = nearest(match[1], known) or f"there are {', '.join(known)}"
            raise self.error(f"unknown attribute {match[1][:80]!r}", hint=hint)
        self.at = match.end()
        return match[1]

    def bracket(self) -> Bracket:
        """Parse `[2, -1]`, `[0, 1:]` or `[..., 0]`."""
        column, start = self.skip(), self.at
        items: list[Item] = []
        while not items or self.sees(","):
            self.at += 1
            items.append(self.item())
        if not self.sees("]"):
            raise self.unexpected("']'")
        self.at += 1
        return Bracket(tuple(items), self.text[start : self.at], column)

    def item(self) -> Item:
        """Parse an integer, a slice or an ellipsis."""
        self.skip()
        if self.text.startswith("...", self.at):
            self.at += 3
            return ...
        bounds = [self.integer()]
        while self.sees(":") and len(bounds) < 3:
            self.at += 1
            self.skip()
            bounds.append(self.integer())
        if len(bounds) > 1:
            if bounds[2:] == [0]:
                raise self.error("the step of a slice cannot be 0")
            return slice(*bounds)
        if bounds[0] is None:
            raise self.unexpected("an integer, ':' or '...'")
        return bounds[0]

    def integer(self) -> int | None:
        """Parse an integer if there is one."""
        match = _INTEGER.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return int(match[0])

    def node_ref(self) -> NodeRef:
        """Parse a node or entry. No name needs backquotes, as nothing else is expected."""
        self.skip()
        name = "" if self.sees("`") else self.longest_name()
        if not name and not self.sees("`"):
            if run := _RUN.match(self.text, self.at):
                raise self.unknown(run[0])
            raise self.error("expected a node name")
        node = self.node(name)
        attribute = self.attribute(("value", "grad"))
        if not self.sees("["):
            return NodeRef(node, "grad" if attribute == "grad" else "value")
        bracket = self.bracket()
        index = tuple(item for item in bracket.items if isinstance(item, int))
        if len(index) < len(bracket.items):
            raise ExpressionError(
                f"{bracket.text} is not one entry", column=bracket.column, hint="as in [0, 1]"
            )
        return NodeRef(node, "grad" if attribute == "grad" else "value", index)

    def expect_end(self) -> None:
        """Raise an error unless all text is consumed."""
        self.skip()
        if self.at < len(self.text):
            raise self.unexpected()

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

    def unknown(self, name: str, others: Iterable[str] = ()) -> ExpressionError:
        """Return an error about a name, with the nearest right one."""
        # `layr1/W` is a misspelt name, `W9/2` a division: the nearest name decides which.
        match = _SCOPED.match(self.text, self.at)
        if match and len(match[1]) > len(name):
            hint = self.nearest_name(match[1])
            if any(separator in hint for separator in "/.:-"):
                return self.error(f"unknown name {match[1][:80]!r}", hint=hint)
        return self.error(f"unknown name {name[:80]!r}", hint=self.nearest_name(name, others))

    def nearest_name(self, name: str, others: Iterable[str] = ()) -> str:
        """Return a hint; in a large graph only names of about this length are compared."""
        if len(self.names) <= 10_000:
            return nearest(name, [*others, *self.names])
        alike = (known for known in self.names if abs(len(known) - len(name)) <= 2)
        return nearest(name, [*others, *islice(alike, 10_000)])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"

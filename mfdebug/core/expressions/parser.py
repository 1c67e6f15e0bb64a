"""The parser of the expression language of conditions, watches and `print`.

Examples are `norm(W1.grad) > 10`, `l1[2, 3]` and `cost > prev(cost)`. The text may come from an
untrusted file, so this parser accepts these forms and nothing else, with a limit on length and
depth.
"""

from __future__ import annotations

import re
from collections.abc import Collection

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
)
from mfdebug.core.expressions.environment import Environment
from mfdebug.core.expressions.expression import Expression, NodeRef
from mfdebug.core.expressions.functions import FUNCTIONS, SUMMARIES, ExpressionError, NotComputed
from mfdebug.core.expressions.scanner import (
    LONGEST_TEXT,
    WORD_MEANINGS,
    WORDS,
    Scanner,
    attributes,
    lasting,
)
from miniflow.errors import nearest

__all__ = [
    "FUNCTIONS",
    "WORDS",
    "WORD_MEANINGS",
    "Environment",
    "Expression",
    "ExpressionError",
    "NodeRef",
    "NotComputed",
    "Result",
    "parse",
    "parse_entry",
    "take_entry",
]

DEEPEST = 50

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER = range(1, 9)
_BINDING = (
    {"or": _OR, "and": _AND, "+": _SUM, "-": _SUM, "**": _POWER}
    | dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARE)
    | dict.fromkeys(("*", "/", "//", "%", "@"), _PRODUCT)
)
_PREFIX = re.compile(r"[-+]|not(?!\w)")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


def parse(text: str, names: Collection[str]) -> Expression:
    """Parse an expression about the nodes in `names`, a dict or set; raise `ExpressionError`."""
    parser = _Parser(text, names)
    root = parser.expression()
    parser.expect_end()
    values, gradients = (frozenset(parser.mentions[of]) for of in ("value", "grad"))
    words, hiding = frozenset(parser.words), frozenset(parser.hiding)
    return Expression(text, values, gradients, words, root, parser.lookback, hiding)


def parse_entry(text: str, names: Collection[str]) -> NodeRef:
    """Parse a node with an optional `.value` or `.grad` and an optional index, and nothing else."""
    parser = _Parser(text, names)
    ref = parser.node_ref()
    parser.expect_end()
    return ref


def take_entry(text: str, names: Collection[str]) -> tuple[NodeRef, str]:
    """Parse a node or entry at the start of `text`; return it and the rest of the text."""
    # The rest may be longer than any expression: the numbers of a whole tensor.
    parser = _Parser(text[:LONGEST_TEXT], names)
    ref = parser.node_ref()
    return ref, text[parser.source.skip() - 1 :]


class _Parser:
    """A Pratt parser; it asks the scanner for what it expects, as the tokens depend on that."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.source = Scanner(text, names)
        self.mentions: dict[str, set[str]] = {attribute: set() for attribute in attributes()}
        self.words: set[str] = set()
        self.hiding: set[str] = set()
        self.depth = 0
        self.prev_depth = self.lookback = 0

    def expression(self, floor: int = _OR) -> Term:
        """Parse operands and operators that bind at least as tightly as `floor`."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.source.error("nested too deeply")
        column = self.source.skip()
        left = self.operand(floor)
        while (binding := _BINDING.get(self.source.operator(), 0)) >= floor:
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
        return Operand(term, self.source.text[column - 1 : self.source.at].rstrip(), column)

    def links(self, binding: int) -> tuple[Link, ...]:
        """Parse all following operators of one binding; `**` is right-associative."""
        found: list[Link] = []
        while _BINDING.get(operator := self.source.operator(), 0) == binding:
            column = self.source.skip()
            self.source.at += len(operator)
            start = self.source.skip()
            right = self.expression(_SIGN if binding == _POWER else binding + 1)
            found.append(Link(operator, column, self.as_operand(right, start)))
        return tuple(found)

    def operand(self, floor: int) -> Term:
        """Parse a sign or `not` with its operand, or a primary with its brackets."""
        column = self.source.skip()
        name = self.source.bare_name()
        if not name and (prefix := self.source.match(_PREFIX)):
            if prefix[0] == "not" and floor > _NOT:
                raise self.source.error("'not' needs parentheses here")
            self.source.at = prefix.end()
            if prefix[0] == "not":
                column = self.source.skip()
                return Not(self.as_operand(self.expression(_NOT), column))
            return Signed(prefix[0], self.expression(_SIGN), column)
        term = self.primary(name, column)
        brackets: list[Bracket] = []
        while self.source.sees("["):
            brackets.append(self.bracket())
        self.source.expect_no_attribute()
        return Indexed(term, tuple(brackets)) if brackets else term

    def primary(self, node: str, column: int) -> Term:
        """Parse a node, number, word, call or parenthesis."""
        if node or self.source.sees("`"):
            term = NodeTerm(self.node(node), self.source.attribute())
            # What an op keeps changes with its value.
            mentioned = "value" if term.attribute in lasting() else term.attribute
            self.mentions[mentioned].add(term.name)
            return term
        if number := self.source.number():
            return Number(float(number))
        if self.source.sees("("):
            return self.group()
        identifier = self.source.match(_IDENTIFIER)
        if identifier is None or identifier[0] in ("and", "or"):
            raise self.source.unexpected()
        name = identifier[0]
        if self.source.called_word():
            self.words.add(name)
            return Word(name)
        start, self.source.at = self.source.at, identifier.end()
        if name in FUNCTIONS and self.source.sees("("):
            self.prev_depth += name == "prev"
            self.lookback = max(self.lookback, self.prev_depth)
            operand, axis = self.arguments(name)
            call = Call(name, operand, column, axis)
            self.prev_depth -= name == "prev"
            return call
        if name in ("nan", "inf"):
            return Number(float(name))
        if name in WORDS:
            self.words.add(name)
            return Word(name)
        called = self.source.sees("(")
        self.source.at = start
        if name in FUNCTIONS:
            raise self.source.error(f"{name!r} is a function", hint=f"write {name}(...)")
        if called:
            raise self.source.error(
                f"unknown function {name[:80]!r}", hint=nearest(name, sorted(FUNCTIONS))
            )
        raise self.source.unknown(name, sorted(WORDS | FUNCTIONS))

    def group(self) -> Term:
        """Parse an expression in parentheses."""
        self.source.at += 1
        inside = self.expression()
        if not self.source.sees(")"):
            raise self.source.unexpected("')'")
        self.source.at += 1
        return inside

    def arguments(self, function: str) -> tuple[Operand, int | None]:
        """Parse the operand of a function, and the axis of a summary, in their parentheses."""
        self.source.skip()
        self.source.at += 1
        start = self.source.at
        inside = self.expression()
        operand = Operand(inside, self.source.text[start : self.source.at].strip(), start + 1)
        axis = self.axis() if function in SUMMARIES and self.source.sees(",") else None
        if not self.source.sees(")"):
            raise self.source.unexpected("')'")
        self.source.at += 1
        return operand, axis

    def axis(self) -> int:
        """Parse a comma and an axis."""
        self.source.at += 1
        self.source.skip()
        axis = self.source.integer()
        if axis is None:
            raise self.source.unexpected("an axis: an integer, as in mean(x, 0)")
        return axis

    def node(self, bare: str) -> str:
        """Consume a node's name: `bare`, already matched here, or one in backquotes."""
        if not bare:
            return self.source.quoted_name()
        self.source.at += len(bare)
        if bare in WORDS:
            self.hiding.add(bare)
        return bare

    def bracket(self) -> Bracket:
        """Parse `[2, -1]`, `[0, 1:]` or `[..., 0]`."""
        column, start = self.source.skip(), self.source.at
        items: list[Item] = []
        while not items or self.source.sees(","):
            self.source.at += 1
            items.append(self.item())
        if not self.source.sees("]"):
            raise self.source.unexpected("']'")
        self.source.at += 1
        return Bracket(tuple(items), self.source.text[start : self.source.at], column)

    def item(self) -> Item:
        """Parse an integer, a slice or an ellipsis."""
        self.source.skip()
        if self.source.text.startswith("...", self.source.at):
            self.source.at += 3
            return ...
        bounds = [self.source.integer()]
        while self.source.sees(":") and len(bounds) < 3:
            self.source.at += 1
            self.source.skip()
            bounds.append(self.source.integer())
        if len(bounds) > 1:
            if bounds[2:] == [0]:
                raise self.source.error("the step of a slice cannot be 0")
            return slice(*bounds)
        if bounds[0] is None:
            raise self.source.unexpected("an integer, ':' or '...'")
        return bounds[0]

    def node_ref(self) -> NodeRef:
        """Parse a node or entry. No name needs backquotes, as nothing else is expected."""
        self.source.skip()
        name = "" if self.source.sees("`") else self.source.longest_name()
        if not name and not self.source.sees("`"):
            raise self.source.no_name()
        node = self.node(name)
        attribute = self.source.attribute(("value", "grad"))
        if not self.source.sees("["):
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
        if self.source.skip() <= len(self.source.text):
            raise self.source.unexpected()

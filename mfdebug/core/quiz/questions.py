"""Questions about the next moment that can be answered from what is on the screen.

A number is asked for where it can be worked out in the head, else its sign, the winner of a gate,
or the way a parameter goes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Literal

import numpy as np
from msgspec import Struct

from mfdebug.core.explain.report import NodeReport, Outgoing, report
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, index_text
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.core.timeline.timeline import Moment
from miniflow.node import Input, Node
from miniflow.ops.activation import LeakyReLU, ReLU, Sigmoid, Tanh
from miniflow.ops.arithmetic import Abs, Add, Div, Exp, Log, Max, Min, Mul, Neg, Pow, Sqrt, Sub
from miniflow.ops.cost import MAE, MSE
from miniflow.ops.dropout import Dropout
from miniflow.ops.linear import Linear, MatMul
from miniflow.ops.reduce import Mean, Sum

Kind = Literal["value", "sign", "input"]
About = Literal["value", "sum", "sent", "winner", "update"]
# Longer numbers, or more products, are not for the head.
SHORT, PRODUCTS = 5, 3
# Entries that are tried for one that is neither 0 nor NaN.
TRIES = 16
# A formula longer than this (of a Concat, say) is left out of the question.
FORMULA = 60

ARITHMETIC = (
    Add, Sub, Mul, Div, Neg, Pow, Abs, Max, Min, ReLU, LeakyReLU, Linear, MatMul, Sum, Mean,
    MSE, MAE,
)  # fmt: skip
FUNCTIONS = (Exp, Log, Sqrt, Sigmoid, Tanh)

# The kind of an answer, and the form in which it is wanted.
NUMBER: tuple[Kind, str] = "value", "a number, as in 0.5, -2e-3 or 1/3"
SIGN: tuple[Kind, str] = "sign", "+, - or 0"
WAY: tuple[Kind, str] = "sign", "up, down or same"


class Question(Struct, frozen=True):
    """What is asked about the moment `moment`, and in which form the answer is wanted."""

    moment: int
    text: str
    kind: Kind
    form: str
    choices: tuple[str, ...] = ()
    answer: str = ""
    number: float = 0.0
    scale: float = 0.0
    about: About = "value"
    index: Index = ()
    source: str = ""


def question_about(debugger: Debugger) -> Question | None:
    """Return the question about the next moment, or None where there is nothing to ask."""
    coming = debugger.coming()
    if coming is None or coming.node is None:
        return None
    with debugger.visiting(coming.number):
        if coming.phase == "forward":
            return _ask_forward(debugger, coming, coming.node)
        if coming.phase == "backward":
            return _ask_backward(debugger, coming, coming.node)
        return _ask_update(debugger, coming, coming.node)


def _chosen(
    shape: Index, moment: int, number: Callable[[Index], float], *, zeros: bool = False
) -> Index | None:
    """Return the entry to ask about: not 0 if there is one, unless `zeros` are welcome.

    It is another one at another moment, and always the same at the same moment.
    """
    size, zero = math.prod(shape), None
    for k in range(min(size, TRIES)):
        flat = (moment * 7919 + k * max(1, size // TRIES)) % size
        index = tuple(map(int, np.unravel_index(flat, shape)))
        found = number(index)
        if math.isfinite(found) and (found or zeros):
            return index
        if found == 0 and zero is None:
            zero = index
    return zero


def _ask_forward(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    target, value = debugger.graph.nodes[node], debugger.value(node)
    # Where a ReLU gives 0 is what there is to learn of it.
    index = _chosen(
        value.shape, coming.number, lambda i: float(value[i]), zeros=isinstance(target, ReLU)
    )
    # What a dropout drops, nobody can know.
    if index is None or (isinstance(target, Dropout) and not value[index]):
        return None
    told, number = report(debugger, node, index), float(value[index])
    name = f"{told.name}{index_text(index)}"
    what = f"{name} = {told.formula}{_legend(told)}" if 0 < len(told.formula) <= FORMULA else name
    scalars = _is_scalar(debugger, node)
    known = isinstance(target, ARITHMETIC) or (
        isinstance(target, FUNCTIONS) and (scalars or _is_short(scalar(number)))
    )
    easy = known and _for_the_head(told.working, scalars=scalars)
    return _number_question(coming, what, number, "value", index, told.working, easy=easy)


def _ask_backward(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    target = debugger.graph.nodes[node]
    if isinstance(target, Max | Min) and (gate := _ask_winner(debugger, coming, node)):
        return gate
    # A shared node sums and sends; now the one is asked, now the other.
    shared = len(debugger.contributions(node)) > 1
    if isinstance(target, Input) or (shared and coming.number % 2):
        return _ask_sum(debugger, coming, node) or _ask_sent(debugger, coming, node)
    return _ask_sent(debugger, coming, node) or _ask_sum(debugger, coming, node)


def _ask_winner(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    """Ask which input of a gate gets the gradient, where exactly one of them gets some."""
    graph, shapes = debugger.graph, debugger.plan.shapes
    names = tuple(dict.fromkeys(one.label for one in graph.nodes[node].inbound_nodes))
    # An input that is broadcast adds up several entries: no one of them wins.
    if len(names) < 2 or any(shapes[source] != shapes[node] for source in graph.inbound[node]):
        return None

    def winners(index: Index) -> list[str]:
        sent = report(debugger, node, index).outgoing
        got = list(dict.fromkeys(out.source for out in sent if out.number))
        return got if all(math.isfinite(out.number) for out in sent) else []

    def one(index: Index) -> float:
        return 1.0 if len(winners(index)) == 1 else math.nan

    index = _chosen(shapes[node], coming.number, one)
    if index is None:
        return None
    choice = f"{', '.join(names[:-1])} or {names[-1]}"
    gate = f"{graph.nodes[node].label}{index_text(index)}"
    text, (won,) = f"which input of {gate} gets the gradient: {choice}?", winners(index)
    return Question(coming.number, text, "input", choice, names, won, about="winner", index=index)


def _ask_sum(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    """Ask what the contributions to a node add up to."""
    gradient = debugger.gradient(node)
    index = _chosen(gradient.shape, coming.number, lambda i: float(gradient[i]))
    if index is None:
        return None
    told = report(debugger, node, index)
    if any(one.remark for one in told.incoming):
        return None
    terms = [scalar(one.number) for one in told.incoming if one.number is not None]
    given = f"the sum of {len(terms)} contributions"
    if len(terms) == 1:
        given = f"given {told.incoming[0].words}"
    what = f"{told.symbol}{index_text(index)}, {given}"
    easy = len(terms) <= PRODUCTS and all(map(_is_short, terms))
    number, working = float(gradient[index]), " + ".join(terms)
    return _number_question(coming, what, number, "sum", index, working, easy=easy)


def _ask_sent(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    """Ask what a node sends to one of its inputs: all of it where that is there twice."""
    target = debugger.graph.nodes[node]
    sources = list(dict.fromkeys(one.label for one in target.inbound_nodes))
    if not sources:
        return None
    source = sources[coming.number % len(sources)]

    def number(index: Index) -> float:
        return sum(out.number for out in sent_to(report(debugger, node, index), source))

    shape = debugger.plan.shapes[node]
    index = _chosen(shape, coming.number, number, zeros=isinstance(target, ReLU))
    if index is None:
        return None
    told = report(debugger, node, index)
    sent = sent_to(told, source)
    if not sent or any(out.remark for out in sent):
        # A program's node that raises sends nothing; a class number gets nothing.
        return None
    words = " + ".join(out.words for out in sent)
    formula = f", {words}{_legend(told)}," if len(words) <= FORMULA else ""
    what = f"upstream × local{formula} that {told.name} sends to {source}{sent[0].entry}"
    what += " in all" if len(sent) > 1 else ""
    scalars = _is_scalar(debugger, node)
    easy = all(_is_easy_product(out.working, target, scalars=scalars) for out in sent)
    working = " + ".join(out.working for out in sent)
    return _number_question(
        coming, what, number(index), "sent", index, working, easy=easy, source=source
    )


def _ask_update(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    """Ask which way a parameter goes, where it goes against its gradient.

    With momentum it may go on against it for a while: that cannot be seen on the screen.
    """
    made, gradient = debugger.last_update, debugger.gradient(node)
    if made is None:
        return None
    before, after, rate = made.before, made.after, made.rate

    def change(index: Index) -> float:
        moved = float(after[index]) - float(before[index])
        return moved if _sign(moved) == _sign(-rate * float(gradient[index])) else math.nan

    index = _chosen(after.shape, coming.number, change)
    if index is None:
        return None
    name = f"{debugger.graph.nodes[node].label}{index_text(index)}"
    text = f"does {name} go up or down, or stay the same?"
    answer = _sign(change(index))
    return Question(coming.number, text, *WAY, answer=answer, about="update", index=index)


def _legend(told: NodeReport) -> str:
    return f" ({told.legend})" if told.legend else ""


def _number_question(
    coming: Moment, what: str, number: float, about: About, index: Index, working: str,
    *, easy: bool, source: str = "",
) -> Question:  # fmt: skip
    """Ask for a number if it can be worked out in the head, else for its sign."""
    scale = max(map(float, _numbers_in(working)), default=0.0)
    if easy:
        text, answer = f"what is {what}?", scalar(number)
        kind, form = NUMBER
    else:
        text, answer = f"positive, negative or 0: {what}?", _sign(number)
        kind, form = SIGN
    return Question(
        coming.number, text, kind, form, (), answer, number, scale, about, index, source
    )


def _for_the_head(working: str, *, scalars: bool) -> bool:
    """Whether a working is short enough to be done in the head; between scalars, if short at all.

    Scalar graphs are what people begin with, and they have a calculator.
    """
    numbers = _numbers_in(working)
    few = bool(numbers) and "…" not in working and working.count("×") <= PRODUCTS
    return few and (scalars or all(map(_is_short, numbers)))


def _is_easy_product(working: str, op: Node, *, scalars: bool) -> bool:
    """Whether upstream × local can be worked out: the local derivative is not on the screen."""
    if working.count("×") == 1 and _numbers_in(working)[-1:] == ["1"]:
        return True
    known = scalars and isinstance(op, (*ARITHMETIC, *FUNCTIONS))
    return _for_the_head(working, scalars=known)


def _numbers_in(text: str) -> list[str]:
    return re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)


def _is_short(number: str) -> bool:
    return len(number.lstrip("-")) <= SHORT


def _is_scalar(debugger: Debugger, node: int) -> bool:
    """Whether a node is made of scalars alone."""
    shapes = debugger.plan.shapes
    return all(math.prod(shapes[i]) == 1 for i in (node, *debugger.graph.inbound[node]))


def sent_to(told: NodeReport, source: str) -> list[Outgoing]:
    """Return what a node sends to an input, by each of the edges to it."""
    return [out for out in told.outgoing if out.source == source]


def _sign(number: float) -> str:
    return "0" if number == 0 else "+" if number > 0 else "-"

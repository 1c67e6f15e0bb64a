"""Questions about the next moment that can be answered from what is on the screen.

A question asks for a number if mental arithmetic can compute it, else for its sign, the input that
a gate sends its gradient to, or the direction in which a parameter changes.
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
from miniflow.ops.arithmetic import Add, Div, Mul, Neg, Sub
from miniflow.ops.cost import MAE, MSE
from miniflow.ops.dropout import Dropout
from miniflow.ops.extremes import Abs, Max, Min
from miniflow.ops.linear import Linear, MatMul
from miniflow.ops.powers import Exp, Log, Pow, Sqrt
from miniflow.ops.reduce import Mean, Sum

Kind = Literal["value", "sign", "input"]
About = Literal["value", "sum", "sent", "winner", "update"]
# Numbers with more characters, or more products, are too hard for mental arithmetic.
SHORT, PRODUCTS = 5, 3
# The most entries tried in search of one that is neither 0 nor NaN.
TRIES = 16
# A longer formula (of a Concat, for example) is omitted from the question.
FORMULA = 60

ARITHMETIC = (
    Add, Sub, Mul, Div, Neg, Pow, Abs, Max, Min, ReLU, LeakyReLU, Linear, MatMul, Sum, Mean,
    MSE, MAE,
)  # fmt: skip
FUNCTIONS = (Exp, Log, Sqrt, Sigmoid, Tanh)

# The kind of an answer, and its expected form in words.
NUMBER: tuple[Kind, str] = "value", "a number, as in 0.5, -2e-3 or 1/3"
SIGN: tuple[Kind, str] = "sign", "+, - or 0"
DIRECTION: tuple[Kind, str] = "sign", "up, down or same"


class Question(Struct, frozen=True):
    """A question about moment `moment`, with the expected form of its answer."""

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
    """Return the question about the next moment, or None if there is nothing to ask."""
    coming = debugger.cursor.coming()
    if coming is None or coming.node is None:
        return None
    with debugger.visiting(coming.number):
        if coming.phase == "forward":
            return _ask_forward(debugger, coming, coming.node)
        if coming.phase == "backward":
            return _ask_backward(debugger, coming, coming.node)
        return _ask_update(debugger, coming, coming.node)


def _choose_entry(
    shape: Index, moment: int, number: Callable[[Index], float], *, zeros: bool = False
) -> Index | None:
    """Return the index of the entry to ask about; prefer a nonzero entry unless `zeros`.

    The choice is a function of the moment, so that it varies but is reproducible.
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
    target, value = debugger.graph.nodes[node], debugger.state.value(node)
    # For a ReLU, entries that are 0 are instructive.
    index = _choose_entry(
        value.shape, coming.number, lambda i: float(value[i]), zeros=isinstance(target, ReLU)
    )
    # Which entries a dropout drops is random.
    if index is None or (isinstance(target, Dropout) and not value[index]):
        return None
    node_report, number = report(debugger, node, index), float(value[index])
    name = f"{node_report.name}{index_text(index)}"
    what = (
        f"{name} = {node_report.formula}{_legend(node_report)}"
        if 0 < len(node_report.formula) <= FORMULA
        else name
    )
    scalars = _is_scalar(debugger, node)
    known = isinstance(target, ARITHMETIC) or (
        isinstance(target, FUNCTIONS) and (scalars or _is_short(scalar(number)))
    )
    easy = known and _is_easy(node_report.working, scalars=scalars)
    return _number_question(coming, what, number, "value", index, node_report.working, easy=easy)


def _ask_backward(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    target = debugger.graph.nodes[node]
    if isinstance(target, Max | Min) and (gate := _ask_winner(debugger, coming, node)):
        return gate
    # A shared node sums and sends: alternate between both questions.
    shared = len(debugger.state.contributions(node)) > 1
    if isinstance(target, Input) or (shared and coming.number % 2):
        return _ask_sum(debugger, coming, node) or _ask_sent(debugger, coming, node)
    return _ask_sent(debugger, coming, node) or _ask_sum(debugger, coming, node)


def _ask_winner(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    """Ask which input of a gate gets the gradient, if exactly one does."""
    graph, shapes = debugger.graph, debugger.plan.shapes
    names = tuple(dict.fromkeys(source.label for source in graph.nodes[node].inbound_nodes))
    # A broadcast input sums several entries, so there is no single winner.
    if len(names) < 2 or any(shapes[source] != shapes[node] for source in graph.inbound[node]):
        return None

    def winners(index: Index) -> list[str]:
        sent = report(debugger, node, index).outgoing
        got = list(dict.fromkeys(out.source for out in sent if out.number))
        return got if all(math.isfinite(out.number) for out in sent) else []

    def has_one_winner(index: Index) -> float:
        return 1.0 if len(winners(index)) == 1 else math.nan

    index = _choose_entry(shapes[node], coming.number, has_one_winner)
    if index is None:
        return None
    choice = f"{', '.join(names[:-1])} or {names[-1]}"
    gate = f"{graph.nodes[node].label}{index_text(index)}"
    text, (winner,) = f"which input of {gate} gets the gradient: {choice}?", winners(index)
    return Question(
        coming.number, text, "input", choice, names, winner, about="winner", index=index
    )


def _ask_sum(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    """Ask for the sum of the contributions to a node."""
    gradient = debugger.state.gradient(node)
    index = _choose_entry(gradient.shape, coming.number, lambda i: float(gradient[i]))
    if index is None:
        return None
    node_report = report(debugger, node, index)
    if any(contribution.remark for contribution in node_report.incoming):
        return None
    terms = [scalar(c.number) for c in node_report.incoming if c.number is not None]
    given = f"the sum of {len(terms)} contributions"
    if len(terms) == 1:
        given = f"given {node_report.incoming[0].words}"
    what = f"{node_report.symbol}{index_text(index)}, {given}"
    easy = len(terms) <= PRODUCTS and all(map(_is_short, terms))
    number, working = float(gradient[index]), " + ".join(terms)
    return _number_question(coming, what, number, "sum", index, working, easy=easy)


def _ask_sent(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    """Ask what a node sends to one of its inputs, over all edges to it."""
    target = debugger.graph.nodes[node]
    sources = list(dict.fromkeys(source.label for source in target.inbound_nodes))
    if not sources:
        return None
    source = sources[coming.number % len(sources)]

    def number(index: Index) -> float:
        return sum(out.number for out in sent_to(report(debugger, node, index), source))

    shape = debugger.plan.shapes[node]
    index = _choose_entry(shape, coming.number, number, zeros=isinstance(target, ReLU))
    if index is None:
        return None
    node_report = report(debugger, node, index)
    sent = sent_to(node_report, source)
    if not sent or any(out.remark for out in sent):
        # A program's node that raises sends nothing; a class number gets nothing.
        return None
    words = " + ".join(out.words for out in sent)
    formula = f", {words}{_legend(node_report)}," if len(words) <= FORMULA else ""
    what = f"upstream × local{formula} that {node_report.name} sends to {source}{sent[0].entry}"
    what += " in all" if len(sent) > 1 else ""
    scalars = _is_scalar(debugger, node)
    easy = all(_is_easy_product(out.working, target, scalars=scalars) for out in sent)
    working = " + ".join(out.working for out in sent)
    return _number_question(
        coming, what, number(index), "sent", index, working, easy=easy, source=source
    )


def _ask_update(debugger: Debugger, coming: Moment, node: int) -> Question | None:
    """Ask in which direction a parameter changes, for an entry that moves against its gradient.

    With momentum an entry may move along its gradient, which the screen does not explain.
    """
    made, gradient = debugger.cursor.last_update, debugger.state.gradient(node)
    if made is None:
        return None
    before, after, rate = made.before, made.after, made.rate

    def change(index: Index) -> float:
        moved = float(after[index]) - float(before[index])
        return moved if _sign(moved) == _sign(-rate * float(gradient[index])) else math.nan

    index = _choose_entry(after.shape, coming.number, change)
    if index is None:
        return None
    name = f"{debugger.graph.nodes[node].label}{index_text(index)}"
    text = f"does {name} go up or down, or stay the same?"
    answer = _sign(change(index))
    return Question(coming.number, text, *DIRECTION, answer=answer, about="update", index=index)


def _legend(node_report: NodeReport) -> str:
    return f" ({node_report.legend})" if node_report.legend else ""


def _number_question(
    coming: Moment, what: str, number: float, about: About, index: Index, working: str,
    *, easy: bool, source: str = "",
) -> Question:  # fmt: skip
    """Ask for a number if it is `easy`, else for its sign."""
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


def _is_easy(working: str, *, scalars: bool) -> bool:
    """Whether mental arithmetic can evaluate a working; between scalars numbers may be long.

    Beginners start with scalar graphs and may use a calculator.
    """
    numbers = _numbers_in(working)
    few = bool(numbers) and "…" not in working and working.count("×") <= PRODUCTS
    return few and (scalars or all(map(_is_short, numbers)))


def _is_easy_product(working: str, op: Node, *, scalars: bool) -> bool:
    """Whether upstream × local is easy; the local derivative is not on the screen."""
    if working.count("×") == 1 and _numbers_in(working)[-1:] == ["1"]:
        return True
    known = scalars and isinstance(op, (*ARITHMETIC, *FUNCTIONS))
    return _is_easy(working, scalars=known)


def _numbers_in(text: str) -> list[str]:
    return re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)


def _is_short(number: str) -> bool:
    return len(number.lstrip("-")) <= SHORT


def _is_scalar(debugger: Debugger, node: int) -> bool:
    """Whether a node and its inputs are scalars."""
    shapes = debugger.plan.shapes
    return all(math.prod(shapes[i]) == 1 for i in (node, *debugger.graph.inbound[node]))


def sent_to(node_report: NodeReport, source: str) -> list[Outgoing]:
    """Return what a node sends to an input, one item per edge."""
    return [out for out in node_report.outgoing if out.source == source]


def _sign(number: float) -> str:
    return "0" if number == 0 else "+" if number > 0 else "-"

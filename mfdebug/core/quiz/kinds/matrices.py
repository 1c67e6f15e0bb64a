"""Questions about a product of matrices, Linear or MatMul: an entry, and what it sends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mfdebug.core.explain.report import role_of
from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.asked_moment import (
    AskedMoment,
    bracketed,
    capital,
    digits,
    entry,
    numbers_listed,
)
from mfdebug.core.quiz.kinds.sent import sign_of
from mfdebug.core.quiz.kinds.shapes import BIAS, BIAS_RULE, ask_gradient_shape, ask_value_shape
from mfdebug.core.quiz.question import Mistake, Question
from mfdebug.core.quiz.usual_mistakes import distinct
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.linear import Linear, MatMul

# The most terms of a sum that is asked for, and the characters of its numbers.
TERMS, SHORT = 5, 7
# A product of two numbers in a sum: both together may not have more characters.
SHORT_PRODUCT = 6
# The same for an entry of the value.
ENTRY_TERMS, ENTRY_SHORT = 3, 4
# The inputs of a Linear.
ROWS, WEIGHTS = 0, 1


def ask_matrix(asked: AskedMoment) -> list[Question]:
    """Return the questions about a Linear or MatMul of two matrices, in either phase."""
    if not isinstance(asked.op, Linear | MatMul):
        return []
    graph = asked.debugger.graph
    inputs = graph.inbound[asked.node]
    if len(set(inputs)) < len(inputs) or any(len(asked.shape(i)) != 2 for i in inputs[:2]):
        return []
    if asked.moment.phase == "forward":
        return [*_ask_entry(asked), *ask_value_shape(asked)]
    found: list[Question] = []
    shapes: list[Question] = []
    for k in range(len(inputs)):
        edge = (asked.turn + k) % len(inputs)
        if asked.debugger.state.no_gradient(inputs[edge]):
            continue
        shapes += ask_gradient_shape(asked, edge)
        found += _ask_bias(asked) if edge == BIAS else _ask_product(asked, edge)
    return [*found, *shapes]


def _ask_entry(asked: AskedMoment) -> Iterator[Question]:
    """Ask for an entry of the product: a row meets a column, and the bias is added."""
    rows, weights, *rest = asked.view.inputs
    if rows.shape[1] > ENTRY_TERMS or len(asked.shape(asked.node)) != 2:
        return

    def parts(index: Index) -> tuple[list[float], list[float], list[float]]:
        left, right = rows[index[0], :], weights[:, index[1]]
        return [*map(float, left)], [*map(float, right)], [float(b[index[1]]) for b in rest]

    def length(index: Index) -> float | None:
        left, right, bias = parts(index)
        return _length(ENTRY_SHORT, *left, *right, *bias)

    if any(bias.ndim != 1 for bias in rest):
        return
    index = asked.best_entry(asked.shape(asked.node), length)
    if index is None:
        return
    left, right, bias = parts(index)
    total, names = asked.number_of(asked.node, index), asked.view.labels
    products = [a * b for a, b in zip(left, right, strict=True)]
    given = [
        f"{asked.name} = {asked.report(index).formula}",
        f"Row {index[0]} of {names[ROWS]} is {numbers_listed(left)}.",
        f"Column {index[1]} of {names[WEIGHTS]} is {numbers_listed(right)}.",
    ]
    given += [f"{names[BIAS]}[{index[1]}] = {scalar(number)}." for number in bias]

    def mistakes() -> Iterator[Mistake]:
        product = math.fsum(products)
        yield Mistake(product, "rule", f"{scalar(product)} lacks {names[-1]}")
        yield Mistake(products[0], "sum", f"{scalar(products[0])} is one term of the sum alone")
        yield Mistake(-total, "sign", f"{scalar(-total)} has the wrong sign")

    terms = [f"{bracketed(a)} × {bracketed(b)}" for a, b in zip(left, right, strict=True)]
    working = " + ".join([*terms, *map(bracketed, bias)])
    yield Question(
        asked.moment.number, asked.node, index, "number", f"the value of {asked.kind}",
        tuple(given), f"What is {entry(asked.name, index)}?", scalar(total),
        "The row meets the column, term by term", f"{working} = {scalar(total)}",
        "The row meets the column, term by term; then the bias is added.", number=total,
        scale=max(map(abs, [*products, *bias])), mistakes=distinct(total, mistakes()),
        hides=frozenset({(asked.node, "value")}),
    )  # fmt: skip


# What is sent ----------------------------------------------------------------------------------


def _upstream(asked: AskedMoment) -> Any:
    return asked.debugger.state.gradient(asked.node)


def _ask_bias(asked: AskedMoment) -> Iterator[Question]:
    """Ask for the gradient of one bias: the sum of a column of the gradient."""
    bias = asked.debugger.graph.inbound[asked.node][BIAS]
    upstream = _upstream(asked)
    rows, shape = upstream.shape[0], asked.shape(bias)
    if not 1 < rows <= TERMS or len(shape) != 1:
        return
    index = asked.best_entry(shape, lambda i: _length(SHORT, *upstream[:, i[0]]))
    if index is None:
        return
    column = [float(number) for number in upstream[:, index[0]]]
    total = float(asked.debugger.state.sent(asked.node, BIAS)[index])
    name = entry(asked.label(bias), index)

    def mistakes() -> Iterator[Mistake]:
        mean = total / rows
        yield Mistake(mean, "mean", f"{scalar(mean)} is the mean of the rows, not their sum")
        for row, number in enumerate(column):
            yield Mistake(number, "sum", f"{scalar(number)} is row {row} alone")
        yield Mistake(-total, "sign", f"{scalar(-total)} has the wrong sign")
        own = asked.number_of(bias, index)
        yield Mistake(own, "own value", f"{scalar(own)} is {name}'s own value")

    yield Question(
        asked.moment.number, asked.node, (0, index[0]), "number", "the gradient of a bias",
        (
            f"{asked.name} = {asked.report((0, 0)).formula}",
            f"At {_column(asked.name, index[0])} arrive {numbers_listed(column)}.",
        ),
        f"What does {asked.name} send to {name}?", scalar(total), BIAS_RULE,
        f"{' + '.join(map(bracketed, column))} = {scalar(total)}", BIAS_RULE + ".", number=total,
        scale=max(map(abs, column)), mistakes=distinct(total, mistakes()),
        hides=frozenset({(bias, "gradient")}),
    )  # fmt: skip


def _ask_product(asked: AskedMoment, edge: int) -> Iterator[Question]:
    """Ask for one entry of what is sent to X or W: a row that meets a column."""
    inputs = asked.debugger.graph.inbound[asked.node]
    upstream, other = _upstream(asked), asked.view.inputs[WEIGHTS if edge == ROWS else ROWS]
    sent = asked.debugger.state.sent(asked.node, edge)
    target, source = inputs[edge], inputs[WEIGHTS if edge == ROWS else ROWS]

    def factors(index: Index) -> tuple[list[float], list[float]]:
        if edge == ROWS:
            return [*map(float, upstream[index[0], :])], [*map(float, other[index[1], :])]
        return [*map(float, other[:, index[0]])], [*map(float, upstream[:, index[1]])]

    terms = upstream.shape[1] if edge == ROWS else upstream.shape[0]
    if terms > TERMS:
        return

    def length(index: Index) -> float | None:
        left, right = factors(index)
        if not float(sent[index]):
            return None
        if terms == 1:
            return _length(math.inf, *left, *right)
        worst = [
            _length(SHORT_PRODUCT, a, b, together=True) for a, b in zip(left, right, strict=True)
        ]
        # A sum in which most terms are 0 asks for less than it seems.
        few = sum(1 for a, b in zip(left, right, strict=True) if a and b) < 2
        return None if few or None in worst else max(filter(None, worst))

    index = asked.best_entry(asked.shape(target), length)
    if index is None:
        return
    left, right = factors(index)
    total, name = float(sent[index]), entry(asked.label(target), index)
    other_name = asked.label(source)
    if edge == ROWS:
        met = f"Row {index[1]} of {other_name} is {numbers_listed(right)}."
        arrive = f"At {asked.name}[{index[0]},:] arrive {numbers_listed(left)}."
        if terms == 1:
            met = f"{other_name}[{index[1]},0] = {scalar(right[0])}."
            arrive = f"A gradient of {scalar(left[0])} arrives at {asked.name}[{index[0]},0]."
    else:
        met = f"{_column(other_name, index[0])} is {numbers_listed(left)}."
        arrive = f"At {_column(asked.name, index[1])} arrive {numbers_listed(right)}."
        if terms == 1:
            met = f"{other_name}[0,{index[0]}] = {scalar(left[0])}."
            arrive = f"A gradient of {scalar(right[0])} arrives at {asked.name}[0,{index[1]}]."
    products = [a * b for a, b in zip(left, right, strict=True)]
    arriving = left if edge == ROWS else right
    own = asked.number_of(target, index)

    def mistakes() -> Iterator[Mistake]:
        if terms > 1:
            mean = total / terms
            yield Mistake(mean, "mean", f"{scalar(mean)} is the mean of the terms, not their sum")
            for product in products:
                yield Mistake(product, "sum", f"{scalar(product)} is one term of the sum alone")
        added = math.fsum(arriving)
        words = f"{scalar(added)} leaves out {other_name}"
        yield Mistake(added, "factor", words)
        local = math.fsum(right if edge == ROWS else left)
        yield Mistake(local, "upstream", f"{scalar(local)} leaves out what arrives at {asked.name}")
        yield Mistake(-total, "sign", f"{scalar(-total)} has the wrong sign")
        yield Mistake(own, "own value", f"{scalar(own)} is {name}'s own value")

    working = " + ".join(
        f"{bracketed(a)} × {bracketed(b)}" for a, b in zip(left, right, strict=True)
    )
    rule = (
        f"What comes back meets {other_name}: upstream × weight"
        if edge == ROWS
        else f"What {asked.label(target)} met, times what came back"
    )
    easy = _length(SHORT, *left, *right) is not None
    common: dict[str, Any] = {
        "rule": rule,
        "working": f"{working} = {scalar(total)}",
        "hint": capital(role_of(asked.view)) + ".",
        "hides": frozenset({(target, "gradient")}),
    }
    given = (f"{asked.name} = {asked.report((0, 0)).formula}", met, arrive)
    where = (index[0], 0) if edge == ROWS else (0, index[1])
    to = "the input" if edge == ROWS else "the weights"
    concept = f"what {'an' if asked.kind[0] in 'AEIO' else 'a'} {asked.kind} sends to {to}"
    if easy:
        yield Question(
            asked.moment.number, asked.node, where, "number", concept, given,
            f"What does {asked.name} send to {name}?", scalar(total), number=total,
            scale=max(map(abs, products)), mistakes=distinct(total, mistakes()), **common,
        )  # fmt: skip
    elif terms == 1:
        sign = sign_of(total)
        flipped = Mistake("-" if sign == "+" else "+", "sign", "count the signs of both factors")
        yield Question(
            asked.moment.number, asked.node, where, "sign", f"the sign of {concept}", given,
            f"Is what {asked.name} sends to {name} positive, negative or 0?", sign,
            mistakes=(flipped,), **common,
        )  # fmt: skip


def _length(most: float, *numbers: float, together: bool = False) -> float | None:
    """Return how long the longest number is, or all `together`; None if more than `most`."""
    each = [digits(number) for number in numbers]
    if None in each:
        return None
    found = sum(filter(None, each)) if together else max(filter(None, each))
    return found if found <= most else None


def _column(name: str, column: int) -> str:
    return f"{name}[:,{column}]"

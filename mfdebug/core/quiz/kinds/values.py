"""Questions about a value that forward computes, where mental arithmetic gives it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mfdebug.core.explain.report import matching_entry
from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.asked_moment import AskedMoment, digits, entry
from mfdebug.core.quiz.question import Mistake, Question, numbers_in
from mfdebug.core.quiz.usual_mistakes import distinct
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.activation import LeakyReLU, ReLU
from miniflow.ops.arithmetic import Add, Div, Mul, Neg, Sub
from miniflow.ops.broadcasting import Elementwise
from miniflow.ops.cost import MAE, MSE
from miniflow.ops.extremes import Abs, Max, Min
from miniflow.ops.powers import Pow

ARITHMETIC = (Add, Sub, Mul, Div, Neg, Pow, Abs, Max, Min, ReLU, LeakyReLU)
COSTS = (MSE, MAE)
# The most inputs and entries of a cost, and the characters of a number.
INPUTS, ENTRIES, SHORT = 4, 3, 5


def ask_value(asked: AskedMoment) -> list[Question]:
    """Return the question about an entry of the node's value, if it can be computed mentally."""
    is_cost = isinstance(asked.op, COSTS)
    known = is_cost or (
        isinstance(asked.op, ARITHMETIC)
        and isinstance(asked.op, Elementwise)
        and asked.op.is_elementwise
    )
    inputs = asked.debugger.graph.inbound[asked.node]
    if not known or len(inputs) > INPUTS:
        return []
    if is_cost and math.prod(asked.shape(inputs[0])) > ENTRIES:
        return []
    shape = asked.shape(asked.node)

    def numbers(index: Index) -> list[float]:
        arrays = asked.view.inputs
        if is_cost:
            return [float(number) for x in arrays for number in x.reshape(-1)]
        return [float(x[matching_entry(index, x.shape)]) for x in arrays]

    def length(index: Index) -> float | None:
        size = digits(asked.number_of(asked.node, index), *numbers(index))
        if size is None or (size > SHORT and not asked.scalars):
            return None
        return size

    index = asked.best_entry(shape, length)
    if index is None:
        return []
    report, number = asked.report(index), asked.number_of(asked.node, index)
    if not report.formula:
        return []
    given = [f"{report.name} = {report.formula}{f'  ({report.legend})' if report.legend else ''}"]
    names = dict.fromkeys(asked.view.labels)
    if is_cost:
        for label, x in zip(asked.view.labels, asked.view.inputs, strict=True):
            given.append(f"{label} = {', '.join(map(scalar, map(float, x.reshape(-1))))}.")
    else:
        found = dict(zip(asked.view.labels, numbers(index), strict=True))
        where = f" at [{','.join(map(str, index))}]" if index else ""
        given.append(", ".join(f"{name} = {scalar(found[name])}" for name in names) + where + ".")
    working = report.working or scalar(number)
    # A negation has no working: its formula says how.
    shown = report.formula if working == scalar(number) else working
    result = f"{shown} = {scalar(number)}"
    return [
        Question(
            asked.moment.number, asked.node, index, "number", f"the value of {asked.kind}",
            tuple(given), f"What is {entry(report.name, index)}?", scalar(number), "", result,
            f"Put the numbers into {report.name} = {report.formula}.", number=number,
            scale=max(map(float, numbers_in(working)), default=0.0),
            mistakes=distinct(number, _mistakes(asked, numbers(index), number)),
            hides=frozenset({(asked.node, "value")}),
        )
    ]  # fmt: skip


def _mistakes(asked: AskedMoment, numbers: list[float], number: float) -> Iterator[Mistake]:
    if isinstance(asked.op, Mul):
        added = math.fsum(numbers)
        yield Mistake(added, "rule", f"{scalar(added)} is the sum; this gate multiplies")
    if isinstance(asked.op, Add):
        product = math.prod(numbers)
        yield Mistake(product, "rule", f"{scalar(product)} is the product; this gate adds")
    if isinstance(asked.op, Max | Min):
        for other in numbers:
            yield Mistake(other, "rule", f"{scalar(other)} lost against {scalar(number)}")
    if isinstance(asked.op, Pow) and numbers[0]:
        power = math.log(abs(number), abs(numbers[0])) if number and abs(numbers[0]) != 1 else 0.0
        product = numbers[0] * round(power, 9)
        yield Mistake(product, "rule", f"{scalar(product)} multiplies by the exponent")
    if isinstance(asked.op, MSE):
        count = len(numbers) // 2
        difference = math.fsum(a - b for a, b in zip(numbers[:count], numbers[count:], strict=True))
        if count == 1:
            words = f"{scalar(difference)} is not squared"
            yield Mistake(difference, "rule", words)
            yield Mistake(-difference, "rule", f"{scalar(-difference)} is not squared")
        else:
            whole = number * count
            words = f"{scalar(whole)} is not divided by the {count} entries of the mean"
            yield Mistake(whole, "mean", words)
    yield Mistake(-number, "sign", f"{scalar(-number)} has the wrong sign")

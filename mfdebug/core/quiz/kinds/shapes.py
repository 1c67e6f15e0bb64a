"""Questions about the shapes of a matrix product: of its value, and of the gradients it sends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfdebug.core.quiz.asked_moment import AskedMoment, shape_words
from mfdebug.core.quiz.question import Mistake, Question
from miniflow.ops.base import Shape

# The input of a Linear that is its bias.
BIAS = 2
INNER = "the inner numbers cancel, the outer ones stay"
BIAS_RULE = "One bias is added to every row, so its gradient is the sum of the rows"


def ask_value_shape(asked: AskedMoment) -> Iterator[Question]:
    """Ask for the shape of a product of two matrices."""
    inputs = asked.debugger.graph.inbound[asked.node]
    shapes = [asked.shape(i) for i in inputs]
    right, (rows, weights) = asked.shape(asked.node), shapes[:2]
    if len(right) != 2:
        return
    wrong = [
        (right[::-1], f"{shape_words(right[::-1])} is transposed"),
        (rows, f"{shape_words(rows)} is the shape of {asked.label(inputs[0])}"),
        (weights, f"{shape_words(weights)} is the shape of {asked.label(inputs[1])}"),
        ((rows[1], weights[0]), INNER),
    ]
    given = (
        f"{asked.name} = {asked.report((0, 0)).formula}",
        f"{_shapes_given(asked, inputs)}.",
    )
    working = f"({shape_words(rows)})·({shape_words(weights)}) = {shape_words(right)}"
    rule = "The inner numbers must be equal, the outer ones stay"
    yield from _shape_question(
        asked, given, f"What is the shape of {asked.name}?", right, wrong, rule, working,
        "the shape of a product", asked.node,
    )  # fmt: skip


def ask_gradient_shape(asked: AskedMoment, edge: int) -> Iterator[Question]:
    """Ask for the shape of the gradient of one input of a product."""
    inputs = asked.debugger.graph.inbound[asked.node]
    target, right, above = inputs[edge], asked.shape(inputs[edge]), asked.shape(asked.node)
    upstream = asked.view.gradient()
    symbol = upstream.replace(f"/∂{asked.name}", f"/∂{asked.label(target)}")
    if asked.node == asked.debugger.graph.cost or len(above) != 2:
        return
    wrong: list[tuple[Shape, str]] = [
        (above, f"{shape_words(above)} is the shape of what arrives at {asked.name}")
    ]
    given = [
        f"{asked.name} = {asked.report((0, 0)).formula}",
        f"{upstream} is {shape_words(above)}.",
    ]
    if edge == BIAS:
        if len(right) != 1 or above[0] == 1:
            return
        wrong += [((above[0],), "a bias has one number for each column, not for each row")]
        wrong += [(above[::-1], f"{shape_words(above[::-1])} is transposed")]
        rule, working = BIAS_RULE, f"{shape_words(above)} summed over {above[0]} rows"
        working += f": {shape_words(right)}"
    else:
        other = inputs[1 - edge]
        given.insert(1, f"{asked.label(other)} is {shape_words(asked.shape(other))}.")
        wrong += [
            (right[::-1], f"{shape_words(right[::-1])} is transposed"),
            (asked.shape(other), f"that is the shape of {asked.label(other)}"),
            ((above[1], right[1]), INNER),
        ]
        rule = "A gradient has the shape of its value"
        working = f"{asked.report((0, 0)).outgoing[edge].rule} is {shape_words(right)}"
    yield from _shape_question(
        asked, tuple(given), f"What is the shape of {symbol}?", right, wrong, rule, working,
        "the shape of a gradient", target,
    )  # fmt: skip


def _shapes_given(asked: AskedMoment, nodes: list[int]) -> str:
    return ", ".join(f"{asked.label(node)} is {shape_words(asked.shape(node))}" for node in nodes)


def _shape_question(
    asked: AskedMoment, given: tuple[str, ...], ask: str, right: Shape,
    wrong: list[tuple[Shape, str]], rule: str, working: str, concept: str, node: int,
) -> Iterator[Question]:  # fmt: skip
    """Ask for a shape, if there are two wrong ones to choose from."""
    mistakes: dict[str, Mistake] = {}
    for shape, words in wrong:
        text = shape_words(shape)
        if shape != right and text not in mistakes and 0 not in shape:
            mistakes[text] = Mistake(text, "transpose", words)
    if len(mistakes) < 2:
        return
    choices = [shape_words(right), *mistakes]
    # Their order says nothing, and is always the same for a moment.
    order = np.random.default_rng(asked.turn).permutation(len(choices))
    yield Question(
        asked.moment.number, asked.node, (0, 0), "shape", concept, given, ask, choices[0],
        rule, working, rule + ".", choices=tuple(choices[i] for i in order),
        mistakes=tuple(mistakes.values()),
        hides=frozenset({(node, "shape"), (node, "value"), (node, "gradient")}),
    )  # fmt: skip

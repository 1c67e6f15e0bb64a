"""Questions about one neuron: Linear of a list of inputs and a list of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

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
from mfdebug.core.quiz.question import Mistake, Question
from mfdebug.core.quiz.usual_mistakes import distinct
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.linear import Linear

# The most terms of the sum, and the characters of a number in it.
TERMS, SHORT = 4, 5
# The inputs of a Linear.
INPUTS, WEIGHTS, BIAS = 0, 1, 2


def ask_neuron(asked: AskedMoment) -> Iterator[Question]:
    """Yield the questions about a neuron: its value, or what it sends to one of its inputs."""
    if not isinstance(asked.op, Linear):
        return
    sources = asked.debugger.graph.inbound[asked.node]
    shapes = [asked.shape(source) for source in sources]
    if len(sources) != BIAS + 1 or len(set(sources)) < len(sources):
        return
    if asked.shape(asked.node) or len(shapes[INPUTS]) != 1 or shapes[BIAS] != ():
        return
    inputs, weights, _ = asked.view.inputs
    numbers = [*map(float, inputs), *map(float, weights), asked.number_of(sources[BIAS], ())]
    size = digits(*numbers)
    if size is None or size > SHORT or len(inputs) > TERMS:
        return
    yield _ask_value(asked) if asked.moment.phase == "forward" else _ask_sent(asked)


def _ask_value(asked: AskedMoment) -> Question:
    """Ask for the value: each input times its weight, added up, and the bias."""
    inputs, weights, bias = asked.view.inputs
    names, total = asked.view.labels, asked.number_of(asked.node, ())
    products = [float(a) * float(b) for a, b in zip(inputs, weights, strict=True)]
    weighted = math.fsum(products)
    terms = [
        f"{bracketed(float(a))} × {bracketed(float(b))}"
        for a, b in zip(inputs, weights, strict=True)
    ]
    working = " + ".join([*terms, bracketed(float(bias))])
    rule = "Each input meets its weight; the products and the bias add up"
    return Question(
        asked.moment.number, asked.node, (), "number", "the value of a neuron",
        (
            f"{asked.name} = {asked.report(()).formula}",
            f"{names[INPUTS]} is {numbers_listed(inputs)}.",
            f"{names[WEIGHTS]} is {numbers_listed(weights)}.",
            f"{names[BIAS]} = {scalar(float(bias))}.",
        ),
        f"What is {asked.name}?", scalar(total), rule, f"{working} = {scalar(total)}", f"{rule}.",
        number=total, scale=max(map(abs, [*products, float(bias)])),
        mistakes=distinct(
            total,
            [
                Mistake(weighted, "rule", f"{scalar(weighted)} lacks {names[BIAS]}"),
                Mistake(products[0], "sum", f"{scalar(products[0])} is one term of the sum alone"),
                Mistake(-total, "sign", f"{scalar(-total)} has the wrong sign"),
            ],
        ),
        hides=frozenset({(asked.node, "value")}),
    )  # fmt: skip


def _ask_sent(asked: AskedMoment) -> Question:
    """Ask for what one input, one weight or the bias gets: upstream × what it met."""
    graph, names = asked.debugger.graph, asked.view.labels
    edge = asked.turn % (BIAS + 1)
    source = graph.inbound[asked.node][edge]
    length = len(asked.view.inputs[INPUTS])
    index: Index = () if edge == BIAS else (asked.turn // (BIAS + 1) % length,)
    met = names[WEIGHTS if edge == INPUTS else INPUTS]
    local = 1.0 if edge == BIAS else float(asked.view.inputs[edge ^ 1][index])
    upstream = float(asked.debugger.state.gradient(asked.node))
    sent = float(asked.debugger.state.sent(asked.node, edge)[index])
    name, own = entry(names[edge], index), asked.number_of(source, index)
    given = [f"{asked.name} = {asked.report(()).formula}", f"{name} = {scalar(own)}."]
    if edge != BIAS:
        given.append(f"{entry(met, index)} = {scalar(local)}.")
    given.append(f"A gradient of {scalar(upstream)} arrives at {asked.name}.")
    rule = (
        "The bias is added: it gets the gradient unchanged"
        if edge == BIAS
        else f"What comes back, times what {names[edge]} met"
    )
    return Question(
        asked.moment.number, asked.node, (), "number", "what a neuron sends", tuple(given),
        f"What does {asked.name} send to {name}?", scalar(sent), rule,
        f"{bracketed(upstream)} × {bracketed(local)} = {scalar(sent)}",
        capital(role_of(asked.view)) + ".", number=sent,
        mistakes=distinct(
            sent,
            [
                Mistake(own, "own value", f"{scalar(own)} is {name}'s own value"),
                Mistake(upstream, "unchanged", f"{scalar(upstream)} is what arrives, unchanged"),
                Mistake(-sent, "sign", f"{scalar(-sent)} has the wrong sign"),
            ],
        ),
        hides=frozenset({(source, "gradient")}),
    )  # fmt: skip

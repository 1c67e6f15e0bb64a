"""Which node is the network's answer, what it is compared with, and what the network sees.

The answer is the prediction: the input of the cost that depends on parameters, where the other one
is a target, which does not. A sum over entries or a scale between both and the cost is passed.
"""

from __future__ import annotations

import math

from msgspec import Struct

from mfdebug.core.answers.rows import rows_are_apart
from mfdebug.core.plots.usage import ANSWERS
from mfdebug.core.timeline.computed_cursor import ComputedCursor
from mfdebug.core.timeline.debugger import Debugger, DebuggerError, node_or_error
from miniflow.node import Input
from miniflow.structure import reached

# Columns of an input over which the answers can be drawn.
MOST_AXES = 2


class Subject(Struct, frozen=True):
    """Node indices: the answer, its target if one is known, and the input that it depends on."""

    answer: int
    target: int | None
    source: int


def find_subject(debugger: Debugger, text: str) -> Subject:
    """Return the subject, with the answer that a command names, or the prediction.

    Raises `DebuggerError` if there is none.
    """
    if not isinstance(debugger.cursor, ComputedCursor):
        raise DebuggerError(
            "a program is not run again: what it would answer is not known", where="answers"
        )
    graph = debugger.graph
    answer, target = _compared(debugger)
    if text:
        from mfdebug.core.expressions.parser import parse_entry

        named = node_or_error(graph, parse_entry(text, graph.by_name).node)
        if isinstance(graph.nodes[named], Input):
            raise DebuggerError(f"{text} is an input, not an answer", hint=f"usage: {ANSWERS}")
        # Another node of the shape of the prediction can be compared with the target, too.
        shapes = debugger.plan.shapes
        if named == graph.cost or answer is None or shapes[named] != shapes[answer]:
            target = None
        answer = named
    if answer is None:
        raise DebuggerError(
            "the cost compares no prediction with a target", hint="name the answer: answers NODE"
        )
    return Subject(answer, target, _source(debugger, answer, target))


def may_have_answers(debugger: Debugger) -> bool:
    """Whether there may be answers to show, as far as shapes and a try of the rows say."""
    try:
        subject = find_subject(debugger, "")
    except DebuggerError:
        return False
    source, answer = (debugger.plan.shapes[node] for node in (subject.source, subject.answer))
    if source[:1] != answer[:1]:
        return False
    width, few = math.prod(source[1:]), len(source) < 3
    if few and width <= MOST_AXES and not rows_are_apart(debugger, subject.source, subject.answer):
        # They would be drawn over an input, and there is no answer to one point.
        return False
    if math.prod(answer[1:]) == 1:
        return subject.target is not None or width <= MOST_AXES
    return subject.target is not None and len(answer) == 2


def _compared(debugger: Debugger) -> tuple[int | None, int | None]:
    """Return the prediction and the target that the cost compares; None where there is none."""
    graph = debugger.graph
    node = graph.cost
    while not isinstance(graph.nodes[node], Input):
        sources = list(dict.fromkeys(graph.inbound[node]))
        trained = [i for i in sources if debugger.timeline.first_trained(i) is not None]
        if len(trained) != 1:
            return None, None
        targets = [i for i in sources if i not in trained and _is_data(debugger, i, trained[0])]
        if len(targets) == 1:
            # What is computed from data has no rows that could be compared one by one.
            is_input = isinstance(graph.nodes[targets[0]], Input)
            return trained[0], targets[0] if is_input else None
        node = trained[0]
    return None, None


def _is_data(debugger: Debugger, node: int, prediction: int) -> bool:
    """Whether a node can be the target of a prediction: it has a number or a class for each row."""
    shape, predicted = debugger.plan.shapes[node], debugger.plan.shapes[prediction]
    return shape[:1] == predicted[:1] or debugger.graph.fed_from_data(node)


def _source(debugger: Debugger, answer: int, target: int | None) -> int:
    graph = debugger.graph
    needed = reached([graph.nodes[answer]], lambda node: node.inbound_nodes)
    inputs = [
        i
        for i, node in enumerate(graph.nodes)
        if node in needed and isinstance(node, Input) and i not in graph.trainables and i != target
    ]
    fed = [i for i in inputs if graph.fed_from_data(i)] or inputs
    if len(fed) != 1:
        label = graph.nodes[answer].label
        names = ", ".join(graph.nodes[i].label for i in fed[:4]) or "none"
        raise DebuggerError(f"{label} does not depend on one input but on {len(fed)}: {names}")
    return fed[0]

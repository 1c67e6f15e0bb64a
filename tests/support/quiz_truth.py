"""What is right, read from the plan at the moment itself, by the words of a question alone."""

from __future__ import annotations

import math
import re

import numpy as np

from mfdebug.core.quiz.question import Question
from mfdebug.core.timeline.debugger import Debugger
from miniflow.ops.base import shape_text

ENTRY = r"(\S+?)(?:\[([\d,]+)\])?"
SIGNS = {1.0: "+", -1.0: "-", 0.0: "0"}


def index_of(text: str | None) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()


def in_words(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"{shape[0]} in a row" if shape[0] > 1 else "1 entry"
    return shape_text(shape) if shape else "a single number"


def truth(question: Question, stepped: Debugger, before: Debugger) -> float | str:
    """Return the right answer; `stepped` is at the question's moment, `before` just before it."""
    graph, plan, ask = stepped.graph, stepped.plan, question.ask
    if found := re.fullmatch(rf"Where does {ENTRY} land\?", ask):
        return float(plan.value(graph.index_of(found[1]))[index_of(found[2])])
    if found := re.fullmatch(rf"Does {ENTRY} go up or down\?", ask):
        node, index = graph.index_of(found[1]), index_of(found[2])
        moved = float(plan.value(node)[index]) - float(before.plan.value(node)[index])
        return {1.0: "up", -1.0: "down", 0.0: "it stays"}[float(np.sign(moved))]
    if found := re.fullmatch(rf"What does (\S+) send to {ENTRY}(?: in all)?\?", ask):
        return _sent(stepped, found[1], found[2], index_of(found[3]))
    sign = rf"Is what (\S+) sends to {ENTRY} positive, negative or 0\?"
    if found := re.fullmatch(sign, ask):
        return SIGNS[float(np.sign(_sent(stepped, found[1], found[2], index_of(found[3]))))]
    if found := re.fullmatch(r"What is the shape of (?:∂\S+?/∂)?(\S+)\?", ask):
        return in_words(plan.shapes[graph.index_of(found[1])])
    if found := re.fullmatch(rf"What is ∂\S+?/∂{ENTRY}\?", ask):
        return float(plan.gradient(graph.index_of(found[1]))[index_of(found[2])])
    if found := re.fullmatch(rf"What is {ENTRY}\?", ask):
        return float(plan.value(graph.index_of(found[1]))[index_of(found[2])])
    if found := re.fullmatch(r"Who must still report before (\S+)'s turn\?", ask):
        source = graph.index_of(found[1])
        waiting = [c for c, i in _edges_to(stepped, source) if not _has_sent(before, c)]
        (name,) = {graph.nodes[consumer].label for consumer in waiting}
        return name
    ready = _can_be_computed if ask.startswith("Forward") else _has_its_turn
    (name,) = [choice for choice in question.choices if ready(before, graph.index_of(choice))]
    return name


def _sent(debugger: Debugger, name: str, source: str, index: tuple[int, ...]) -> float:
    graph = debugger.graph
    node, target = graph.index_of(name), graph.index_of(source)
    edges = [i for i, inbound in enumerate(graph.inbound[node]) if inbound == target]
    return math.fsum(float(debugger.plan.contribution(node, edge)[index]) for edge in edges)


def _edges_to(debugger: Debugger, source: int) -> list[tuple[int, int]]:
    reaches = debugger.graph.reaches_cost
    return [edge for edge in debugger.graph.consumers[source] if reaches[edge[0]]]


def _has_sent(debugger: Debugger, node: int) -> bool:
    where = debugger.where
    names = debugger.timeline.backward
    return where.phase == "backward" and names.index(node) < where.part


def _can_be_computed(debugger: Debugger, node: int) -> bool:
    """Whether all inputs have a value of this pass."""
    computed = debugger.where.part if debugger.where.phase == "forward" else 0
    done = debugger.timeline.forward[:computed]
    ops = set(debugger.timeline.forward)
    return all(i not in ops or i in done for i in debugger.graph.inbound[node])


def _has_its_turn(debugger: Debugger, node: int) -> bool:
    consumers = [consumer for consumer, _ in _edges_to(debugger, node)]
    return all(_has_sent(debugger, consumer) for consumer in consumers)


def typed(question: Question, answer: float | str) -> str:
    """Return an answer as it is typed."""
    if isinstance(answer, float):
        return f"{answer:.6g}"
    return "abcdef"[question.choices.index(answer)] if question.choices else answer


def wrong_answer(question: Question, right: float | str) -> str:
    """Return an answer that is wrong."""
    if isinstance(right, float):
        return f"{right * 1.07 + (not right)!r}"
    others = question.choices or ("+", "-", "0")
    return typed(question, next(other for other in others if other != right))

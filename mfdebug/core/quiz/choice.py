"""The choice of the question about a moment: what is owed first, then the kind asked least."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mfdebug.core.quiz.asked_moment import AskedMoment
from mfdebug.core.quiz.kinds.classes import ask_classes
from mfdebug.core.quiz.kinds.matrices import ask_matrix
from mfdebug.core.quiz.kinds.neurons import ask_neuron
from mfdebug.core.quiz.kinds.sent import ask_sent
from mfdebug.core.quiz.kinds.sums import ask_sum
from mfdebug.core.quiz.kinds.turns import ask_turn
from mfdebug.core.quiz.kinds.updates import ask_update
from mfdebug.core.quiz.kinds.values import ask_value
from mfdebug.core.quiz.question import Kind, Question
from mfdebug.core.quiz.score import Score
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.timeline import Moment

# How often a kind is asked, relative to the others.
WEIGHTS: dict[Kind, int] = {"number": 4, "sign": 2, "shape": 1, "order": 1, "update": 4}
# Right answers in a row after which a question without a number is not asked again.
LEARNED = 2
# Moments that are looked at in search of one where a question can be asked again.
TRIED = 6


def questions_about(debugger: Debugger, moment: Moment, seed: int = 0) -> list[Question]:
    """Return all questions that can be asked about a moment; the debugger visits it and returns."""
    if moment.node is None:
        return []
    with debugger.visiting(moment.number):
        state = debugger.state
        if not state.explicable(moment.node) or state.unknown(moment.node):
            return []
        return list(_made(AskedMoment(debugger, moment, moment.node, seed)))


def _made(asked: AskedMoment) -> Iterator[Question]:
    phase, state = asked.moment.phase, asked.debugger.state
    if phase == "update":
        yield from ask_update(asked)
        return
    edges = range(len(asked.debugger.graph.inbound[asked.node]))
    if state.departs(asked.node, phase) or any(
        state.unsent(asked.node, edge) or state.together(asked.node, edge) for edge in edges
    ):
        # A program's number that the op's rule does not explain.
        pass
    elif phase == "forward":
        yield from ask_value(asked)
        yield from ask_matrix(asked)
        yield from ask_neuron(asked)
    elif not state.unknown(asked.node, gradient=True):
        yield from ask_sent(asked)
        yield from ask_classes(asked)
        yield from ask_matrix(asked)
        yield from ask_neuron(asked)
        yield from ask_sum(asked)
    yield from ask_turn(asked)


def chosen(
    questions: list[Question], score: Score, owed: Collection[str], promised: str = ""
) -> Question | None:
    """Return the question to ask: of the concept promised for this moment, else one that is owed.

    Without either it is one of the kind asked least.
    """
    asked = [question for question in questions if not _learned(question, score, {*owed, promised})]
    by_kind, by_concept = score.asked_by_kind, score.asked_by_concept

    def rank(question: Question) -> tuple[bool, bool, float, int]:
        share = by_kind.get(question.kind, 0) / WEIGHTS[question.kind]
        new = question.concept not in owed
        return question.concept != promised, new, share, by_concept.get(question.concept, 0)

    return min(asked, key=rank, default=None)


def _learned(question: Question, score: Score, owed: Collection[str]) -> bool:
    """Whether a question has been answered often enough: only numbers differ each time."""
    if question.number is not None or question.concept in owed:
        return False
    last = [a.outcome for a in score.answers if a.concept == question.concept][-LEARNED:]
    return last == ["right"] * LEARNED


def asked_again(
    debugger: Debugger, question: Question, last: int | None, seed: int, taken: Collection[int]
) -> tuple[int, str] | None:
    """Return the moment at which a question of the same concept is asked next, and its node.

    None if there is none soon, or none that is not `taken` by another question.
    """
    timeline, graph = debugger.timeline, debugger.graph
    first = timeline.name(question.moment)
    passes = 2 if graph.trains and debugger.cursor.passes_run is None else 1
    end = timeline.start_of(first.sgd_step + passes)
    end = timeline.clamp(end if last is None else min(end, last))
    kind, tried = type(graph.nodes[question.node]), 0
    for number in range(question.moment + 1, end + 1):
        moment = timeline.name(number)
        if moment.node is None or moment.phase != first.phase:
            continue
        if question.kind != "update" and not isinstance(graph.nodes[moment.node], kind):
            continue
        tried += 1
        if tried > TRIED:
            return None
        concepts = {other.concept for other in questions_about(debugger, moment, seed)}
        if question.concept in concepts and number not in taken:
            later = moment.sgd_step - first.sgd_step
            where = f" in SGD step {moment.sgd_step}" if later else ""
            return number, f"{graph.nodes[moment.node].label}{where}"
    return None

"""Questions about the order: what can be computed now, and who must report first."""

from __future__ import annotations

import numpy as np

from mfdebug.core.quiz.asked_moment import AskedMoment, listed
from mfdebug.core.quiz.question import Mistake, Question
from mfdebug.core.timeline.timeline import Phase
from miniflow.node import Input

# The most wrong choices, the fewest, and the nodes among which they are searched.
MOST, LEAST, SEARCHED = 3, 2, 24
# The most inputs or consumers that a line of the question names.
NAMED = 4
FORWARD_RULE = "Forward, a node needs the values of all its inputs"
BACKWARD_RULE = "Backward, a node's turn comes when all its consumers have sent their part"


def ask_turn(asked: AskedMoment) -> list[Question]:
    """Return the questions about the order in which this phase runs."""
    return [*_ask_missing(asked), *_ask_next(asked)]


def _ask_next(asked: AskedMoment) -> list[Question]:
    """Ask which node comes next, among nodes that still have to wait."""
    if isinstance(asked.op, Input):
        return []
    forward = asked.moment.phase == "forward"
    waiting = _waiting(asked, "forward" if forward else "backward")
    if len(waiting) < LEAST:
        return []
    names = [asked.name, *(asked.label(node) for node in waiting)]
    if len(set(names)) < len(names):
        return []
    lines = [
        _takes(asked, node) if forward else _goes(asked, node) for node in (asked.node, *waiting)
    ]
    order = np.random.default_rng(asked.turn).permutation(len(names))
    mistakes = []
    for node, missing in waiting.items():
        name, first = asked.label(node), asked.label(missing)
        words = (
            f"{name} needs {first}, which is not computed yet"
            if forward
            else f"{name} goes into {first}, which has not sent anything back yet"
        )
        mistakes.append(Mistake(name, "order", words))
    ask = "Forward: which of these can be computed now?"
    if not forward:
        ask = "Backward: whose turn can it be now?"
    consumers = asked.debugger.graph.consumers[asked.node]
    if forward:
        there = "is" if len(set(asked.view.labels)) == 1 else "are"
        inputs = listed(asked.view.labels[:NAMED])
        working = f"{inputs} {there} there, so {asked.name} can be computed"
    elif consumers:
        users = listed(asked.label(node) for node, _ in consumers[:NAMED])
        working = f"{users} sent, so it is {asked.name}'s turn"
    else:
        working = f"backward starts at the end, with {asked.name}"
    cell = "value" if forward else "gradient"
    return [
        Question(
            asked.moment.number, asked.node, (0,) * len(asked.shape(asked.node)), "order",
            f"the order of {asked.moment.phase}", tuple(lines[i] for i in order), ask, asked.name,
            FORWARD_RULE if forward else BACKWARD_RULE, working,
            f"{FORWARD_RULE if forward else BACKWARD_RULE}.",
            choices=tuple(names[i] for i in order), mistakes=tuple(mistakes),
            # The list is in the order that is asked about: it would give the answer away.
            hides=frozenset(
                (node, word) for node in (asked.node, *waiting) for word in (cell, "name")
            ),
        )
    ]  # fmt: skip


def _waiting(asked: AskedMoment, phase: Phase) -> dict[int, int]:
    """Return ops that cannot be next, each with a node for which it waits.

    Among those that come soon: a far node would not be chosen by anybody.
    """
    timeline, graph = asked.debugger.timeline, asked.debugger.graph
    now = timeline.position(asked.moment.number)
    nodes = timeline.forward if phase == "forward" else timeline.backward
    found: dict[int, int] = {}
    at = asked.moment.part
    for node in nodes[at : at + SEARCHED]:
        if isinstance(graph.nodes[node], Input) or len(found) == MOST:
            continue
        needed = (
            graph.inbound[node]
            if phase == "forward"
            else [consumer for consumer, _ in graph.consumers[node]]
        )
        if len(set(needed)) > NAMED:
            continue
        late = [
            other
            for other in needed
            if (position := timeline.position_of(phase, other)) is not None and position >= now
        ]
        if late:
            found[node] = late[0]
    return found


def _takes(asked: AskedMoment, node: int) -> str:
    names = listed(asked.label(source) for source in asked.debugger.graph.inbound[node])
    return f"{asked.label(node)} takes {names}."


def _goes(asked: AskedMoment, node: int) -> str:
    consumers = asked.debugger.graph.consumers[node]
    if not consumers:
        return f"{asked.label(node)} is the end of the graph."
    names = listed(asked.label(consumer) for consumer, _ in consumers)
    return f"{asked.label(node)} goes into {names}."


def _ask_missing(asked: AskedMoment) -> list[Question]:
    """Ask who still has to report to a node that several consumers use, if only this node does."""
    if asked.moment.phase != "backward":
        return []
    graph, timeline = asked.debugger.graph, asked.debugger.timeline
    now = timeline.position(asked.moment.number)
    for source in dict.fromkeys(graph.inbound[asked.node]):
        turns = {
            consumer: position
            for consumer, _ in graph.consumers[source]
            if (position := timeline.position_of("backward", consumer)) is not None
        }
        late = [consumer for consumer, position in turns.items() if position >= now]
        if late != [asked.node] or not LEAST <= len(turns) <= NAMED:
            continue
        shared = asked.label(source)
        sent = [asked.label(consumer) for consumer in turns if consumer != asked.node]
        nothing = f"nothing: {shared} is next"
        mistakes = [Mistake(name, "order", f"{name} has sent its part") for name in sent]
        words = f"{asked.name} has not sent its part yet: {shared} has only a part of its gradient"
        mistakes.append(Mistake(nothing, "sum", words))
        choices = [asked.name, *sent, nothing]
        order = np.random.default_rng(asked.turn).permutation(len(choices))
        names = listed(asked.label(consumer) for consumer in turns)
        return [
            Question(
                asked.moment.number, asked.node, (0,) * len(asked.shape(asked.node)), "order",
                "who must report first",
                (f"{shared} goes into {names}.", f"{listed(sent)} sent back."),
                f"Who must still report before {shared}'s turn?", asked.name, BACKWARD_RULE,
                f"{shared} waits for {asked.name}", f"{BACKWARD_RULE}.",
                choices=tuple(choices[i] for i in order), mistakes=tuple(mistakes),
                hides=frozenset({(source, "gradient")}),
            )
        ]  # fmt: skip
    return []

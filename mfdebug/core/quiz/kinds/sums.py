"""Questions about a node that several consumers use: their contributions add up."""

from __future__ import annotations

from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.asked_moment import AskedMoment, bracketed, digits, entry, listed
from mfdebug.core.quiz.question import Question
from mfdebug.core.quiz.usual_mistakes import sum_mistakes
from mfdebug.core.timeline.entry_ref import Index

# The most contributions of a sum, and the characters of their numbers if they are not scalars.
MOST, SHORT = 4, 7
RULE = "Contributions add up"


def ask_sum(asked: AskedMoment) -> list[Question]:
    """Return the question about the sum of the contributions to the node."""
    edges = asked.debugger.state.contributions(asked.node)
    consumers = list(dict.fromkeys(edge.consumer for edge in edges))
    if not 1 < len(consumers) <= MOST or any(edge.sent is None for edge in edges):
        return []
    gradient = asked.debugger.state.gradient(asked.node)

    def terms(index: Index) -> list[tuple[str, float]]:
        found: dict[int, float] = {}
        for edge in edges:
            assert edge.sent is not None
            found[edge.consumer] = found.get(edge.consumer, 0.0) + float(edge.sent[index])
        return [(f"{asked.label(node)}'s part", number) for node, number in found.items()]

    def length(index: Index) -> float | None:
        numbers = [number for _, number in terms(index)]
        size = digits(*numbers)
        long = size is None or (size > SHORT and not asked.scalars)
        # Where only one part is not 0, there is nothing to add.
        return None if long or sum(map(bool, numbers)) < 2 else size

    index = asked.best_entry(gradient.shape, length)
    if index is None:
        return []
    found, total = terms(index), float(gradient[index])
    name = entry(asked.name, index)
    names = listed(asked.label(node) for node in consumers)
    parts = ", ".join(
        f"{asked.label(node)} {scalar(number)}"
        for node, (_, number) in zip(consumers, found, strict=True)
    )
    working = f"{' + '.join(bracketed(number) for _, number in found)} = {scalar(total)}"
    return [
        Question(
            asked.moment.number, asked.node, index, "number", "a sum of contributions",
            (f"{asked.name} goes into {names}.", f"Sent to {name}: {parts}."),
            f"What is {asked.view.gradient(index)}?", scalar(total), RULE, working,
            "Each way from the node to the end counts: what comes back along them adds up.",
            number=total, scale=max(abs(number) for _, number in found),
            mistakes=sum_mistakes(total, found), hides=frozenset({(asked.node, "gradient")}),
        )
    ]  # fmt: skip

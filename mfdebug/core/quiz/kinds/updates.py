"""Questions about an update: where a parameter lands, or in which direction it moves."""

from __future__ import annotations

from collections.abc import Iterator

from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.asked_moment import AskedMoment, bracketed, digits, entry
from mfdebug.core.quiz.kinds.sent import sign_of
from mfdebug.core.quiz.question import Mistake, Question
from mfdebug.core.quiz.usual_mistakes import distinct
from mfdebug.core.timeline.entry_ref import Index

# The characters of numbers that can be multiplied mentally.
SHORT = 5
RULE = "Descent goes against the gradient, by lr × gradient"
DIRECTIONS = {"+": "up", "-": "down", "0": "it stays"}


def ask_update(asked: AskedMoment) -> list[Question]:
    """Return the question about where an entry of the parameter lands, or in which direction.

    With momentum an entry may move along its gradient, which the screen does not explain.
    """
    made = asked.debugger.cursor.last_update
    if made is None:
        return []
    gradient = asked.debugger.state.gradient(asked.node) if made.gradient is None else made.gradient
    plain = not made.state_before and made.method is None

    def numbers(index: Index) -> tuple[float, float, float]:
        return float(made.before[index]), float(gradient[index]), float(made.after[index])

    def lands(index: Index) -> bool:
        before, slope, after = numbers(index)
        return plain and abs(after - (before - made.rate * slope)) <= 1e-6 * max(1.0, abs(after))

    def length(index: Index) -> float | None:
        before, slope, after = numbers(index)
        size = digits(before, slope, after)
        against = sign_of(after - before) == sign_of(-made.rate * slope)
        return None if size is None or not slope or not against else size

    index = asked.best_entry(made.after.shape, length)
    if index is None:
        return []
    before, slope, after = numbers(index)
    name, size = entry(asked.name, index), length(index)
    assert size is not None
    symbol = asked.view.gradient(index)
    given = (
        f"{name} = {scalar(before)}.",
        f"{symbol} = {scalar(slope)}.",
        f"lr = {scalar(made.rate)}.",
    )
    working = f"{scalar(before)} - {scalar(made.rate)} × {bracketed(slope)} = {scalar(after)}"
    hides = frozenset({(asked.node, "value")})
    if not lands(index):
        working = f"{scalar(before)} → {scalar(after)}"
    if lands(index) and (asked.scalars or size <= SHORT):
        return [
            Question(
                asked.moment.number, asked.node, index, "update", "where an update lands", given,
                f"Where does {name} land?", scalar(after), RULE, working, RULE + ".",
                number=after, scale=max(abs(before), abs(made.rate * slope)), hides=hides,
                mistakes=distinct(after, _mistakes(name, before, slope, made.rate)),
            )
        ]  # fmt: skip
    answer = DIRECTIONS[sign_of(after - before)]
    wrong = "up" if slope > 0 else "down"
    words = f"{symbol} is {'positive' if slope > 0 else 'negative'}: going {wrong} raises the cost"
    mistakes = [Mistake(wrong, "sign", words), Mistake("it stays", "rule", "the slope is not 0")]
    kept = tuple(mistake for mistake in mistakes if mistake.answer != answer)
    return [
        Question(
            asked.moment.number, asked.node, index, "update", "the direction of an update", given,
            f"Does {name} go up or down?", answer, RULE, working, RULE + ".",
            choices=("up", "down", "it stays"), mistakes=kept, hides=hides,
        )
    ]  # fmt: skip


def _mistakes(name: str, before: float, slope: float, rate: float) -> Iterator[Mistake]:
    step = rate * slope
    wrong = before + step
    yield Mistake(wrong, "sign", f"{scalar(wrong)} adds the step")
    whole = before - slope
    yield Mistake(whole, "rate", f"{scalar(whole)} leaves out lr = {scalar(rate)}")
    yield Mistake(before + slope, "rate", f"{scalar(before + slope)} leaves out lr, and adds")
    for number in (step, -step):
        words = f"{scalar(number)} is the step, not where {name} lands"
        yield Mistake(number, "rule", words)
    yield Mistake(before, "own value", f"{scalar(before)} is where {name} was")
    yield Mistake(slope, "unchanged", f"{scalar(slope)} is the gradient")

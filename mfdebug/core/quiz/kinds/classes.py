"""Questions about a softmax cross-entropy: what it sends to the score of a class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mfdebug.core.explain.report import role_of
from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.asked_moment import AskedMoment, capital
from mfdebug.core.quiz.question import Mistake, Question
from mfdebug.core.quiz.usual_mistakes import distinct
from miniflow.ops.cost import SoftmaxCrossEntropy

# The most classes that a line of the question lists.
CLASSES = 5
RULE = "Each score gets its probability, the right one 1 less: how much too sure it is"


def ask_classes(asked: AskedMoment) -> list[Question]:
    """Return the question about the score of the right class of a row."""
    if not isinstance(asked.op, SoftmaxCrossEntropy):
        return []
    scores, labels = asked.view.inputs
    source = asked.debugger.graph.inbound[asked.node][0]
    if scores.ndim != 2 or labels.ndim != 1 or scores.shape[1] > CLASSES:
        return []
    rows = scores.shape[0]
    row = asked.turn % rows
    label = int(labels[row])
    sent = float(asked.debugger.state.sent(asked.node, 0)[row, label])
    raised = np.exp(scores[row] - np.max(scores[row]))
    shares = [float(share) for share in raised / np.sum(raised)]
    upstream = float(asked.debugger.state.gradient(asked.node))
    share = float(f"{shares[label]:.3g}")
    if abs(sent - upstream * (shares[label] - 1) / rows) > 1e-6 * max(1.0, abs(sent)):
        return []  # with weights or smoothing, which the question does not name
    name, target = asked.name, f"{asked.label(source)}[{row},{label}]"

    def mistakes() -> Iterator[Mistake]:
        words = f"{scalar(share)} is the probability: it lacks the -1 of the right class"
        yield Mistake(share / rows, "factor", words)
        if rows > 1:
            whole = sent * rows
            yield Mistake(whole, "mean", f"{scalar(whole)} is not divided by the {rows} rows")
        yield Mistake(-sent, "sign", f"{scalar(-sent)} has the wrong sign")
        yield Mistake(upstream, "unchanged", f"{scalar(upstream)} is what arrives at {name}")

    over = f"/{rows}" if rows > 1 else ""
    difference = f"({scalar(share)} - 1)" if over else f"{scalar(share)} - 1"
    listed = ", ".join(f"{number:.3g}" for number in shares)
    return [
        Question(
            asked.moment.number, asked.node, (), "number", "what a cross-entropy sends",
            (
                f"{name} is the cross-entropy of {asked.label(source)}, a mean of {rows} "
                f"{'row' if rows == 1 else 'rows'}.",
                f"The probabilities in row {row} are {listed}; the right class is {label}.",
                f"A gradient of {scalar(upstream)} arrives at {name}.",
            ),
            f"What does {name} send to {target}?", scalar(sent), RULE,
            f"{difference}{over} ≈ {sent:.3g}", capital(role_of(asked.view)) + ".",
            number=sent, mistakes=distinct(sent, mistakes()),
            hides=frozenset({(source, "gradient")}),
        )
    ]  # fmt: skip

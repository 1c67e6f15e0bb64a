"""Questions about what an op sends to an input: a number, or its sign where it is hard to compute.

Asked of elementwise ops and of the square and absolute errors, whose working is a single product.
"""

from __future__ import annotations

import math

from mfdebug.core.explain.report import matching_entry, role_of
from mfdebug.core.format.numbers import scalar
from mfdebug.core.quiz.asked_moment import AskedMoment, bracketed, capital, digits, entry, rule_head
from mfdebug.core.quiz.question import Mistake, Question
from mfdebug.core.quiz.usual_mistakes import Sending, sending_mistakes
from mfdebug.core.timeline.entry_ref import Index
from miniflow.ops.activation import LeakyReLU, ReLU, Sigmoid, Tanh
from miniflow.ops.arithmetic import Add, Div, Mul, Neg, Reciprocal, Sub
from miniflow.ops.broadcasting import Elementwise
from miniflow.ops.cost import MAE, MSE
from miniflow.ops.extremes import Abs, Max, Min
from miniflow.ops.powers import Exp, Log, Pow, Sqrt

KNOWN = (
    Add, Sub, Mul, Div, Neg, Reciprocal, Pow, Abs, Max, Min, ReLU, LeakyReLU, Exp, Log, Sqrt,
    Sigmoid, Tanh, MSE, MAE,
)  # fmt: skip
# Their value is needed for the answer.
FROM_VALUE = (Sigmoid, Tanh, Exp, Sqrt, Reciprocal, Div)
# Whether the sign of what they send is a question of its own: others only scale.
SIGNED = (Mul, Sub, Neg, Div, Pow, MSE, MAE, Abs)
# Numbers with more characters are too long for mental arithmetic; the most inputs of a question.
SHORT, MOST_INPUTS = 7, 3


def ask_sent(asked: AskedMoment) -> list[Question]:
    """Return the question about what the node sends to one of its inputs, if it can be asked."""
    sources = list(dict.fromkeys(asked.debugger.graph.inbound[asked.node]))
    known = isinstance(asked.op, KNOWN) and len(asked.op.inbound_nodes) <= MOST_INPUTS
    if isinstance(asked.op, Elementwise) and not asked.op.is_elementwise:
        known = False
    if not sources or not known:
        return []
    for k in range(len(sources)):
        source = sources[(asked.turn + k) % len(sources)]
        found = _ask(asked, source)
        if found is not None:
            return [found]
    return []


def _ask(asked: AskedMoment, source: int) -> Question | None:
    state, graph = asked.debugger.state, asked.debugger.graph
    if state.no_gradient(source):
        return None
    edges = [i for i, inbound in enumerate(graph.inbound[asked.node]) if inbound == source]
    shape = asked.shape(source)
    is_cost = isinstance(asked.op, MSE | MAE)
    if not is_cost and shape != asked.shape(asked.node):
        # A broadcast input gets a sum, which is the question of a bias.
        return None

    def sending(index: Index) -> Sending:
        sent = math.fsum(float(state.sent(asked.node, edge)[index]) for edge in edges)
        out = () if is_cost else index
        value, upstream = asked.number_of(asked.node, out), float(state.gradient(asked.node)[out])
        inputs = [float(x[matching_entry(index, x.shape)]) for x in asked.view.inputs]
        return Sending(asked, edges, index, sent, upstream, value, inputs)

    def length(index: Index) -> float | None:
        found = sending(index)
        shown = [found.upstream, *found.inputs]
        if isinstance(asked.op, FROM_VALUE):
            shown.append(found.value)
        size = digits(found.sent, *shown)
        # What is sent is 0 without a gradient to send: only a gate teaches something there.
        if size is None or found.upstream == 0:
            return None
        taught = isinstance(asked.op, ReLU | Max | Min | MSE)
        return size + (0 if found.sent or taught else 100)

    index = asked.best_entry(shape, length)
    if index is None:
        return None
    found = sending(index)
    size = length(index)
    assert size is not None
    easy = asked.scalars or size <= SHORT
    if not easy and (not isinstance(asked.op, SIGNED) or not found.sent or len(edges) > 1):
        return None
    return _question(found, source, easy=easy)


def _question(found: Sending, source: int, *, easy: bool) -> Question:
    asked, index = found.asked, found.index
    name, target = asked.name, entry(asked.label(source), index)
    out_index: Index = () if isinstance(asked.op, MSE | MAE) else index
    labels = asked.view.labels
    numbers = dict(zip(labels, found.inputs, strict=True))
    given = [f"{label} = {scalar(number)}" for label, number in numbers.items()]
    where = f" at {entry('', index)}" if index else ""
    facts = f"{', '.join(given)}{where}"
    if isinstance(asked.op, FROM_VALUE):
        facts += f", {entry(name, out_index)} = {scalar(found.value)}"
    formula = asked.report(out_index).formula
    legend = asked.report(out_index).legend
    lines = [f"{name} = {formula}{f'  ({legend})' if legend else ''}", f"{facts}."]
    lines.append(f"A gradient of {scalar(found.upstream)} arrives at {entry(name, out_index)}.")
    report = asked.report(out_index)
    parts = [
        part.working or f"{bracketed(found.upstream)} × {bracketed(_local(found))}"
        for part in report.outgoing
        if part.source == asked.label(source)
    ]
    if isinstance(asked.op, MSE | MAE):
        # The report is that of the first entry.
        parts = [found.cost_working]
    rule = rule_head(role_of(asked.view))
    working = " + ".join(parts)
    result = working if working == scalar(found.sent) else f"{working} = {scalar(found.sent)}"
    mistakes = sending_mistakes(found)
    hides = frozenset({(source, "gradient")})
    concept = f"what {_article(asked.kind)} sends"
    if easy:
        in_all = " in all" if len(found.edges) > 1 else ""
        return Question(
            asked.moment.number, asked.node, out_index, "number", concept, tuple(lines),
            f"What does {name} send to {target}{in_all}?", scalar(found.sent), rule, result,
            capital(role_of(asked.view)), number=found.sent, mistakes=mistakes, hides=hides,
        )  # fmt: skip
    sign = sign_of(found.sent)
    wrong = "-" if sign == "+" else "+"
    flipped = Mistake(wrong, "sign", "count the signs of both factors")
    return Question(
        asked.moment.number, asked.node, out_index, "sign", f"the sign of {concept}",
        tuple(lines), f"Is what {name} sends to {target} positive, negative or 0?",
        sign, rule, result, capital(role_of(asked.view)), mistakes=(flipped,), hides=hides,
    )  # fmt: skip


def _local(found: Sending) -> float:
    return found.sent / found.upstream if found.upstream else math.nan


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIOM' and kind not in ('Mul', 'Max', 'Min') else 'a'} {kind}"


def sign_of(number: float) -> str:
    """Return the sign of a number: + - or 0."""
    return "0" if number == 0 else "+" if number > 0 else "-"

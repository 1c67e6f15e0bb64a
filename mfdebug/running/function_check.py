"""Checks functions whose rule is not known here: the paused program evaluates them, in a copy.

What such a function sends is compared with central differences, in float64 at the recorded inputs.
Many evaluations are asked for at once: most entries are judged by the same few points.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import replace

import msgspec
import numpy as np

from mfdebug.core.timeline.cursor import DebuggerError
from mfdebug.recording.arrays import as_floats
from mfdebug.recording.nodes import RecordedGraph
from mfdebug.recording.passes import RecordedPass
from mfdebug.recording.recorded_check import SINGLE_TOLERANCE, compared, untested
from mfdebug.running.aten_ops import AtenOps
from miniflow.errors import GraphError
from miniflow.gradcheck.checker import JUDGEMENTS, Verdict
from miniflow.gradcheck.differences import first_points, further_points, judge
from miniflow.ops.base import Array

# Entries tried per input: evenly spaced, besides the one with the largest gradient.
ENTRIES, LEAST = 40, 4
# Numbers that a check may let the program compute, and those of one question.
WORK, AT_ONCE = 2e7, 2**21
# Evaluations with other last digits, which show how precise a difference can be.
SHAKEN = 4

_Move = tuple[int, int, float]


class _Missing(Exception):  # noqa: N818 - a value is asked for, nothing has failed
    """An evaluation that was not asked for yet."""


class FunctionCheck:
    """Asks the running program for evaluations of functions."""

    def __init__(self, aten: AtenOps) -> None:
        self._aten = aten

    def check(self, graph: RecordedGraph, recorded: RecordedPass, node: int) -> list[Verdict]:
        """Return verdicts on a function at the recorded values of a pass."""
        try:
            return self._verdicts(graph, recorded, node)
        except DebuggerError as why:
            return _refused(graph, node, str(why))
        except GraphError:
            return untested(graph, node, "failed")

    def _verdicts(self, graph: RecordedGraph, recorded: RecordedPass, node: int) -> list[Verdict]:
        evaluations = _Evaluations(self._aten, graph, recorded, node)
        if not evaluations.repeats:
            return untested(graph, node, "random")
        return [
            self._judged(graph, recorded, node, verdict, evaluations)
            for verdict in untested(graph, node, "not known")
        ]

    def _judged(
        self,
        graph: RecordedGraph,
        recorded: RecordedPass,
        node: int,
        verdict: Verdict,
        evaluations: _Evaluations,
    ) -> Verdict:
        index = graph.inbound[node].index(verdict.source)
        value, sent = evaluations.inputs.get(index), evaluations.sent.get(index)
        if value is None:
            return verdict
        if value.dtype.kind != "f":
            return replace(verdict, reason="integers", cause=verdict.source)
        if sent is None or sent.size != value.size:
            return replace(verdict, reason="nothing sent")
        assert recorded.numbers is not None
        raw = recorded.numbers.sent.get((node, index))
        found = _by_differences(verdict, value, sent, evaluations)
        if found.judgement != "wrong" and raw is not None and raw.size == sent.size:
            kept = compared(
                node, verdict.source, index, as_floats(raw).reshape(sent.shape), sent, "rule"
            )
            if kept.judgement == "wrong" and evaluations.differs(raw, sent):
                return kept
        return found


class _Evaluations:
    """The values of a function at its recorded inputs, and at others when they are asked for.

    Raises `DebuggerError` if the program cannot be asked, and `GraphError` if it cannot evaluate.
    """

    def __init__(
        self, aten: AtenOps, graph: RecordedGraph, recorded: RecordedPass, node: int
    ) -> None:
        self._aten = aten
        row = aten.row(graph, recorded, node)
        self._question = row.question(backward=True)
        if not self._question.upstream:
            raise DebuggerError("it is not known what has arrived at its results")
        self.inputs = {i: row.value(source) for i, source in enumerate(row.inbound)}
        self._known: dict[_Move, Array] = {}
        self._wanted: dict[_Move, None] = {}
        rows, self.sent = self._ask([])
        again, _ = self._ask([])
        # Each question is answered by a process of its own, from the same state.
        self.repeats = np.array_equal(rows, again, equal_nan=True)
        self.value, self.upstream = rows[0], rows[1]
        values = [row.value(row.results[part]) for part in sorted(row.results)]
        kept = np.concatenate([as_floats(x).reshape(-1) for x in values if x is not None])
        if kept.size == self.value.size:
            scale = float(np.nanmax(np.abs(kept), initial=0.0))
            near = np.allclose(self.value, kept, SINGLE_TOLERANCE, 1e-5 * scale, equal_nan=True)
            self.repeats &= bool(near)

    @staticmethod
    def differs(raw: Array, sent: Array) -> bool:
        """Whether what was sent differs from what the function sends by more than rounding."""
        scale = float(np.nanmax(np.abs(sent), initial=0.0))
        return not np.allclose(
            as_floats(raw).reshape(-1), sent.reshape(-1), SINGLE_TOLERANCE, 1e-5 * scale
        )

    def at(self, move: _Move) -> Array:
        """Return the value after a move; raise `_Missing` if it has to be asked for first."""
        if move not in self._known:
            self._wanted[move] = None
            raise _Missing
        return self._known[move]

    def want(self, moves: Iterable[_Move]) -> None:
        """Ask for these, too, with the next ones."""
        self._wanted.update(dict.fromkeys(move for move in moves if move not in self._known))

    def answer(self) -> None:
        """Ask for what is wanted."""
        wanted, self._wanted = list(self._wanted), {}
        size = max(1, int(AT_ONCE / max(1, self.value.size)))
        for start in range(0, len(wanted), size):
            some = wanted[start : start + size]
            rows, _ = self._ask(some)
            self._known.update(zip(some, rows[2:], strict=True))

    def _ask(self, moves: list[_Move]) -> tuple[Array, dict[int, Array]]:
        asked = copy(self._question)
        asked.moves = moves
        answers = self._aten.ask(asked)
        head = answers[0].value if answers else ""
        try:
            refusal = msgspec.json.decode(head if isinstance(head, str) else "").get("refusal")
        except (msgspec.MsgspecError, AttributeError):
            raise GraphError(str(head)) from None
        if refusal:
            raise DebuggerError(refusal)
        arrays = {key: value for key, value in answers[1:] if not isinstance(value, str)}
        if -2 not in arrays or len(arrays[-2]) != len(moves) + 2:
            raise GraphError("the program returned no values")
        return arrays.pop(-2), arrays


def _by_differences(
    verdict: Verdict, value: Array, sent: Array, evaluations: _Evaluations
) -> Verdict:
    """Judge what is sent to one input, by its worst entry."""
    index = verdict.input_index
    assert index is not None
    x, gradient = as_floats(value).reshape(-1), sent.reshape(-1)
    budget = max(LEAST, min(ENTRIES, int(WORK / (10 * max(1, evaluations.value.size)))))
    entries = {*np.linspace(0, x.size - 1, min(x.size, budget)).astype(int).tolist()}
    if x.size:
        entries.add(int(np.abs(gradient).argmax()))
    found: dict[int, Verdict] = {}
    evaluations.want((index, at, moved) for at in entries for moved in first_points(float(x[at])))
    evaluations.answer()
    while waiting := [at for at in sorted(entries) if at not in found]:
        for at in waiting:
            judged = _entry(verdict, at, float(x[at]), float(gradient[at]), evaluations)
            if judged is not None:
                found[at] = replace(
                    judged,
                    size=x.size,
                    index=tuple(map(int, np.unravel_index(at, value.shape))),
                )
        evaluations.answer()
    if not found:
        return verdict
    worst = max(found.values(), key=_severity)
    tested = sum(each.judgement != "untested" for each in found.values())
    return replace(worst, checked=tested)


def _entry(
    verdict: Verdict, at: int, x: float, analytic: float, evaluations: _Evaluations
) -> Verdict | None:
    """Judge one entry, or return None if more evaluations have to be asked for."""
    index = verdict.input_index
    assert index is not None

    def value_at(moved: float) -> Array:
        return evaluations.at((index, at, moved))

    def noise(upstream: Array) -> float:
        shaken = [evaluations.at((-1, seed, 0.0)) for seed in range(SHAKEN)]
        changes = [abs(float((upstream * (row - evaluations.value)).sum())) for row in shaken]
        return max(changes)

    try:
        finding = judge(x, analytic, evaluations.upstream, value_at, noise)
    except _Missing:
        evaluations.want((index, at, moved) for moved in further_points(x))
        evaluations.want((-1, seed, 0.0) for seed in range(SHAKEN))
        return None
    return replace(
        verdict,
        judgement=finding.judgement,
        analytic=analytic,
        numeric=finding.numeric,
        relative_error=finding.relative_error,
        tolerance=finding.tolerance,
        reason="rounding" if finding.judgement == "untested" else "",
        cause=verdict.node if finding.judgement == "untested" else None,
    )


def _severity(verdict: Verdict) -> tuple[int, float]:
    order = JUDGEMENTS.index(verdict.judgement)
    if verdict.judgement == "untested":
        # One that is lost in rounding does not outweigh those that were tested.
        order = -1
    return order, abs(verdict.analytic - verdict.numeric)


def _refused(graph: RecordedGraph, node: int, why: str) -> list[Verdict]:
    return [replace(each, words=why) for each in untested(graph, node, "refused")]

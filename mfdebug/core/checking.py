"""A gradient check in words: what each backward rule says against what the forward rule does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mfdebug.core.debugger import index_text
from mfdebug.core.explain.report import kind_of
from mfdebug.core.numbers import scalar
from miniflow.gradcheck import JUDGEMENTS, Verdict
from miniflow.graph import Graph

MEANING = {
    "right": "agrees with the central difference",
    "kink": "a kink: the slopes to both sides differ, no one number is right",
    "undefined": "no finite difference can be taken here",
    "wrong": "WRONG",
}
# Lines told of a large graph, the worst first.
MOST_LINES = 40


def check_lines(graph: Graph, verdicts: Sequence[Verdict], most: int = MOST_LINES) -> list[str]:
    """Return a line for each verdict, the worst first, and what it comes to."""
    worst = sorted(verdicts, key=_badness, reverse=True)
    lines = [f"  {_line(graph, verdict)}" for verdict in worst[:most]]
    if len(worst) > most:
        lines.append(f"  … {len(worst) - most} more, none worse")
    aside = [graph.nodes[i].label for i in graph.trainables if not graph.under_cost[i]]
    if aside and len(verdicts) > 1:
        lines.append(f"  trained, but the cost does not depend on it: {', '.join(aside)}")
    return [_conclusion(verdicts), *lines]


def check_data(graph: Graph, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the verdicts for programs."""
    return {
        "all_right": not wrong(verdicts) and not untried(verdicts),
        "verdicts": [
            {
                "node": graph.nodes[verdict.node].label,
                "input": graph.nodes[verdict.source].label,
                "judgement": verdict.judgement,
                "entry": list(verdict.index),
                "analytic": verdict.analytic,
                "numeric": verdict.numeric,
                "relative_error": verdict.relative_error,
                "checked": verdict.checked,
                "of": verdict.size,
            }
            for verdict in sorted(verdicts, key=_badness, reverse=True)
        ],
    }


def wrong(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return those that found a wrong gradient."""
    return [verdict for verdict in verdicts if verdict.judgement == "wrong"]


def untried(verdicts: Sequence[Verdict]) -> bool:
    """Whether there was something to check, and none of it could be."""
    return bool(verdicts) and all(verdict.judgement == "undefined" for verdict in verdicts)


def _badness(verdict: Verdict) -> tuple[int, float]:
    return JUDGEMENTS.index(verdict.judgement), verdict.relative_error


def _conclusion(verdicts: Sequence[Verdict]) -> str:
    counts = dict.fromkeys(reversed(JUDGEMENTS), 0)
    for verdict in verdicts:
        counts[verdict.judgement] += 1
    told = ", ".join(f"{count} {judgement}" for judgement, count in counts.items() if count)
    if bad := counts["wrong"]:
        return f"{bad} gradient{'s are' if bad > 1 else ' is'} wrong ({told})"
    if untried(verdicts):
        return f"nothing could be checked: no finite difference can be taken ({told})"
    return f"no gradient is wrong ({told or 'there is none to check'})"


def _line(graph: Graph, verdict: Verdict) -> str:
    node, source = graph.nodes[verdict.node], graph.nodes[verdict.source]
    entry = f"{source.label}{index_text(verdict.index)}"
    sent = f"{node.label} ({kind_of(node)}) to {entry}" if verdict.slot is not None else entry
    meaning = MEANING[verdict.judgement]
    analytic, numeric = scalar(verdict.analytic), scalar(verdict.numeric)
    numbers = f"backward {analytic}, difference {numeric}"
    error = f"relative error {scalar(verdict.relative_error, 2)}"
    if verdict.judgement == "right" and not verdict.relative_error and analytic != numeric:
        error = "which is rounding"
    tried = f"worst of {verdict.checked}" if verdict.checked > 1 else "the only entry"
    if verdict.checked < verdict.size:
        tried += f" tried of {verdict.size}"
    return f"{sent}: {meaning}: {numbers}, {error} ({tried})"

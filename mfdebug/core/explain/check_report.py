"""The report of a gradient check: a table with a row for each verdict, and data for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from mfdebug.core.explain.names import kind_of
from mfdebug.core.format.numbers import scalar
from mfdebug.core.format.table import Column, Part, Row, Table, text_lines
from mfdebug.core.timeline.debugger import index_text
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.gradcheck.checker import JUDGEMENTS, Verdict
from miniflow.gradcheck.differences import Judgement
from miniflow.graph import Graph
from miniflow.node import Node
from miniflow.ops.base import Op, shape_text

# For each kind of reference: the words for agreement, and the names of the two numbers.
AGREES = {
    "difference": "agrees with the central difference",
    "sum": "is the sum of what came to it",
    "rule": "follows the rule",
}
DISAGREES = {
    "sum": "is not the sum of what came to it",
    "rule": "does not follow the rule",
}
COMPARED = {
    "difference": ("backward", "difference"),
    "sum": ("kept", "sum of what came"),
    "rule": ("sent", "by the rule"),
}
REMARKS: dict[Judgement, str] = {
    "kink": "the slopes to both sides differ, no one number is right",
    "undefined": "no finite difference can be taken here",
}
MEANING = {
    "kink": f"a kink: {REMARKS['kink']}",
    "undefined": f"undefined: {REMARKS['undefined']}",
    "wrong": "WRONG",
}
VERDICTS: dict[Judgement, str] = {
    "right": "right",
    "untested": "not tested",
    "undefined": "undefined",
    "kink": "kink",
    "wrong": "WRONG",
}
# The words for a count of verdicts: singular and plural.
COUNTED = {
    "wrong": ("wrong", "wrong"),
    "kink": ("kink", "kinks"),
    "undefined": ("undefined", "undefined"),
    "untested": ("not tested", "not tested"),
    "right": ("right", "right"),
}
# The most verdicts in the table, the worst first, and the most of them in a text.
MOST_ROWS, MOST_LINES = 1000, 40
# Reasons why there is nothing to test, so that nothing was left out; and nodes that are named.
_HARMLESS = ("integers", "stopped", "nothing sent", "accumulated")
MOST_NAMED = 3


def check_lines(graph: Graph, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the report as lines of text."""
    return text_lines(check_parts(graph, verdicts))


def check_parts(graph: Graph, verdicts: Sequence[Verdict]) -> list[Part]:
    """Return the conclusion, then a table with a row for each verdict, the worst first."""
    if nothing := _nothing_to_check(graph, verdicts):
        return [nothing]
    parts: list[Part] = [_conclusion(graph, verdicts), _table(graph, verdicts)]
    parts += [f"  {line}" for line in _sampled(graph, verdicts)]
    parts += [f"  {note}" for note in _of_library(graph, verdicts)]
    unused = [graph.nodes[i].label for i in graph.trainables if not graph.reaches_cost[i]]
    if unused and len(verdicts) > 1:
        parts.append(f"  trained, but the cost does not depend on it: {', '.join(unused)}")
    return parts


def check_data(graph: Graph, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the verdicts as plain data, for JSON."""
    return {
        "all_right": passes(verdicts),
        "counts": {judgement: count for judgement, count in _counts(verdicts).items() if count},
        "verdicts": [
            {
                "node": graph.nodes[verdict.node].label,
                "input": graph.nodes[verdict.source].label,
                "judgement": verdict.judgement,
                "reason": verdict.reason or None,
                "words": _why_not(graph, verdict) if verdict.judgement == "untested" else None,
                "entry": list(verdict.index),
                "analytic": verdict.analytic,
                "numeric": verdict.numeric,
                "against": verdict.against,
                "relative_error": verdict.relative_error,
                "tolerance": verdict.tolerance,
                "assumed_upstream": verdict.assumed,
                "checked": verdict.checked,
                "of": verdict.size,
                "shapes": verdict.shapes,
            }
            for verdict in sorted(verdicts, key=_severity, reverse=True)
        ],
    }


def passes(verdicts: Sequence[Verdict]) -> bool:
    """Whether no gradient is wrong, and at least one was tested."""
    judgements = {verdict.judgement for verdict in verdicts}
    return "wrong" not in judgements and bool(judgements - {"untested"})


def _severity(verdict: Verdict) -> tuple[int, float]:
    """Return a sort key; the errors of right gradients are rounding and do not count."""
    off = verdict.relative_error if verdict.judgement == "wrong" else 0.0
    return JUDGEMENTS.index(verdict.judgement), off


def _counts(verdicts: Sequence[Verdict]) -> dict[Judgement, int]:
    counts = dict.fromkeys(reversed(JUDGEMENTS), 0)
    for verdict in verdicts:
        counts[verdict.judgement] += 1
    return counts


def _nothing_to_check(graph: Graph, verdicts: Sequence[Verdict]) -> str:
    """Return why there is nothing to check, or an empty string if there is something."""
    if not verdicts:
        return "there is nothing to check: no node sends a gradient"
    if all(verdict.reason == "no backward" for verdict in verdicts):
        names = dict.fromkeys(graph.nodes[verdict.cause or 0].label for verdict in verdicts)
        shown = ", ".join(list(names)[:5]) + (", …" if len(names) > 5 else "")
        plural = "s" if len(names) == 1 else ""
        if any(map(_unknown_gradient, (graph[name] for name in names))):
            return f"there is nothing to check: the gradients of {shown} are not known"
        return f"there is nothing to check: {shown} define{plural} no backward()"
    return ""


def _conclusion(graph: Graph, verdicts: Sequence[Verdict]) -> str:
    counts = _counts(verdicts)
    tally = ", ".join(
        f"{count} {COUNTED[judgement][count > 1]}" for judgement, count in counts.items() if count
    )
    if bad := counts["wrong"]:
        return f"{bad} gradient{'s are' if bad > 1 else ' is'} wrong ({tally})"
    if not passes(verdicts):
        return f"nothing could be tested ({tally})"
    if not (counts["right"] or counts["kink"]):
        return f"no gradient could be compared ({tally})"
    if names := _not_judged(graph, verdicts):
        return f"not tested: {names}; no other gradient is wrong ({tally})"
    return f"no gradient is wrong ({tally})"


def _not_judged(graph: Graph, verdicts: Sequence[Verdict]) -> str:
    """Return the nodes none of whose rule was tested, though something was sent by it."""
    tested = {verdict.node for verdict in verdicts if verdict.judgement != "untested"}
    nodes = dict.fromkeys(
        verdict.node
        for verdict in verdicts
        if verdict.node not in tested and verdict.reason not in _HARMLESS
    )
    names = [f"{graph.nodes[i].label} ({kind_of(graph.nodes[i])})" for i in nodes]
    return ", ".join(names[:MOST_NAMED]) + (f", … {len(names)} in all" * (len(names) > MOST_NAMED))


def _table(graph: Graph, verdicts: Sequence[Verdict]) -> Table:
    worst = sorted(verdicts, key=_severity, reverse=True)
    against = {verdict.against for verdict in verdicts}
    found, expected = COMPARED[against.pop()] if len(against) == 1 else ("found", "expected")
    rows = [_row(graph, verdict) for verdict in worst[:MOST_ROWS]]
    return Table(
        (
            Column("node", cut="name"),
            Column("relative error", "point"),
            Column("limit", "right", rank=1),
            Column("verdict"),
            Column("where", cut="name"),
            Column(found, "point", rank=2),
            Column(expected, "point", rank=2),
            Column("tested", "right", rank=3),
            Column("remark", cut="end"),
        ),
        tuple(rows),
        indent=2,
        most=MOST_LINES,
        left_out=len(worst) - len(rows),
        more="more, none worse",
    )


def _row(graph: Graph, verdict: Verdict) -> Row:
    node = graph.nodes[verdict.node]
    sends = verdict.input_index is not None
    where = f"to {_entry(graph, verdict)}" if sends else _entry(graph, verdict)
    numbers = verdict.shapes is None and (
        verdict.judgement != "untested" or verdict.reason == "rounding"
    )
    error = scalar(verdict.relative_error, 2) if _has_error(verdict) else ""
    texts = (
        f"{node.label} ({kind_of(node)})" if sends else node.label,
        error,
        scalar(verdict.tolerance, 2) if error and verdict.judgement != "untested" else "",
        VERDICTS[verdict.judgement],
        where,
        scalar(verdict.analytic) if numbers else "",
        scalar(verdict.numeric) if numbers else "",
        f"{verdict.checked} of {verdict.size}" if numbers else "",
        _remark(graph, verdict),
    )
    index = (0,) * len(verdict.index) if verdict.shapes is not None else verdict.index
    # The number that was compared is what the source gets.
    return Row(texts, EntryRef(verdict.source, "grad", index), _sentence(graph, verdict))


def _entry(graph: Graph, verdict: Verdict) -> str:
    source = graph.nodes[verdict.source].label
    return source if verdict.shapes else f"{source}{index_text(verdict.index)}"


def _has_error(verdict: Verdict) -> bool:
    if verdict.shapes is not None or verdict.judgement == "undefined":
        return False
    return verdict.judgement != "untested" or verdict.reason == "rounding"


def _remark(graph: Graph, verdict: Verdict) -> str:
    """Return what the numbers of a verdict do not say."""
    remarks = []
    if verdict.judgement == "untested":
        remarks.append(_why_not(graph, verdict))
    elif verdict.shapes is not None:
        had, wanted = map(shape_text, verdict.shapes)
        remarks.append(f"shape {had}, the value has {wanted}")
    elif verdict.judgement in REMARKS:
        remarks.append(REMARKS[verdict.judgement])
    elif verdict.against != "difference":
        words = AGREES if verdict.judgement == "right" else DISAGREES
        remarks.append(words[verdict.against])
    if verdict.judgement == "right" and verdict.tolerance >= 1:
        remarks.append("rounding can make this error")
    if verdict.assumed:
        remarks.append(f"with other numbers where 0 came back to {graph.nodes[verdict.node].label}")
    return "; ".join(remarks)


def _sentence(graph: Graph, verdict: Verdict) -> str:
    """Return a verdict in words."""
    node, source = graph.nodes[verdict.node], graph.nodes[verdict.source]
    entry = _entry(graph, verdict)
    sent = (
        f"{node.label} ({kind_of(node)}) to {entry}" if verdict.input_index is not None else entry
    )
    if verdict.judgement == "untested" and verdict.reason != "rounding":
        return f"{sent}: not tested: {_why_not(graph, verdict)}"
    if verdict.shapes is not None:
        had, wanted = map(shape_text, verdict.shapes)
        return f"{sent}: WRONG: a gradient of shape {had}; {source.label}'s value has {wanted}"
    kept, compared = COMPARED[verdict.against]
    numbers = f"{kept} {scalar(verdict.analytic)}, {compared} {scalar(verdict.numeric)}"
    if verdict.judgement != "undefined":
        numbers += f", relative error {scalar(verdict.relative_error, 2)}"
    if verdict.judgement == "untested":
        return f"{sent}: not tested: {_why_not(graph, verdict)}: {numbers}"
    tried = f"worst of {verdict.checked}" if verdict.checked > 1 else "the only entry"
    if verdict.checked < verdict.size:
        tried = f"worst of {verdict.checked} tested of {verdict.size}"
    if verdict.judgement == "right" and verdict.tolerance >= 1:
        tried = f"which rounding can make; {tried}"
    elif verdict.judgement != "undefined":
        tried = f"limit {scalar(verdict.tolerance, 2)}; {tried}"
    if verdict.assumed:
        tried += f"; with other numbers where 0 came back to {node.label}"
    meaning = MEANING.get(verdict.judgement) or AGREES[verdict.against]
    return f"{sent}: {meaning}: {numbers} ({tried})"


def _unknown_gradient(node: Node) -> str:
    """Return why it is not known what an op sends back, or an empty string."""
    return node.unknown_gradient(0) if isinstance(node, Op) and node.inbound_nodes else ""


def _why_not(graph: Graph, verdict: Verdict) -> str:
    cause = graph.nodes[verdict.cause or 0].label
    match verdict.reason:
        case "integers":
            return f"{cause} holds integers, which are not varied"
        case "stopped":
            return f"no gradient comes to {cause}: what depends on it stops the gradient"
        case "stops":
            return f"a part of {cause} stops the gradient, which a difference does not see"
        case "random":
            return f"two evaluations of {cause} differ (it draws random numbers, or counts)"
        case "no backward":
            why = _unknown_gradient(graph.nodes[verdict.cause or 0])
            return why or f"{cause} defines no backward()"
        case "own class":
            kind = kind_of(graph.nodes[verdict.cause or 0])
            return f"{kind} is the program's own class, and the program does not wait in this graph"
        case "failed":
            return f"{cause} could not be evaluated again, in a copy of the program"
        case "library":
            node = graph.nodes[verdict.cause or 0]
            return (
                f"{kind_of(node)} is a function of {node.library} whose rule is not known here: it "
                "can be tested only while the program waits"
            )
        case "refused":
            return verdict.words
        case "half":
            return f"it follows the rule to the rounding of {verdict.words}, and no further"
        case "accumulated":
            return f"{cause} has more than this pass sent: of earlier ones, or of a hook"
        case "nothing sent":
            return f"{cause} sends nothing to it"
        case "not kept":
            return "the numbers of this pass were not kept"
        case "not known":
            return f"an input or a gradient of {cause} is not a number, or has the wrong shape"
    return "the difference is lost in rounding"


def _of_library(graph: Graph, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield what the check of functions of a library, or of the program, means."""
    tested = {
        verdict.node: graph.nodes[verdict.node]
        for verdict in verdicts
        if verdict.judgement != "untested"
        and verdict.input_index is not None
        and graph.nodes[verdict.node].library
    }
    ruled = next((node.library for node in tested.values() if isinstance(node, Op)), "")
    if ruled:
        yield (
            f"functions of {ruled}: the rules that are shown for them were checked at the recorded "
            "numbers, in a copy, and the recorded contributions follow them unless it says "
            "otherwise"
        )
    others = [node.label for node in tested.values() if not isinstance(node, Op)]
    if others:
        names = ", ".join(others[:MOST_NAMED]) + ", …" * (len(others) > MOST_NAMED)
        yield (
            f"what is sent by {names} was compared with differences of what the program itself "
            "computes, in float64, in a copy"
        )
    wrong = {verdict.node for verdict in verdicts if verdict.judgement == "wrong"}
    if any(not isinstance(tested[i], Op) for i in wrong & tested.keys()):
        yield (
            "a backward that is not meant to be the derivative, as in a straight-through "
            "estimator, is called wrong, too"
        )


def _sampled(graph: Graph, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield a line for each node with so many inputs that only some were tried one by one."""
    tried = Counter(verdict.node for verdict in verdicts if verdict.input_index is not None)
    for i, count in tried.items():
        inputs = len(set(graph.inbound[i]))
        if count < inputs:
            node = graph.nodes[i]
            yield (
                f"{node.label} ({kind_of(node)}): {count} of {inputs:,} inputs tried one by one, "
                "then all at once"
            )

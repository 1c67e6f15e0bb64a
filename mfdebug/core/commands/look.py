"""Commands that show state: values, causes, watches, checks, comparisons, graphs, output."""

from __future__ import annotations

from mfdebug.core.commands.arguments import chosen_node, chosen_number, number_of
from mfdebug.core.commands.status import status
from mfdebug.core.explain.names import kind_of, name_moment
from mfdebug.core.expressions.names import typed, which_is_meant
from mfdebug.core.expressions.parser import parse, parse_entry
from mfdebug.core.expressions.present import PresentEnvironment
from mfdebug.core.format.hints import WATCH
from mfdebug.core.format.program_output import as_seen
from mfdebug.core.format.results import result_text
from mfdebug.core.format.table import Column, Part, Row, Table
from mfdebug.core.session.reply import Reply, reply_of
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import (
    DebuggerError,
    Freshness,
    index_text,
    node_or_error,
)
from mfdebug.core.timeline.entry_ref import EntryRef
from miniflow.ops.base import shape_text

# Nodes that `find` lists.
MOST_FOUND = 20
# Nodes named in its first line, the only one that fits in the app.
FEW_NAMED = 6


def run_explain(session: Session, text: str) -> Reply:
    from mfdebug.core.explain.moment_text import explain

    debugger = session.debugger
    index = None
    if text:
        at = debugger.where.node
        name = "" if at is None else debugger.graph.nodes[at].label
        place = parse_entry(name + text if text.startswith("[") else text, debugger.graph.by_name)
        if place.node != name:
            raise DebuggerError(
                f"the present moment is {name_moment(debugger, debugger.where)}",
                hint=f"go there first: until {place.node}",
            )
        index = place.index
        if at is not None and index is not None:
            debugger.check_index(at, index)
            shape = debugger.plan.shapes[at]
            index = tuple(i % n for i, n in zip(index, shape, strict=True))
    lines = explain(debugger, index)
    return Reply("\n".join(lines), {"explain": lines})


def run_print(session: Session, text: str) -> Reply:
    if not text:
        raise DebuggerError("print what?", hint="usage: print EXPR, as in: print norm(W1.grad)")
    present = PresentEnvironment(session.debugger)
    expression = parse(text, present.node_names())
    result = expression.evaluate(present)
    note = present.note() + which_is_meant(expression, session.debugger)
    shown = result_text(result)
    between = "" if shown.startswith("\n") else " "
    return Reply(f"{text} ={between}{shown}{note}", result)


def run_why(session: Session, text: str) -> Reply:
    from mfdebug.core.explain.cause_text import cause_data, cause_lines
    from mfdebug.core.explain.why import why

    ref = chosen_number(session, text, "why [grad] NODE[i,j]")
    debugger = session.debugger
    cause = why(debugger, ref)
    lines = cause_lines(cause, debugger)
    return Reply("\n".join(lines), cause_data(cause, debugger), ref=ref, subject=cause)


def run_inside(session: Session, text: str) -> Reply:
    from mfdebug.core.explain.inside import inside

    node = chosen_node(session, text, "inside which node?", "inside NODE")
    parts, data = inside(session.debugger, node)
    return reply_of(*parts, data=data)


def run_watch(session: Session, text: str) -> Reply:
    if text:
        watch = session.watches.add(text)
        readings = [row for row in session.watches.read() if row.number == watch.number]
        meant = which_is_meant(watch.expression, session.debugger)
    else:
        readings, meant = session.watches.read(), ""
    data = [{"watch": row.number, "text": row.text, "shown": row.shown} for row in readings]
    if not readings:
        return Reply(f"no watch is set; {WATCH}", data)
    if text:
        (row,) = readings
        return Reply(f"{row.number}  {row.text} = {row.shown}{meant}", data)
    columns = (Column("watch", "right"), Column("expression", cut="end"), Column("value", "point"))
    rows = [
        Row((str(row.number), row.text, row.shown), _first_node(session, row.number))
        for row in readings
    ]
    return reply_of(Table(columns, tuple(rows)), data=data)


def _first_node(session: Session, number: int) -> EntryRef | None:
    """Return the first node of a watch's expression, in the graph's order, or None."""
    debugger = session.debugger
    expression = session.watches.get(number).expression
    found = [debugger.graph.by_name[n] for n in expression.nodes if n in debugger.graph.by_name]
    if not found:
        return None
    name = debugger.graph.nodes[node := min(found)].label
    value = name in expression.values or name not in expression.gradients
    return EntryRef(node, "value" if value else "grad", (0,) * len(debugger.plan.shapes[node]))


def run_unwatch(session: Session, text: str) -> Reply:
    usage = "unwatch N | all"
    numbers = [watch.number for watch in session.watches.read()]
    if text != "all":
        numbers = [number_of(text, "watch", usage)]
    for number in numbers:
        session.watches.remove(number)
    shown = ", ".join(map(str, numbers)) or "none"
    return Reply(f"deleted watch {shown}", {"unwatched": numbers})


def run_check(session: Session, text: str) -> Reply:
    debugger = session.debugger
    node = None
    if text:
        node = node_or_error(debugger.graph, parse_entry(text, debugger.graph.by_name).node)
        if debugger.state.gradient_freshness(node) is Freshness.NONE:
            name = debugger.graph.nodes[node].label
            raise DebuggerError(
                f"the cost does not depend on {name}: nothing to check",
                hint="check alone checks all",
            )
    # It needs the gradient checker, which most sessions never load.
    from mfdebug.core.explain.check_report import check_data, check_parts

    verdicts = debugger.check(node)
    parts = check_parts(debugger.graph, verdicts)
    if debugger.where.phase == "update" and debugger.cursor.passes_run is None:
        parts.append(
            "(at the updated parameters; this moment's gradients are from before the update)"
        )
    if debugger.cursor.overrides:
        parts.append("(of the rules, without overrides: at the values that they compute)")
    return reply_of(*parts, data=check_data(debugger.graph, verdicts))


def run_graph(session: Session, text: str) -> Reply:
    debugger = session.debugger
    if text:
        number = number_of(text, "graph", "graph [N]")
        session.use(debugger.find_line(number - 1, session.progress))
        here = session.debugger
        return Reply(
            f"graph {number}: {here.graph.name}\n{status(here)}", {"graph": here.graph.name}
        )
    rows, data = [], []
    for number, line in enumerate(debugger.lines, 1):
        graph, passes = line.graph, line.cursor.passes_run
        cost = graph.nodes[graph.cost].label
        ran = "" if passes is None else f"{passes:,}"
        here_mark = "<- here" if line is debugger else ""
        texts = (str(number), graph.name, f"{len(graph):,}", cost, ran, here_mark)
        rows.append(Row(texts, f"graph {number}"))
        data.append({"graph": graph.name, "nodes": len(graph), "passes": passes})
    columns = (
        Column("graph", "right"),
        Column("name", cut="end"),
        Column("nodes", "right"),
        Column("cost", cut="name"),
        Column("passes", "right"),
        Column(),
    )
    return reply_of(Table(columns, tuple(rows)), data=data)


def run_find(session: Session, text: str) -> Reply:
    if not text:
        raise DebuggerError("find what?", hint="a part of a node's name, its op or its shape")
    from mfdebug.core.explain.node_search import NodeSearch

    debugger = session.debugger
    nodes, shapes = debugger.graph.nodes, debugger.plan.shapes
    found = list(NodeSearch(debugger).all(text))
    if not found:
        raise DebuggerError(f"no node's name, op or shape contains {text!r}")
    names = [nodes[i].label for i in found]
    rows = [
        Row((nodes[i].label, kind_of(nodes[i]), f"shape {shape_text(shapes[i])}"))
        for i in found[:MOST_FOUND]
    ]
    few = ", ".join(names[:FEW_NAMED]) + ", …" * (len(found) > FEW_NAMED)
    columns = (Column(cut="name"), Column(), Column())
    table = Table(columns, tuple(rows), left_out=len(found) - len(rows))
    parts: list[Part] = [f"{len(found)} nodes: {few}"] * (len(found) > 1)
    return reply_of(*parts, table, data=names, subject=found)


def run_show(session: Session, text: str) -> Reply:
    if not text:
        raise DebuggerError("show what?", hint="usage: show NODE[i,j]")
    graph = session.debugger.graph
    ref = chosen_number(session, text, "show [grad] NODE[i,j]")
    gradient = ".grad" if ref.attribute == "grad" else ""
    number = f"{typed(graph.nodes[ref.node].label)}{gradient}{index_text(ref.index)}"
    printed = run_print(session, number)
    return Reply(printed.text, printed.data, ref=ref, subject=[ref.node])


def run_output(session: Session, _text: str) -> Reply:
    if session.printed is None:
        raise DebuggerError(
            "no program's output is captured here",
            hint="the app captures it; elsewhere it goes to the output of mfdebug",
        )
    lines = session.printed()
    seen = "\n".join(as_seen(line).expandtabs() for line in lines)
    return Reply(seen or "no output yet", lines)

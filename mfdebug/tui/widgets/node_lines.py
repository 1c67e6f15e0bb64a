"""The lines of a node at the present moment: its rule, tensors, incoming and outgoing gradients.

The number that has just been computed comes first and is the most prominent. A number that is not
computed yet is shown as such, never as 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mfdebug.config.bindings import Keys
from mfdebug.core.explain.moment_text import update_lines
from mfdebug.core.explain.report import Incoming, NodeReport, Outgoing, matching_entry, report
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness, index_text
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.terminal.text_fitting import fit, wrap, wrap_terms
from mfdebug.tui.widgets.tensor import Line, Paint, summary_text, tensor_lines
from miniflow.node import Input
from miniflow.ops.base import Array, shape_text

# From this width on, value and gradient are side by side; in a narrower panel, one below the other.
SIDE_BY_SIDE = 66
# From this width on, the inputs are beside them.
INPUTS_TOO = 110


class NodeLines:
    """The lines of one node at the present moment, reported for its selected `entry`.

    `style` returns a style of the panel by name; `rows` is the number of rows of a tensor that
    leaves room for the other lines. For an audience (`roomy`) there are fewer lines, more space,
    and only new numbers in bold.
    """

    def __init__(
        self,
        debugger: Debugger,
        node: int,
        entry: Index,
        keys: Keys,
        style: Callable[[str], Style],
        *,
        rows: int,
        roomy: bool,
    ) -> None:
        self._debugger = debugger
        self._node = node
        self._report = report(debugger, node, entry)
        self._keys = keys
        self._style = style
        self._rows = rows
        self._roomy = roomy

    def lines(self, width: int) -> Iterable[Line]:
        """Yield all lines: a title, the update, value and gradient, what flows, the rule's role."""
        shown, where = self._report, self._debugger.where
        now = where.phase if where.node == self._node else ""
        yield self._title(width)
        if shown.legend:
            yield [Segment(shown.legend, self._style("dim"))]
        if self._roomy:
            yield []
        if shown.update:
            yield [Segment("update", self._style("label"))]
            yield from self._update(width)
        if width >= SIDE_BY_SIDE:
            inbound = self._debugger.graph.inbound[self._node] if width >= INPUTS_TOO else []
            column = (width - 2) // (3 if inbound else 2) - 1
            forward = self._value(now == "forward", column)
            backward = self._gradient(now == "backward", column)
            columns = [list(forward), list(backward)]
            if inbound:
                columns.insert(0, list(self._inputs(inbound, column)))
            yield from _side_by_side(columns, column)
            yield []
            yield from self._flow(width)
        else:
            forward = self._value(now == "forward", width)
            backward = self._gradient(now == "backward", width)
            flow = self._flow(width)
            order = (backward, flow, forward) if now == "backward" else (forward, backward, flow)
            for lines_of in order:
                yield from lines_of
                if self._roomy:
                    yield []
        if shown.role and not self._roomy:
            yield []
            yield from ([Segment(text, self._style("dim"))] for text in wrap(shown.role, width))

    def _title(self, width: int) -> Line:
        rule = [self._report.name, *filter(None, (self._report.formula, self._report.definition))]
        text = " = ".join(rule)
        kind = f"{self._report.kind} {self._report.shape}"
        target = self._debugger.graph.nodes[self._node]
        if isinstance(target, Input) and target.trainable:
            kind = f"trained {kind}"
        room = max(4, width - cell_len(kind) - 1)
        return [
            Segment(fit(text, room), self._style("title")),
            Segment(f" {kind}", self._style("dim")),
        ]

    def _inputs(self, inbound: list[int], width: int) -> Iterable[Line]:
        """Yield a few rows of each input, around the entry that broadcasts to the selected one."""
        state = self._debugger.state
        sources = list(dict.fromkeys(inbound))
        fit_in = max(1, 2 * self._rows // 3)  # a name and two rows each
        height = max(2, self._rows // min(len(sources), fit_in) - 1)
        for source in sources[:fit_in]:
            name = self._debugger.graph.nodes[source].label
            shape = self._debugger.plan.shapes[source]
            yield [
                Segment(f"input {name}", self._style("label")),
                Segment(f"  {shape_text(shape)}", self._style("dim")),
            ]
            freshness = state.value_freshness(source)
            if freshness.absent:
                reason = state.unknown(source) or "not computed yet"
                yield [Segment(f"  {reason}", self._style("dim"))]
                continue
            value = state.value(source)
            entry = matching_entry(self._report.index, shape)
            paint = self._paint(stale=freshness is Freshness.STALE)
            yield from tensor_lines(
                value.reshape(shape or (1,)), entry or (0,), width, height, paint
            )
        if len(sources) > fit_in:
            yield [Segment(f"… {len(sources) - fit_in:,} more inputs", self._style("dim"))]

    def _value(self, now: bool, width: int) -> Iterable[Line]:
        label = [Segment("value", self._style("label"))]
        if self._report.value_freshness.absent:
            reason = self._report.unknown or "not computed yet"
            yield [*label, Segment(f"     {reason}", self._style("dim"))]
            return
        value = self._debugger.state.value(self._node)
        stale = self._report.value_freshness is Freshness.STALE
        paint = self._paint(now=now, stale=stale)
        note = f"  stale (step {self._debugger.sgd_step - 1})" if stale else ""
        if self._report.outdated:
            note = f"  from before {self._report.outdated}'s update"
        if value.size == 1:
            number = float(value.reshape(()))
            shown = paint.number(scalar(number), number)
            end = [shown, Segment(note, self._style("dim"))]
            working = f"{self._report.working} = " if self._report.working else ""
            if len(label[0].text) + 5 + cell_len(working + scalar(number) + note) > width:
                yield [*label, Segment("     "), *end]
                yield from self._equation(f"= {self._report.working}", width)
            else:
                yield [*label, Segment("     "), Segment(working, self._style("dim")), *end]
            return
        yield [
            *label,
            Segment(f"     {_with_note(value, width - 10, note)}", self._style("dim")),
        ]
        yield from tensor_lines(value, self._report.index, width, self._rows, paint)
        if self._report.working and self._report.value is not None:
            entry = index_text(self._report.index)
            yield from self._equation(
                f"{entry} = {self._report.working} = {scalar(self._report.value)}", width
            )
        for remark in self._report.notes:
            for line in wrap(remark, width - 2):
                yield [Segment(f"  {line}", self._style("dim"))]

    def _equation(self, text: str, width: int) -> Iterable[Line]:
        for part in wrap_terms(text, width - 2):
            yield [Segment(f"  {part}", self._style("dim"))]

    def _gradient(self, now: bool, width: int) -> Iterable[Line]:
        label = Segment("gradient", self._style("label"))
        freshness = self._report.gradient_freshness
        if self._report.no_gradient:
            yield [label, Segment(f"  none: {self._report.no_gradient}", self._style("dim"))]
            return
        if freshness.absent:
            reason = self._report.unknown_gradient or "not computed yet"
            yield [label, Segment(f"  {reason}", self._style("dim"))]
        else:
            gradient = self._debugger.state.gradient(self._node)
            stale = freshness is Freshness.STALE
            paint = self._paint(now=now, stale=stale)
            note = f"  stale (step {self._debugger.sgd_step - 1})" if stale else ""
            if freshness is Freshness.PARTIAL:
                note = f"  ({_partial_words(self._report)})"
            meaning = f"  {self._report.symbol}"
            if gradient.size == 1:
                number = float(gradient.reshape(()))
                yield [
                    label,
                    Segment(f"{meaning} = ", self._style("dim")),
                    paint.number(scalar(number), number),
                    Segment(note, self._style("dim")),
                ]
            else:
                head = _with_note(gradient, width - 12 - cell_len(meaning), note)
                yield [label, Segment(f"{meaning}  {head}", self._style("dim"))]
                yield from tensor_lines(gradient, self._report.index, width, self._rows, paint)

    def _flow(self, width: int) -> Iterable[Line]:
        entry = index_text(self._report.index)
        stale = self._report.gradient_freshness is Freshness.STALE
        if (
            self._report.incoming
            and not stale
            and self._report.gradient_freshness is not Freshness.WAITING
        ):
            yield [Segment(f"came back to {self._report.name}{entry}", self._style("label"))]
            for incoming in self._report.incoming:
                yield self._incoming(incoming, width)
            yield from self._more(self._report.incoming_more)
            if len(self._report.incoming) > 1 and self._report.gradient is not None:
                words = "sum" if self._report.reported == self._report.edges else "sum so far"
                yield self._numbered(f"  {words}", self._report.gradient, width, "fresh")
        if self._report.outgoing:
            yield [
                Segment("sends on", self._style("label")),
                Segment("  upstream × local = downstream", self._style("dim")),
            ]
            for outgoing in self._report.outgoing:
                yield from self._outgoing(outgoing, width)
            yield from self._more(self._report.outgoing_more)

    def _more(self, count: int) -> Iterable[Line]:
        if count:
            key = self._keys.name("order-open")
            text = f"  … {count:,} more; {key} in the order lists them all"
            yield [Segment(text, self._style("dim"))]

    def _incoming(self, incoming: Incoming, width: int) -> Line:
        text = f"  from {incoming.consumer}{incoming.input}  {incoming.remark or incoming.rule}"
        if incoming.remark:
            return [Segment(fit(text, width), self._style("dim"))]
        if incoming.number is None:
            return [Segment(f"{fit(text, width - 8)} waiting", self._style("dim"))]
        return self._numbered(text, incoming.number, width, "dim")

    def _fresh(self, number: float) -> Segment:
        return self._paint(now=True).number(scalar(number), number)

    def _numbered(self, text: str, number: float, width: int, style: str) -> Line:
        shown = scalar(number)
        return [
            Segment(fit(text, max(4, width - len(shown) - 1)), self._style(style)),
            Segment(" "),
            self._fresh(number),
        ]

    def _outgoing(self, outgoing: Outgoing, width: int) -> Iterable[Line]:
        to = f"{outgoing.source}{outgoing.entry}{outgoing.input}"
        text = f"  to {to}  {outgoing.remark or outgoing.rule}"
        if outgoing.remark:
            yield [Segment(fit(text, width), self._style("dim"))]
            return
        yield self._numbered(text, outgoing.number, width, "dim")
        if outgoing.working:
            for part in wrap_terms(f"= {outgoing.working}", width - 5):
                yield [Segment(f"     {part}", self._style("dim"))]

    def _update(self, width: int) -> Iterable[Line]:
        *lines, last = update_lines(self._report)
        for line in lines:
            yield from ([Segment(part, self._style("dim"))] for part in self._wrapped(line, width))
        number = scalar(self._report.update[-1].number)
        formula = last.removesuffix(number)
        *before, tail = self._wrapped(formula, width - len(number) - 1)
        yield from ([Segment(part, self._style("dim"))] for part in before)
        yield [Segment(f"{tail} ", self._style("dim")), self._fresh(self._report.update[-1].number)]

    @staticmethod
    def _wrapped(line: str, width: int) -> list[str]:
        return [f"  {part}" for part in wrap_terms(line.strip(), width - 2)]

    def _paint(self, *, now: bool = False, stale: bool = False) -> Paint:
        return Paint(self._style, now=now, stale=stale, weighed=not self._roomy)


def _partial_words(node_report: NodeReport) -> str:
    """Return how many consumers have sent, and when all have, the node's own backward moment."""
    counted = f"{node_report.reported} of {node_report.edges}"
    if node_report.reported < node_report.edges or node_report.turn is None:
        return f"{counted} so far"
    return f"complete, {counted}: its turn is moment {node_report.turn}"


def _with_note(array: Array, width: int, note: str) -> str:
    return summary_text(array, width - len(note)) + note


def _side_by_side(columns: list[list[Line]], width: int) -> Iterable[Line]:
    for lines in itertools.zip_longest(*columns, fillvalue=[]):
        line: Line = []
        for part in lines:
            line += [*Strip(part).adjust_cell_length(width), Segment("  ")]
        yield line

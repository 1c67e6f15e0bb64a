"""The panel of a node at the present moment: its rule, tensors, incoming and outgoing gradients.

The number that has just been computed comes first and is the most prominent. A number that is not
computed yet is shown as such, never as 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from mfdebug.core.explain.moment_text import explain, update_lines
from mfdebug.core.explain.report import Incoming, NodeReport, Outgoing, matching_entry, report
from mfdebug.core.format.numbers import scalar
from mfdebug.core.timeline.debugger import Debugger, Freshness, index_text
from mfdebug.core.timeline.entry_ref import EntryRef, Index
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.terminal.text_fitting import fit, wrap, wrap_terms
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.tensor import Line, Paint, summary_text, tensor_lines
from miniflow.node import Input
from miniflow.ops.base import Array, shape_text

# From this width on, value and gradient are side by side; in a narrower panel, one below the other.
SIDE_BY_SIDE = 66
# From this width on, the inputs are beside them.
INPUTS_TOO = 110


class NodePanel(LinesView, can_focus=True):
    """The node panel; `node` is the shown node, or None at moments without one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "node--title",
        "node--label",
        "node--dim",
        "node--fresh",
        "node--positive",
        "node--negative",
        "node--positive-faint",
        "node--negative-faint",
        "node--chosen",
    }
    DEFAULT_CSS = """
    NodePanel {
        background: $background;
        padding: 0 0 0 1;
        overflow-x: hidden;
        & > .node--title { color: $accent; text-style: bold; }
        & > .node--label { color: $text-muted; text-style: bold; }
        & > .node--dim { color: $text-muted; }
        & > .node--fresh { color: $text; text-style: bold; }
        & > .node--positive { color: $text-success; }
        & > .node--negative { color: $text-error; }
        & > .node--positive-faint { color: $success-darken-2; }
        & > .node--negative-faint { color: $error-darken-2; }
        & > .node--chosen { text-style: underline bold; }
        &:focus > .node--chosen { text-style: reverse bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("entries")

    class EntryChosen(Message):
        """Another entry of the tensor has been selected."""

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.debugger = debugger
        self.node: int | None = None
        # For an audience: fewer lines, more space, and only new numbers in bold.
        self.roomy = False
        # Lines shown at the start instead of the graph's description.
        self.opening: list[str] = []
        self._entries: dict[int, Index] = {}

    def entry_of(self, node: int) -> Index:
        """Return the selected entry of a node; each node has its own."""
        return self._entries.get(node, (0,) * len(self.debugger.plan.shapes[node]))

    def choose(self, ref: EntryRef) -> None:
        """Select an entry of a node, and of the shown node if it has the same shape."""
        shapes = self.debugger.plan.shapes
        self._entries[ref.node] = ref.index
        if self.node is not None and shapes[self.node] == shapes[ref.node]:
            self._entries[self.node] = ref.index

    def action_entry(self, rows: int, columns: int) -> None:
        """Move the selected entry by rows and columns; past the end of a row is the next row."""
        node = self.node
        shape = () if node is None else self.debugger.plan.shapes[node]
        if node is None or not shape:
            return
        flat = int(np.ravel_multi_index(self.entry_of(node), shape))
        flat += columns if len(shape) == 1 else rows * shape[-1] + columns
        if len(shape) == 1:
            flat += rows
        flat = min(max(flat, 0), math.prod(shape) - 1)
        self._entries[node] = tuple(int(i) for i in np.unravel_index(flat, shape))
        self.post_message(self.EntryChosen())

    def show(self) -> None:
        """Show the node at the present moment."""
        self.update_lines(Strip(line) for line in self._compose_lines())

    def on_resize(self) -> None:
        """Fit the lines to the panel."""
        self.show()

    # Lines -------------------------------------------------------------------------------

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"node--{name}")

    def _paint(self, *, now: bool = False, stale: bool = False) -> Paint:
        return Paint(self._style, now=now, stale=stale, weighed=not self.roomy)

    def _compose_lines(self) -> Iterable[Line]:
        # Two columns are reserved for the scrollbar and a blank before it, so that lines do not
        # move when it appears.
        width = max(20, self.outer_size.width - self.styles.gutter.width - 2)
        if self.node is None:
            return self._moment_lines(width)
        return self._node_lines(self.node, width)

    def _moment_lines(self, width: int) -> Iterable[Line]:
        """Yield the lines of a moment without a node: the start or the feed."""
        graph = self.debugger.graph
        if self.debugger.where.phase == "start" and self.opening:
            yield from ([Segment(line, self._style("title"))] for line in self.opening)
            return
        if self.debugger.where.phase == "start":
            yield [Segment(graph.name, self._style("title"))]
            yield []
            for paragraph in graph.description.splitlines():
                yield from ([Segment(text)] for text in wrap(paragraph, width) or [""])
            if before := self.debugger.plan.steps_before:
                text = f"It continues a run after {before:,} SGD steps."
                yield [Segment(text, self._style("dim"))]
            yield []
            name = keys_of(self).name
            hints = [
                ("step", f"steps on, {name('back')} back: a node at a time"),
                ("next", "to the end of a phase"),
                *([("sgd", "one whole SGD step")] if graph.trains else []),
                ("help", "all keys and commands"),
            ]
            for key, words in hints:
                yield [Segment(name(key), self._style("title")), Segment(f" {words}")]
            return
        title, *lines = explain(self.debugger)
        yield [Segment(title, self._style("title"))]
        yield []
        for line in lines:
            first, *rest = wrap(line.strip(), width - 4)
            yield [Segment(f"  {first}")]
            yield from ([Segment(f"    {part}")] for part in rest)

    def _node_lines(self, node: int, width: int) -> Iterable[Line]:
        node_report = report(self.debugger, node, self.entry_of(node))
        where = self.debugger.where
        now = where.phase if where.node == node else ""
        yield self._title(node, node_report, width)
        if node_report.legend:
            yield [Segment(node_report.legend, self._style("dim"))]
        if self.roomy:
            yield []
        if node_report.update:
            yield [Segment("update", self._style("label"))]
            yield from self._update(node_report, width)
        if width >= SIDE_BY_SIDE:
            inbound = self.debugger.graph.inbound[node] if width >= INPUTS_TOO else []
            column = (width - 2) // (3 if inbound else 2) - 1
            forward = self._value(node, node_report, now == "forward", column)
            backward = self._gradient(node, node_report, now == "backward", column)
            columns = [list(forward), list(backward)]
            if inbound:
                columns.insert(0, list(self._inputs(node_report, inbound, column)))
            yield from _side_by_side(columns, column)
            yield []
            yield from self._flow(node_report, width)
        else:
            forward = self._value(node, node_report, now == "forward", width)
            backward = self._gradient(node, node_report, now == "backward", width)
            flow = self._flow(node_report, width)
            order = (backward, flow, forward) if now == "backward" else (forward, backward, flow)
            for lines_of in order:
                yield from lines_of
                if self.roomy:
                    yield []
        if node_report.role and not self.roomy:
            yield []
            yield from (
                [Segment(text, self._style("dim"))] for text in wrap(node_report.role, width)
            )

    def _title(self, node: int, node_report: NodeReport, width: int) -> Line:
        rule = [node_report.name, *filter(None, (node_report.formula, node_report.definition))]
        text = " = ".join(rule)
        kind = f"{node_report.kind} {node_report.shape}"
        target = self.debugger.graph.nodes[node]
        if isinstance(target, Input) and target.trainable:
            kind = f"trained {kind}"
        room = max(4, width - cell_len(kind) - 1)
        return [
            Segment(fit(text, room), self._style("title")),
            Segment(f" {kind}", self._style("dim")),
        ]

    def _inputs(self, node_report: NodeReport, inbound: list[int], width: int) -> Iterable[Line]:
        """Yield a few rows of each input, around the entry that broadcasts to the selected one."""
        sources = list(dict.fromkeys(inbound))
        fit_in = max(1, 2 * self._rows // 3)  # a name and two rows each
        height = max(2, self._rows // min(len(sources), fit_in) - 1)
        for source in sources[:fit_in]:
            name = self.debugger.graph.nodes[source].label
            shape = self.debugger.plan.shapes[source]
            yield [
                Segment(f"input {name}", self._style("label")),
                Segment(f"  {shape_text(shape)}", self._style("dim")),
            ]
            freshness = self.debugger.value_freshness(source)
            if freshness.absent:
                reason = self.debugger.unknown(source) or "not computed yet"
                yield [Segment(f"  {reason}", self._style("dim"))]
                continue
            value = self.debugger.value(source)
            entry = matching_entry(node_report.index, shape)
            paint = self._paint(stale=freshness is Freshness.STALE)
            yield from tensor_lines(
                value.reshape(shape or (1,)), entry or (0,), width, height, paint
            )
        if len(sources) > fit_in:
            yield [Segment(f"… {len(sources) - fit_in:,} more inputs", self._style("dim"))]

    def _value(self, node: int, node_report: NodeReport, now: bool, width: int) -> Iterable[Line]:
        label = [Segment("value", self._style("label"))]
        if node_report.value_freshness.absent:
            reason = node_report.unknown or "not computed yet"
            yield [*label, Segment(f"     {reason}", self._style("dim"))]
            return
        value = self.debugger.value(node)
        stale = node_report.value_freshness is Freshness.STALE
        paint = self._paint(now=now, stale=stale)
        note = f"  stale (step {self.debugger.sgd_step - 1})" if stale else ""
        if node_report.outdated:
            note = f"  from before {node_report.outdated}'s update"
        if value.size == 1:
            number = float(value.reshape(()))
            shown = paint.number(scalar(number), number)
            end = [shown, Segment(note, self._style("dim"))]
            working = f"{node_report.working} = " if node_report.working else ""
            if len(label[0].text) + 5 + cell_len(working + scalar(number) + note) > width:
                yield [*label, Segment("     "), *end]
                yield from self._equation(f"= {node_report.working}", width)
            else:
                yield [*label, Segment("     "), Segment(working, self._style("dim")), *end]
            return
        yield [
            *label,
            Segment(f"     {_with_note(value, width - 10, note)}", self._style("dim")),
        ]
        yield from tensor_lines(value, node_report.index, width, self._rows, paint)
        if node_report.working and node_report.value is not None:
            entry = index_text(node_report.index)
            yield from self._equation(
                f"{entry} = {node_report.working} = {scalar(node_report.value)}", width
            )
        for remark in node_report.notes:
            for line in wrap(remark, width - 2):
                yield [Segment(f"  {line}", self._style("dim"))]

    def _equation(self, text: str, width: int) -> Iterable[Line]:
        for part in wrap_terms(text, width - 2):
            yield [Segment(f"  {part}", self._style("dim"))]

    def _gradient(
        self, node: int, node_report: NodeReport, now: bool, width: int
    ) -> Iterable[Line]:
        label = Segment("gradient", self._style("label"))
        freshness = node_report.gradient_freshness
        if node_report.no_gradient:
            yield [label, Segment(f"  none: {node_report.no_gradient}", self._style("dim"))]
            return
        if freshness.absent:
            reason = node_report.unknown_gradient or "not computed yet"
            yield [label, Segment(f"  {reason}", self._style("dim"))]
        else:
            gradient = self.debugger.gradient(node)
            stale = freshness is Freshness.STALE
            paint = self._paint(now=now, stale=stale)
            note = f"  stale (step {self.debugger.sgd_step - 1})" if stale else ""
            if freshness is Freshness.PARTIAL:
                note = f"  ({_partial_words(node_report)})"
            meaning = f"  {node_report.symbol}"
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
                yield from tensor_lines(gradient, node_report.index, width, self._rows, paint)

    def _flow(self, node_report: NodeReport, width: int) -> Iterable[Line]:
        entry = index_text(node_report.index)
        stale = node_report.gradient_freshness is Freshness.STALE
        if (
            node_report.incoming
            and not stale
            and node_report.gradient_freshness is not Freshness.WAITING
        ):
            yield [Segment(f"came back to {node_report.name}{entry}", self._style("label"))]
            for incoming in node_report.incoming:
                yield self._incoming(incoming, width)
            yield from self._more(node_report.incoming_more)
            if len(node_report.incoming) > 1 and node_report.gradient is not None:
                words = "sum" if node_report.reported == node_report.edges else "sum so far"
                yield self._numbered(f"  {words}", node_report.gradient, width, "fresh")
        if node_report.outgoing:
            yield [
                Segment("sends on", self._style("label")),
                Segment("  upstream × local = downstream", self._style("dim")),
            ]
            for outgoing in node_report.outgoing:
                yield from self._outgoing(outgoing, width)
            yield from self._more(node_report.outgoing_more)

    def _more(self, count: int) -> Iterable[Line]:
        if count:
            key = keys_of(self).name("order-open")
            text = f"  … {count:,} more; {key} in the order lists them all"
            yield [Segment(text, self._style("dim"))]

    def _incoming(self, incoming: Incoming, width: int) -> Line:
        text = f"  from {incoming.consumer}{incoming.input}  {incoming.remark or incoming.rule}"
        if incoming.remark:
            return [Segment(fit(text, width), self._style("dim"))]
        if incoming.number is None:
            return [Segment(f"{fit(text, width - 8)} waiting", self._style("dim"))]
        return self._numbered(text, incoming.number, width, "dim")

    @property
    def _rows(self) -> int:
        """The number of rows of a tensor that leaves room for the other lines."""
        return max(4, (self.size.height - 6) // 2)

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

    def _update(self, node_report: NodeReport, width: int) -> Iterable[Line]:
        *lines, last = update_lines(node_report)
        for line in lines:
            yield from ([Segment(part, self._style("dim"))] for part in self._wrapped(line, width))
        number = scalar(node_report.update[-1].number)
        formula = last.removesuffix(number)
        *before, tail = self._wrapped(formula, width - len(number) - 1)
        yield from ([Segment(part, self._style("dim"))] for part in before)
        yield [Segment(f"{tail} ", self._style("dim")), self._fresh(node_report.update[-1].number)]

    @staticmethod
    def _wrapped(line: str, width: int) -> list[str]:
        return [f"  {part}" for part in wrap_terms(line.strip(), width - 2)]


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

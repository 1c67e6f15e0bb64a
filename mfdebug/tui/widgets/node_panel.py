"""One node at the present moment: its rule, its tensors, what came back and what it sends on.

The number that has just been computed stands first and is the most visible; what has not been
computed says so and is never shown as 0.
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

from mfdebug.core.debugger import Debugger, Standing, index_text
from mfdebug.core.explain import Incoming, Outgoing, Story, explain, matching_entry, story
from mfdebug.core.numbers import scalar
from mfdebug.core.spots import Spot
from mfdebug.core.working import Index
from mfdebug.tui.fitting import fit, wrap
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.tensor import Line, Paint, summary_text, tensor_lines
from miniflow.node import Input
from miniflow.ops.base import Array, shape_text

# Beside each other from this width of the panel on, one below the other in a narrower one.
SIDE_BY_SIDE = 66
# And with the inputs beside them from this width on.
INPUTS_TOO = 110


class NodePanel(LinesView, can_focus=True):
    """The panel; `node` is the node it shows, None for the moments that have none."""

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
        """Another entry of the tensor has been chosen."""

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.debugger = debugger
        self.node: int | None = None
        # For a room: less, with more space, and bold only what has just been computed.
        self.roomy = False
        # What is told at the start instead of what the graph is about.
        self.opening: list[str] = []
        self._entries: dict[int, Index] = {}

    def entry_of(self, node: int) -> Index:
        """Return the chosen entry of a node; each remembers its own."""
        return self._entries.get(node, (0,) * len(self.debugger.plan.shapes[node]))

    def choose(self, spot: Spot) -> None:
        """Choose an entry of a node, and the same one of the node shown if it is of that shape."""
        shapes = self.debugger.plan.shapes
        self._entries[spot.node] = spot.index
        if self.node is not None and shapes[self.node] == shapes[spot.node]:
            self._entries[self.node] = spot.index

    def action_entry(self, rows: int, columns: int) -> None:
        """Choose another entry, by rows and columns; past the end of a row, the next one."""
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
        # A column is left for the scrollbar, so that lines do not move when it comes.
        width = max(20, self.outer_size.width - self.styles.gutter.width - 1)
        if self.node is None:
            return self._moment_lines(width)
        return self._node_lines(self.node, width)

    def _moment_lines(self, width: int) -> Iterable[Line]:
        """Tell a moment that has no node: the start, and the feed."""
        graph = self.debugger.graph
        if self.debugger.where.phase == "start" and self.opening:
            yield from ([Segment(line, self._style("title"))] for line in self.opening)
            return
        if self.debugger.where.phase == "start":
            yield [Segment(graph.name, self._style("title"))]
            yield []
            for paragraph in graph.description.splitlines():
                yield from ([Segment(text)] for text in wrap(paragraph, width) or [""])
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
        yield from ([Segment(line)] for line in lines)

    def _node_lines(self, node: int, width: int) -> Iterable[Line]:
        told = story(self.debugger, node, self.entry_of(node))
        where = self.debugger.where
        now = where.phase if where.node == node else ""
        yield self._title(node, told, width)
        if told.legend:
            yield [Segment(told.legend, self._style("dim"))]
        if self.roomy:
            yield []
        if now == "update":
            yield from self._update(told, width)
        if width >= SIDE_BY_SIDE:
            inbound = self.debugger.graph.inbound[node] if width >= INPUTS_TOO else []
            column = (width - 2) // (3 if inbound else 2) - 1
            forward = self._value(node, told, now == "forward", column)
            backward = self._gradient(node, told, now == "backward", column)
            columns = [list(forward), list(backward)]
            if inbound:
                columns.insert(0, list(self._inputs(told, inbound, column)))
            yield from _beside(columns, column)
            yield []
            yield from self._flow(told, width)
        else:
            forward = self._value(node, told, now == "forward", width)
            backward = self._gradient(node, told, now == "backward", width)
            flow = self._flow(told, width)
            order = (backward, flow, forward) if now == "backward" else (forward, backward, flow)
            for lines_of in order:
                yield from lines_of
                if self.roomy:
                    yield []
        if told.role and not self.roomy:
            yield []
            yield from ([Segment(text, self._style("dim"))] for text in wrap(told.role, width))

    def _title(self, node: int, told: Story, width: int) -> Line:
        text = f"{told.name} = {told.formula}" if told.formula else told.name
        kind = f"{told.kind} {told.shape}"
        target = self.debugger.graph.nodes[node]
        if isinstance(target, Input) and target.trainable:
            kind = f"trained {kind}"
        room = max(4, width - cell_len(kind) - 1)
        return [
            Segment(fit(text, room), self._style("title")),
            Segment(f" {kind}", self._style("dim")),
        ]

    def _inputs(self, told: Story, inbound: list[int], width: int) -> Iterable[Line]:
        """Tell what flows in: a few rows of each input, round the entry that matches."""
        height = max(2, self._rows // len(inbound) - 1)
        for source in dict.fromkeys(inbound):
            name = self.debugger.graph.nodes[source].label
            shape = self.debugger.plan.shapes[source]
            yield [
                Segment(f"input {name}", self._style("label")),
                Segment(f"  {shape_text(shape)}", self._style("dim")),
            ]
            standing = self.debugger.value_standing(source)
            if standing is Standing.WAITING:
                yield [Segment("  not computed yet", self._style("dim"))]
                continue
            value = self.debugger.value(source)
            entry = matching_entry(told.index, shape)
            paint = self._paint(stale=standing is Standing.STALE)
            yield from tensor_lines(
                value.reshape(shape or (1,)), entry or (0,), width, height, paint
            )

    def _value(self, node: int, told: Story, now: bool, width: int) -> Iterable[Line]:
        label = [Segment("value", self._style("label"))]
        if told.value_standing is Standing.WAITING:
            yield [*label, Segment("     not computed yet", self._style("dim"))]
            return
        value = self.debugger.value(node)
        stale = told.value_standing is Standing.STALE
        paint = self._paint(now=now, stale=stale)
        note = f"  stale (step {self.debugger.sgd_step - 1})" if stale else ""
        if value.size == 1:
            number = float(value.reshape(()))
            yield [
                *label,
                Segment("     "),
                *self._working(told.working),
                paint.number(scalar(number), number),
                Segment(note, self._style("dim")),
            ]
            return
        yield [
            *label,
            Segment(f"     {_with_note(value, width - 10, note)}", self._style("dim")),
        ]
        yield from tensor_lines(value, told.index, width, self._rows, paint)
        if told.working and told.value is not None:
            entry = index_text(told.index)
            text = f"{entry} = {told.working} = {scalar(told.value)}"
            for part in wrap(text, width - 2):
                yield [Segment(f"  {part}", self._style("dim"))]

    def _working(self, working: str) -> Line:
        return [Segment(f"{working} = ", self._style("dim"))] if working else []

    def _gradient(self, node: int, told: Story, now: bool, width: int) -> Iterable[Line]:
        label = Segment("gradient", self._style("label"))
        standing = told.gradient_standing
        if standing is Standing.NONE:
            yield [label, Segment("  none: the cost does not depend on it", self._style("dim"))]
            return
        if standing is Standing.WAITING:
            yield [label, Segment("  not computed yet", self._style("dim"))]
        else:
            gradient = self.debugger.gradient(node)
            stale = standing is Standing.STALE
            paint = self._paint(now=now, stale=stale)
            note = f"  stale (step {self.debugger.sgd_step - 1})" if stale else ""
            if standing is Standing.PARTIAL:
                count = self.debugger.reported(node)
                note = f"  ({count} of {len(told.incoming)} so far)"
            meaning = f"  ∂cost/∂{told.name}"
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
                yield from tensor_lines(gradient, told.index, width, self._rows, paint)

    def _flow(self, told: Story, width: int) -> Iterable[Line]:
        entry = index_text(told.index)
        stale = told.gradient_standing is Standing.STALE
        if told.incoming and not stale and told.gradient_standing is not Standing.WAITING:
            yield [Segment(f"came back to {told.name}{entry}", self._style("label"))]
            for incoming in told.incoming:
                yield self._incoming(incoming, width)
            if len(told.incoming) > 1 and told.gradient is not None:
                complete = all(i.number is not None for i in told.incoming)
                words = "sum" if complete else "sum so far"
                yield self._numbered(f"  {words}", told.gradient, width, "fresh")
        if told.outgoing:
            yield [
                Segment("sends on", self._style("label")),
                Segment("  upstream × local = downstream", self._style("dim")),
            ]
            for outgoing in told.outgoing:
                yield from self._outgoing(outgoing, width)

    def _incoming(self, incoming: Incoming, width: int) -> Line:
        text = f"  from {incoming.consumer}  {incoming.words}"
        if incoming.number is None:
            return [Segment(f"{fit(text, width - 8)} waiting", self._style("dim"))]
        return self._numbered(text, incoming.number, width, "dim")

    @property
    def _rows(self) -> int:
        """Rows of a tensor that leave room for the rest."""
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
        text = f"  to {outgoing.source}{outgoing.entry}  {outgoing.words}"
        yield self._numbered(text, outgoing.number, width, "dim")
        if outgoing.working:
            for part in wrap(f"= {outgoing.working}", width - 5):
                yield [Segment(f"     {part}", self._style("dim"))]

    def _update(self, told: Story, width: int) -> Iterable[Line]:
        if told.update is None:
            return
        yield [
            Segment("update", self._style("label")),
            Segment(f"    {told.update.rule}", self._style("dim")),
        ]
        text = f"  {told.name}{index_text(told.index)} = {told.update.working} ="
        lines = wrap(text, width - 13) if cell_len(text) > width - 13 else [text]
        *before, last = lines
        yield from ([Segment(line, self._style("dim"))] for line in before)
        yield [Segment(f"{last} ", self._style("dim")), self._fresh(told.update.number)]


def _with_note(array: Array, width: int, note: str) -> str:
    return summary_text(array, width - len(note)) + note


def _beside(columns: list[list[Line]], width: int) -> Iterable[Line]:
    for lines in itertools.zip_longest(*columns, fillvalue=[]):
        line: Line = []
        for part in lines:
            line += [*Strip(part).adjust_cell_length(width), Segment("  ")]
        yield line

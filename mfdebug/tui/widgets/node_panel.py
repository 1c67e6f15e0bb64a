"""The panel of the shown node, with the selected entry of its tensor."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from mfdebug.core.explain.moment_text import explain
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import EntryRef, Index
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.terminal.text_fitting import wrap
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.node_lines import NodeLines
from mfdebug.tui.widgets.tensor import Line


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

    def _compose_lines(self) -> Iterable[Line]:
        # Two columns are reserved for the scrollbar and a blank before it, so that lines do not
        # move when it appears.
        width = max(20, self.outer_size.width - self.styles.gutter.width - 2)
        if self.node is None:
            return self._moment_lines(width)
        entry, rows = self.entry_of(self.node), max(4, (self.size.height - 6) // 2)
        node_lines = NodeLines(
            self.debugger,
            self.node,
            entry,
            keys_of(self),
            self._style,
            rows=rows,
            roomy=self.roomy,
        )
        return node_lines.lines(width)

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

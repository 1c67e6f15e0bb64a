"""What a page shows, as data: the nodes, and at each moment their numbers and the drawing.

Most of it is the same from moment to moment, so a moment has what has changed since the one before,
and rows of drawings and numbers are kept once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from mfdebug.core.circuit.circuit import Circuit
from mfdebug.core.circuit.drawing.canvas import Run
from mfdebug.core.circuit.svg import CELL_HEIGHT, CELL_WIDTH, row_svg
from mfdebug.core.commands.drawing import caption
from mfdebug.core.commands.page_moments import PageMoments, page_moments
from mfdebug.core.commands.status import status
from mfdebug.core.explain.moment_text import explain
from mfdebug.core.explain.names import kind_of
from mfdebug.core.explain.sizes import size_of
from mfdebug.core.format.numbers import NumberFormat, histogram, scalar, summary
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.timeline import Moment
from miniflow.ops.base import Array, shape_text

# Up to this many entries are written out; larger tensors are summarized.
WRITTEN_OUT = 64
# The longest text of several entries in the list.
LIST_WIDTH = 18
# Nodes in the list; the columns of the drawing; lines about a moment, and their characters.
MOST_NODES, COLUMNS, HEIGHT, MOST_LINES, LINE_LENGTH = 2000, 136, 60, 40, 400
# The size of the data, in characters: moments after that are left out.
MOST_CHARACTERS = 6_000_000

_NO_NUMBER = {
    Freshness.NONE: "none",
    Freshness.WAITING: "∙",
    Freshness.UNKNOWN: "not known",
}
_MARKS = {Freshness.PARTIAL: "◐ ", Freshness.STALE: "~ "}


class _Table:
    """Items that are kept once; each is a number."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        self.characters = 0

    def number(self, item: Any) -> int:
        key = json.dumps(item)
        if key not in self._numbers:
            self._numbers[key] = len(self.items)
            self.items.append(item)
            self.characters += len(key)
        return self._numbers[key]


class _Page:
    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._count = min(len(debugger.graph), MOST_NODES)
        self._rows, self._pieces = _Table(), _Table()
        self._readings, self._layouts = _Table(), _Table()
        self._frames: list[dict[str, Any]] = []
        self._characters = 0
        self._before: dict[tuple[str, int], int] = {}
        self._shapes: dict[int, str] = {}
        self._drawn: dict[tuple[Run, ...], int] = {}
        self._circuit: Circuit | None = None
        self._near: Iterable[int] = ()
        self._last: Moment | None = None

    def data(self) -> dict[str, Any]:
        """Return the page; afterwards the debugger stands at its last moment."""
        debugger = self._debugger
        moments = page_moments(debugger)
        # Of a program's run, shapes are known once they are computed.
        start = debugger.timeline.start_of(moments.pass_shown)
        debugger.cursor.go(start + debugger.cursor.last_position(moments.pass_shown))
        self._circuit = Circuit(debugger.graph, debugger.plan.shapes, COLUMNS, HEIGHT)
        for moment in moments.chosen:
            debugger.cursor.go(moment)
            self._add_frame()
            if self._size > MOST_CHARACTERS:
                break
        return {
            "name": debugger.graph.name,
            "limits": self._limits(moments),
            "nodes": [self._node(i) for i in range(self._count)],
            "readings": self._readings.items,
            "rows": self._rows.items,
            "pieces": self._pieces.items,
            "layouts": self._layouts.items,
            "frames": self._frames,
            "cell": [CELL_WIDTH, CELL_HEIGHT],
            "costs": [cost if np.isfinite(cost) else None for cost in debugger.cursor.costs],
            "step": self._step,
        }

    @property
    def _step(self) -> str:
        # As the status line says.
        return "SGD step" if self._debugger.cursor.has_steps else "pass"

    @property
    def _size(self) -> int:
        tables = (self._rows, self._pieces, self._readings, self._layouts)
        return self._characters + sum(table.characters for table in tables)

    def _node(self, node: int) -> dict[str, Any]:
        debugger = self._debugger
        graph = debugger.graph
        return {
            "name": graph.nodes[node].label,
            "op": kind_of(graph.nodes[node]),
            "shape": self._shapes.get(node, ""),
            "from": [graph.nodes[source].label for source in graph.inbound[node]],
            "made": debugger.state.origin(node),
            "trained": node in graph.trainables,
        }

    # Moments --------------------------------------------------------------------------------------

    def _add_frame(self) -> None:
        debugger = self._debugger
        where = debugger.where
        circuit = self._circuit
        assert circuit is not None
        circuit.follow(where.node)
        rows = circuit.draw(debugger)
        said = [line[:LINE_LENGTH] for text in explain(debugger) for line in text.split("\n")]
        self._near = self._changing()
        frame = {
            "moment": where.number,
            "step": where.sgd_step,
            "node": where.node,
            "status": status(debugger),
            "said": said[:MOST_LINES],
            "legend": caption(debugger, rows)[1],
            "layout": self._layouts.number(self._layout(circuit)),
            "rows": [self._row(tuple(row)) for row in rows],
            "values": self._changed("value"),
            "gradients": self._changed("gradient"),
        }
        self._last = where
        self._frames.append(frame)
        self._characters += len(json.dumps(frame))

    def _row(self, row: tuple[Run, ...]) -> int:
        # Most rows are as they were a moment before.
        if row not in self._drawn:
            pieces = [self._pieces.number(piece) for piece in row_svg(row)]
            self._drawn[row] = self._rows.number(pieces)
        return self._drawn[row]

    def _changing(self) -> Iterable[int]:
        """Return the nodes whose numbers this moment may have changed since the last one."""
        where, last = self._debugger.where, self._last
        follows = last is not None and where.number == last.number + 1
        if not follows or where.node is None or last is None or last.sgd_step != where.sgd_step:
            return range(self._count)
        near = {where.node, *self._debugger.graph.inbound[where.node]}
        return sorted(node for node in near if node < self._count)

    def _layout(self, circuit: Circuit) -> dict[str, Any]:
        boxes = [
            [*circuit.rectangle(box), [node for node in box.nodes if node < self._count]]
            for box in circuit.boxes
        ]
        return {"width": circuit.width, "height": circuit.height, "boxes": boxes}

    def _changed(self, what: str) -> dict[int, int]:
        """Return the readings that differ from those of the moment before, by node."""
        found = {}
        for node in self._near:
            reading = self._readings.number(self._reading(node, gradient=what == "gradient"))
            if self._before.get((what, node)) != reading:
                self._before[what, node] = found[node] = reading
        return found

    def _reading(self, node: int, *, gradient: bool) -> dict[str, Any]:
        """Return a value or gradient: a text for the list, and lines for the chosen node."""
        state = self._debugger.state
        freshness = state.freshness(node, gradient=gradient)
        if freshness.absent:
            text = _NO_NUMBER[freshness]
            why = state.unknown(node, gradient=gradient)
            if gradient and freshness is Freshness.NONE:
                why = state.no_gradient(node)
            if freshness is Freshness.WAITING:
                why = "not computed"
            return {"text": text, "lines": [why or text]}
        array = state.gradient(node) if gradient else state.value(node)
        if not gradient:
            self._shapes[node] = shape_text(array.shape)
        found: dict[str, Any] = {"text": _MARKS.get(freshness, "") + _brief(array)}
        words = {
            Freshness.PARTIAL: "partial: contributions are missing",
            Freshness.STALE: "stale: of an earlier pass",
        }
        found["lines"] = ([words[freshness]] if freshness in words else []) + _lines(array)
        if not np.isfinite(array).all():
            found["bad"] = True
        return found

    # What is left out -----------------------------------------------------------------------------

    def _limits(self, moments: PageMoments) -> list[str]:
        debugger = self._debugger
        step = self._step
        which = "every moment"
        if moments.moments < moments.length:
            which = f"{moments.moments} of the {moments.length} moments"
        lines = [f"This page has {which} of {step} {moments.pass_shown}"]
        if moments.known > 1:
            every = moments.passes == moments.known
            ends = f"all {moments.known}" if every else f"{moments.passes} of the {moments.known}"
            if debugger.cursor.passes_run is None:
                first = f"the first {moments.known}"
                ends = first if every else f"{moments.passes} of {first}"
            lines[0] += f", and the end of {ends} {step}s"
        lines[0] += "."
        if len(self._frames) < len(moments.chosen):
            lines.append(
                f"It ends after {len(self._frames)} of its {len(moments.chosen)} moments: more do "
                f"not fit in {MOST_CHARACTERS / 1e6:g} MB."
            )
        lines.append(
            f"Tensors of more than {WRITTEN_OUT} entries are summarized: lowest … highest, mean, "
            "and a histogram; in the list and the circuit, |x| is the mean of absolute values."
        )
        if self._count < len(debugger.graph):
            lines.append(
                f"The list has the first {self._count:,} of {len(debugger.graph):,} nodes."
            )
        if len(debugger.lines) > 1:
            lines.append(f"The program runs {len(debugger.lines)} graphs; this is one of them.")
        return lines


def page_data(debugger: Debugger) -> dict[str, Any]:
    """Return what a page shows of a debugger's graph, as data for JSON; the debugger moves."""
    return _Page(debugger).data()


def _brief(array: Array) -> str:
    """Return a few entries, or the mean |x| of many: what the list of nodes has in the app."""
    size = size_of(array)
    entries = " ".join(scalar(number, 4) for number in size.entries)
    if entries and (len(entries) <= LIST_WIDTH or array.size == 1):
        return entries
    if size.wrong:
        return size.wrong
    return "✓" if math.isnan(size.number) else f"|{scalar(size.number, 4)}|"


def _lines(array: Array) -> list[str]:
    """Return all entries of a small tensor, a line for each row; of a large one, statistics."""
    if not 0 < array.size <= WRITTEN_OUT:
        lines = [f"shape {shape_text(array.shape)}", summary(array).text()]
        return [*lines, f"histogram {histogram(array, 32)}"] if array.size else lines
    written = NumberFormat.of(array)
    matrix = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    return [" ".join(written.fmt(number) for number in row) for row in matrix.tolist()]

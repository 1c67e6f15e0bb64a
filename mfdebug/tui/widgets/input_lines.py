"""The inputs of a node side by side, some rows of each."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment

from mfdebug.core.explain.report import matching_entry
from mfdebug.core.timeline.debugger import Debugger, Freshness
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.widgets.tensor import Line, Paint
from mfdebug.tui.widgets.tensor_columns import ShownTensor, TensorColumns, heading, side_by_side
from miniflow.ops.base import Array, shape_text

# The fewest cells of an input's column.
INPUT_WIDTH = 16


class InputLines:
    """The inputs of a node, around the entries that broadcast to the selected one.

    `plain` and `stale` paint the numbers of inputs of this pass, and of an earlier one.
    """

    def __init__(
        self, debugger: Debugger, node: int, entry: Index, plain: Paint, stale: Paint
    ) -> None:
        self._debugger = debugger
        self._node = node
        self._entry = entry
        self._plain, self._stale = plain, stale

    def lines(self, width: int, height: int, *, ascii_only: bool) -> Iterable[Line]:
        """Yield lines of `width` cells, as many of them as fit into `height`."""
        sources = list(dict.fromkeys(self._debugger.graph.inbound[self._node]))
        count = min(len(sources), max(1, width // INPUT_WIDTH))
        if not sources:
            return
        column = (width - 3 * (count - 1)) // count
        columns = [
            self._column(source, column, height, ascii_only=ascii_only)
            for source in sources[:count]
        ]
        yield from side_by_side(columns)
        if len(sources) > count:
            words = f"… {len(sources) - count:,} more inputs"
            yield [Segment(words, self._plain.style("dim"))]

    def _column(self, source: int, width: int, height: int, *, ascii_only: bool) -> list[Line]:
        debugger, state = self._debugger, self._debugger.state
        label, shape = f"input {debugger.graph.nodes[source].label}", debugger.plan.shapes[source]
        freshness = state.value_freshness(source)
        paint = self._stale if freshness is Freshness.STALE else self._plain
        if freshness.absent:
            reason = state.unknown(source) or "not computed yet"
            return heading(label, [(debugger.state.shape_text(source),), (reason,)], width, paint)
        value: Array = state.value(source)
        entry = matching_entry(self._entry, shape)
        if value.ndim == 0:
            value, entry = value.reshape(1), (0,)
        shown = ShownTensor(label, shape_text(shape), ("",), value, paint)
        return TensorColumns([shown], entry, width, height, ascii_only=ascii_only).lines

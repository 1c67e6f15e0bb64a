"""What the node panel shows of a node: its numbers in the chosen view, and how they came about.

Beside the panel, as it takes forty modules that the first screen does not need.
"""

from __future__ import annotations

from msgspec.structs import replace

from mfdebug.core.explain.images import Picture, picture_of
from mfdebug.core.explain.previous_pass import PreviousPass, has_previous_pass, previous_pass
from mfdebug.core.explain.so_far import SoFar
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.widgets.node_lines import NodeLines
from mfdebug.tui.widgets.node_look import Look
from mfdebug.tui.widgets.tensor import Line
from mfdebug.tui.widgets.tensor_columns import NumberSpan
from mfdebug.tui.widgets.tensor_view import VIEWS, TensorView, View
from mfdebug.tui.widgets.tensor_window import Moves
from miniflow.ops.base import Shape


class NodeContent:
    """Composes the lines of a node at the present moment."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        # How tensors are to be shown, and how those of the node are.
        self._view: View = "numbers"
        self._shown: TensorView | None = None
        # Where the entries of value and gradient are, in cells and lines of the content.
        self.spans: list[NumberSpan] = []
        # What is known of images, by node and shape.
        self._pictures: dict[tuple[int, Shape], Picture | None] = {}
        self._previous: tuple[object, PreviousPass] | None = None
        self._so_far = SoFar(debugger)

    def lines(
        self, node: int, entry: Index, look: Look, *, gradient_asked: bool, compares: bool
    ) -> list[Line]:
        """Return the lines of a node and its selected entry; `compares` adds the previous pass."""
        node_lines = NodeLines(
            self._debugger,
            node,
            entry,
            replace(look, view=self._view),
            gradient_asked=gradient_asked,
            previous=self._previous_pass(node, gradient_asked) if compares else None,
            picture=self._picture(node) if self._view == "picture" else None,
            so_far=self._so_far,
        )
        lines = node_lines.lines()
        self._shown, self.spans = node_lines.shown, node_lines.spans
        return lines

    def next_view(self, node: int | None) -> View:
        """Show tensors in the next view that there is for a node; return which."""
        has_picture = node is not None and self._picture(node) is not None
        views = [view for view in VIEWS if view != "picture" or has_picture]
        at = views.index(self._view) if self._view in views else len(views) - 1
        self._view = views[(at + 1) % len(views)]
        return self._view

    @property
    def shown_view(self) -> View | None:
        """How the tensors of the node are shown; None if there are no several entries."""
        return None if self._shown is None else self._shown.view

    def moved(self, shape: Shape, entry: Index, rows: int, columns: int, pages: int) -> Index:
        """Return an entry moved by lines, columns and windows, as the numbers are laid out."""
        moves = Moves(1, 1, 0) if self._shown is None else self._shown.moves
        return moves.moved(shape, entry, rows, columns, pages)

    def has_previous(self, node: int, *, gradient: bool) -> bool:
        """Whether value or gradient of a node had a previous pass."""
        return has_previous_pass(self._debugger, node, gradient=gradient)

    def _picture(self, node: int) -> Picture | None:
        of = node, self._debugger.plan.shapes[node]
        if of not in self._pictures:
            self._pictures[of] = picture_of(self._debugger.graph, *of)
        return self._pictures[of]

    def _previous_pass(self, node: int, gradient: bool) -> PreviousPass | None:
        """Return what is asked about as the previous pass had it; read once a moment."""
        debugger = self._debugger
        if debugger.state.freshness(node, gradient=gradient).absent:
            return None
        of = node, gradient, debugger.moment, debugger.edits
        if self._previous is None or self._previous[0] != of:
            self._previous = of, previous_pass(debugger, node, gradient=gradient)
        return self._previous[1]

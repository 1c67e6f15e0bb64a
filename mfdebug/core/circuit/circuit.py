"""A circuit: a graph laid out for a window, and drawn at moments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from mfdebug.core.circuit.boxes import Box, Kind
from mfdebug.core.circuit.drawing.canvas import Run, Window
from mfdebug.core.circuit.drawing.moment import draw_moment, lit_edges
from mfdebug.core.circuit.drawing.picture import Picture
from mfdebug.core.circuit.drawing.readings import Readings
from mfdebug.core.circuit.layout.layout import Layout
from mfdebug.core.circuit.layout.plans import UNBOUNDED, Plan, around, planned
from mfdebug.core.circuit.navigation import Direction, Navigation
from mfdebug.core.explain.scopes import Scope, graph_scopes
from mfdebug.core.timeline.debugger import Debugger
from miniflow.graph import Graph
from miniflow.ops.base import Shape


class Rectangle(NamedTuple):
    """Cells of a drawing: the left column, the top row, and the size."""

    x: int
    y: int
    width: int
    height: int


# Columns left of a box that should be seen with it: its inputs' numbers.
_LEFT_OF_BOX = 10


class Circuit:
    """A drawing of a graph, laid out once for a window's size and a set of open folds.

    `shapes` has the shape of each node's value (`debugger.plan.shapes`), or is None. `opened` are
    the keys of open folds, or None for those with which the drawing fits best. Without a `height`
    only the width is bounded. `scopes` are those of the graph, if they are known.

    `plan` says how it fits: "whole", in "bands", "scrolled" (it is larger than the window), or a
    "neighbourhood": the graph is too large, and `follow` says which node is drawn.
    """

    def __init__(
        self,
        graph: Graph,
        shapes: Sequence[Shape] | None,
        width: int,
        height: int = UNBOUNDED,
        opened: Collection[str] | None = None,
        scopes: Scope | None = None,
    ) -> None:
        self.graph = graph
        self._shapes, self._width = shapes, width
        scopes = graph_scopes(graph, shapes) if scopes is None else scopes
        found = planned(graph, scopes, shapes, width, height, opened)
        self.plan: Plan = found.plan
        self._folding = found.folding
        self._readings = Readings()
        self._centre: int | None = None
        if found.layout is None:
            self.follow(graph.cost)
        else:
            self._show(found.layout)

    def _show(self, layout: Layout) -> None:
        self._layout = layout
        self._picture = Picture(layout)
        self._navigation = Navigation(layout)

    def follow(self, node: int | None) -> bool:
        """Draw the neighbourhood of a node, if the graph is too large to be drawn as a whole.

        Returns whether the layout has changed: boxes are other objects then.
        """
        if self.plan != "neighbourhood" or node is None:
            return False
        centre = self._folding.group_of[node]
        if centre == self._centre:
            return False
        self._centre = centre
        self._show(around(self._folding, node, self._shapes, self._width))
        return True

    # What there is ---------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """The width of the drawing, in cells; more than the window's if it is scrolled."""
        return self._layout.width

    @property
    def height(self) -> int:
        """The height of the drawing, in cells."""
        return self._layout.height

    @property
    def crossings(self) -> int:
        """How many wires cross, as the order of the boxes says; detours may add some."""
        return self._layout.crossings

    @property
    def bands(self) -> int:
        """How many bands it is drawn in."""
        return self._layout.bands

    @property
    def layout(self) -> Layout:
        """All boxes and the paths of all wires."""
        return self._layout

    @property
    def boxes(self) -> list[Box]:
        """The boxes that can be chosen."""
        return self._navigation.boxes

    def box_of(self, node: int) -> Box | None:
        """Return the box that a node is in; None outside of a neighbourhood."""
        return self._navigation.box_of.get(node)

    def rectangle(self, box: Box) -> Rectangle:
        """Return the cells of a box: its frame, or the name and numbers of an input."""
        if box.framed:
            return Rectangle(box.x, box.top, box.frame, box.bottom - box.top + 1)
        return Rectangle(box.x, box.top, max(1, box.right - box.x), box.bottom - box.top + 1)

    def at(self, x: int, y: int) -> Box | None:
        """Return the box at a cell of the drawing, as for a click."""
        return self._navigation.at(x, y)

    def neighbour(self, box: Box, direction: Direction) -> Box:
        """Return the box in a direction, or the same one if there is none."""
        return self._navigation.neighbour(box, direction)

    # Folds -----------------------------------------------------------------------------------

    @property
    def opened(self) -> frozenset[str]:
        """The keys of the open folds: what a user opens or closes is added or removed."""
        return self._folding.opened

    def opened_with(self, box: Box) -> frozenset[str] | None:
        """Return `opened` with a folded box opened; None if it is not a fold."""
        return self.opened | {box.key} if box.folds else None

    def opened_without(self, node: int) -> frozenset[str] | None:
        """Return `opened` with the innermost fold around a node closed; None without one."""
        key = self._folding.around(node)
        return None if key is None else self.opened - {key}

    # Drawing ---------------------------------------------------------------------------------

    def draw(
        self, debugger: Debugger | None, window: Window | None = None, chosen: Box | None = None
    ) -> list[list[Run]]:
        """Return the rows of a window (all by default) at the debugger's moment, as styled runs.

        The styles are `STYLES` of `drawing/canvas.py`. Without a debugger there are no numbers.
        Only the window is worked on.
        """
        window = window or Window(0, 0, self.width, self.height)
        box_of = self._navigation.box_of
        return draw_moment(self._picture, window, debugger, self._readings, box_of, chosen).rows()

    def lit(self, debugger: Debugger) -> list[tuple[int, int]]:
        """Return the (source, consumer) nodes of the wires that carry something now."""
        node = debugger.where.node
        edges = lit_edges(self._picture, debugger, self._navigation.box_of)
        return [
            (edge.wire.node, node)
            for edge in edges
            if edge.wire.node is not None and node is not None and edge.box.kind is not Kind.EXIT
        ]

    def scrolled_to(self, box: Box, window: Window) -> Window:
        """Return the window, moved only if a box or its inputs' numbers would not be inside."""
        x, y = window.x, window.y
        left, right = box.x - _LEFT_OF_BOX, box.right + 2
        if left < x or right > x + window.width:
            x = left - window.width // 4
        if box.top < y or box.bottom >= y + window.height:
            y = box.row - window.height // 2
        x = max(0, min(x, self.width - window.width))
        y = max(0, min(y, self.height - window.height))
        return Window(x, y, window.width, window.height)

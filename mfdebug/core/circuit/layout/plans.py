"""How a graph is drawn in a window of some size: the first plan that fits.

Whole with all folds open; with the scopes closed; in bands; with repeated blocks folded; folded and
in bands; else folded, to be scrolled. A graph with too many boxes is drawn around a node.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mfdebug.core.circuit.folds.excerpt import excerpt
from mfdebug.core.circuit.folds.folding import Folding, keys_of_scopes
from mfdebug.core.circuit.folds.neighbourhood import neighbourhood
from mfdebug.core.circuit.layout.bands import in_bands
from mfdebug.core.circuit.layout.columns import SPACINGS
from mfdebug.core.circuit.layout.layers import passing
from mfdebug.core.circuit.layout.layout import Layout, Rows
from mfdebug.core.explain.scopes import Scope
from miniflow.graph import Graph
from miniflow.ops.base import Shape

Plan = Literal["whole", "bands", "scrolled", "neighbourhood"]

# More boxes are not drawn unless they are all there is; from so many on, or with so many ports or
# so many cells in which wires pass layers, only a neighbourhood is drawn.
_MANY_BOXES = 80
_TOO_MANY_BOXES, _TOO_MANY_PORTS, _TOO_MANY_PASSING = 300, 1500, 4000
# If bands take more rows, repeated blocks are folded, even where the height is not bounded.
_MOST_ROWS = 48
# Columns that the wires of a layer get at most where there is room: so many, or a part of the width
# of the window.
_SPARE, _SPARE_PART = 6, 1 / 13
# What does not nearly fit is not tried with tighter spacings.
_HOPELESS = 2.5
# Spacings in which bands are tried, and that of a drawing that is scrolled.
_BAND_SPACINGS, _SCROLL_SPACING = SPACINGS[3:6], SPACINGS[3]
UNBOUNDED = 10**9


@dataclass
class Planned:
    """A layout, the folding that it shows, and the plan by which it was made.

    A neighbourhood is laid out later, around a node: its layout is None.
    """

    plan: Plan
    folding: Folding
    layout: Layout | None


def planned(
    graph: Graph,
    scopes: Scope,
    shapes: Sequence[Shape] | None,
    width: int,
    height: int,
    opened: Collection[str] | None,
) -> Planned:
    """Return the drawing of a graph in a window; `opened` are its open folds, None for the best."""
    foldings = _foldings(graph, scopes, opened)
    for folding in foldings:
        rows = _rows(folding)
        if rows is not None and (layout := _fitting(rows, shapes, width, height)):
            return Planned("whole", folding, layout)
        if folding is foldings[-1] or folding.closed or not folding.opened:
            # Folded it says more than in bands with everything open.
            most = height if folding is foldings[-1] else min(height, _MOST_ROWS)
            layout = None if rows is None else _banded(rows, folding, shapes, width, most)
            if layout is not None:
                return Planned("bands", folding, layout)
    if rows is None:
        return Planned("neighbourhood", folding, None)
    return Planned("scrolled", folding, rows.laid_out(_SCROLL_SPACING, shapes))


def around(folding: Folding, node: int, shapes: Sequence[Shape] | None, width: int) -> Layout:
    """Return the layout of the neighbourhood of a node."""
    rows = Rows(neighbourhood(folding, folding.group_of[node]))
    return _fitting(rows, shapes, width, UNBOUNDED) or rows.laid_out(_SCROLL_SPACING, shapes)


def _foldings(graph: Graph, scopes: Scope, opened: Collection[str] | None) -> list[Folding]:
    """Return the foldings to be tried, from the most open one to the most folded one."""
    if opened is not None:
        return [Folding(graph, scopes, opened)]
    found = [Folding(graph, scopes)]
    if found[0].closed and len(found[0].groups) <= _MANY_BOXES:
        flat = Folding(graph, scopes, keys_of_scopes(scopes, repeats_only=True))
        if flat.opened and len(flat.groups) <= _MANY_BOXES:
            found.insert(0, flat)
        if flat.closed and len(graph.nodes) <= _MANY_BOXES:
            found.insert(0, Folding(graph, scopes, keys_of_scopes(scopes)))
    return found


def _rows(folding: Folding) -> Rows | None:
    """Return the rows of a folding, or None if it has too much to be laid out as a whole."""
    if len(folding.groups) > _TOO_MANY_BOXES:
        return None
    parts = excerpt(folding)
    if parts.edges > _TOO_MANY_PORTS or passing(parts) > _TOO_MANY_PASSING:
        return None
    return Rows(parts)


def _banded(
    rows: Rows, folding: Folding, shapes: Sequence[Shape] | None, width: int, height: int
) -> Layout | None:
    wide = rows.laid_out(_SCROLL_SPACING, shapes)
    if wide.height * wide.width > 2 * width * height:
        return None
    for spacing in _BAND_SPACINGS:
        whole = rows.laid_out(spacing, shapes)
        layout = in_bands(folding, whole, width, spacing, shapes)
        if layout is not None and layout.height <= height:
            return layout
    return None


def _fitting(rows: Rows, shapes: Sequence[Shape] | None, width: int, height: int) -> Layout | None:
    """Return the roomiest layout that fits; columns that are left go into the wires."""
    if rows.height > height:
        return None
    for spacing in SPACINGS:
        found = rows.width(spacing, shapes)
        if found > _HOPELESS * width and not spacing.contributions:
            return None
        if found <= width:
            if any(box.foot for box in rows.parts.boxes):
                feet = replace(spacing, feet=True)
                if (wider := rows.width(feet, shapes)) <= width:
                    spacing, found = feet, wider
            most = max(_SPARE, int(width * _SPARE_PART))
            spare = min(most, (width - found) // len(rows.layers))
            return rows.laid_out(replace(spacing, spare=spare), shapes)
    return None

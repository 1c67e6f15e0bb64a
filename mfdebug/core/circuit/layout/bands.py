"""Bands: a circuit that is too long continues below, like a text.

It is cut between layers. A wire that crosses a cut leaves at `▸` and enters again under its name.
"""

from __future__ import annotations

from collections.abc import Sequence

from mfdebug.core.circuit.boxes import Box
from mfdebug.core.circuit.folds.excerpt import excerpt
from mfdebug.core.circuit.folds.folding import Folding
from mfdebug.core.circuit.layout.columns import Spacing
from mfdebug.core.circuit.layout.layout import Edge, Layout, Points, Rows
from mfdebug.core.circuit.layout.rows import shift
from miniflow.ops.base import Shape

# Room for the exit at the end of a band, and for the names at the start of the next ones.
_EXIT, _ENTRY = 4, 12


def in_bands(
    folding: Folding,
    whole: Layout,
    width: int,
    spacing: Spacing,
    shapes: Sequence[Shape] | None,
) -> Layout | None:
    """Return a layout in several bands; None if `whole` needs none, or if they do not fit."""
    cuts = _cuts(whole, width)
    if not cuts:
        return None
    parts = [Rows(excerpt(folding, chosen)) for chosen in _chosen(folding, whole.boxes, cuts)]
    bands = [rows.laid_out(spacing, shapes) for rows in parts]
    if any(band.width > width for band in bands):
        return None
    return _stacked(bands)


def _cuts(whole: Layout, width: int) -> list[int]:
    """Return the layers before which it is cut."""
    cuts: list[int] = []
    start, room = whole.columns[0][0], width
    for layer, (_, end) in enumerate(whole.columns):
        if layer and end + _EXIT - start > room:
            cuts.append(layer)
            start, room = whole.columns[layer][0], width - _ENTRY
    return cuts


def _chosen(folding: Folding, boxes: Sequence[Box], cuts: Sequence[int]) -> list[list[int]]:
    """Return the groups of each band; what takes nothing is in that of its first consumer."""
    band_of = {
        folding.group_of[box.nodes[0]]: sum(box.layer >= cut for cut in cuts) for box in boxes
    }
    chosen: list[list[int]] = [[] for _ in range(len(cuts) + 1)]
    for box in boxes:
        number = folding.group_of[box.nodes[0]]
        band = band_of[number]
        if not box.takes:
            # An input, or a scope that only has inputs.
            users = (user for node in folding.outputs(number) for user in folding.users(node))
            band = min((band_of[user] for user in users), default=band)
        chosen[band].append(number)
    return [groups for groups in chosen if groups]


def _stacked(bands: Sequence[Layout]) -> Layout:
    boxes: list[Box] = []
    paths: dict[Edge, Points] = {}
    columns: list[tuple[int, int]] = []
    top = 0
    for band in bands:
        for box in band.boxes:
            box.layer += len(columns)
            shift(box, top)
        boxes += band.boxes
        for edge, points in band.paths.items():
            paths[edge] = [(x, row + top) for x, row in points]
        columns += band.columns
        top += band.height + 1
    return Layout(
        boxes,
        paths,
        bands[0].spacing,
        max(band.width for band in bands),
        top - 1,
        sum(band.crossings for band in bands),
        len(bands),
        columns,
    )

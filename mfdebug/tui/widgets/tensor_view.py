"""How the node panel shows a tensor of several entries: as numbers, as a heatmap or as a picture.

A tensor whose numbers all fit is never a heatmap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from mfdebug.core.explain.images import Picture
from mfdebug.core.timeline.entry_ref import Index
from mfdebug.tui.widgets.heat_cells import Shading
from mfdebug.tui.widgets.heat_columns import HeatColumns
from mfdebug.tui.widgets.tensor import Line
from mfdebug.tui.widgets.tensor_columns import NumberSpan, ShownTensor, TensorColumns
from mfdebug.tui.widgets.tensor_window import Moves

View = Literal["numbers", "heatmap", "picture"]
VIEWS: tuple[View, ...] = ("numbers", "heatmap", "picture")


class TensorView(NamedTuple):
    """The lines of tensors of one shape, how keys move the selected entry, and as what they are.

    `fits` says that the numbers of a whole tensor have room, `spans` where numbers are.
    """

    lines: list[Line]
    moves: Moves
    view: View
    fits: bool
    spans: Sequence[NumberSpan] = ()


def tensor_view(
    tensors: Sequence[ShownTensor],
    entry: Index,
    width: int,
    height: int,
    view: View,
    shading: Shading,
    picture: Picture | None,
) -> TensorView:
    """Return tensors around `entry` in a view; a picture needs one, and is a heatmap without."""
    if view == "picture" and picture is not None:
        shown = HeatColumns(tensors, entry, width, height, shading, picture)
        return TensorView(shown.lines, shown.moves, "picture", fits=False)
    numbers = TensorColumns(tensors, entry, width, height, ascii_only=shading.ascii_only)
    fits = numbers.window.size == math.prod(tensors[0].array.shape)
    if view == "numbers" or fits:
        return TensorView(numbers.lines, numbers.window.moves, "numbers", fits, numbers.spans)
    heat = HeatColumns(tensors, entry, width, height, shading)
    return TensorView(heat.lines, heat.moves, "heatmap", fits)

"""Where the circuit stands: in place of the list, beside it, or between the list and the node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

# From these widths on, the circuit stands beside the list, and the node beside a circuit that is
# too tall to leave it enough rows.
BESIDE, JOINED = 116, 196
# From this width on, the list beside a circuit has all its columns of numbers.
ROOMY_LIST = 134
# At the narrowest, a list of this width leaves 80 columns, in which most graphs fit.
LIST, WIDE_LIST = 35, 52
# The node's column beside the circuit.
NODE = 66
# Rows that the node keeps below the circuit, in a body of so many rows and for each further one.
LEAST_NODE, LEAST_BODY, NODE_SHARE = 3, 21, 0.6
# Fewer rows below the circuit are not enough for a curve as well; on a high screen it has a few.
LEAST_FOR_CURVE, LEAST_FOR_LOW_CURVE, HIGH = 17, 12, 36

Mode = Literal["hidden", "alone", "beside", "joined"]
# How much of a drawing a room shows: all of it, all of its rows, or less.
Fit = Literal["whole", "rows", "less"]


class Arrangement(NamedTuple):
    """A mode, the columns of list and node (0 for what the style sheet says), and the room.

    `width` and `height` are the cells that the drawing may have, without the title line.
    """

    mode: Mode
    list: int = 0
    node: int = 0
    width: int = 0
    height: int = 0


def arrange(
    width: int,
    height: int,
    wished: bool | None,
    fits: Callable[[int, int], Fit],
    *,
    listed: Sequence[int] = (),
) -> Arrangement:
    """Return where the circuit stands in panels of a size.

    `wished` is what the user has chosen; None shows it where at least all its rows fit beside the
    list: it is scrolled sideways to the node of the moment. The node
    stands below it, in all its width, wherever the whole drawing leaves room there: beside a low
    drawing, matrices would be cut while most of the circuit's column is empty.

    `listed` are the widths in which the list has ops or shapes beside the names, the best first: it
    gets the first one beside which the drawing shows as much as beside a narrower list.
    """
    if wished is False:
        return Arrangement("hidden")
    if width < BESIDE:
        found = Arrangement("alone", width=width, height=height - 1 - _below(height))
    else:
        columns = LIST if width < ROOMY_LIST else WIDE_LIST
        room = height - 1 - _below(height)
        found = Arrangement("beside", columns, width=width - columns - 1, height=room)
        for longer in listed:
            if longer <= columns:
                continue
            left = width - longer - 1
            if fits(left, room) == fits(found.width, room):
                found = Arrangement("beside", longer, width=left, height=room)
                break
        if width >= JOINED and fits(found.width, found.height) != "whole":
            left = width - WIDE_LIST - NODE - 2
            found = Arrangement("joined", WIDE_LIST, NODE, left, height - 1)
    if wished is None and (found.mode == "alone" or fits(found.width, found.height) == "less"):
        return Arrangement("hidden")
    return found


def _below(height: int) -> int:
    return LEAST_NODE + int(max(0, height - LEAST_BODY) * NODE_SHARE)

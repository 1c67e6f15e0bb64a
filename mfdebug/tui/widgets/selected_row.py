"""How the selected row of a list looks: marked in its whole width, or its first words reversed.

With the 16 colours of a terminal, or none, a whole row in reverse is a bar that hides the numbers.
"""

from __future__ import annotations

import re
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.strip import Strip

# Two blanks, or a line between columns, end the first words of a row.
_END = re.compile(r"  |│")
# In reverse a colour would become a block of it.
REVERSED = Style(color="default", bold=True, reverse=True)


def has_few_colours(app: App[Any]) -> bool:
    """Whether an app has only the 16 colours of its terminal, or none."""
    return app.no_color or app.native_ansi_color


def select_row(
    strip: Strip, style: Style, width: int, *, few: bool, start: int = 0, room: int | None = None
) -> Strip:
    """Return a row as the selected one, `width` cells wide.

    It is drawn over with the background and the weight of `style`. With `few` colours only its
    first words are reversed: those in the `room` cells from cell `start`, by default up to the
    first gap.
    """
    strip = strip.extend_cell_length(width)
    if not few:
        return _over(strip, 0, width, style)
    first, last = _first_words(strip, start, room)
    return _styled(strip, first, last, REVERSED)


def select_start(
    strip: Strip, style: Style, width: int, *, few: bool, start: int = 0, room: int | None = None
) -> Strip:
    """Return a row as the selected one of a list in which the selection moves at each step.

    Only its start is marked, up to the end of the `room` cells or of its first words: a mark of
    the whole width takes 150 bytes a step.
    """
    if few:
        return select_row(strip, style, width, few=few, start=start, room=room)
    strip = strip.extend_cell_length(width)
    last = _first_words(strip, start, room)[1]
    return _over(strip, 0, last if room is None else max(last, start + room), style)


def _over(strip: Strip, first: int, last: int, style: Style) -> Strip:
    over = Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)
    return _styled(strip, first, last, over)


def _styled(strip: Strip, first: int, last: int, style: Style) -> Strip:
    return Strip.join(
        [
            strip.crop(0, first),
            Strip(Segment.apply_style(strip.crop(first, last), post_style=style)),
            strip.crop(last, strip.cell_length),
        ]
    )


def _first_words(strip: Strip, start: int, room: int | None) -> tuple[int, int]:
    """Return where the first words begin and end."""
    rest = strip.crop(start, strip.cell_length).text
    indent = len(rest) - len(rest.lstrip())
    words = rest[indent:]
    if room is None:
        end = cell_len(_END.split(words, maxsplit=1)[0].rstrip())
    else:
        end = cell_len(strip.crop(start + indent, start + room).text.rstrip())
    return start + indent, start + indent + end

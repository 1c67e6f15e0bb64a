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
        over = Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)
        return Strip(Segment.apply_style(strip, post_style=over))
    rest = strip.crop(start, strip.cell_length).text
    indent = len(rest) - len(rest.lstrip())
    words = rest[indent:]
    if room is None:
        end = cell_len(_END.split(words, maxsplit=1)[0].rstrip())
    else:
        end = cell_len(strip.crop(start + indent, start + room).text.rstrip())
    first, last = start + indent, start + indent + end
    return Strip.join(
        [
            strip.crop(0, first),
            Strip(Segment.apply_style(strip.crop(first, last), post_style=REVERSED)),
            strip.crop(last, strip.cell_length),
        ]
    )

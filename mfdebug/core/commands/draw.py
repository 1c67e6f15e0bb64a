"""The command that draws the graph."""

from __future__ import annotations

from mfdebug.core.commands.command import count_of
from mfdebug.core.commands.rows.look import DRAW
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError

# So many columns fit into the app's dialog at 80x24.
DEFAULT_WIDTH = 64
LEAST_WIDTH, MOST_WIDTH = 20, 10_000


def run_draw(session: Session, text: str) -> Reply:
    width = count_of(text, DRAW) if text else DEFAULT_WIDTH
    if not LEAST_WIDTH <= width <= MOST_WIDTH:
        raise DebuggerError(
            f"{width} columns: a drawing has {LEAST_WIDTH} to {MOST_WIDTH:,}",
            hint=f"usage: {DRAW}",
        )
    # The layout has many modules, which most sessions never need.
    from mfdebug.core.commands.drawing import draw

    return draw(session.debugger, width)

"""The protocol of all widgets that show the present moment."""

from __future__ import annotations

from typing import Protocol


class Panel(Protocol):
    """A widget that shows part of the present moment.

    The screen calls `show` of every panel in one handler, between two moves, so that a frame shows
    one moment. No snapshot is passed: to copy all numbers at each key would be linear in the graph,
    while a panel reads only what is visible. A panel that needs time to read keeps what it has read
    and draws from that, also when it is resized.
    """

    def show(self) -> None:
        """Show the present moment; render only what has changed since the last call."""

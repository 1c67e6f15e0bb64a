"""The protocol of all widgets that show the present moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Panel(Protocol):
    """A widget that shows part of the present moment.

    The screen calls `show` of every panel in one handler, between two moves, so that a frame shows
    one moment. No snapshot is passed: to copy all numbers at each key would be linear in the graph,
    while a panel reads only what is visible. A panel that needs time to read keeps what it has read
    and draws from that, also when it is resized.
    """

    @property
    def is_mounted(self) -> bool:
        """Whether the widget is on a screen."""

    def show(self) -> None:
        """Show the present moment; render only what has changed since the last call."""


def show_all(panels: Iterable[Panel]) -> None:
    """Show the present moment in every panel.

    While the app ends, Textual mounts widgets without those in them, which then have no styles.
    """
    for panel in panels:
        if panel.is_mounted:
            panel.show()

"""In a window that is too small, show a sentence instead of the app until the window grows.

The app keeps running behind it, with any screen open, and is unchanged when there is room again.
"""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip

from mfdebug.tui.terminal.text_fitting import fit, wrap

MIN_SIZE = Size(60, 20)


class SizedApp(App[ReturnType]):
    """An app that is drawn in windows of at least `MIN_SIZE`."""

    @property
    def too_small(self) -> bool:
        """Whether the window is too small for the app."""
        return self.size.width < MIN_SIZE.width or self.size.height < MIN_SIZE.height

    @property
    def quit_key(self) -> str:
        """The name of the key that quits."""
        return "q"

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if self.too_small and isinstance(renderable, ChopsUpdate | LayoutUpdate):
            renderable = LayoutUpdate([[line] for line in self._sentence()], self.size.region)
        super()._display(screen, renderable)

    def _sentence(self) -> list[Strip]:
        width, height = self.size
        needed, present = (f"{size.width} x {size.height}" for size in (MIN_SIZE, self.size))
        words = (
            f"mfdebug needs {needed} characters; this window has {present}. "
            f"Make the window larger, or press {self.quit_key} to quit."
        )
        rows = wrap(words, max(1, width))[:height]
        rows += [""] * (height - len(rows))
        return [Strip([Segment(fit(row, width))]) for row in rows]

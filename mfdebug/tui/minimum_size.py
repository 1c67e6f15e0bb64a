"""A window too small for the app: one sentence instead, until it grows again.

The app goes on beneath it, whatever screen is open, and stands where it stood when there is room.
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

LEAST = Size(60, 20)


class SizedApp(App[ReturnType]):
    """An app that is drawn from `LEAST` on."""

    @property
    def too_small(self) -> bool:
        """Whether the window has no room for the app."""
        return self.size.width < LEAST.width or self.size.height < LEAST.height

    @property
    def leaving(self) -> str:
        """The key that leaves."""
        return "q"

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if self.too_small and isinstance(renderable, ChopsUpdate | LayoutUpdate):
            renderable = LayoutUpdate([[line] for line in self._sentence()], self.size.region)
        super()._display(screen, renderable)

    def _sentence(self) -> list[Strip]:
        width, height = self.size
        least, here = (f"{size.width} x {size.height}" for size in (LEAST, self.size))
        words = (
            f"mfdebug needs {least} characters; here are {here}. "
            f"Make the window larger, or press {self.leaving} to leave."
        )
        rows = wrap(words, max(1, width))[:height]
        rows += [""] * (height - len(rows))
        return [Strip([Segment(fit(row, width))]) for row in rows]

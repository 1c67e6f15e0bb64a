"""The first frame of an app: drawn once, when the first screen is complete.

Textual draws a screen as soon as its widgets have a size, and then again and again while they fill
themselves: 10 kB in three frames at 80x24 instead of 5 kB in one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App, ReturnType
from textual.screen import Screen

from mfdebug.collector import release_collector


class FirstFrameApp(App[ReturnType]):
    """An app whose first screen may hold back all frames until it is complete."""

    first_frame_held = False

    def hold_first_frame(self) -> None:
        """Draw nothing until `show_first_frame`; do nothing if the terminal shows a frame."""
        if not self._dom_ready:
            self.first_frame_held = True
            self._begin_batch()

    def show_first_frame(self, then: Callable[[], None]) -> None:
        """Draw the present screen, if frames are held back; call `then` when it is drawn."""
        screen = self.screen
        if self.first_frame_held:
            self.first_frame_held = False
            self._end_batch()
            # All of it is drawn now, not at the next tick of its timer.
            screen._repaint_required = False
            screen._dirty_widgets.clear()
            if screen._layout_required:
                screen._layout_required = False
                screen._refresh_layout()
            else:
                screen._compositor_refresh()
        screen.call_after_refresh(then)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)
        if not self._batch_count:
            release_collector(keep=True)

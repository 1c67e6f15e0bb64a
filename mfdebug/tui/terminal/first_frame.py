"""The first frame of an app: drawn once, when the first screen is complete.

Textual draws a screen as soon as its widgets have a size, and then again and again while they fill
themselves: 10 kB in three frames at 80x24 instead of 5 kB in one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App, ReturnType
from textual.events import ScreenResume
from textual.geometry import Size
from textual.screen import Screen

from mfdebug.loading import loaded


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
            loaded(keep=True)


class FirstFrameScreen(Screen[None]):
    """A screen that the app may hold back; it reports when it is complete."""

    _new = True

    @property
    def _held(self) -> bool:
        return isinstance(self.app, FirstFrameApp) and self.app.first_frame_held

    def completed(self, then: Callable[[], None]) -> None:
        """Let the app draw the screen, then call `then`."""
        if isinstance(self.app, FirstFrameApp):
            # In the app's own queue, so after all that Textual does at the start.
            self.app.call_later(self.app.show_first_frame, then)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Do not style every widget a second time, right after it was mounted."""
        if self._new:
            self._new = event.refresh_styles = False

    def _compositor_refresh(self) -> None:
        # Textual would render the frames that are held back.
        if not self._held:
            super()._compositor_refresh()

    def _screen_resized(self, size: Size) -> None:
        if self._held:
            self._layout_required = True
        else:
            super()._screen_resized(size)

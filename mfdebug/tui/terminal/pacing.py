"""One frame on its way at a time, so that what is seen is never far behind the keys.

A slow line is not seen from here: ssh, and each machine on the way, takes whatever is written and
keeps it. Frames for a key that is held down queue up there, and the screen runs on for seconds
after the key is let go. So a frame ends with a question that every terminal answers (where its
cursor is, DSR 6 of the VT100), and the answer says that the frame has been drawn. Until it comes
the next frame waits; and as frames are differences from what the terminal shows, all that has
happened meanwhile is one frame.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from textual._compositor import CompositorUpdate
from textual.app import App, ReturnType
from textual.events import CursorPosition
from textual.message import Message
from textual.screen import Screen

# Asked at the top left: an answer from elsewhere in the first row would be that of a key (F3 with
# Shift, and so on).
QUESTION = "\x1b[H\x1b[6n"
# Seconds after which an answer is no longer waited for, and how long to wait for it at the end:
# one that came after the end would be typed into the shell.
LONGEST, LONGEST_AT_END = 2.0, 0.5
# Seconds after which it is looked again whether changes that belong together are all made.
SOON = 0.01


class PacedApp(App[ReturnType]):
    """An app that draws its next frame when the last one has been drawn by the terminal."""

    # When a question was asked that is not answered yet; whether the terminal answers at all.
    _asked: float | None = None
    _answers = False
    _owed = False
    _began = False

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        waits = self._answers and self._asked is not None
        if waits and isinstance(renderable, CompositorUpdate):
            if not self._owed:
                self._owed = True
                self.set_timer(LONGEST, self._give_up)
            return
        super()._display(screen, renderable)

    def paced(self, frame: str) -> str:
        """Return what to send for a frame: with a question, unless one is still open."""
        if not frame or self._asked is not None:
            return frame
        self._asked = time.monotonic()
        if self._began:
            return frame + QUESTION
        # The first screen is the largest: whether there will be answers is known before its end.
        self._began = True
        return QUESTION + frame

    def post_message(self, message: Message) -> bool:
        """Take the terminal's answers, also while the app closes and hears nothing else."""
        if isinstance(message, CursorPosition):
            self._asked, self._answers = None, True
            # It comes from the driver's thread: a timer that is set now must know its app.
            with self._context():
                self._draw_owed()
            return True
        return super().post_message(message)

    def _give_up(self) -> None:
        if self._owed and self._asked is not None and time.monotonic() - self._asked >= LONGEST:
            # It will count again as one that answers, once it has answered this.
            self._answers = False
        self._draw_owed()

    def _draw_owed(self) -> None:
        if not self._owed or not self.screen_stack or not self._running:
            return
        if self._batch_count:
            # Not call_later: what ends the batch may wait for the app to be idle.
            self.set_timer(SOON, self._draw_owed)
            return
        self._owed = False
        whole = self.screen._compositor.render_update(
            full=True, screen_stack=self._background_screens
        )
        self._display(self.screen, whole)

    async def _last_answer(self) -> None:
        end = time.monotonic() + LONGEST_AT_END
        while self._answers and self._asked is not None and time.monotonic() < end:
            await asyncio.sleep(0.005)

    async def _shutdown(self) -> None:
        await self._last_answer()
        await super()._shutdown()

    async def action_suspend_process(self) -> None:  # type: ignore[override]
        """Go to the background when nothing is on its way from the terminal."""
        await self._last_answer()
        super().action_suspend_process()

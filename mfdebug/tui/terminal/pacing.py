"""Only one frame in transit at a time, so that the screen is never far behind the keys.

The app cannot see that a line is slow: ssh, and each machine on the way, buffers whatever is
written. The frames of a held key queue up there, and the screen keeps changing for seconds after
the key is released. So a frame ends with a query that every terminal answers (the position of its
cursor, DSR 6 of the VT100), and the answer shows that the frame has been drawn. The next frame
waits for it; and as frames are differences from what the terminal shows, all changes in between
are one frame.
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

# Sent with the cursor at the top left: an answer from elsewhere in the first row would look like a
# key (F3 with Shift, and so on).
QUERY = "\x1b[H\x1b[6n"
# Seconds to wait for an answer, and seconds to wait for it at exit: an answer after the exit would
# be typed into the shell.
MAX_WAIT, MAX_WAIT_AT_EXIT = 2.0, 0.5
# Seconds after which a frame is tried again that was due during a batch of updates.
RETRY = 0.01


class PacedApp(App[ReturnType]):
    """An app that sends a frame only after the terminal has drawn the one before."""

    # The time of the query that is still open; whether the terminal answers queries at all.
    _asked: float | None = None
    _answers = False
    _frame_due = False
    _sent_first = False

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        waits = self._answers and self._asked is not None
        if waits and isinstance(renderable, CompositorUpdate):
            if not self._frame_due:
                self._frame_due = True
                self.set_timer(MAX_WAIT, self._give_up)
            return
        super()._display(screen, renderable)

    def paced(self, frame: str) -> str:
        """Return what to send for a frame: the frame with a query, unless one is still open."""
        if not frame or self._asked is not None:
            return frame
        self._asked = time.monotonic()
        if self._sent_first:
            return frame + QUERY
        # The first frame is the largest: with the query before it, the answer comes early.
        self._sent_first = True
        return QUERY + frame

    def post_message(self, message: Message) -> bool:
        """Handle the terminal's answers, even while the app closes and drops other messages."""
        if isinstance(message, CursorPosition):
            self._asked, self._answers = None, True
            # This runs in the driver's thread, where a new timer needs the app's context.
            with self._context():
                self._draw_due()
            return True
        return super().post_message(message)

    def _give_up(self) -> None:
        if (
            self._frame_due
            and self._asked is not None
            and time.monotonic() - self._asked >= MAX_WAIT
        ):
            # The terminal counts as answering again once it answers this query.
            self._answers = False
        self._draw_due()

    def _draw_due(self) -> None:
        if not self._frame_due or not self.screen_stack or not self._running:
            return
        if self._batch_count:
            # Not call_later: the end of the batch may wait for the app to be idle.
            self.set_timer(RETRY, self._draw_due)
            return
        self._frame_due = False
        whole = self.screen._compositor.render_update(
            full=True, screen_stack=self._background_screens
        )
        self._display(self.screen, whole)

    async def _wait_for_answer(self) -> None:
        end = time.monotonic() + MAX_WAIT_AT_EXIT
        while self._answers and self._asked is not None and time.monotonic() < end:
            await asyncio.sleep(0.005)

    async def _shutdown(self) -> None:
        await self._wait_for_answer()
        await super()._shutdown()

    async def action_suspend_process(self) -> None:  # type: ignore[override]
        """Suspend the app when no answer of the terminal is outstanding."""
        await self._wait_for_answer()
        super().action_suspend_process()

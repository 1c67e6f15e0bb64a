"""Frames at the pace of the terminal, which answers when it has drawn one."""

from __future__ import annotations

import time
from contextvars import Context

from textual.events import CursorPosition

from tests.support.app_driver import opened


async def test_an_answer_in_the_middle_of_changes_draws_what_is_owed_after_them() -> None:
    async with opened("wx") as driver:
        app = driver.app
        app._answers, app._asked, app._frame_due = True, time.monotonic(), True
        app._begin_batch()
        # As the thread that reads the terminal posts it: there no app is the active one.
        Context().run(app.post_message, CursorPosition(0, 0))
        await driver.pilot.pause(0.05)
        assert app._frame_due
        app._end_batch()
        while app._frame_due:
            await driver.pilot.pause(0.01)

"""Stopped and continued: by Ctrl+Z and `fg`, or by someone else at any moment.

Textual takes every SIGCONT for the end of a suspension of its own, and begins a second time in a
terminal that it has never left: two threads then read the keys, and the app does not end when it
is told to. But a SIGCONT comes without that too: after a SIGSTOP from outside, which no program
notices, and together with the SIGTERM of a service manager or a shell that ends its jobs.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import termios
from types import FrameType

from textual.app import App, ReturnType
from textual.drivers.linux_driver import LinuxDriver

_OTHER_SCREEN, _NO_CURSOR = "\x1b[?1049h", "\x1b[?25l"


class StoppableApp(App[ReturnType]):
    """An app that comes back whole, however it was stopped."""

    def on_mount(self) -> None:
        """Take the driver's place in hearing that the process goes on."""
        driver = self._driver
        if not isinstance(driver, LinuxDriver) or not driver.input_tty:
            return
        loop = asyncio.get_running_loop()
        settings = termios.tcgetattr(driver.fileno)

        def take_again() -> None:
            """Take the terminal as it was: whoever had it meanwhile has left it otherwise."""
            if self._exit or not self._running:
                return
            # In the background this stops the process until the terminal is given to it.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(driver.fileno, termios.TCSANOW, settings)
            driver.write(_OTHER_SCREEN + _NO_CURSOR)
            driver.flush()
            self.app_resume_signal.publish(self)

        def continued(_number: int, _frame: FrameType | None) -> None:
            if driver._must_signal_resume:
                driver._sigcont_application()
            else:
                # Not in the midst of whatever goes on now, which may be the end of the app.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(take_again)

        signal.signal(signal.SIGCONT, continued)

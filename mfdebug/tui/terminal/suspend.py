"""Suspending and continuing: by Ctrl+Z and `fg`, or by another process at any time.

Textual takes every SIGCONT for the end of its own suspension, and starts a second time in a
terminal that it has never left: two threads then read the keys, and the app does not exit when
asked to. But a SIGCONT also comes without a suspension: after a SIGSTOP from outside, which a
program cannot catch, and together with the SIGTERM of a service manager or a shell that ends its
jobs.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import termios
from types import FrameType

from textual.app import App, ReturnType
from textual.drivers.linux_driver import LinuxDriver

_ALTERNATE_SCREEN, _HIDE_CURSOR = "\x1b[?1049h", "\x1b[?25l"


class StoppableApp(App[ReturnType]):
    """An app that restores its screen however it was stopped."""

    def on_mount(self) -> None:
        """Handle SIGCONT in place of the driver."""
        driver = self._driver
        if not isinstance(driver, LinuxDriver) or not driver.input_tty:
            return
        loop = asyncio.get_running_loop()
        settings = termios.tcgetattr(driver.fileno)

        def restore_terminal() -> None:
            """Restore the terminal's settings, which other programs may have changed meanwhile."""
            if self._exit or not self._running:
                return
            # In the background this stops the process until it is in the foreground.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(driver.fileno, termios.TCSANOW, settings)
            driver.write(_ALTERNATE_SCREEN + _HIDE_CURSOR)
            driver.flush()
            self.app_resume_signal.publish(self)

        def continued(_number: int, _frame: FrameType | None) -> None:
            if driver._must_signal_resume:
                driver._sigcont_application()
            else:
                # Not in the middle of other code, which may be the shutdown of the app.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(restore_terminal)

        signal.signal(signal.SIGCONT, continued)

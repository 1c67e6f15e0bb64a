"""A terminal whose line can be held: what the program sends waits until it is let through.

Whatever a program writes on a slow line is taken at once and kept, as ssh and the machines on the
way do: it cannot tell from its own writing that the line is slow. Here the line is held and let go
by the test, so that what was sent meanwhile can be counted, on a machine of any speed.
"""

from __future__ import annotations

import contextlib
import os

from mfdebug.tui.terminal.pacing import QUERY
from tests.support.pty_app import PtyApp


class HeldApp(PtyApp):
    """A `PtyApp` behind a line that can be held."""

    held: bytearray | None = None

    def hold(self) -> None:
        """Let nothing through from now on."""
        self.held = bytearray()

    def let_go(self) -> None:
        """Let through what was held, and all that comes."""
        held, self.held = self.held, None
        if held:
            super().arrived(bytes(held))

    def arrived(self, data: bytes) -> bytes:
        """Show what has come out, or keep it while the line is held."""
        if self.held is None:
            return super().arrived(data)
        self.held += data
        return data

    def frames(self, since: int = 0) -> int:
        """Return how many frames were let through: each ends with a question."""
        return self.output.count(QUERY.encode(), since)

    def left_in_line(self) -> bytes:
        """Return what the program has left unread of what the terminal sent it."""
        with contextlib.suppress(BlockingIOError):
            os.set_blocking(self._slave, False)
            return os.read(self._slave, 1 << 16)
        return b""

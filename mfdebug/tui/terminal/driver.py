"""A driver with which the app survives any bytes and any size that a terminal sends.

Textual's own driver ends the app, with exit status 0, at a byte that is not UTF-8.
"""

from __future__ import annotations

import os
import selectors
import signal
from codecs import getincrementaldecoder
from fcntl import ioctl
from struct import unpack
from termios import FIONREAD

from textual.drivers.linux_driver import LinuxDriver

from mfdebug.tui.terminal.escapes import EscapeParser

# Columns and rows of the largest screen that is drawn: no display has more. A larger size is a
# mistake, and 65535 x 65535 would take gigabytes.
MAX_SIZE = (1000, 500)


def _waiting_bytes(descriptor: int) -> int:
    """Return how many bytes of a terminal wait to be read."""
    try:
        return int(unpack("i", ioctl(descriptor, FIONREAD, bytes(4)))[0])
    except OSError:
        return 0


class TerminalDriver(LinuxDriver):
    """Reads keys from a terminal that may send anything, and draws at any size."""

    def run_input_thread(self) -> None:
        """Read until the app exits; bytes that cannot be decoded are replaced."""
        decode = getincrementaldecoder("utf-8")("replace").decode
        early = _waiting_bytes(self.fileno)
        parser = EscapeParser(self._debug)
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    data = os.read(self.fileno, 4096)
                    if not data:
                        raise EOFError
                    if early:
                        # Before the app took the terminal over, that made a line feed of Enter.
                        data = data[:early].replace(b"\n", b"\r") + data[early:]
                        early = max(0, early - len(data))
                    # Half a character decodes to "", which the parser would take for the end.
                    if text := decode(data):
                        for message in parser.feed(text):
                            self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
            # A reply of the terminal that arrives later would be typed into the shell.
            if selector.select(0.1):
                os.read(self.fileno, 4096)

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except (OSError, EOFError):
            # The terminal is gone, so no keys will come.
            self._app.call_later(self._app.exit, return_code=128 + signal.SIGHUP)
        except Exception as error:
            self._app.call_later(self._app._handle_exception, error)

    def _query_in_band_window_resize(self) -> None:
        """Do not ask for in-band resize reports: the kernel reports the size of every terminal.

        In that mode, typed text could set the screen to any size, and the mouse would be reported
        in pixels instead of cells.
        """

    def _get_terminal_size(self) -> tuple[int, int]:
        width, height = super()._get_terminal_size()
        return min(max(1, width), MAX_SIZE[0]), min(max(1, height), MAX_SIZE[1])

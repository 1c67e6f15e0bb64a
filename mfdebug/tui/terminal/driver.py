"""The driver: whatever bytes a terminal sends, and whatever size it says it has, the app goes on.

Textual's own ends the app, with exit status 0, at a byte that is not UTF-8.
"""

from __future__ import annotations

import os
import selectors
import signal
from codecs import getincrementaldecoder

from textual.drivers.linux_driver import LinuxDriver

from mfdebug.tui.terminal.escapes import EscapeParser

# Columns and rows of the largest screen that is drawn: no display has more. A size beyond it is a
# mistake, and 65535 x 65535 would take gigabytes.
LARGEST = (1000, 500)


class TerminalDriver(LinuxDriver):
    """Reads keys from a terminal that may send anything, and draws on one of any size."""

    def run_input_thread(self) -> None:
        """Read until the end is asked for; what cannot be decoded is replaced."""
        decode = getincrementaldecoder("utf-8")("replace").decode
        parser = EscapeParser(self._debug)
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    data = os.read(self.fileno, 4096)
                    if not data:
                        raise EOFError
                    # Half a character is nothing yet; to the parser it would be the end.
                    if text := decode(data):
                        for message in parser.feed(text):
                            self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
            # An answer that is still on its way would be typed into the shell.
            if selector.select(0.1):
                os.read(self.fileno, 4096)

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except (OSError, EOFError):
            # The terminal is gone; nobody is left to wait for keys.
            self._app.call_later(self._app.exit, return_code=128 + signal.SIGHUP)
        except Exception as error:
            self._app.call_later(self._app._handle_exception, error)

    def _query_in_band_window_resize(self) -> None:
        """Have sizes from the kernel alone, which every terminal tells them.

        In this mode anyone who types could give the screen any size; and mice would point at
        pixels, which are not drawn on.
        """

    def _get_terminal_size(self) -> tuple[int, int]:
        width, height = super()._get_terminal_size()
        return min(max(1, width), LARGEST[0]), min(max(1, height), LARGEST[1])

"""A program behind a slow connection, with limited bytes per second and a delay.

The output of the program is accepted at once and buffered, as ssh and the network do: the program
cannot notice the slow connection by its own writes.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from typing import Any

from tests.support.pty_app import PtyApp


class SlowApp(PtyApp):
    """A `PtyApp` behind a line of `rate` bytes a second, `delay` seconds long each way."""

    def __init__(self, *args: Any, rate: float = 8000.0, delay: float = 0.15, **kwargs: Any):
        self._rate, self._delay = rate, delay
        self._down: deque[tuple[float, bytes]] = deque()
        self._up: deque[tuple[float, bytes]] = deque()
        self._busy_until = 0.0
        self._over = False
        super().__init__(*args, **kwargs)
        self.screen.write_process_input = lambda answer: self.send(answer.encode())
        self._line = threading.Thread(target=self._carry, daemon=True)
        self._line.start()

    def _carry(self) -> None:
        while not self._over:
            with contextlib.suppress(OSError, ValueError):
                if select.select([self._master], [], [], 0.002)[0]:
                    data = os.read(self._master, 1 << 16)
                    begins = max(time.monotonic(), self._busy_until)
                    for part in (data[i : i + 100] for i in range(0, len(data), 100)):
                        begins += len(part) / self._rate
                        self._down.append((begins + self._delay, part))
                    self._busy_until = begins
                while self._up and self._up[0][0] <= time.monotonic():
                    os.write(self._master, self._up.popleft()[1])

    @property
    def queued(self) -> int:
        """The bytes in transit to the screen."""
        return sum(len(data) for _, data in list(self._down))

    def send(self, data: bytes) -> None:
        """Send keys, with the delay of the connection."""
        self._up.append((time.monotonic() + self._delay, data))

    def _read(self, timeout: float) -> bytes:
        end = time.monotonic() + timeout
        while not self._down or self._down[0][0] > time.monotonic():
            if time.monotonic() >= end:
                return b""
            time.sleep(0.002)
        return self.arrived(self._down.popleft()[1])

    def close(self) -> None:
        """End the program and the line."""
        self._over = True
        self._line.join()
        super().close()

    def left_in_line(self) -> bytes:
        """Return the input from the terminal that the program has not read."""
        time.sleep(2 * self._delay + 0.1)
        with contextlib.suppress(BlockingIOError):
            os.set_blocking(self._slave, False)
            return os.read(self._slave, 1 << 16)
        return b""

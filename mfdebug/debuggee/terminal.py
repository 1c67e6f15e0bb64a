"""A pseudo-terminal for a program's output, which only the debugger reads."""

from __future__ import annotations

import fcntl
import pty
import struct
import termios
import tty

ROWS, COLUMNS = 24, 80


def new_terminal() -> tuple[int, int]:
    """Return the descriptors of our end and the program's end of a new terminal, in raw mode."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return ours, theirs

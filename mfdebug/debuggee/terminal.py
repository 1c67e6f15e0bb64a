"""A terminal for what a program prints, where nobody is to see it but the debugger."""

from __future__ import annotations

import fcntl
import pty
import struct
import termios
import tty

ROWS, COLUMNS = 24, 80


def new_terminal() -> tuple[int, int]:
    """Return the descriptors of a new terminal's two ends: what is printed comes out as it is."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return ours, theirs

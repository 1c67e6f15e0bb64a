"""What a program prints, kept in order, and told to whoever listens."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from typing import TextIO

# Lines that are kept; a program that prints for hours must not fill the memory.
MOST_LINES = 10_000


class Output:
    """The lines printed so far.

    `told` is called with each piece of text as it is printed, `flushed` where the program flushes.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.dropped = 0
        self.told: Callable[[str], None] = lambda _text: None
        self.flushed: Callable[[], None] = lambda: None
        self._open = ""

    @property
    def all(self) -> list[str]:
        """The lines, the unfinished one too."""
        return [*self.lines, self._open] if self._open else [*self.lines]

    def write(self, text: str) -> None:
        """Take what was printed."""
        *whole, self._open = (self._open + text).split("\n")
        self.lines += whole
        if len(self.lines) > MOST_LINES:
            gone = len(self.lines) - MOST_LINES
            self.dropped += gone
            del self.lines[:gone]
        self.told(text)


class _ThreadStream(io.TextIOBase):
    """A stream that takes what one thread prints; the others print where they did before."""

    def __init__(self, output: Output, thread: threading.Thread, others: TextIO) -> None:
        self._output = output
        self._thread = thread
        self._others = others

    def write(self, text: str) -> int:
        """Write a piece of text."""
        if threading.current_thread() is self._thread:
            self._output.write(text)
            return len(text)
        return self._others.write(text)

    def flush(self) -> None:
        """Send on what was written."""
        if threading.current_thread() is self._thread:
            self._output.flushed()
        else:
            self._others.flush()

    def isatty(self) -> bool:
        """A program's output is kept: for it this is no terminal."""
        return threading.current_thread() is not self._thread and self._others.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of what others write to."""
        return self._others.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of what others write to."""
        return self._others.encoding


class _NoInput(io.TextIOBase):
    """Standard input for a program where the debugger has the keyboard."""

    def __init__(self, thread: threading.Thread, others: TextIO) -> None:
        self._thread = thread
        self._others = others

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        """Read a line, or say that the program cannot."""
        if threading.current_thread() is self._thread:
            raise EOFError(
                "the program reads its standard input, which mfdebug has: "
                "run it with --plain to answer it"
            )
        return self._others.readline(size)

    def fileno(self) -> int:
        """Return the file descriptor of the real one."""
        return self._others.fileno()

    def isatty(self) -> bool:
        """Whether a person is there."""
        return self._others.isatty()


def divert(output: Output, thread: threading.Thread, *, reads: bool) -> None:
    """Let `output` have what the thread prints; let it read standard input only if `reads`."""
    sys.stdout = _ThreadStream(output, thread, sys.stdout)
    sys.stderr = _ThreadStream(output, thread, sys.stderr)
    if not reads:
        sys.stdin = _NoInput(thread, sys.stdin)

"""Signals that end the process, after the terminal is restored and the session saved."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import FrameType

# By default these are ignored, or stop (suspend) the process.
_NAMES_NOT_ENDING = ["SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGINFO", "SIGTSTP", "SIGTTIN"]
_NAMES_NOT_ENDING += ["SIGTTOU", "SIGSTOP"]
if sys.platform != "linux":
    _NAMES_NOT_ENDING.append("SIGIO")
# The first cannot be handled. The others are faults of the process itself: after a Python handler
# the failing instruction would be executed again, forever.
_NAMES_WITHOUT_HANDLER = ("SIGKILL", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
_EXCLUDED = {getattr(signal, name, None) for name in (*_NAMES_NOT_ENDING, *_NAMES_WITHOUT_HANDLER)}
# Sent by users, terminals and service managers; the event loop has its own handler of the first.
_ALWAYS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(SystemExit):
    """Raised to exit because of the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def ending_signals() -> list[int]:
    """Return the signals that would end the process if they were not handled.

    Ignored signals, as under nohup, and signals with a handler of the program are excluded.
    """
    return sorted(
        number
        for number in signal.valid_signals() - _EXCLUDED
        if (handler := signal.getsignal(number)) is signal.SIG_DFL
        or (number in _ALWAYS and handler is not signal.SIG_IGN)
    )


def call_at_ending_signals(loop: AbstractEventLoop, end: Callable[[int], None]) -> None:
    """Let an event loop call `end` with the number of a signal that would end the process.

    For each signal, the loop's own method lists all of them again: a twentieth of the time to the
    first screen.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        try:
            loop.call_soon_threadsafe(end, number)
        except RuntimeError:
            # The loop is closed: the signal does what it would have done without it.
            interrupts = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if interrupts else signal.SIG_DFL)
            signal.raise_signal(number)

    for number in ending_signals():
        signal.signal(number, handle)


@contextlib.contextmanager
def handlers_restored() -> Iterator[None]:
    """Restore all signal handlers at the end of the context."""
    before = {number: signal.getsignal(number) for number in signal.valid_signals() - _EXCLUDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def end_by(number: int) -> NoReturn:
    """End the process by a signal, so that its parent process sees which one it was."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    if number != signal.SIGKILL:
        # SIGKILL has no handler.
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)

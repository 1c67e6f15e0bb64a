"""Signals that end the process: the terminal is restored and the session kept, then they do so."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

# What these do by default is nothing, or to stop the process.
_NAMES_WITHOUT_END = ["SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGINFO", "SIGTSTP", "SIGTTIN"]
_NAMES_WITHOUT_END += ["SIGTTOU", "SIGSTOP"]
if sys.platform != "linux":
    _NAMES_WITHOUT_END.append("SIGIO")
# The first cannot be handled. The others are faults of the process itself: after a handler in
# Python the instruction that failed would be run again, for ever.
_NAMES_WITHOUT_HANDLER = ("SIGKILL", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
_LEFT_ALONE = {
    getattr(signal, name, None) for name in (*_NAMES_WITHOUT_END, *_NAMES_WITHOUT_HANDLER)
}
# Sent by people, terminals and service managers; the event loop has its own handler of the first.
_ALWAYS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(SystemExit):
    """The end that a signal asks for; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def ending_signals() -> list[int]:
    """Return the signals that end the process unless they are handled.

    Whatever is ignored stays ignored, as under nohup, and a program's own alarms are its own.
    """
    return sorted(
        number
        for number in signal.valid_signals() - _LEFT_ALONE
        if (handler := signal.getsignal(number)) is signal.SIG_DFL
        or (number in _ALWAYS and handler is not signal.SIG_IGN)
    )


@contextlib.contextmanager
def handlers_restored() -> Iterator[None]:
    """Have the same handlers after a `with` statement as before it."""
    before = {number: signal.getsignal(number) for number in signal.valid_signals() - _LEFT_ALONE}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def end_by(number: int) -> NoReturn:
    """End the process by a signal, so that whoever waits for it learns which one it was."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    if number != signal.SIGKILL:
        # That one has no handler.
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)

"""`set_trace()`: a debugger within the program that it debugs.

The program waits while the debugger is open. A command for which it has to go on closes the
debugger, and is carried out when the program has come far enough; then the debugger opens again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from mfdebug.core.commands.console import Console
from mfdebug.core.cursor import Progress
from mfdebug.core.debugger import NotYet
from mfdebug.live import has_terminal, run_app
from mfdebug.plain import Plain
from mfdebug.program.debugger import debugger_of
from mfdebug.program.recorder import Recorder
from mfdebug.settings import read_settings
from miniflow.errors import MiniflowError


class Inline(Recorder):
    """The program that this is a part of."""

    def __init__(self) -> None:
        self._memory = read_settings().history_bytes
        super().__init__(Path(sys.argv[0] or "program").stem, self._memory)
        self._console: Console | None = None
        self._plain: Plain | None = None
        self._reached: Callable[[], bool] = lambda: True

    def watch(self) -> None:
        """Look for the next pass."""
        self._taps.install()

    def leave(self) -> None:
        """Let the program go on without a debugger."""
        global _watching
        self._taps.remove()
        self._taps.closed = True
        _watching = None

    def go_on(self, reached: Callable[[], bool], progress: Progress | None = None) -> None:
        """Raise `NotYet` unless the program has come so far: the debugger closes meanwhile."""
        if not reached():
            self._reached = reached
            raise NotYet

    def _pause(self) -> None:
        if not self._reached():
            return
        self._taps.closed = True
        try:
            if self._console is None:
                self._console = Console(debugger_of(self, self._memory))
            self._debug(self._console)
        finally:
            self._taps.closed = False
        if not self._console.waiting:
            self.leave()

    def _debug(self, console: Console) -> None:
        """Carry out the command that waited; when that is done, open the debugger."""
        line, console.waiting = console.waiting, ""
        if line:
            console.closed = False
            try:
                told = console.run(line).text
            except MiniflowError as error:
                told = str(error)
            if self._plain is not None and not console.waiting:
                sys.stdout.write(f"{told}\n")
        if console.waiting:
            return
        if has_terminal():
            run_app(console)
        else:
            self._plain = self._plain or Plain(console)
            self._plain.run([])
            if not console.closed:
                # Nobody is left to ask.
                console.waiting = ""


_watching: Inline | None = None


def stop_at_next_pass() -> None:
    """Open the debugger at the next pass; nothing more if it is to open already."""
    global _watching
    if _watching is None:
        _watching = Inline()
        _watching.watch()

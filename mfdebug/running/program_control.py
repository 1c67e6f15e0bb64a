"""Detaches from a program, which runs on unwatched, and attaches to it again."""

from __future__ import annotations

from mfdebug.core.timeline.cursor import Progress
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.recording.debugger import RecordedLines
from mfdebug.running.live_run import LiveRun


class ProgramControl:
    """Detaches from the program of a run, and attaches to it again."""

    def __init__(self, run: LiveRun, lines: RecordedLines) -> None:
        self._run, self._lines = run, lines

    @property
    def detached(self) -> bool:
        """Whether the program runs on unwatched."""
        return self._run.detached

    @property
    def ending(self) -> str:
        """Why there will be no further pass, as a message; empty while there may be one."""
        return self._run.ending

    def detach(self) -> None:
        """Let the program run on unwatched."""
        self._run.detach()

    def attach(self, progress: Progress | None) -> Debugger | None:
        """Watch the program again, and return the debugger of its next pass, at its start.

        None if there is none: the program has ended, or does not come to the end of a pass before
        `progress` returns True.
        """
        moment = 0
        number = self._run.attach(None if progress is None else lambda: progress(moment))
        return None if number is None else self._lines.at_pass(number, at_its_end=False)

"""Saves the session of a screen shortly after each action."""

from __future__ import annotations

from collections.abc import Callable

from textual.message_pump import MessagePump
from textual.timer import Timer

from mfdebug.core.session.store import AutoSaver
from mfdebug.tui.runner import Runner

# Seconds from an action to saving it; the actions of several keys are written at once.
SAVE_DELAY = 0.3


class SessionSaver:
    """Saves what a runner runs, unless there is no `autosaver`; `host` has the timer.

    `report` gets each new problem with saving.
    """

    def __init__(
        self,
        host: MessagePump,
        runner: Runner,
        autosaver: AutoSaver | None,
        report: Callable[[str], None],
    ) -> None:
        self._host = host
        self._runner = runner
        self._autosaver = autosaver
        self._report = report
        self._timer: Timer | None = None

    def save_soon(self) -> None:
        """Save after a short delay, together with the actions until then."""
        if self._autosaver is not None and self._timer is None:
            self._timer = self._host.set_timer(SAVE_DELAY, self.save)

    def save(self) -> None:
        """Save now, unless a command in the background is changing the session."""
        self._timer = None
        if self._autosaver is not None and not self._runner.busy:
            reported = self._autosaver.problem
            self._autosaver.keep(self._runner.session)
            if self._autosaver.problem != reported:
                self._report(self._autosaver.problem)

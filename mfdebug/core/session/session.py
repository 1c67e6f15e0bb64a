"""A session: what is debugged, where the cursor is, and all that commands can change."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from mfdebug.core.breakpoints.breakpoints import Stop, Stops
from mfdebug.core.expressions.watches import Watch, Watches
from mfdebug.core.quiz.quiz import Quiz
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.script import Origin, Script, read_script
from mfdebug.core.session.transcript import Transcript
from mfdebug.core.timeline.debugger import START, Debugger, Position, Progress

# A demo of more lines than these nobody would watch.
MOST_ACTIONS = 10_000


class State(NamedTuple):
    """All that commands can change in a session."""

    position: Position
    stops: tuple[int, tuple[Stop, ...]]
    watches: tuple[int, tuple[Watch, ...]]
    quiz: Quiz | None
    debugger: Debugger | None = None


class Interpreter(Protocol):
    """Knows the commands."""

    def run(self, session: Session, line: str) -> Reply:
        """Run a command line; raise `MiniflowError` when it cannot be carried out."""

    def check(self, line: str) -> None:
        """Raise `DebuggerError` for a line that is not a command."""


class Session:
    """A debugger with its stops, watches, quiz and transcript.

    `progress` is given the present
    moment during long runs and ends them by returning True. `origin` is where the graph came from,
    if from a file; `left` the session in which it was left the last time. `depth` counts the
    scripts that run each other.
    """

    def __init__(
        self,
        debugger: Debugger,
        interpreter: Interpreter,
        progress: Progress | None = None,
        *,
        origin: Origin | None = None,
        left: Script | None = None,
    ) -> None:
        self._interpreter = interpreter
        self.debugger = debugger
        self.progress = progress
        self.origin = origin
        self.left = left
        # How to read the session before that one, and whether either was continued.
        self.left_before: Callable[[], Script] | None = None
        self.resumed = False
        # What the program that runs has printed, if one does.
        self.printed: Callable[[], list[str]] | None = None
        self.stops = Stops(debugger)
        self.watches = Watches(debugger)
        self.quiz: Quiz | None = None
        self.transcript: Transcript | None = None
        self.depth = 0
        self.closed = False
        # What a demo says, and the lines that make a demo of this session.
        self.caption = ""
        self.actions: deque[str] = deque(maxlen=MOST_ACTIONS)

    def run(self, line: str) -> Reply:
        """Run one command line.

        Raises `MiniflowError` when the command is unknown or cannot be carried out.
        """
        return self._interpreter.run(self, line)

    def read(self, path: Path) -> Script:
        """Read a script; raise `DebuggerError` with the line that is not a command."""
        return read_script(path, self._interpreter.check)

    def use(self, debugger: Debugger) -> None:
        """Look at another graph of the same program; stops and watches hold there too."""
        if debugger is not self.debugger:
            self.debugger = debugger
            self.stops.follow(debugger)
            self.watches.follow(debugger)

    @property
    def state(self) -> State:
        """All that commands can change, as it is now."""
        return State(
            self.debugger.position,
            self.stops.state,
            self.watches.state,
            copy.copy(self.quiz),
            self.debugger,
        )

    def restore(self, state: State) -> None:
        """Restore an earlier state."""
        self.use(state.debugger or self.debugger)
        self.debugger.restore(state.position)
        self.stops.restore(state.stops)
        self.watches.restore(state.watches)
        self.quiz = copy.copy(state.quiz)

    def clear(self) -> None:
        """Go to the start, and discard edits, stops and watches."""
        self.restore(State(START, (0, ()), (0, ()), None))

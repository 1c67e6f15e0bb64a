"""A session: a debugger and all other state that commands can change."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mfdebug.core.breakpoints.breakpoints import Stops
from mfdebug.core.expressions.watches import Watches
from mfdebug.core.session.script import Origin, Script, read_script
from mfdebug.core.timeline.debugger import START, Debugger, Position, Progress
from miniflow.graph import Graph

if TYPE_CHECKING:
    from mfdebug.core.breakpoints.stop import Stop
    from mfdebug.core.expressions.watches import Watch
    from mfdebug.core.format.table import Part
    from mfdebug.core.quiz.question import Question
    from mfdebug.core.quiz.quiz import Quiz
    from mfdebug.core.session.plot import Plot
    from mfdebug.core.session.reply import Reply
    from mfdebug.core.session.transcript import Transcript

# The most command lines kept for making a demo of the session.
MOST_ACTIONS = 10_000


class SessionState(NamedTuple):
    """All that commands can change in a session."""

    position: Position
    stops: tuple[int, tuple[Stop, ...]]
    watches: tuple[int, tuple[Watch, ...]]
    quiz: Quiz | None
    debugger: Debugger | None = None
    plot: Plot | None = None


class ProgramControl(Protocol):
    """Detaches from the program that is debugged, and attaches to it again."""

    @property
    def detached(self) -> bool:
        """Whether the program runs on unwatched."""

    @property
    def ending(self) -> str:
        """Why there will be no further pass, as a message; empty while there may be one."""

    def detach(self) -> None:
        """Let the program run on unwatched."""

    def attach(self, progress: Progress | None) -> Debugger | None:
        """Watch it again; return the debugger of its next pass, at its start, None without one."""


class Interpreter(Protocol):
    """Runs command lines on a session."""

    def run(self, session: Session, line: str) -> Reply:
        """Run a command line; raise `MiniflowError` if it fails."""

    def check(self, line: str) -> None:
        """Raise `DebuggerError` for a line that is not a command."""


class Session:
    """A debugger with its stops, watches, quiz and transcript.

    `progress` is called with the present moment during long runs and ends them by returning True.
    `aim` is the end of the run of a command in SGD steps from the start, None if it is not known.
    `origin` is the origin of the graph, if known; `left` is the last saved session of the graph.
    `depth` is the nesting depth of scripts.
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
        self.aim: float | None = None
        self.origin = origin
        self.left = left
        # Reads the session before `left`; and whether either was resumed.
        self.left_before: Callable[[], Script] | None = None
        self.resumed = False
        # Returns the output of the debugged program, if there is one.
        self.printed: Callable[[], list[str]] | None = None
        # Detaches from that program, if it is running.
        self.program: ProgramControl | None = None
        # Opens another graph by its name or file, with the feeds and the cost of this one.
        self.open_other: Callable[[str], Graph] | None = None
        # Compares the open run file with another: lines and tables, and data.
        self.compare_run: Callable[[str], tuple[list[Part], Any]] | None = None
        self.stops = Stops(debugger)
        self.watches = Watches(debugger)
        self.quiz: Quiz | None = None
        self.transcript: Transcript | None = None
        self.depth = 0
        self.closed = False
        # Whether a screen shows plots, and the one that it shows beside the numbers.
        self.has_panels = False
        self.plot: Plot | None = None
        # The themes of the screen that shows the session, and the present one; none without.
        self.themes: tuple[str, ...] = ()
        self.theme = ""
        # The caption of a demo, and the lines from which a demo of this session can be made.
        self.caption = ""
        self.actions: deque[str] = deque(maxlen=MOST_ACTIONS)

    def run(self, line: str) -> Reply:
        """Run one command line.

        Raises `MiniflowError` if the command is unknown or fails.
        """
        return self._interpreter.run(self, line)

    def read(self, path: Path) -> Script:
        """Read a script; raise `DebuggerError` with the number of a line that is not a command."""
        return read_script(path, self._interpreter.check)

    def use(self, debugger: Debugger) -> None:
        """Switch to another form of the graph, or graph of the program, with stops and watches."""
        if debugger is not self.debugger:
            self.debugger = debugger
            self.stops.follow(debugger)
            self.watches.follow(debugger)

    @property
    def question(self) -> Question | None:
        """The question about the next moment; None if the quiz is off or asks nothing."""
        return None if self.quiz is None else self.quiz.ask(self.debugger)

    @property
    def state(self) -> SessionState:
        """The present state, for `restore`."""
        return SessionState(
            self.debugger.position,
            self.stops.state,
            self.watches.state,
            copy.copy(self.quiz),
            self.debugger,
            self.plot,
        )

    def restore(self, state: SessionState) -> None:
        """Restore an earlier state."""
        self.use(state.debugger or self.debugger)
        self.debugger.restore(state.position)
        self.stops.restore(state.stops)
        self.watches.restore(state.watches)
        self.quiz = copy.copy(state.quiz)
        self.plot = state.plot

    def clear(self) -> None:
        """Go to the start, roll up layers, and discard edits, stops and watches."""
        self.use(self.debugger.rolled)
        self.restore(SessionState(START, (0, ()), (0, ()), None))

"""Runs command lines: every key, prompt line, script and batch run goes through here."""

from __future__ import annotations

import copy
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from mfdebug.core.breakpoints.breakpoints import Stop, Stops
from mfdebug.core.commands.command import Command, Reply
from mfdebug.core.commands.move import moved
from mfdebug.core.commands.table import COMMANDS, KEY_OF, find
from mfdebug.core.expressions.watches import Watch, Watches
from mfdebug.core.quiz.quiz import Quiz
from mfdebug.core.session.script import Origin, Script, read_script, unreadable
from mfdebug.core.session.transcript import Transcript
from mfdebug.core.timeline.debugger import (
    START,
    Debugger,
    DebuggerError,
    OtherRun,
    Progress,
    SetTrace,
    Stand,
)
from miniflow.errors import MiniflowError

# A demo of more lines than these nobody would watch.
MOST_DEEDS = 10_000


class State(NamedTuple):
    """All that commands can change in a session."""

    stand: Stand
    stops: tuple[int, tuple[Stop, ...]]
    watches: tuple[int, tuple[Watch, ...]]
    quiz: Quiz | None
    debugger: Debugger | None = None


class Console:
    """Runs command lines against a debugger.

    `progress` is told the present moment during long runs and ends them by returning True.
    `origin` is where the graph came from, if from a file; `left` the session in which it was left
    the last time. `depth` counts the scripts that run each other.
    """

    def __init__(
        self,
        debugger: Debugger,
        progress: Progress | None = None,
        *,
        origin: Origin | None = None,
        left: Script | None = None,
    ) -> None:
        self.debugger = debugger
        self.progress = progress
        self.origin = origin
        self.left = left
        # How to read the session before that one, and whether either was gone on with.
        self.left_before: Callable[[], Script] | None = None
        self.resumed = False
        self.commands = COMMANDS
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
        self.deeds: deque[str] = deque(maxlen=MOST_DEEDS)

    def use(self, debugger: Debugger) -> None:
        """Look at another graph of the same program; stops and watches hold there too."""
        if debugger is not self.debugger:
            self.debugger = debugger
            self.stops.follow(debugger)
            self.watches.follow(debugger)

    def run(self, line: str) -> Reply:
        """Run one command line.

        Raises `MiniflowError` when the command is unknown or cannot be carried out.
        """
        if self.depth:
            return self._run(line)
        transcript = self.transcript
        try:
            reply = self._run(line)
        except MiniflowError as error:
            if transcript is not None and (problem := self._add_to_transcript(line, str(error))):
                error.hint = "; ".join(filter(None, [error.hint, problem]))
            raise
        if line.strip():
            self.deeds.append(line.strip())
        if transcript is not None and self.transcript is transcript:
            problem = self._add_to_transcript(line, reply.text)
            if problem:
                reply = replace(reply, text=f"{reply.text}\n{problem}")
        return reply

    def _add_to_transcript(self, line: str, answer: str) -> str:
        """Add a line and its answer; if that cannot be, end the transcript and return why."""
        assert self.transcript is not None
        try:
            self.transcript.add(line, answer)
        except DebuggerError as error:
            self.transcript = None
            return str(error)
        return ""

    def _run(self, line: str) -> Reply:
        if problem := unreadable(line.replace("\t", " ")):
            raise DebuggerError(f"{line[:60]!r}: {problem}")
        word, rest = [*line.split(None, 1), "", ""][:2]
        if not word or word.startswith("#"):
            return Reply("")
        if not rest and (key := KEY_OF.get(word)) is not None:
            return self._run(key)
        if pressed := re.fullmatch(r"(\d+)\s*(\D)", line.strip()):
            return self._run(key_line(pressed[2], pressed[1]))
        try:
            return find(word).run(self, rest.strip())
        except SetTrace as stopped:
            return moved(self, note=stopped.problem)
        except OtherRun as other:
            self.use(other.debugger)
            hits = () if other.back else self.stops.arrive(self.debugger.moment)
            reply = moved(self, hits)
            why = "; ".join([other.problem, *map(str, hits)])
            return replace(reply, text=f"{other.problem}\n{reply.text}", stopped=why)

    @property
    def state(self) -> State:
        """All that commands can change, as it is now."""
        return State(
            self.debugger.stand,
            self.stops.state,
            self.watches.state,
            copy.copy(self.quiz),
            self.debugger,
        )

    def return_to(self, state: State) -> None:
        """Have all as it was once, or `BLANK`."""
        self.use(state.debugger or self.debugger)
        self.debugger.return_to(state.stand)
        self.stops.return_to(state.stops)
        self.watches.return_to(state.watches)
        self.quiz = copy.copy(state.quiz)

    def clear(self) -> None:
        """Stand at the start, without edits, stops and watches."""
        self.return_to(State(START, (0, ()), (0, ()), None))

    @staticmethod
    def read(path: Path) -> Script:
        """Read a script; raise `DebuggerError` with the line that is no command."""
        return read_script(path, check_known)


def key_line(key: str, count: str) -> str:
    """Return the line that a key runs after a count: `sgd 500` for 500 and `t`."""
    for command in COMMANDS.values():
        for known in command.keys:
            if known.key == key and "{n}" in known.line:
                return known.line.replace("{n}", count)
    raise DebuggerError(f"{key!r} takes no count", hint="as in: step 10, sgd 500")


def command_of(line: str) -> Command | None:
    """Return the command that a line names, or None."""
    word, rest = [*line.split(None, 1), "", ""][:2]
    try:
        if pressed := re.fullmatch(r"(\d+)\s*(\D)", line.strip()):
            return command_of(key_line(pressed[2], pressed[1]))
        return find(word if rest else KEY_OF.get(word, word).split(None, 1)[0])
    except (DebuggerError, IndexError):
        return None


def check_known(line: str) -> None:
    """Raise `DebuggerError` for a line that no command or key answers."""
    word, rest = [*line.split(None, 1), ""][:2]
    if not rest and word in KEY_OF:
        return
    if pressed := re.fullmatch(r"(\d+)\s*(\D)", line):
        key_line(pressed[2], pressed[1])
    else:
        find(word)

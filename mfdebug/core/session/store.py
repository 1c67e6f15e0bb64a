"""The session store: a folder with the last two sessions of each graph."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import platformdirs

from mfdebug.core.session.script import Origin, Script, read_session, session_text, write_whole
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import FileError, MiniflowError
from miniflow.files.atomic import LEFTOVERS
from miniflow.files.paths import check_ordinary, clear_leftovers

SUFFIX, BEFORE = ".session", ".previous"
# The lines of a session without any action.
NOTHING = ["goto 0"]


class Left(NamedTuple):
    """A session that was left: its graph, the moment, and when, in seconds since 1970."""

    graph: str
    moment: int
    at: float


class SessionStore:
    """Session files by the path of the graph file, or by the name of a shipped graph.

    `check` raises `DebuggerError` for a line that is not a command.
    """

    def __init__(self, check: Callable[[str], object], folder: Path | None = None) -> None:
        self.check = check
        self.folder = folder or platformdirs.user_state_path("mfdebug", False) / "sessions"

    def path_for(self, graph: str) -> Path:
        """Return the path of a graph's session file, which may not exist."""
        words = re.sub(r"[^\w-]+", "-", Path(graph).stem, flags=re.ASCII)[:40]
        hashed = hashlib.sha256(os.fsencode(graph)).hexdigest()[:8]
        return self.folder / f"{words}-{hashed}{SUFFIX}"

    def latest(self) -> Origin:
        """Return the origin of the last session's graph; raise `DebuggerError` if there is none."""
        found = self._files()
        if not found:
            raise DebuggerError("there is no saved session", hint="mfdebug GRAPH starts one")
        return read_session(found[0][1], self.check)[1]

    def origin(self, graph: str) -> Origin | None:
        """Return the origin of a graph's session, or None if there is none that can be read."""
        with contextlib.suppress(MiniflowError):
            return read_session(self.path_for(graph), self.check)[1]
        return None

    def recent(self, count: int) -> list[Left]:
        """Return the `count` sessions that were left last, without those that cannot be read."""
        sessions = []
        for at, path in self._files()[:count]:
            with contextlib.suppress(MiniflowError, ValueError):
                script, origin = read_session(path, self.check)
                sessions.append(Left(origin.graph, moment_left(script), at))
        return sessions

    def _files(self) -> list[tuple[float, Path]]:
        """Return the session files with their times, the latest first."""
        with contextlib.suppress(OSError):
            found = [(path.stat().st_mtime, path) for path in self.folder.glob(f"*{SUFFIX}")]
            return sorted(found, reverse=True)
        return []


def moment_left(script: Script) -> int:
    """Return the moment at which a session was left: its last line goes there."""
    return int(script.lines[-1][1].removeprefix("goto "))


class AutoSaver:
    """Saves the session of one graph continuously.

    `left` is the saved session found at the start, unless nothing was done in it; `problem` says
    why it could not be read, or why the present session cannot be saved.
    """

    def __init__(self, store: SessionStore, origin: Origin) -> None:
        self.origin = origin
        self._check = store.check
        self.path = store.path_for(origin.graph)
        self.problem = ""
        self.left: Script | None = None
        self._saved = NOTHING
        self._stamp = self._on_disk()
        clear_leftovers(self.path.parent, LEFTOVERS)
        if os.path.lexists(self.path):
            try:
                found, _ = read_session(self.path, self._check)
            except MiniflowError as error:
                self.problem = f"the saved session cannot be read: {error}"
            else:
                if [line for _, line in found.lines] != NOTHING:
                    self.left = found

    def greeting(self, resume: str, step: str) -> str:
        """Return a message for the start: how to resume the saved session, a problem, or "".

        `resume` and `step` are the names of the keys of these commands.
        """
        restart = f"{step} starts over"
        if self.left is None:
            return f"{self.problem}; {restart}" if self.problem else ""
        moment = moment_left(self.left)
        return f"this graph was left at moment {moment}: {resume} resumes there, {restart}"

    def before(self) -> Script:
        """Return the session before the last one; raise `DebuggerError` if there is none."""
        try:
            return read_session(self.path.with_suffix(BEFORE), self._check)[0]
        except FileError:
            raise DebuggerError("there is no session before the last one") from None

    def must_be_left(self) -> None:
        """Raise `DebuggerError` unless there is a saved session that can be resumed."""
        if self.left is None:
            raise DebuggerError(self.problem or f"no saved session of {self.origin.graph}")

    def _on_disk(self) -> tuple[int, int] | None:
        """Return a stamp that identifies the file as written, or None if there is no file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def keep(self, session: Session) -> None:
        """Write the present session if it has changed.

        A file of another session, an earlier one or one that runs at the same time, is renamed to
        the previous session.
        """
        # At the end of a session, not at its start.
        from mfdebug.core.session.replay import session_lines

        lines = session_lines(session)
        if lines == self._saved:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            check_ordinary(self.path, str(self.path))
            is_new = self._saved is NOTHING and not session.resumed
            if is_new or self._on_disk() != self._stamp:
                with contextlib.suppress(FileNotFoundError):
                    os.replace(self.path, self.path.with_suffix(BEFORE))
            write_whole(self.path, session_text(self.origin, lines))
            self._saved, self._stamp = lines, self._on_disk()
        except (OSError, MiniflowError) as error:
            self.problem = f"cannot save this session: {error}"

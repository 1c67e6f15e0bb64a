"""The store: a folder in which the last session of each graph is kept, and the one before it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import platformdirs

from mfdebug.core.session.replay import session_lines
from mfdebug.core.session.script import Origin, Script, read_session, session_text, write_whole
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from miniflow.errors import FileError, MiniflowError
from miniflow.files.paths import check_ordinary, clear_leftovers

SUFFIX, BEFORE = ".session", ".previous"
# A session in which nothing has been done yet.
NOTHING = ["goto 0"]


class SessionStore:
    """Sessions by the graph's file; a shipped graph's by its name.

    `check` raises `DebuggerError` for a line that is not a command.
    """

    def __init__(self, check: Callable[[str], object], folder: Path | None = None) -> None:
        self.check = check
        self.folder = folder or platformdirs.user_state_path("mfdebug", False) / "sessions"

    def path_for(self, graph: str) -> Path:
        """Return the file of a graph's session, there or not."""
        words = re.sub(r"[^\w-]+", "-", Path(graph).stem, flags=re.ASCII)[:40]
        hashed = hashlib.sha256(os.fsencode(graph)).hexdigest()[:8]
        return self.folder / f"{words}-{hashed}{SUFFIX}"

    def latest(self) -> Origin:
        """Return what the last session was about; raise `DebuggerError` if there is none."""
        found = []
        with contextlib.suppress(OSError):
            found = [(path.stat().st_mtime, path) for path in self.folder.glob(f"*{SUFFIX}")]
        if not found:
            raise DebuggerError("no session was left", hint="mfdebug GRAPH begins one")
        return read_session(max(found)[1], self.check)[1]


class AutoSaver:
    """Keeps the session of one graph as it goes on.

    `left` is the session found there, if anything was done in it; `problem` says why it could not
    be read, or why this one cannot be kept.
    """

    def __init__(self, store: SessionStore, origin: Origin) -> None:
        self.origin = origin
        self._check = store.check
        self.path = store.path_for(origin.graph)
        self.problem = ""
        self.left: Script | None = None
        self._kept = NOTHING
        self._stamp = self._on_disk()
        clear_leftovers(self.path.parent, f".{self.path.name}.*")
        if os.path.lexists(self.path):
            try:
                found, _ = read_session(self.path, self._check)
            except MiniflowError as error:
                self.problem = f"the session that was left cannot be read: {error}"
            else:
                if [line for _, line in found.lines] != NOTHING:
                    self.left = found

    def greeting(self, resume: str, step: str) -> str:
        """Return what to say at the start: how to go on, or that it cannot be; or nothing.

        `resume` and `step` are the keys that do so.
        """
        begins = f"{step} begins anew"
        if self.left is None:
            return f"{self.problem}; {begins}" if self.problem else ""
        moment = self.left.lines[-1][1].removeprefix("goto ")
        return f"this graph was left at moment {moment}: {resume} goes on there, {begins}"

    def before(self) -> Script:
        """Return the session before the last one, which beginning anew has put aside."""
        try:
            return read_session(self.path.with_suffix(BEFORE), self._check)[0]
        except FileError:
            raise DebuggerError("no session before the last one was left") from None

    def must_be_left(self) -> None:
        """Raise `DebuggerError` unless a session was left that can be gone on with."""
        if self.left is None:
            raise DebuggerError(self.problem or f"no session of {self.origin.graph} was left")

    def _on_disk(self) -> tuple[int, int] | None:
        """Return what tells a written file from another, or None if there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def keep(self, session: Session) -> None:
        """Write the session as it is now, if it has changed.

        What another session has left there stays beside it: the one before, or one that goes on
        at the same time.
        """
        lines = session_lines(session)
        if lines == self._kept:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            check_ordinary(self.path, str(self.path))
            anew = self._kept is NOTHING and not session.resumed
            if anew or self._on_disk() != self._stamp:
                with contextlib.suppress(FileNotFoundError):
                    os.replace(self.path, self.path.with_suffix(BEFORE))
            write_whole(self.path, session_text(self.origin, lines))
            self._kept, self._stamp = lines, self._on_disk()
        except (OSError, MiniflowError) as error:
            self.problem = f"this session cannot be kept: {error}"

"""A transcript: command lines as they were given, and what was answered as comments.

So a transcript is a script too, and runs again with `source`.
"""

from __future__ import annotations

from pathlib import Path

from mfdebug.core.timeline.debugger import DebuggerError

HEAD = "# mfdebug transcript"


class Transcript:
    """A file that grows by every command and its answer."""

    def __init__(self, path: Path, title: str) -> None:
        """Begin a file, or go on with one that is a transcript; raise if it is another kind."""
        self.path = path
        try:
            if path.exists() and path.stat().st_size:
                with path.open(encoding="utf-8", errors="replace") as file:
                    if not file.read(len(HEAD)) == HEAD:
                        raise DebuggerError("there is such a file, and it is no transcript")
            self._append(f"{HEAD} of {title}\n")
        except OSError as error:
            raise DebuggerError(error.strerror or str(error), where=str(path)) from None

    def add(self, line: str, answer: str) -> None:
        """Add a command line and its answer; raise `DebuggerError` when it cannot be written."""
        told = "".join(f"#   {part}\n" for part in answer.split("\n") if part)
        try:
            self._append(f"{line}\n{told}")
        except OSError as error:
            reason = error.strerror or str(error)
            raise DebuggerError(f"the transcript ends here: {reason}") from None

    def _append(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

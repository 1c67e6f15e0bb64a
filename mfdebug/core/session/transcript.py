"""A transcript: the command lines as typed, with the replies as comments.

So a transcript is also a script, which `source` can run.
"""

from __future__ import annotations

from pathlib import Path

from mfdebug.core.timeline.debugger import DebuggerError

HEAD = "# mfdebug transcript"


class Transcript:
    """A file to which every command and its reply is appended."""

    def __init__(self, path: Path, title: str) -> None:
        """Start a file or append to a transcript.

        Raises `DebuggerError` for another kind of file, or if the file cannot be written.
        """
        self.path = path
        try:
            if path.exists() and path.stat().st_size:
                with path.open(encoding="utf-8", errors="replace") as file:
                    if not file.read(len(HEAD)) == HEAD:
                        raise DebuggerError(f"{path.name} exists and is not a transcript")
            self._append(f"{HEAD} of {title}\n")
        except OSError as error:
            raise DebuggerError(error.strerror or str(error), where=str(path)) from None

    def add(self, line: str, answer: str) -> None:
        """Append a command line and its reply; raise `DebuggerError` if it cannot be written."""
        comments = "".join(f"#   {part}\n" for part in answer.split("\n") if part)
        try:
            self._append(f"{line}\n{comments}")
        except OSError as error:
            reason = error.strerror or str(error)
            raise DebuggerError(f"cannot write the transcript: {reason}") from None

    def _append(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

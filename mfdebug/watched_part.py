"""`with mfdebug.watching():` records the part of a program within it into a run file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import new_ring
from mfdebug.debuggee.start import FOLDER, record, recorder_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from mfdebug.debuggee.recorder import Recorder
    from mfdebug.debuggee.ring import Ring

# Bytes of a run file; older passes are thinned.
MOST_BYTES = 2 << 30
SUFFIX = ".mfrun"


class Watching:
    """The part of a program within its `with` block; `path` is the run file, None if there is none.

    Where a debugger watches the whole program already, or another block is open, no file is
    written.
    """

    # The files that this process has named itself.
    _named = 0

    def __init__(self, file: str | os.PathLike[str] | None, every: int) -> None:
        self.path: Path | None = None if file is None else Path(file).absolute()
        self._every = every
        self._recorder: Recorder | None = None
        self._writer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Watching:
        """Start to record."""
        if self._writer is not None:
            raise RuntimeError("a `with mfdebug.watching()` block cannot be entered again")
        if recorder_here() is not None:
            self.path = None
            return self
        if self.path is None:
            self.path = self._own_path()
        ring = new_ring(nameless=False)
        ring.set_word(words.STOP_AT, words.NEVER)
        ring.set_word(words.EVERY, self._every)
        self._writer = writer = self._start(ring.path)
        ring.peer_ended = lambda: writer.poll() is not None
        try:
            self._recorder = record(ring, existing=True)
        except BaseException:
            self._abandon(ring)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop recording, and wait until everything is in the file."""
        recorder, writer = self._recorder, self._writer
        if recorder is None or writer is None:
            return
        self._recorder = None
        try:
            recorder.end()
        except BaseException:
            # The writer would wait for an end that is never reported to it.
            self._abandon(recorder.ring)
            raise
        finally:
            recorder.uninstall()
        if writer.wait():
            # It has said why.
            self.path = None
        recorder.ring.unlink()

    def _abandon(self, ring: Ring) -> None:
        """End the writer; what it has written stays in the file."""
        assert self._writer is not None
        self._writer.terminate()
        self._writer.wait()
        ring.unlink()

    @classmethod
    def _own_path(cls) -> Path:
        """Return a file in the working folder named after the program, another for each block."""
        cls._named += 1
        number = f"-{cls._named}" if cls._named > 1 else ""
        return Path(f"{_program_name()}{number}{SUFFIX}").absolute()

    def _start(self, ring: str) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(filter(None, [FOLDER, os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-P", "-m", "mfdebug.running.watched"]
        return subprocess.Popen(
            [*command, ring, str(self.path), _program_name(), str(MOST_BYTES), str(os.getpid())],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            # Ctrl+C is for the program.
            start_new_session=True,
        )

    def _repr_html_(self) -> str:
        """Return the graph of the first pass as a drawing for notebooks."""
        from mfdebug.api import run_as_html

        return run_as_html(self.path)


def _program_name() -> str:
    """Return the name of the program without its suffix; of a notebook, `notebook`."""
    if "ipykernel" in sys.modules:
        return "notebook"
    return Path(sys.argv[0] or "program").stem or "program"

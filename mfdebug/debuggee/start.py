"""Starts the recorder in this process, so that the program will not see it."""

from __future__ import annotations

import atexit
import os
import sys

from .recorder import Recorder
from .ring import Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Our own miniflow stands beside mfdebug.
ENGINE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "miniflow", "")
# Bytes a second that are noted while the program runs on.
BYTES_A_SECOND = 50 * 2**20


def start(settings: str) -> None:
    """Record from now on; `settings` are the debugger's process and the paths of the ring."""
    parent, path, beside = settings.split("\n")
    ring = Ring(path, beside)
    # Both sides have it mapped: without a name it is gone when they are, however they end.
    ring.forget()
    ring.gone = lambda: os.getppid() != int(parent)
    record(ring, made_already=False)


def record(ring: Ring, *, made_already: bool) -> Recorder:
    """Record into a ring; `made_already`: watch the nodes of classes that there are, too."""
    recorder = Recorder(ring, ENGINE, BYTES_A_SECOND)
    if sys.version_info >= (3, 12):
        from .monitoring import install

        recorder.stop = install(recorder)
    else:
        from .classes import install as wrap_classes

        recorder.stop = wrap_classes(recorder, made_already=made_already)
    atexit.register(recorder.end)
    os.register_at_fork(after_in_child=lambda: _leave_child(recorder))
    leave = os._exit

    def _exit(status: Any) -> Any:
        recorder.end()
        leave(status)

    # The one thing of ours that stays where the program can see it; `set_trace` finds us by it.
    _exit.recorder = recorder  # type: ignore[attr-defined]
    os._exit = _exit
    return recorder


def _leave_child(recorder: Recorder) -> None:
    """A child process is not watched, and leaves the ring to its parent."""
    recorder.ring.dead = True
    recorder.leave()


def recorder_here() -> Recorder | None:
    """Return the recorder of this process, if one runs."""
    found: Recorder | None = getattr(os._exit, "recorder", None)
    return None if found is None or found.off else found

"""Starts the recorder in this process, so that the program will not see it."""

from __future__ import annotations

import atexit
import os
import sys

from .recorder import Recorder
from .ring import STOP_AT, Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def start(settings: str) -> Recorder:
    """Record from now on; `settings` are the lines that `Settings.line` joins."""
    path, rate, parent, engine = settings.split("\n")
    ring = Ring(path)
    if parent:
        ring.gone = lambda: os.getppid() != int(parent)
    return record(ring, engine, float(rate), made_already=False)


def record(ring: Ring, engine: str, rate: float, *, made_already: bool) -> Recorder:
    """Record into a ring; `made_already`: watch the nodes of classes that there are, too."""
    recorder = Recorder(ring, engine, rate)
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


__all__ = ["STOP_AT", "record", "recorder_here", "start"]

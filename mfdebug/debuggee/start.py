"""Starts the recorder in this process, hidden from the program."""

from __future__ import annotations

import atexit
import os
import sys

from .autograd.taps import Taps as AutogradTaps
from .imports import when_imported
from .micrograd.taps import Taps as MicrogradTaps
from .recorder import Recorder
from .ring import Ring
from .torch.taps import Taps
from .tracebacks import cut_when_uncaught, cut_when_walked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    # What is done once a module has been imported, by its name.
    Actions = dict[str, Callable[[ModuleType], None]]

# The folder that mfdebug is imported from; our own miniflow is installed next to it.
FOLDER = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
ENGINE = os.path.join(FOLDER, "miniflow", "")
OURS = os.path.dirname(__file__) + os.sep
# The recorder that forked processes must leave.
_current: list[Recorder] = []
# Bytes per second that are recorded while the program runs freely.
BYTES_A_SECOND = 50 * 2**20


def start(settings: str) -> None:
    """Start recording; `settings` are the debugger's process id and the paths of the ring."""
    parent, path, sidecar = settings.split("\n")
    ring = Ring(path, sidecar)
    # Both sides have it mapped: without a name it vanishes with them, however they end.
    ring.unlink()
    ring.peer_ended = lambda: os.getppid() != int(parent)
    record(ring, existing=False)


def record(ring: Ring, *, existing: bool) -> Recorder:
    """Record into a ring; `existing`: also watch the nodes of classes that are already defined."""
    recorder = Recorder(ring, ENGINE, BYTES_A_SECOND)
    recorder.class_seen.append(MicrogradTaps(recorder).see)
    if sys.version_info >= (3, 12):
        from .monitoring import install

        recorder.stop = install(recorder)
    else:
        from .classes import install as wrap_classes

        recorder.stop = wrap_classes(recorder, existing=existing)
    when_imported(
        {**_torch_taps(recorder), **_autograd_taps(recorder), **_traceback_cuts(recorder)}
    )
    cut_when_uncaught(OURS)
    atexit.register(recorder.end)
    _watch_forks(recorder)
    exit_process = os._exit

    def _exit(status: Any) -> Any:
        recorder.end()
        exit_process(status)

    # This is all that the program could see of us; `set_trace` finds the recorder through it.
    _exit.recorder = recorder  # type: ignore[attr-defined]
    os._exit = _exit

    def undo() -> None:
        atexit.unregister(recorder.end)
        if os._exit is _exit:
            os._exit = exit_process

    recorder.undo.append(undo)
    return recorder


def _torch_taps(recorder: Recorder) -> Actions:
    """Return what starts to note what a program computes with PyTorch."""
    taps: list[Taps] = []

    def install(torch: Any) -> None:
        if recorder.suspended or not recorder.off:
            taps.append(Taps(torch, recorder))
            taps[0].install()

    def watch_compiler(module: Any) -> None:
        if taps:
            taps[0].watch_compiler(module)

    return {"torch": install, "torch._dynamo.eval_frame": watch_compiler}


def _autograd_taps(recorder: Recorder) -> Actions:
    """Return what starts to note what a program computes with autograd."""

    def install(core: Any) -> None:
        if (recorder.suspended or not recorder.off) and hasattr(core, "VJPNode"):
            AutogradTaps(core, recorder).install()

    return {"autograd.core": install}


def _traceback_cuts(recorder: Recorder) -> Actions:
    """Return what hides our frames in tracebacks that the program prints."""

    def cut(traceback: ModuleType) -> None:
        if recorder.suspended or not recorder.off:
            recorder.undo.append(cut_when_walked(traceback, OURS))

    return {"traceback": cut}


def _watch_forks(recorder: Recorder) -> None:
    """Stop recording in child processes; a hook for that stays for ever, so there is one."""
    if not _current:
        os.register_at_fork(after_in_child=_detach_child)
    _current[:] = [recorder]


def _detach_child() -> None:
    """Stop recording in a child process; the ring belongs to its parent."""
    for recorder in _current:
        recorder.ring.dead = True
        recorder.detach()


def recorder_here() -> Recorder | None:
    """Return the recorder of this process, if one is active."""
    found: Recorder | None = getattr(os._exit, "recorder", None)
    return None if found is None or (found.off and not found.suspended) else found

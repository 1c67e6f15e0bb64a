"""While the process loads: Python's cycle collector is off, and an interrupt ends it at once.

The modules that are imported are not garbage. Scanning them again and again takes an eighth of
the time to the first screen, and one scan of all of them takes 50 ms in the middle of some key.

A `KeyboardInterrupt` in an import does not always end the process: C modules raise an
`ImportError` for it, and the import system ignores it in its callbacks.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

# What `loading` has disabled and nothing has enabled since.
_collector_held = False
_interrupts_held = False


@contextmanager
def loading() -> Iterator[None]:
    """Disable the collector and `KeyboardInterrupt` until `loaded`, or the end of the block."""
    global _collector_held, _interrupts_held
    _collector_held = gc.isenabled()
    gc.disable()
    # Not where it is ignored, as of a process in the background.
    _interrupts_held = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if _interrupts_held:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        loaded()


def loaded(*, keep: bool = False) -> None:
    """Enable what `loading` has disabled; `keep` exempts all present objects from collection.

    `keep` is for a process that keeps them until it exits. Without it they become old objects,
    which are scanned rarely.
    """
    global _collector_held
    raise_interrupts()
    if not _collector_held:
        return
    _collector_held = False
    gc.freeze()
    if not keep:
        gc.unfreeze()
    gc.enable()


def load_late(*modules: str) -> None:
    """Import modules that were not needed at the start, and exempt them from collection, too."""
    # What is exempt stays for good, garbage as well: not each time that a screen is opened.
    if all(module in sys.modules for module in modules):
        return
    was_enabled = gc.isenabled()
    gc.disable()
    for module in modules:
        import_module(module)
    gc.freeze()
    if was_enabled:
        gc.enable()


def raise_interrupts() -> None:
    """Let an interrupt raise `KeyboardInterrupt` again: there is something to close or restore."""
    global _interrupts_held
    # The app and the prompt have handlers of their own.
    if _interrupts_held and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _interrupts_held = False

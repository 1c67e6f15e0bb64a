"""Python's cycle collector during the start: off, and afterwards without the objects of the start.

The modules that a start imports are not garbage. Scanning them again and again takes an eighth of
the time to the first screen, and one scan of all of them takes 50 ms in the middle of some key.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Whether the collector is disabled by `collector_held`.
_held = False


@contextmanager
def collector_held() -> Iterator[None]:
    """Disable the collector until `release_collector`, or until the end of the block."""
    global _held
    _held = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        release_collector()


def release_collector(*, keep: bool = False) -> None:
    """Enable the collector if it is held; `keep` exempts all present objects from its scans.

    `keep` is for a process that keeps them until it exits. Without it they become old objects,
    which are scanned rarely.
    """
    global _held
    if not _held:
        return
    _held = False
    gc.freeze()
    if not keep:
        gc.unfreeze()
    gc.enable()

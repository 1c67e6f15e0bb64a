"""Pausing Python's cycle collector while many objects are created that are not garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Fewer new objects than this are scanned in well under a millisecond.
FEW = 10_000


@contextmanager
def collector_paused() -> Iterator[None]:
    """Disable the collector, so that it does not scan a growing graph again and again.

    Nothing there is garbage; the scans take as long as loading and compiling. Freezing and
    unfreezing moves the new objects to the oldest generation, so that no scan of them follows at
    once.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            # Unfreezing would undo an earlier freeze, which is not ours. To ask takes as long as
            # there are frozen objects: 2 ms for those of the app, for each graph that is compiled.
            if gc.get_count()[0] > FEW and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()

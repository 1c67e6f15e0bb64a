"""Python's cycle collector, kept out of the way of what grows large and is no garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the collector from looking through a growing graph again and again.

    Nothing there is garbage; looking for it takes as long as loading and compiling do. To freeze
    and unfreeze makes what was made old, so that no look at all that is new follows at once.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.unfreeze()
            gc.enable()

"""Keeps the memory that this process has freed for what it allocates next."""

from __future__ import annotations

import ctypes

# Of mallopt(3) of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# Bytes that are kept; larger pieces come from the system each time.
KEPT = 256 << 20


def keep_freed_memory() -> None:
    """Keep up to `KEPT` bytes that are free, where the C library is glibc.

    A pass of a program may have 100 MB, read and stored in a few pieces. From the system they are
    new with each pass, and the first touch of new memory takes as long as to copy it ten times.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, KEPT)
        # A thread other than the main one would have a heap of its own, of at most 64 MB.
        mallopt(_ARENA_MAX, 1)

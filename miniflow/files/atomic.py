"""Writing a file atomically: readers find the old file or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from miniflow.errors import FileError
from miniflow.files.paths import clear_leftovers

# The temporary files of writers, left behind by those that were killed.
LEFTOVERS = ".miniflow-*.tmp"


def replace_file(path: Path, content: bytes, where: str, *, sync: bool = True) -> None:
    """Write a file atomically: write a temporary file beside it, then rename that.

    With `sync` it is on the disk when this returns. Raises `FileError`, which names `where`, if the
    file cannot be written.
    """
    clear_leftovers(path.parent, LEFTOVERS)
    temporary = path.with_name(f".miniflow-{os.urandom(8).hex()}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(temporary, flags, 0o666), "wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"cannot be written: {reason}", where=where) from None
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink()
    if sync:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Not every system supports this; the file itself is already on disk.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

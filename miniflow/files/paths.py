"""Which files may be read and written, and safe reading of them.

A graph file names files beside it. Such a name must be a relative path, and must lie in the graph's
folder after all links are followed. Only ordinary files are read or replaced: a pipe could block
the reader for ever, a device could do anything. Sizes are checked before reading.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from itertools import islice
from pathlib import Path, PureWindowsPath

from miniflow.errors import FileError, nearest

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
# Seconds after which a half-written file is taken to have no writer.
LEFT_BEHIND = 60.0


def real(path: Path, where: str, *, exists: bool = True) -> Path:
    """Return a path with all links followed; raise `FileError` if it must exist and does not."""
    try:
        return path.resolve(strict=exists)
    except FileNotFoundError:
        raise FileError(
            f"there is no file {path.name!r}", where=where, hint=_nearest_file(path)
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise FileError(_reason(error), where=where) from None


def beside(folder: Path, name: str, where: str) -> Path:
    """Return the path of the file `name` beside a graph in `folder`, or raise `FileError`."""
    if not name or "\0" in name:
        raise FileError(f"{name!r} is not the name of a file", where=where)
    if name[0] in "/\\" or PureWindowsPath(name).drive:
        raise FileError(
            f"the path {name!r} is absolute",
            where=where,
            hint="give a path relative to the graph's folder",
        )
    if ".." in re.split(r"[/\\]", name):
        raise FileError(f"the path {name!r} leads out of the graph's folder", where=where)
    folder = real(folder, where)
    path = real(folder / name, where)
    if not path.is_relative_to(folder):
        raise FileError(f"{name!r} is a link that leads out of the graph's folder", where=where)
    return path


def read_bytes(path: Path, limit: int, where: str) -> bytes:
    """Return the content of an ordinary file of at most `limit` bytes."""
    try:
        # Checked before it is opened, too: opening alone has an effect on some devices.
        _check_kind(os.stat(path), where)
        descriptor = os.open(path, _FLAGS)
        try:
            status = os.fstat(descriptor)
            _check_kind(status, where)
            _check_size(status, limit, where)
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(status.st_size + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise FileError(_reason(error), where=where) from None
    if len(content) > status.st_size:
        raise FileError("the file grew while it was read", where=where)
    return content


def check_ordinary(path: Path, where: str) -> None:
    """Raise `FileError` if `path` exists and is not an ordinary file, or is not a valid path."""
    try:
        _check_kind(path.stat(), where)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise FileError(_reason(error), where=where) from None


def _check_kind(status: os.stat_result, where: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise FileError("it is a folder, not a file", where=where)
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
        kind = kinds.get(stat.S_IFMT(status.st_mode), "device")
        raise FileError(f"it is a {kind}, not an ordinary file", where=where)


def _check_size(status: os.stat_result, limit: int, where: str) -> None:
    if status.st_size > limit:
        raise FileError(
            f"the file has {status.st_size:,} bytes", where=where, hint=f"at most {limit:,}"
        )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _nearest_file(path: Path) -> str:
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), 1000)]
    except (OSError, ValueError):
        return ""
    return nearest(path.name, names)


def clear_leftovers(folder: Path, pattern: str) -> None:
    """Remove half-written files of killed writers, but not those of active writers."""
    with contextlib.suppress(OSError):
        for leftover in folder.glob(pattern):
            with contextlib.suppress(OSError):
                if time.time() - leftover.lstat().st_mtime > LEFT_BEHIND:
                    leftover.unlink()

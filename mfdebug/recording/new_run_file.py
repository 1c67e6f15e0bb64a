"""A new run file on disk: created, locked while it is written, and closed as one file.

Nothing but a run file is ever replaced, and none that another process is writing: a writer holds a
`flock` on its file. Closing any descriptor of a file drops SQLite's own locks on it, so the locked
one is opened before the connection and closed after it, and a file that this process is writing is
not opened again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from mfdebug.recording.schema import APPLICATION, FORMAT, TABLES, State, state_row
from miniflow.errors import FileError
from miniflow.files.paths import check_ordinary

# A large page holds a whole pass of a small network, and a large pass takes fewer pages.
_PAGE = 16384
# Pages in the write-ahead log before a checkpoint.
_LOG_PAGES = 1000
# Attempts to take a path for which other processes are competing.
_ATTEMPTS = 100

# Device and inode of the files that this process is writing.
_being_written: set[tuple[int, int]] = set()


class RunFile:
    """A new run file, which atomically replaces an existing one; `where` is its name in errors.

    Raises `FileError` if the path is taken by another kind of file, or by a run file that another
    process is writing.
    """

    def __init__(self, path: Path, state: State, where: str) -> None:
        check_ordinary(path, where)
        self.path = path
        self._lock = _create(path, state, where)
        try:
            status = os.fstat(self._lock)
            self._identity = status.st_dev, status.st_ino
            self.connection = _connect(path)
            try:
                for pragma in (
                    "journal_mode=WAL",
                    "synchronous=OFF",
                    "secure_delete=OFF",
                    "cache_size=-16000",
                    f"wal_autocheckpoint={_LOG_PAGES}",
                    f"journal_size_limit={2 * _LOG_PAGES * _PAGE}",
                ):
                    self.connection.execute(f"PRAGMA {pragma}").fetchall()
            except BaseException:
                self.connection.close()
                raise
        except BaseException:
            os.close(self._lock)
            raise
        _being_written.add(self._identity)

    @property
    def used_bytes(self) -> int:
        """The bytes in use in the committed file, without the write-ahead log."""
        (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
        (free,) = self.connection.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * _PAGE

    def merge_log(self) -> None:
        """Merge the write-ahead log into the file, unless a reader has it open."""
        # If the file was replaced, the log next to it is not ours.
        with contextlib.suppress(OSError):
            if _identity(self.path) != self._identity:
                return
        self.connection.execute("PRAGMA busy_timeout=0")
        # From here on, the file is to survive a crash of the machine, too.
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with contextlib.suppress(sqlite3.OperationalError):
            # Not DELETE: a journal left by a kill would have to be rolled back.
            self.connection.execute("PRAGMA journal_mode=MEMORY").fetchall()

    def close(self) -> None:
        """Close the file, and allow others to replace it."""
        self.connection.close()
        _being_written.discard(self._identity)
        os.close(self._lock)


def _create(path: Path, state: State, where: str) -> int:
    """Create a run file without passes at `path`; return a descriptor that holds its lock."""
    # Also refused before anything is written.
    with _replaceable(path, where):
        pass
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
    lock = -1
    try:
        lock = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o666)
        _acquire(lock, where)
        _fill(temporary, state)
        _publish(temporary, path, where)
    except BaseException:
        if lock >= 0:
            os.close(lock)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return lock


def _fill(path: Path, state: State) -> None:
    connection = _connect(path)
    try:
        for pragma in (
            "journal_mode=MEMORY",
            f"page_size={_PAGE}",
            f"application_id={APPLICATION}",
            f"user_version={FORMAT}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("BEGIN")
        for table in TABLES.values():
            connection.execute(table)
        connection.execute("INSERT INTO run VALUES (?,?,?)", state_row(state))
        connection.execute("COMMIT")
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw"
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)


def _publish(temporary: Path, path: Path, where: str) -> None:
    """Give a locked file its name; the file that had it must not be in use."""
    for _ in range(_ATTEMPTS):
        with _replaceable(path, where) as exists:
            if exists or path.is_symlink():
                _remove_companions(path)
                temporary.replace(path)
                return
            try:
                # Unlike a rename, this fails if another process has just created the file.
                os.link(temporary, path)
            except FileExistsError:
                continue
            except OSError:
                # This file system has no links.
                temporary.replace(path)
            _remove_companions(path)
            return
    raise _taken(where)


def _remove_companions(path: Path) -> None:
    """Remove what an older file left: SQLite would take its log for the log of the new one."""
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


# The file that is replaced -----------------------------------------------------------------------


@contextmanager
def _replaceable(path: Path, where: str) -> Iterator[bool]:
    """Check that the file at `path` may be replaced, and keep others from replacing it.

    Yields whether there is a file.
    """
    for _ in range(_ATTEMPTS):
        try:
            identity = _identity(path)
            if identity in _being_written:
                yield True
                return
            previous = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            yield False
            return
        try:
            _check_run_file(previous, where)
            _acquire(previous, where)
            if _is_at(path, previous):
                yield True
                return
        finally:
            os.close(previous)
    raise _taken(where)


def _check_run_file(descriptor: int, where: str) -> None:
    """Raise `FileError` if the file is not a run file: never overwrite anything else."""
    header = os.pread(descriptor, 100, 0)
    ours = header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION.to_bytes(4)
    if header and not ours:
        raise FileError(
            "the file exists and is not a run file",
            where=where,
            hint="choose another name, or remove the file",
        )


def _acquire(descriptor: int, where: str) -> None:
    """Lock a file until its descriptor is closed; raise `FileError` if another process holds it."""
    # On other systems, the lock would keep SQLite out, too.
    if sys.platform == "linux":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(where) from None
        except OSError:
            # Some network file systems refuse to lock a file that is open for reading only. They
            # would not tell the lock from SQLite's own.
            return


def _taken(where: str) -> FileError:
    return FileError(
        "another mfdebug is writing it",
        where=where,
        hint="choose another name, or wait until that one has ended",
    )


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file still has this name."""
    with contextlib.suppress(FileNotFoundError):
        status = os.fstat(descriptor)
        return _identity(path) == (status.st_dev, status.st_ino)
    return False

"""Opening a run file that may come from anyone: it is looked at only, and is what it should be.

SQLite reads the file; what it would do for another database, it is kept from doing for this one.
A schema that differs in one character is refused, so there is no view, trigger, generated column
or virtual table that could run while rows are read. Locks are SQLite's own: the file is never
opened beside it, since closing it there would drop the locks of a writer in this process.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from mfdebug import __version__
from mfdebug.recording.schema import APPLICATION, BODY_BYTES, FORMAT, TABLES
from miniflow.errors import FileError
from miniflow.files.paths import check_ordinary, real

# Instructions of SQLite's machine while it reads the schema; the true one takes some hundred.
_SCHEMA_STEPS = 10_000
# What a row takes in the file besides its blob.
_LEAST_LENGTH = 1 << 16


class Text(bytes):
    """Text of a row, not yet decoded; a blob is `bytes`."""


class Opened(NamedTuple):
    """A run file that has been found to be one; `fixed`: nobody can be writing it."""

    connection: sqlite3.Connection
    path: Path
    fixed: bool


def open_run(path: Path, where: str) -> Opened:
    """Return the connection to a run file, or raise `FileError`."""
    path = real(path, where)
    check_ordinary(path, where)
    if not os.access(path, os.R_OK):
        raise FileError("Permission denied", where=where)
    if not path.stat().st_size:
        raise FileError("the file is empty", where=where, hint="record the program again")
    fixed = not _beside(path, "-wal", where)
    _beside(path, "-shm", where)
    if _beside(path, "-journal", where):
        raise FileError(
            f"the file {path.name}-journal stands beside it, and no run file has one",
            where=where,
            hint="move it away if it is not needed",
        )
    # As nobody writes, nothing is locked and no file is made beside it: it may be read-only.
    address = f"file:{quote(os.fsencode(path))}?mode=ro" + ("&immutable=1" if fixed else "")
    with reading(where):
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False
        )
    try:
        with reading(where):
            # The first thing that is asked has the whole schema read.
            connection.set_progress_handler(_Steps(), 100)
            _harden(connection)
            bound_lengths(connection, path)
            _check_format(connection, where)
            _check_schema(connection, where)
            connection.set_progress_handler(None, 0)
    except BaseException:
        connection.close()
        raise
    return Opened(connection, path, fixed)


def file_bytes(path: Path) -> int:
    """Return the bytes of a run file, with those that SQLite keeps beside it for now."""
    size = 0
    for name in (path, path.with_name(path.name + "-wal")):
        try:
            size += name.stat().st_size
        except OSError:
            continue
    return size


def bound_lengths(connection: sqlite3.Connection, path: Path) -> None:
    """Let no row be read that says it is larger than the file."""
    most = max(_LEAST_LENGTH, min(file_bytes(path), BODY_BYTES + _LEAST_LENGTH))
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _refusal(error, where) from None
    except UnicodeDecodeError:
        # Python cannot read SQLite's own message, which quotes the file.
        raise damaged("the file", where) from None
    except MemoryError:
        raise FileError("there is not enough memory to read it", where=where) from None


def damaged(what: str, where: str) -> FileError:
    """Return the error of a part of a file that does not hold what was written."""
    return FileError(
        f"{what} is damaged", where=where, hint="copy the file again, or record the program again"
    )


def _refusal(error: sqlite3.Error, where: str) -> FileError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return _no_run_file(where)
    if code == sqlite3.SQLITE_INTERRUPT:
        return _other_tables(where)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return FileError(
            f"it cannot be opened: {error}",
            where=where,
            hint="its recording was cut off: copy it, with the file -wal beside it, to a folder "
            "that you may write in",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return FileError("another process has locked the file", where=where, hint="try again")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL):
        return FileError(f"it cannot be read: {error}", where=where)
    if code == sqlite3.SQLITE_NOMEM:
        return FileError("there is not enough memory to read it", where=where)
    return damaged("the file", where)


def _no_run_file(where: str) -> FileError:
    return FileError("not a run file", where=where, hint="mfdebug record PROGRAM -o FILE makes one")


def _beside(path: Path, suffix: str, where: str) -> bool:
    """Whether a file that SQLite would read stands beside it, and is not empty."""
    try:
        status = path.with_name(path.name + suffix).lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError(error.strerror or str(error), where=where) from None
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            f"{path.name}{suffix} beside it is not an ordinary file",
            where=where,
            hint="move it away",
        )
    return status.st_size > 0


def _harden(connection: sqlite3.Connection) -> None:
    connection.text_factory = Text
    for limit, most in (
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 10_000),
        (sqlite3.SQLITE_LIMIT_COLUMN, 100),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 20),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        connection.setlimit(limit, most)
    # Python 3.12 and later can set these.
    if setconfig := getattr(connection, "setconfig", None):
        for name, on in (
            ("DEFENSIVE", True),
            ("TRUSTED_SCHEMA", False),
            ("ENABLE_TRIGGER", False),
            ("ENABLE_VIEW", False),
        ):
            setconfig(getattr(sqlite3, f"SQLITE_DBCONFIG_{name}"), on)
    for pragma in (
        "trusted_schema=OFF",
        "query_only=ON",
        "cell_size_check=ON",
        "mmap_size=0",
        "cache_size=-4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _check_format(connection: sqlite3.Connection, where: str) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        raise _no_run_file(where)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == FORMAT:
        return
    hint = "record the program again"
    if found > FORMAT:
        hint = "it was made by a newer mfdebug: update this one, pip install -U mfdebug"
    raise FileError(
        f"a run file of format {found}; mfdebug {__version__} reads format {FORMAT}",
        where=where,
        hint=hint,
    )


def _check_schema(connection: sqlite3.Connection, where: str) -> None:
    query = f"SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT {len(TABLES) + 1}"
    names = ((name.encode(), sql.encode()) for name, sql in TABLES.items())
    if set(connection.execute(query)) != {(b"table", name, name, sql) for name, sql in names}:
        raise _other_tables(where)


def _other_tables(where: str) -> FileError:
    return FileError(
        f"its tables are not those of a run file of format {FORMAT}",
        where=where,
        hint="mfdebug did not write it, or something else has changed it",
    )


class _Steps:
    """Ends SQLite's reading of a schema that is longer than ours."""

    def __init__(self) -> None:
        self._done = 0

    def __call__(self) -> bool:
        self._done += 100
        return self._done > _SCHEMA_STEPS

"""Opens an untrusted run file: read-only, and only if it has exactly the expected schema.

SQLite reads the file with its optional features disabled. A schema that differs in one character is
refused, so there is no view, trigger, generated column or virtual table that could run while rows
are read. Only SQLite opens the file: if this module opened it too, closing it would drop the locks
of a writer in this process.
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
from mfdebug.recording.schema import APPLICATION, BODY_BYTES, FORMAT, TABLES, TABLES_OF
from miniflow.errors import FileError
from miniflow.files.paths import check_ordinary, real

# Steps of SQLite's virtual machine allowed for the schema; the real one takes a few hundred.
_SCHEMA_STEPS = 10_000
# Bytes of a row besides its blob, at most.
_LEAST_LENGTH = 1 << 16


class Text(bytes):
    """Undecoded text of a row; a blob is plain `bytes`."""


class Opened(NamedTuple):
    """A checked run file of a format; `fixed`: no process can be writing it."""

    connection: sqlite3.Connection
    path: Path
    fixed: bool
    format: int


def open_run(path: Path, where: str) -> Opened:
    """Return the connection to a run file, or raise `FileError`."""
    path = real(path, where)
    check_ordinary(path, where)
    if not os.access(path, os.R_OK):
        raise FileError("Permission denied", where=where)
    if not path.stat().st_size:
        raise FileError("the file is empty", where=where, hint="record the program again")
    fixed = not _has_companion(path, "-wal", where)
    _has_companion(path, "-shm", where)
    if _has_companion(path, "-journal", where):
        raise FileError(
            f"the file {path.name}-journal is next to it, and a run file has no journal",
            where=where,
            hint="move the journal away if it is not needed",
        )
    # If no process writes, SQLite takes no lock and creates no file: the folder may be read-only.
    address = f"file:{quote(os.fsencode(path))}?mode=ro" + ("&immutable=1" if fixed else "")
    with reading(where):
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False
        )
    try:
        with reading(where):
            # The first query makes SQLite read the whole schema.
            connection.set_progress_handler(_Steps(), 100)
            _harden(connection)
            bound_lengths(connection, path)
            found = _format(connection, where)
            _check_schema(connection, TABLES_OF[found], where)
            connection.set_progress_handler(None, 0)
    except BaseException:
        connection.close()
        raise
    return Opened(connection, path, fixed, found)


def file_bytes(path: Path) -> int:
    """Return the size of a run file, including SQLite's write-ahead log."""
    size = 0
    for name in (path, path.with_name(path.name + "-wal")):
        try:
            size += name.stat().st_size
        except OSError:
            continue
    return size


def bound_lengths(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse rows that claim to be larger than the file."""
    limit = max(_LEAST_LENGTH, min(file_bytes(path), BODY_BYTES + _LEAST_LENGTH))
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limit)


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turn SQLite's errors into `FileError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise _refusal(error, where) from None
    except UnicodeDecodeError:
        # Python cannot decode SQLite's message, which quotes the file.
        raise damaged("the file", where) from None
    except MemoryError:
        raise FileError("not enough memory to read it", where=where) from None


def damaged(what: str, where: str) -> FileError:
    """Return the error for a damaged part of a file."""
    return FileError(
        f"{what} is damaged", where=where, hint="copy the file again, or record the program again"
    )


def _refusal(error: sqlite3.Error, where: str) -> FileError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return _not_a_run_file(where)
    if code == sqlite3.SQLITE_INTERRUPT:
        return _other_tables(where)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return FileError(
            f"cannot be opened: {error}",
            where=where,
            hint="its recording was cut off: copy it and its -wal file to a folder that you can "
            "write to",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return FileError("another process has locked the file", where=where, hint="try again")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL):
        return FileError(f"cannot be read: {error}", where=where)
    if code == sqlite3.SQLITE_NOMEM:
        return FileError("not enough memory to read it", where=where)
    return damaged("the file", where)


def _not_a_run_file(where: str) -> FileError:
    return FileError("not a run file", where=where, hint="mfdebug record PROGRAM -o FILE makes one")


def _has_companion(path: Path, suffix: str, where: str) -> bool:
    """Whether the file with this suffix, which SQLite would read, exists and is not empty."""
    try:
        status = path.with_name(path.name + suffix).lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError(error.strerror or str(error), where=where) from None
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            f"{path.name}{suffix} next to it is not an ordinary file",
            where=where,
            hint="move it away",
        )
    return status.st_size > 0


def _harden(connection: sqlite3.Connection) -> None:
    connection.text_factory = Text
    for option, value in (
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 10_000),
        (sqlite3.SQLITE_LIMIT_COLUMN, 100),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 20),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        connection.setlimit(option, value)
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


def _format(connection: sqlite3.Connection, where: str) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        raise _not_a_run_file(where)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found in TABLES_OF:
        return int(found)
    hint = "record the program again"
    if found > FORMAT:
        hint = "it was made by a newer mfdebug: update this one, pip install -U mfdebug"
    raise FileError(
        f"a run file of format {found}; mfdebug {__version__} reads formats 1 to {FORMAT}",
        where=where,
        hint=hint,
    )


def _check_schema(connection: sqlite3.Connection, tables: dict[str, str], where: str) -> None:
    query = f"SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT {len(TABLES) + 1}"
    names = ((name.encode(), sql.encode()) for name, sql in tables.items())
    if set(connection.execute(query)) != {(b"table", name, name, sql) for name, sql in names}:
        raise _other_tables(where)


def _other_tables(where: str) -> FileError:
    return FileError(
        "its tables are not those of a run file of its format",
        where=where,
        hint="it was not written by mfdebug, or it was changed afterwards",
    )


class _Steps:
    """Interrupts SQLite while it reads a schema that is longer than ours."""

    def __init__(self) -> None:
        self._done = 0

    def __call__(self) -> bool:
        self._done += 100
        return self._done > _SCHEMA_STEPS

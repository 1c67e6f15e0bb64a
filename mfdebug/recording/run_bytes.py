"""Writes the tables of a run file that have a number and its bytes in each row."""

from __future__ import annotations

import sqlite3

from mfdebug.recording.schema import Bytes

# A row of more bytes is not passed to SQLite as a parameter.
_LARGE_BYTES = 1 << 20


def write_rows(
    connection: sqlite3.Connection, table: str, rows: dict[int, Bytes], committed: int
) -> None:
    """Write the bytes of each number; without any, delete the row.

    There may be a row only of the numbers below `committed`.
    """
    small, empty = [], []
    for number, data in rows.items():
        if len(data) > _LARGE_BYTES:
            _write_large(connection, table, number, data)
        elif data:
            small.append((number, data))
        elif number < committed:
            empty.append((number,))
    connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?,?)", small)
    if empty:
        connection.executemany(f"DELETE FROM {table} WHERE number=?", empty)


def _write_large(connection: sqlite3.Connection, table: str, number: int, data: Bytes) -> None:
    """Write a row into a blob that is there: as a parameter SQLite would copy it twice."""
    sql = f"INSERT OR REPLACE INTO {table} VALUES (?,zeroblob(?))"
    connection.execute(sql, (number, len(data)))
    with connection.blobopen(table, "data", number) as blob:
        blob.write(data)

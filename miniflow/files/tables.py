"""Tables of numbers in .csv files, read row by row.

The first row of a data table names its columns. Only the requested columns are read as numbers;
others may contain anything.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter

import numpy as np

from miniflow.errors import FileError, nearest
from miniflow.files.values import shown
from miniflow.ops.base import Array

Rows = Iterator[tuple[int, list[str]]]


def read_columns(content: bytes, columns: Sequence[str], where: str) -> Array:
    """Return the named columns of a table with a header, side by side."""
    rows = _rows(content, where)
    line, header = _first(rows, where)
    indices = [_column_index(header, column, f"{where}:{line}") for column in columns]
    return _numbers(rows, indices, header, where)


def read_matrix(content: bytes, where: str) -> Array:
    """Return a table of numbers as a matrix; a header row is skipped."""
    rows = _rows(content, where)
    line, first = _first(rows, where)
    if all(map(_is_number, first)):
        rows = chain([(line, first)], rows)
    return _numbers(rows, range(len(first)), [], where, width=len(first))


def _rows(content: bytes, where: str) -> Rows:
    """Yield the rows that are not blank, each with its line number."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"not UTF-8 text: byte {content[error.start]:#04x}", where=f"{where}:{line}"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                yield reader.line_num, row
    except csv.Error as error:
        raise FileError(f"not a table: {error}", where=f"{where}:{reader.line_num}") from None


def _first(rows: Rows, where: str) -> tuple[int, list[str]]:
    for line, row in rows:
        return line, [cell.strip() for cell in row]
    raise FileError("the table is empty", where=where)


def _column_index(header: list[str], column: str, where: str) -> int:
    count = header.count(column)
    if count == 1:
        return header.index(column)
    if count:
        raise FileError(f"{count} columns are called {shown(column)}", where=where)
    hint = nearest(column, header)
    if len(header) == 1 and re.search("[;\t]", header[0]):
        hint = "columns are separated by commas"
    raise FileError(f"there is no column {shown(column)}", where=where, hint=hint)


def _numbers(
    rows: Rows,
    indices: Sequence[int],
    header: list[str],
    where: str,
    width: int = 0,
) -> Array:
    width = width or len(header)
    numbers = array("d")
    pick = (
        itemgetter(*indices) if len(indices) > 1 else itemgetter(slice(indices[0], indices[0] + 1))
    )
    for line, row in rows:
        if len(row) != width:
            raise FileError(
                f"expected {width} cells, as in the first row, found {len(row)}",
                where=f"{where}:{line}",
            )
        cells = pick(row)
        try:
            numbers.extend(map(float, cells))
        except ValueError:
            raise _not_a_number(row, indices, header, f"{where}:{line}") from None
        # Python reads 1_000 as a number, but in a table it is something else.
        if any("_" in cell for cell in cells):
            raise _not_a_number(row, indices, header, f"{where}:{line}")
    if not numbers:
        raise FileError("the table has no rows", where=where)
    return np.frombuffer(numbers, np.float64).reshape(-1, len(indices))


def _not_a_number(
    row: list[str], indices: Sequence[int], header: list[str], where: str
) -> FileError:
    index = next(i for i in indices if not _is_number(row[i]))
    name = f"column {shown(header[index]) if header else index + 1}"
    found = shown(row[index]) if row[index].strip() else "an empty cell"
    return FileError(f"{name}: expected a number, found {found}", where=where)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell

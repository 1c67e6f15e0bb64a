"""Where an input's numbers come from: the graph file, an initial value, or a file beside it.

All that one graph takes, in numbers and in bytes read, is counted here against the limits.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from msgspec import UNSET

from miniflow import limits
from miniflow.errors import FileError, nearest
from miniflow.files import paths, tables, tensors
from miniflow.files.decode import convert
from miniflow.files.initial import initial_value, seed_of
from miniflow.files.schema import DataForm, InitForm, TensorForm
from miniflow.files.values import Value, fit, read_array, scalar_or_array, shown
from miniflow.ops.base import Array, shape_text

_SUFFIXES = (".csv", ".npz", ".safetensors")


class Sources:
    """Reads the numbers of one graph, in its dtype, from its file and from `folder`.

    `where` is always the place in the graph file that asks for the numbers; `digest` takes in each
    file that is read.
    """

    def __init__(
        self, folder: Path, dtype: np.dtype[Any], seed: int, digest: hashlib._Hash
    ) -> None:
        self.folder = folder
        self.dtype = dtype
        self.seed = seed
        self.numbers = 0
        self.bytes = 0
        self.digest = digest
        self._tensors: dict[str, tensors.Tensors] = {}

    def value(self, value: Any, name: str, where: str) -> Value:
        """Return the value that the file gives for the input `name`."""
        if not isinstance(value, dict):
            array = self.inline(value, where)
        elif "init" in value:
            init: InitForm = convert(value, InitForm, where)
            self.take(init.shape, where)
            array = initial_value(init, seed_of(init, self.seed, name), where)
        elif "file" in value:
            array = self._from_file(convert(value, TensorForm, where), name, where)
        else:
            raise FileError(
                'expected an object with "init" or with "file"',
                where=where,
                hint=nearest(next(iter(value), ""), ["init", "file"]),
            )
        return scalar_or_array(self.own(array, where))

    def given(self, value: Any, name: str, where: str) -> Array:
        """Return numbers that stand in the graph file or in a file beside it, in its dtype."""
        if isinstance(value, dict):
            array = self._from_file(convert(value, TensorForm, where), name, where)
        else:
            array = self.inline(value, where)
        return self.own(array, where)

    def inline(self, value: Any, where: str) -> Array:
        """Return numbers that stand in the file itself, in float64."""
        array = read_array(value, where)
        self.take(array.shape, where)
        return array

    def _from_file(self, form: TensorForm, name: str, where: str) -> Array:
        if self._suffix(form.file, where) != ".csv":
            return self._tensor(form.file, form.tensor or name, where)
        if form.tensor is not UNSET:
            raise FileError(
                "a .csv file holds one matrix, without a name",
                where=f"{where}.tensor",
                hint="leave the field out",
            )
        array = tables.read_matrix(self._read(form.file, where), f"{where}: {form.file}")
        self.take(array.shape, where)
        return array

    def _tensor(self, file: str, tensor: str, where: str) -> Array:
        if file not in self._tensors:
            content = self._read(file, where)
            suffix = self._suffix(file, where)
            self._tensors[file] = tensors.open_tensors(suffix, content, f"{where}: {file}")
        array = self._tensors[file](tensor, f"{where}: {file}")
        self.take(array.shape, where)
        return array

    def _suffix(self, file: str, where: str) -> str:
        suffix = PurePosixPath(file).suffix.lower()
        if suffix not in _SUFFIXES:
            raise FileError(
                f"{shown(file)} is not of a kind that holds numbers",
                where=f"{where}.file",
                hint="expected " + ", ".join(_SUFFIXES),
            )
        return suffix

    def _read(self, file: str, where: str) -> bytes:
        path = paths.beside(self.folder, file, f"{where}.file")
        content = paths.read_bytes(path, limits.TABLE_BYTES - self.bytes, f"{where}: {file}")
        self.bytes += len(content)
        self.digest.update(hashlib.sha256(content).digest())
        return content

    def tables(self, form: DataForm, where: str) -> dict[str, Array]:
        """Return the tables of `data`, standardised where it says so."""
        places = {name: f"{where}.feeds.{name:.60}" for name in form.feeds}
        if isinstance(form.file, str):
            feeds = self._tables_of_file(form.file, form.feeds, where, places)
        else:
            feeds = {name: self.inline(value, places[name]) for name, value in form.feeds.items()}
        for name, table in feeds.items():
            if not table.ndim:
                raise FileError("expected a list of rows, found one number", where=places[name])
        for position, name in enumerate(form.standardize or []):
            place = f"{where}.standardize[{position}]"
            if name not in feeds:
                hint = nearest(name, feeds)
                raise FileError(f"{shown(name)} is not fed", where=place, hint=hint)
            feeds[name] = _standardized(feeds[name], place)
        return {name: self.own(table, places[name]) for name, table in feeds.items()}

    def _tables_of_file(
        self, file: str, feeds: dict[str, Any], where: str, places: dict[str, str]
    ) -> dict[str, Array]:
        if self._suffix(file, where) != ".csv":
            for name, tensor in feeds.items():
                if not isinstance(tensor, str):
                    raise FileError(
                        f"expected the name of a tensor, found {shown(tensor)}",
                        where=places[name],
                    )
            return {
                name: self._tensor(file, tensor, places[name]) for name, tensor in feeds.items()
            }
        wanted: list[str] = []
        for name, columns in feeds.items():
            several = columns if isinstance(columns, list) else [columns]
            if not several or not all(isinstance(column, str) for column in several):
                raise FileError(
                    f"expected the names of columns, found {shown(columns)}",
                    where=places[name],
                )
            wanted += several
        table = tables.read_columns(self._read(file, where), wanted, f"{where}: {file}")
        self.take(table.shape, where)
        found: dict[str, Array] = {}
        start = 0
        for name, columns in feeds.items():
            width = len(columns) if isinstance(columns, list) else 1
            part = table[:, start : start + width]
            found[name] = part if isinstance(columns, list) else part[:, 0]
            start += width
        return found

    def take(self, shape: Sequence[int], where: str, *, counts: bool = True) -> None:
        """Raise `FileError` unless there is room for a value of this shape."""
        size = math.prod(shape)
        self.numbers += size if counts else 0
        if size > limits.NUMBERS or self.numbers > limits.NUMBERS:
            raise FileError(
                f"the shape {shape_text(tuple(shape))} has {size:,} numbers",
                where=where,
                hint=f"at most {limits.NUMBERS:,} in all values of a file together",
            )

    def own(self, array: Array, where: str) -> Array:
        """Return a copy in the graph's dtype: nothing shares it, nor keeps a whole file alive."""
        return np.array(fit(array, self.dtype, where), order="C")


def _standardized(table: Array, where: str) -> Array:
    """Return a table with each column shifted to mean 0 and scaled to standard deviation 1.

    A constant column becomes 0: its computed deviation may be a rounding error instead of 0.
    """
    table = table.astype(np.float64)
    constant = (table == table[0]).all(axis=0)
    with np.errstate(all="ignore"):
        mean = np.where(constant, table[0], table.mean(axis=0))
        deviation = np.where(constant, 1.0, table.std(axis=0))
        scaled: Array = (table - mean) / deviation
    if np.isfinite(table).all() and not (
        np.isfinite(deviation).all() and np.isfinite(scaled).all()
    ):
        raise FileError("numbers too large or too small to be standardised", where=where)
    return scaled

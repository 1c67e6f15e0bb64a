"""The sources of an input's numbers: the graph file, an initial value, or a file beside it.

The numbers and bytes that one graph reads are counted here, against the limits: those that a
.safetensors file really has apart from those that a few bytes can ask for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import UNSET

from miniflow import limits
from miniflow.errors import FileError, nearest
from miniflow.files import paths, tables
from miniflow.files.decode import convert
from miniflow.files.initial import initial_value, seed_of
from miniflow.files.schema import DataForm, InitForm, TensorForm
from miniflow.files.values import Value, fit, read_array, scalar_or_array, shown
from miniflow.ops.base import Array, shape_text

if TYPE_CHECKING:
    from miniflow.files.tensors import Tensors

# The tensors of this file are not compressed: it bounds them.
_PLAIN = ".safetensors"
_SUFFIXES = (".csv", ".npz", _PLAIN)


class Sources:
    """Reads the numbers of one graph, in its dtype, from its file and from `folder`.

    `where` is always the location in the graph file that requests the numbers; `digest` is updated
    with each file that is read.
    """

    def __init__(
        self, folder: Path, dtype: np.dtype[Any], seed: int, digest: hashlib._Hash
    ) -> None:
        self.folder = folder
        self.dtype = dtype
        self.seed = seed
        self.numbers = 0
        self.held_numbers = 0
        # Of files that are plain, and of others.
        self._bytes_left = {True: limits.BESIDE_BYTES, False: limits.TABLE_BYTES}
        self.digest = digest
        self._tensors: dict[str, Tensors] = {}
        self._taken: set[tuple[str, str]] = set()

    def value(self, value: Any, name: str, where: str) -> Value:
        """Return the value of the input `name`, from its entry in the file."""
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
        """Return numbers from the graph file or from a file beside it, in the graph's dtype."""
        if isinstance(value, dict):
            array = self._from_file(convert(value, TensorForm, where), name, where)
        else:
            array = self.inline(value, where)
        return self.own(array, where)

    def inline(self, value: Any, where: str) -> Array:
        """Return numbers from the graph file itself, in float64."""
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
                hint="leave out this field",
            )
        array = tables.read_matrix(self._read(form.file, where), f"{where}: {form.file}")
        self.take(array.shape, where)
        return array

    def _tensor(self, file: str, tensor: str, where: str) -> Array:
        suffix = self._suffix(file, where)
        if file not in self._tensors:
            # Most graphs hold their numbers themselves, and zipfile and safetensors take time.
            from miniflow.files.tensors import open_tensors

            content = self._read(file, where, plain=suffix == _PLAIN)
            self._tensors[file] = open_tensors(suffix, content, f"{where}: {file}")
        array = self._tensors[file](tensor, f"{where}: {file}")
        # A tensor that is used once more takes memory once more, and no bytes of the file.
        if suffix == _PLAIN and (file, tensor) not in self._taken:
            self._taken.add((file, tensor))
            self._hold(array.shape, where)
        else:
            self.take(array.shape, where)
        return array

    def _suffix(self, file: str, where: str) -> str:
        suffix = PurePosixPath(file).suffix.lower()
        if suffix not in _SUFFIXES:
            raise FileError(
                f"{shown(file)} is not a file of a supported type",
                where=f"{where}.file",
                hint="expected " + ", ".join(_SUFFIXES),
            )
        return suffix

    def _read(self, file: str, where: str, *, plain: bool = False) -> bytes:
        path = paths.beside(self.folder, file, f"{where}.file")
        content = paths.read_bytes(path, self._bytes_left[plain], f"{where}: {file}")
        self._bytes_left[plain] -= len(content)
        self.digest.update(hashlib.sha256(content).digest())
        return content

    def tables(self, form: DataForm, where: str) -> dict[str, Array]:
        """Return the tables of `data`, standardised if it requests that."""
        locations = {name: f"{where}.feeds.{name:.60}" for name in form.feeds}
        if isinstance(form.file, str):
            feeds = self._tables_of_file(form.file, form.feeds, where, locations)
        else:
            feeds = {
                name: self.inline(value, locations[name]) for name, value in form.feeds.items()
            }
        for name, table in feeds.items():
            if not table.ndim:
                raise FileError("expected a list of rows, found one number", where=locations[name])
        for position, name in enumerate(form.standardize or []):
            location = f"{where}.standardize[{position}]"
            if name not in feeds:
                hint = nearest(name, feeds)
                raise FileError(f"{shown(name)} is not fed", where=location, hint=hint)
            feeds[name] = _standardized(feeds[name], location)
        return {name: self.own(table, locations[name]) for name, table in feeds.items()}

    def _tables_of_file(
        self, file: str, feeds: dict[str, Any], where: str, locations: dict[str, str]
    ) -> dict[str, Array]:
        if self._suffix(file, where) != ".csv":
            for name, tensor in feeds.items():
                if not isinstance(tensor, str):
                    raise FileError(
                        f"expected the name of a tensor, found {shown(tensor)}",
                        where=locations[name],
                    )
            return {
                name: self._tensor(file, tensor, locations[name]) for name, tensor in feeds.items()
            }
        requested: list[str] = []
        for name, columns in feeds.items():
            names = columns if isinstance(columns, list) else [columns]
            if not names or not all(isinstance(column, str) for column in names):
                raise FileError(
                    f"expected the names of columns, found {shown(columns)}",
                    where=locations[name],
                )
            requested += names
        table = tables.read_columns(self._read(file, where), requested, f"{where}: {file}")
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
        """Count a value of this shape; raise `FileError` if that exceeds the limits."""
        size = math.prod(shape)
        self.numbers += size if counts else 0
        if size > limits.NUMBERS or self.numbers > limits.NUMBERS:
            raise _too_many(shape, where, limits.NUMBERS)

    def _hold(self, shape: Sequence[int], where: str) -> None:
        """Count a tensor that is whole in a file; raise `FileError` if all exceed the limit."""
        self.held_numbers += math.prod(shape)
        if self.held_numbers > limits.TOTAL_NUMBERS:
            raise _too_many(shape, where, limits.TOTAL_NUMBERS)

    def own(self, array: Array, where: str) -> Array:
        """Return a copy in the graph's dtype, which shares no memory with the content of a file."""
        return np.array(fit(array, self.dtype, where), order="C")


def _too_many(shape: Sequence[int], where: str, most: int) -> FileError:
    return FileError(
        f"the shape {shape_text(tuple(shape))} has {math.prod(shape):,} numbers",
        where=where,
        hint=f"at most {most:,} in all values of a file",
    )


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

"""The tensors of an archive: raw bytes with a type, a shape, strides and an offset.

Each is read when it is used. Two names of one tensor are tied: they lie at the same place.
"""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import Any

import numpy as np

from miniflow import limits
from miniflow.errors import FileError
from miniflow.importers.pt2.archive import JSON_BYTES, Archive
from miniflow.importers.pt2.forms import Payload, Payloads, TensorMeta, decode
from miniflow.ops.base import Array, Shape, shape_text

_BFLOAT16 = 13
# `ScalarType` of torch/_export/serde/schema.py. bfloat16 is the upper half of a float32.
DTYPES = {
    1: "u1",
    2: "i1",
    3: "i2",
    4: "i4",
    5: "i8",
    6: "f2",
    7: "f4",
    8: "f8",
    12: "b1",
    _BFLOAT16: "u2",
    28: "u2",
    34: "u4",
    35: "u8",
}

Place = tuple[str, int, Shape, Shape]


def dtype_of(meta: TensorMeta, where: str) -> np.dtype[Any]:
    """Return the NumPy type of a tensor; raise `FileError` if it has none."""
    if meta.dtype == _BFLOAT16:
        return np.dtype("f4")
    if meta.dtype not in DTYPES:
        raise FileError(
            f"a tensor has the unsupported type {meta.dtype} of PyTorch's ScalarType", where=where
        )
    return np.dtype(DTYPES[meta.dtype])


def shape_of(meta: TensorMeta, where: str, most: int | None = None) -> Shape:
    """Return the shape of a tensor; raise `FileError` if it is negative or beyond the limits.

    `most` are numbers, by default those that a file may declare without having them.
    """
    most = limits.NUMBERS if most is None else most
    shape = tuple(size.value for size in meta.sizes)
    if len(shape) > limits.AXES or any(n < 0 for n in shape) or math.prod(shape) > most:
        raise FileError(
            f"a tensor has the shape {shape_text(shape)}",
            where=where,
            hint=f"at most {most:,} numbers on {limits.AXES} axes",
        )
    return shape


class Tensors:
    """The tensors of a model, by their names in the module: parameters, buffers, constants."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._payloads: dict[str, tuple[str, Payload]] = {}
        # Several tensors can be views of one storage.
        self._storages: dict[str, bytes] = {}
        # Numbers that were read: of views that repeat them, and of tensors that have them all.
        self._numbers = [0, 0]
        for kind in ("weights", "constants"):
            name = f"data/{kind}/{archive.model}_{kind}_config.json"
            if name not in archive:
                continue
            where = f"{archive.file}: {name}"
            payloads = decode(archive.read(name, JSON_BYTES), Payloads, where)
            self._payloads.update({key: (kind, p) for key, p in payloads.config.items()})
        self._is_big = self._byte_order() == b"big"

    def _byte_order(self) -> bytes:
        return self._archive.read("byteorder", 16) if "byteorder" in self._archive else b"little"

    def place(self, name: str) -> Place:
        """Return where a tensor lies: tied tensors have the same place."""
        where = f"{self._archive.file}: {name}"
        if name not in self._payloads:
            raise FileError("the archive has no tensor of this name", where=where)
        kind, payload = self._payloads[name]
        if payload.use_pickle or payload.tensor_meta is None:
            raise FileError("this tensor is pickled, and never loaded", where=where)
        if not re.fullmatch(r"[\w.-]+", payload.path_name):
            raise FileError("the path of a tensor is not the name of an entry", where=where)
        meta = payload.tensor_meta
        shape = shape_of(meta, where, limits.TOTAL_NUMBERS)
        strides = tuple(stride.value for stride in meta.strides)
        if len(strides) != len(shape) or any(n < 0 for n in (*strides, meta.storage_offset.value)):
            raise FileError("the strides of a tensor do not fit its shape", where=where)
        return f"data/{kind}/{payload.path_name}", meta.storage_offset.value, shape, strides

    @cached_property
    def _first_names(self) -> dict[tuple[str, int], str]:
        """The first name of each tensor that is not pickled, by entry and offset."""
        found: dict[tuple[str, int], str] = {}
        for name, (kind, payload) in self._payloads.items():
            if payload.tensor_meta is not None and not payload.use_pickle:
                offset = payload.tensor_meta.storage_offset.value
                found.setdefault((f"data/{kind}/{payload.path_name}", offset), name)
        return found

    def first_name(self, name: str) -> str:
        """Return the first name that the module has for a tensor: tied ones have several."""
        place = self.place(name)
        first = self._first_names[place[:2]]
        return first if self.place(first) == place else name

    def read(self, name: str) -> Array:
        """Return a tensor; floats as float64.

        Raises `FileError` if its bytes do not fit its shape, if it is pickled, and if the numbers
        of all tensors exceed the limits.
        """
        where = f"{self._archive.file}: {name}"
        path, offset, shape, strides = self.place(name)
        meta = self._payloads[name][1].tensor_meta
        assert meta is not None
        result = dtype_of(meta, where)
        dtype = np.dtype(DTYPES[meta.dtype]).newbyteorder(">" if self._is_big else "<")
        if path not in self._storages:
            most = limits.NUMBERS * dtype.itemsize
            self._storages[path] = self._archive.read(path, most, limits_stored=False)
        content = self._storages[path]
        self._take(shape, dtype.itemsize, len(content), where)
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        if len(content) % dtype.itemsize or (
            math.prod(shape) and last >= len(content) // dtype.itemsize
        ):
            raise FileError(
                f"{len(content):,} bytes do not fit the shape {shape_text(shape)}", where=where
            )
        if not math.prod(shape):
            return np.zeros(shape, result)
        storage = np.frombuffer(content, dtype)
        # Along an axis of size 1 a stride can be any number.
        steps = [s * dtype.itemsize if n > 1 else 0 for n, s in zip(shape, strides, strict=True)]
        view = np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)
        if meta.dtype == _BFLOAT16:
            view = (view.astype(np.uint32) << 16).view(np.float32)
        return view.astype(np.float64 if result.kind == "f" else result.newbyteorder("="))

    def _take(self, shape: Shape, itemsize: int, held: int, where: str) -> None:
        """Count the numbers of a tensor; raise `FileError` if those of all exceed the limits.

        One with as many bytes in its storage, `held`, is bounded by the file.
        """
        size = math.prod(shape)
        is_held = size * itemsize <= held
        self._numbers[is_held] += size
        most = limits.TOTAL_NUMBERS if is_held else limits.NUMBERS
        if self._numbers[is_held] > most:
            raise FileError(
                "the tensors have too many numbers", where=where, hint=f"at most {most:,}"
            )

"""Tensors in .safetensors and .npz files, without unpickling and without trusting headers.

The dtype and size that a header gives for a tensor are checked against limits and against the
file's content before memory is allocated.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable
from typing import IO, Any, NoReturn

import numpy as np
import safetensors
from safetensors import SafetensorError

from miniflow import limits
from miniflow.errors import FileError, MiniflowError, nearest
from miniflow.files.values import shown
from miniflow.ops.base import Array, shape_text

# bfloat16 is the upper half of a float32.
_BFLOAT16 = "BF16"
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    _BFLOAT16: "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}

Tensors = Callable[[str, str], Array]
"""Looks up a tensor by name; the second argument is the location for errors."""


def open_tensors(suffix: str, content: bytes, where: str) -> Tensors:
    """Return the tensors of a .safetensors or .npz file with this content."""
    return _Safetensors(content, where) if suffix == ".safetensors" else _npz(content, where)


def tensors_in(content: bytes, where: str) -> dict[str, Array]:
    """Return the tensors of a .safetensors file, without those that `open_tensors` would refuse."""
    look_up = _Safetensors(content, where)
    found = {}
    for name in look_up.entries:
        with contextlib.suppress(FileError):
            found[name] = look_up(name, where)
    return found


class _Safetensors:
    def __init__(self, content: bytes, where: str) -> None:
        try:
            read: Any = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
        except SafetensorError as error:
            reason = str(error).removeprefix("Error while deserializing: ")
            raise FileError(f"not a safetensors file: {reason}", where=where) from None
        self.entries: dict[str, Any] = dict(read)

    def __call__(self, name: str, where: str) -> Array:
        if name not in self.entries:
            _unknown(name, self.entries, where)
        entry = self.entries[name]
        if entry["dtype"] not in _DTYPES:
            raise FileError(
                f"tensor {shown(name)} has the unsupported type {entry['dtype']}",
                where=where,
            )
        shape = tuple(entry["shape"])
        # All of its numbers are in the file.
        _check_shape(shape, name, where, most=limits.TOTAL_NUMBERS)
        array = np.frombuffer(entry["data"], _DTYPES[entry["dtype"]]).reshape(shape)
        if entry["dtype"] == _BFLOAT16:
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return array


def _npz(content: bytes, where: str) -> Tensors:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _BROKEN_ZIP as error:
        raise FileError(f"not an .npz file: {error}", where=where) from None
    members = {
        member.filename.removesuffix(".npy"): member
        for member in archive.infolist()
        if member.filename.endswith(".npy")
    }

    def look_up(name: str, where: str) -> Array:
        if name not in members:
            _unknown(name, members, where)
        if members[name].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileError(f"tensor {shown(name)} has an unknown compression method", where=where)
        try:
            with archive.open(members[name]) as file:
                return _npy(file, name, where)
        except MiniflowError:
            raise
        except _BROKEN_ZIP as error:
            raise FileError(f"tensor {shown(name)} cannot be read: {error}", where=where) from None

    return look_up


def read_npy(content: bytes, where: str) -> Array:
    """Return the array of an .npy file with this content."""
    try:
        return _npy(io.BytesIO(content), "", where)
    except (ValueError, TypeError, IndexError) as error:
        raise FileError(f"not an .npy file: {error}", where=where) from None


# An encrypted member is a RuntimeError.
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
)


# The header of an .npy member is the source text of a Python dictionary. NumPy evaluates it; here
# the only three valid entries are matched by patterns.
_NPY_HEADER = {
    "descr": r"'([<>|=]?)([A-Za-z])(\d*)'",
    "fortran_order": "(True|False)",
    "shape": r"\(([\d, ]*)\)",
}
_HEADER_BYTES = 10_000


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any] | None]:
    """Return the shape, whether the order is Fortran's, and the dtype (None: pickled objects)."""
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2, 3):
        raise ValueError("it does not start like a NumPy array")
    length = int.from_bytes(file.read(2 if magic[6] == 1 else 4), "little")
    if length > _HEADER_BYTES:
        raise ValueError(f"its header has {length:,} bytes")
    header = file.read(length).decode("latin1")
    found = {}
    for key, pattern in _NPY_HEADER.items():
        matches = re.findall(rf"""['"]{key}['"]\s*:\s*{pattern}""", header)
        if len(matches) != 1:
            raise ValueError(f"its header has no valid {key}")
        (found[key],) = matches
    order, kind, size = found["descr"]
    dtype = None if kind == "O" else np.dtype(order + kind + size)
    shape = tuple(int(entry) for entry in found["shape"].split(",") if entry.strip())
    return shape, found["fortran_order"] == "True", dtype


def _npy(file: IO[bytes], name: str, where: str) -> Array:
    shape, fortran, dtype = _npy_header(file)
    if dtype is None:
        raise FileError(
            f"tensor {shown(name)} holds Python objects, which are pickled and never loaded",
            where=where,
        )
    if dtype.kind not in "fiub":
        raise FileError(f"tensor {shown(name)} has the type {dtype}, not numbers", where=where)
    _check_shape(shape, name, where, most=limits.NUMBERS)
    size = math.prod(shape) * dtype.itemsize
    data = file.read(size + 1)
    if len(data) != size:
        raise FileError(
            f"tensor {shown(name)} has {'more' if len(data) > size else 'less'} data than its "
            f"shape {shape_text(shape)} says",
            where=where,
        )
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _check_shape(shape: tuple[int, ...], name: str, where: str, *, most: int) -> None:
    if len(shape) > limits.AXES:
        raise FileError(
            f"tensor {shown(name)} has {len(shape)} axes",
            where=where,
            hint=f"at most {limits.AXES}",
        )
    if not (size := math.prod(shape)):
        raise FileError(f"tensor {shown(name)} is empty: {shape_text(shape)}", where=where)
    if size > most:
        raise FileError(
            f"tensor {shown(name)} has {size:,} numbers", where=where, hint=f"at most {most:,}"
        )


def _unknown(name: str, known: Iterable[str], where: str) -> NoReturn:
    known = list(known)
    names = ", ".join(map(shown, known[:10])) + (", ..." if len(known) > 10 else "")
    raise FileError(
        f"there is no tensor {shown(name)}; the file has {names or 'none'}",
        where=where,
        hint=nearest(name, known),
    )

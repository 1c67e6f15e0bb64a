"""The bytes of a pass: checked against its layout, split into rows, turned into arrays.

A pass is stored in two rows: the small values of its inputs, which are dropped last, and the rest.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mfdebug.recording.records import Entry
from mfdebug.recording.schema import BODY_BYTES, SMALL_INPUT, Bytes
from miniflow.ops.base import Array

_DTYPE = re.compile(r"[<>|][biufc]\d{1,2}")
_SIZES = {
    "b": (1,),
    "i": (1, 2, 4, 8),
    "u": (1, 2, 4, 8),
    "f": (2, 4, 8, 12, 16),
    "c": (8, 16, 24, 32),
}
_MAX_AXES = 32
_MAX_ENTRIES = 1 << 40
_INTEGER = re.compile(rb"-?[0-9]+")
# A part of so many bytes is not copied, which takes longer than to keep the rest as well.
VIEW_BYTES = 256 << 10
# An integer of more digits is beyond the range of float64.
_MAX_DIGITS = 310

Part = tuple[int, int]
Value = Array | str


class Plan(NamedTuple):
    """The positions of a layout's entries in the bytes of a pass and in its two rows.

    `inputs`, `rest` and `large` are the parts of a pass's bytes that go to the row of its inputs,
    to the other row, and to the other row if the pass is not kept whole. `positions` has for each
    entry whether it is in the first row, and its offset there. `cost` is the entry of the cost and
    its offset.
    """

    size: int
    inputs: tuple[Part, ...]
    rest: tuple[Part, ...]
    large: tuple[Part, ...]
    positions: tuple[tuple[bool, int], ...]
    cost: tuple[Entry, int] | None


def plan(entries: Sequence[Entry], input_counts: Sequence[int], cost: int) -> Plan:
    """Return the positions of checked entries; `input_counts` is the number of inputs per node."""
    at = in_inputs = in_rest = 0
    inputs: list[Part] = []
    rest: list[Part] = []
    large: list[Part] = []
    positions = []
    cost_entry = None
    for entry in entries:
        size = entry.size
        part = at, at + size
        of_input = entry.tag == "v" and not input_counts[entry.node]
        small = of_input and size <= SMALL_INPUT
        positions.append((small, in_inputs if small else in_rest))
        if small:
            in_inputs += size
            _add(inputs, part)
        else:
            in_rest += size
            _add(rest, part)
            if of_input:
                _add(large, part)
        if entry.tag == "v" and entry.node == cost:
            cost_entry = entry, at
        at += size
    return Plan(at, tuple(inputs), tuple(rest), tuple(large), tuple(positions), cost_entry)


def large_offsets(entries: Sequence[Entry], input_counts: Sequence[int]) -> Iterator[int]:
    """Yield the offset of each entry in the large row of a pass that is not whole, or -1."""
    at = 0
    for entry in entries:
        if entry.tag == "v" and not input_counts[entry.node] and entry.size > SMALL_INPUT:
            yield at
            at += entry.size
        else:
            yield -1


def _add(parts: list[Part], part: Part) -> None:
    if parts and parts[-1][1] == part[0]:
        parts[-1] = parts[-1][0], part[1]
    else:
        parts.append(part)


def cut(data: bytes | bytearray, parts: Sequence[Part]) -> Bytes:
    """Return some parts of the bytes of a pass, concatenated; of one large part, a view."""
    view = memoryview(data).toreadonly()
    if len(parts) == 1 and parts[0][1] - parts[0][0] >= VIEW_BYTES:
        return view[slice(*parts[0])]
    return b"".join([view[start:stop] for start, stop in parts])


# Checking ----------------------------------------------------------------------------------------


def check_entries(entries: Sequence[Entry]) -> None:
    """Raise `ValueError` unless each entry has a valid type and size."""
    total = 0
    for entry in entries:
        if any(n < 0 for n in entry.shape) or len(entry.shape) > _MAX_AXES:
            raise ValueError(f"an entry of shape {entry.shape}")
        if entry.dtype in ("int", "text"):
            if len(entry.shape) != 1:
                raise ValueError(f"an entry of type {entry.dtype} and shape {entry.shape}")
        elif entry.dtype == "float":
            if entry.shape:
                raise ValueError(f"a float of shape {entry.shape}")
        else:
            _check_dtype(entry.dtype)
            if math.prod(n for n in entry.shape if n) > _MAX_ENTRIES:
                raise ValueError(f"an entry of shape {entry.shape}")
        total += entry.size
        # Rows are cut from the bytes of a whole pass.
        if total > 4 * BODY_BYTES:
            raise ValueError(f"entries of more than {4 * BODY_BYTES:,} bytes")


def _check_dtype(dtype: str) -> None:
    if not _DTYPE.fullmatch(dtype) or int(dtype[2:]) not in _SIZES[dtype[1]]:
        raise ValueError(f"an entry of type {dtype!r:.40}")
    if (dtype[0] == "|") != (dtype[2:] == "1"):
        raise ValueError(f"an entry of type {dtype!r}")
    try:
        np.dtype(dtype)
    except TypeError:
        raise ValueError(f"an entry of type {dtype}, which this machine does not have") from None


def check_references(entries: Sequence[Entry], input_counts: Sequence[int]) -> None:
    """Raise `ValueError` unless each entry refers to an existing node and input."""
    for entry in entries:
        if not 0 <= entry.node < len(input_counts):
            raise ValueError(f"an entry of node {entry.node} of {len(input_counts)}")
        valid = range(-1, 0) if entry.tag in "vg" else range(input_counts[entry.node])
        if entry.input_index not in valid:
            raise ValueError(f"an entry of input {entry.input_index} of node {entry.node}")


# Numbers -----------------------------------------------------------------------------------------


def value_of(entry: Entry, data: Bytes, at: int) -> Value:
    """Return the array of an entry, a view of `data` if possible, or its text."""
    if entry.dtype == "float":
        return np.array(struct.unpack_from("<d", data, at)[0])
    if entry.dtype == "int":
        return _integer(bytes(data[at : at + entry.size]))
    if entry.dtype == "text":
        return str(data[at : at + entry.size], errors="backslashreplace")
    return np.ndarray(entry.shape, entry.dtype, data, at)


def _integer(digits: bytes) -> Value:
    if not _INTEGER.fullmatch(digits):
        raise ValueError("an integer with characters other than digits")
    if len(digits) > _MAX_DIGITS:
        return f"an integer of {len(digits.lstrip(b'-')):,} digits"
    number = int(digits)
    if -(2**63) <= number < 2**63:
        return np.array(number, np.int64)
    try:
        return np.array(float(number))
    except OverflowError:
        return f"an integer of {len(digits.lstrip(b'-')):,} digits"


def cost_of(plan: Plan, data: Bytes) -> float | None:
    """Return the cost in the bytes of a pass: a number, or the sum of an array.

    None if there is none, or if it is NaN, complex or not a number.
    """
    if plan.cost is None:
        return None
    entry, at = plan.cost
    if entry.dtype == "float" or (entry.dtype == "<f8" and entry.size == 8):
        number: Any = struct.unpack_from("<d", data, at)[0]
    else:
        value = value_of(entry, data, at)
        if isinstance(value, str) or value.dtype.kind == "c":
            return None
        with np.errstate(all="ignore"):
            number = float(value.sum()) if value.ndim else float(value)
    return None if math.isnan(number) else number

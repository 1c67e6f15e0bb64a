"""Numbers in JSON: a number, nested lists, and the three values that JSON lacks.

`"NaN"`, `"Infinity"` and `"-Infinity"` are strings. Every number is written and read back bit for
bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from miniflow import limits
from miniflow.errors import FileError, printable
from miniflow.ops.base import Array
from miniflow.text.lists import counted

Value = float | Array

SPELLED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def read_array(value: Any, where: str) -> Array:
    """Return a number, or nested lists of numbers, as an array of float64.

    Lists are flattened level by level, without recursion; each level is checked as a whole.
    """
    level: list[Any] = [value]
    shape: list[int] = []
    while list in (kinds := set(map(type, level))):
        if kinds != {list}:
            odd = next(i for i, entry in enumerate(level) if type(entry) is not type(level[0]))
            raise FileError(
                f"a list is next to {shown(next(x for x in level if type(x) is not list))}",
                where=where + _index_text(odd, shape),
                hint="all rows must have the same depth",
            )
        lengths = set(map(len, level))
        if len(lengths) > 1:
            odd = next(i for i, entry in enumerate(level) if len(entry) != len(level[0]))
            raise FileError(
                f"expected a list of {counted(len(level[0]), 'entry', 'entries')}, as before it, "
                f"found one of {len(level[odd])}",
                where=where + _index_text(odd, shape),
            )
        shape += lengths
        if len(shape) > limits.AXES:
            raise FileError(f"lists are nested more than {limits.AXES} deep", where=where)
        if not shape[-1]:
            raise FileError("the list is empty", where=where + _index_text(0, shape[:-1]))
        level = list(chain.from_iterable(level))
    if not kinds <= {int, float}:
        level = [
            _number(entry, where, i, shape) if type(entry) is not float else entry
            for i, entry in enumerate(level)
        ]
    try:
        return np.array(level, np.float64).reshape(shape)
    except OverflowError:
        odd = next(i for i, entry in enumerate(level) if _overflows(entry))
        raise FileError(
            f"{shown(level[odd])} is too large for a float64", where=where + _index_text(odd, shape)
        ) from None


def fit(array: Array, dtype: np.dtype[Any], where: str) -> Array:
    """Return `array` in `dtype`; raise `FileError` for a number that overflows to infinity."""
    if array.dtype == dtype:
        return array
    with np.errstate(all="ignore"):
        fitted = array.astype(dtype)
    if array.dtype.kind == "f" and array.dtype.itemsize > dtype.itemsize:
        lost = np.isinf(fitted) & np.isfinite(array)
        if lost.any():
            odd = int(lost.reshape(-1).argmax())
            raise FileError(
                f"{array.reshape(-1)[odd]:g} is too large for a {dtype}",
                where=where + _index_text(odd, array.shape),
            )
    return fitted


def scalar_or_array(array: Array) -> Value:
    """Return an array unchanged, but a 0-d array as a number."""
    if array.shape:
        return array
    return float(array) if array.dtype == np.float64 else array[()]


def shown(found: Any) -> str:
    """Return a value found in a file as short, printable JSON."""
    if isinstance(found, str):
        return f'"{printable(found, 60)}"'
    if isinstance(found, list | tuple):
        return f"a list of {len(found)}" if found else "an empty list"
    if isinstance(found, dict):
        return "an object"
    if found is None or isinstance(found, bool):
        return {None: "null", True: "true", False: "false"}[found]
    try:
        return printable(str(found), 30)
    except ValueError:  # an integer of more than 4,300 digits
        return "a huge integer"


def _number(entry: Any, where: str, i: int, shape: list[int]) -> int | float:
    if type(entry) is int:
        return entry
    if isinstance(entry, str) and entry in SPELLED:
        return SPELLED[entry]
    hint = 'as strings only "NaN", "Infinity" and "-Infinity"' if isinstance(entry, str) else ""
    raise FileError(
        f"expected a number, found {shown(entry)}", where=where + _index_text(i, shape), hint=hint
    )


def _overflows(entry: int | float) -> bool:
    try:
        float(entry)
    except OverflowError:
        return True
    return False


def _index_text(flat: int, shape: list[int] | tuple[int, ...]) -> str:
    if not shape:
        return ""
    return "".join(f"[{i}]" for i in np.unravel_index(flat, tuple(shape)))


# Writing -------------------------------------------------------------------------------------


def is_plain(array: Array) -> bool:
    """Whether JSON can represent `array` bit for bit: each NaN in it is the default one."""
    nan = np.isnan(array)
    if not nan.any():
        return True
    default = np.array(np.nan, array.dtype).tobytes()
    return all(number.tobytes() == default for number in array[nan])


def written(array: Array) -> str:
    """Return `array` as JSON, with the shortest text of each number."""
    if array.ndim == 0:
        return _written_number(array[()])
    return f"[{', '.join(_parts(array))}]"


def _parts(array: Array) -> Iterator[str]:
    return map(_written_number if array.ndim == 1 else written, array)


def _written_number(number: Any) -> str:
    if not math.isfinite(number):
        return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'
    text = repr(float(number))
    if isinstance(number, np.float32):
        # The shortest text of a float32 is read as a float64 first, which in rare cases rounds to a
        # neighbour.
        short = str(number)
        text = short if np.float32(float(short)) == number else text
    return text.removesuffix(".0") if text != "-0.0" else text

"""The result of an expression, as text and as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from mfdebug.core.format.numbers import described, scalar
from miniflow.ops.base import shape_text

# Up to this many entries are written out in one line.
FEW = 8


def result_text(result: Any, *, brief: bool = False) -> str:
    """Return a result as text; `brief` is one line, a summary for a larger array."""
    if isinstance(result, bool | np.bool_):
        return str(bool(result)).lower()
    if isinstance(result, tuple):
        return shape_text(result)
    array = np.asarray(result)
    if brief and array.size > FEW:
        return described(array.astype(np.float64))
    if array.dtype == np.bool_:
        return str(array.tolist()).lower()
    if array.ndim == 0:
        return scalar(float(array))
    if brief:
        return f"[{', '.join(result_text(row, brief=True) for row in array)}]"
    if array.dtype.kind == "f":
        array = array + 0.0  # drops the sign of -0.0
    text = np.array2string(array, precision=6, threshold=200, edgeitems=3, max_line_width=78)
    return ("\n" if array.ndim > 1 else "") + text


def as_json(value: Any) -> Any:
    """Return `value` as JSON data: arrays as nested lists, NaN and infinity as strings."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value

"""What the command line gives besides a name: values of inputs, and the cost of a model.

A value is a number or a list of them, or the path of an .npy file; it is kept as it was given, so
that a session can be resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

NPY = ".npy"
# The options of a model, whose file names no cost.
OPTIONS = COST, LABELS = "cost", "labels"


def path_given(text: str) -> str | None:
    """Return the whole path of an .npy file, or None for any other text."""
    return str(Path(text).expanduser().absolute()) if text.endswith(NPY) else None


def numbers(value: Any) -> Any:
    """Return a value as numbers; raise `FileError` if its file cannot be read."""
    if not isinstance(value, str):
        return value
    from miniflow import limits
    from miniflow.files import paths
    from miniflow.files.tensors import read_npy

    path = Path(value)
    return read_npy(paths.read_bytes(path, limits.TABLE_BYTES, path.name), path.name)


def feeds(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of inputs as numbers."""
    return {name: numbers(value) for name, value in given.items()}

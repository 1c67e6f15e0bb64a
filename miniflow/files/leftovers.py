"""Tensor files that a saved graph no longer needs.

`save` names a tensor file after its contents and never overwrites one, so saving over a graph
file leaves the old tensors without a reader. They are removed once the new graph file is on the
disk, if the old graph file referred to them and no other file in the folder does. A writer that is
killed in between leaves them: never is there a graph file without its tensors.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from miniflow import limits
from miniflow.errors import FileError
from miniflow.files import paths

# As `save` names them, in the graph's own folder.
_MADE = re.compile(r"[A-Za-z0-9_-]{0,40}\.[0-9a-f]{12}\.safetensors")
_HEAD = 256


def tensor_files(graph_file: Path) -> set[str]:
    """Return the names of the tensor files made by `save` to which a graph file refers, if any."""
    try:
        content = msgspec.json.decode(paths.read_bytes(graph_file, limits.GRAPH_BYTES, ""))
    except (FileError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return set()
    return {name for name in _strings(content) if _MADE.fullmatch(name)}


def remove_unneeded(names: Iterable[str], folder: Path) -> None:
    """Remove tensor files to which no file in the folder refers; in doubt they stay."""
    unneeded = set(names)
    if not unneeded:
        return
    with contextlib.suppress(OSError, FileError):
        for path in folder.iterdir():
            if path.is_file() and _may_be_graph(path):
                content = paths.read_bytes(path.resolve(), limits.GRAPH_BYTES, path.name)
                unneeded -= {name for name in unneeded if name.encode() in content}
        for name in unneeded:
            (folder / name).unlink(missing_ok=True)


def _may_be_graph(path: Path) -> bool:
    """Whether a file begins as a JSON object does, or with more space than one would think."""
    with path.open("rb") as file:
        head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    return not head or head.startswith(b"{")


def _strings(content: Any) -> Iterable[str]:
    """Yield all strings of a JSON value; its depth is bounded by the decoder."""
    stack = [content]
    while stack:
        found = stack.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            stack.extend(found.values())
        elif isinstance(found, list):
            stack.extend(found)

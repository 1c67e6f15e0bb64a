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

from miniflow import limits
from miniflow.errors import FileError
from miniflow.files import paths

_HEAD = 256


def tensor_file_name(graph_file: Path, digest: str) -> str:
    """Return the name of a graph's tensor file with contents of this digest."""
    return f"{_stem(graph_file)}.{digest[:12]}.safetensors"


def tensor_files(graph_file: Path) -> set[str]:
    """Return the tensor files to which a graph file refers and that `save` has made for it."""
    try:
        content = paths.read_bytes(graph_file, limits.GRAPH_BYTES, graph_file.name)
    except FileError:
        return set()
    name = rf'"file"\s*:\s*"({_stem(graph_file)}\.[0-9a-f]{{12}}\.safetensors)"'
    return {found.decode() for found in re.findall(name.encode(), content)}


def _stem(graph_file: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", graph_file.stem)[:40]


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

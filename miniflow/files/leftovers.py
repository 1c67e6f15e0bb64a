"""Tensor files that a saved graph no longer needs.

`save` names a tensor file after a hash of its content and never overwrites one, so saving over a
graph file leaves old tensor files unused. They are removed once the new graph file is on disk, if
the old graph file referred to them and no other file in the folder does. A writer that is killed in
between leaves them there: a graph file is never without its tensors.
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
    """Return the name of a graph's tensor file whose content has this digest."""
    return f"{_stem(graph_file)}.{digest[:12]}.safetensors"


def tensor_files(graph_file: Path) -> set[str]:
    """Return the tensor files that a graph file refers to and that `save` created for it."""
    try:
        content = paths.read_bytes(graph_file, limits.GRAPH_BYTES, graph_file.name)
    except FileError:
        return set()
    name = rf'"file"\s*:\s*"({_stem(graph_file)}\.[0-9a-f]{{12}}\.safetensors)"'
    return {match.decode() for match in re.findall(name.encode(), content)}


def _stem(graph_file: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", graph_file.stem)[:40]


def remove_unneeded(names: Iterable[str], folder: Path) -> None:
    """Remove tensor files that no file in the folder refers to; keep them if in doubt."""
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
    """Whether a file starts like a JSON object, or with nothing but white space."""
    with path.open("rb") as file:
        head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    return not head or head.startswith(b"{")

"""The file formats that mfdebug opens: a row for each, with the suffix of its files.

The command line, its completion and `open_graph` use this table. `--help` uses it too, so a row
imports its reader only when a file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from miniflow.graph import Graph


class Kind(Enum):
    """What a file contains."""

    GRAPH = "a graph"
    PROGRAM = "a program, which runs in its own process"
    RUN = "the recorded run of a program"


Options = Mapping[str, Any]


def _load_json(path: Path, feeds: Mapping[str, Any] | None, options: Options) -> Graph:
    from miniflow.errors import FileError
    from miniflow.files import load

    if options:
        raise FileError(
            f"--{next(iter(options))} is for a model, {' or '.join(MODEL_SUFFIXES)}: a graph file "
            "names its cost",
            where=path.name,
        )
    return load(path, feeds=feeds)


def _load_onnx(path: Path, feeds: Mapping[str, Any] | None, options: Options) -> Graph:
    from miniflow.importers.onnx import load

    return load(path, feeds, **options)


def _load_pt2(path: Path, feeds: Mapping[str, Any] | None, options: Options) -> Graph:
    from miniflow.importers.pt2 import load

    return load(path, feeds, **options)


class Reader(NamedTuple):
    """A format. `load` returns the graph in a file, with these values fed to its inputs.

    Its last argument has the options of a model: `cost` and `labels`, as of `graph_of`. A file of
    another format is read as JSON where a graph is required, so the error says what it is not.
    """

    kind: Kind
    suffix: str
    load: Callable[[Path, Mapping[str, Any] | None, Options], Graph] = _load_json
    is_model: bool = False

    @property
    def recorded(self) -> bool:
        """Whether the numbers come from a program instead of being computed here."""
        return self.kind is not Kind.GRAPH


GRAPH_FILE = Reader(Kind.GRAPH, ".json")
ONNX = Reader(Kind.GRAPH, ".onnx", _load_onnx, is_model=True)
PT2 = Reader(Kind.GRAPH, ".pt2", _load_pt2, is_model=True)
PROGRAM = Reader(Kind.PROGRAM, ".py")
RUN_FILE = Reader(Kind.RUN, ".mfrun")
READERS = (GRAPH_FILE, ONNX, PT2, PROGRAM, RUN_FILE)
MODEL_SUFFIXES = tuple(reader.suffix for reader in READERS if reader.is_model)


def reader_of(name: str | None) -> Reader:
    """Return the reader for a name on the command line; by default the name is a graph's."""
    found = (reader for reader in READERS if name is not None and name.endswith(reader.suffix))
    return next(found, GRAPH_FILE)

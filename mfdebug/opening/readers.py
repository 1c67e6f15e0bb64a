"""The table of what mfdebug opens: a row for each format, with the suffix of its files.

The command line, its completion, and the opening of graphs ask it. The command line asks even for
`--help`, so a row loads its reader only when a file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from miniflow.graph import Graph


class Kind(Enum):
    """What a file is to the debugger."""

    GRAPH = "a graph, which we compute"
    PROGRAM = "a program, which computes in a process of its own"
    RUN = "a run of a program, which was recorded"


def _load_json(path: Path, feeds: Mapping[str, Any] | None) -> Graph:
    from miniflow.files import load

    return load(path, feeds=feeds)


class Reader(NamedTuple):
    """A format. `load` makes a graph of a file and the values that it is fed.

    Where only a graph will do, any other file is read as JSON: the error says what it is not.
    """

    kind: Kind
    suffix: str
    load: Callable[[Path, Mapping[str, Any] | None], Graph] = _load_json

    @property
    def recorded(self) -> bool:
        """Whether the numbers are those of a program, written down and not computed here."""
        return self.kind is not Kind.GRAPH


GRAPH_FILE = Reader(Kind.GRAPH, ".json")
PROGRAM = Reader(Kind.PROGRAM, ".py")
RUN_FILE = Reader(Kind.RUN, ".mfrun")
READERS = (GRAPH_FILE, PROGRAM, RUN_FILE)


def reader_of(name: str | None) -> Reader:
    """Return the reader of a name on the command line; any other name is that of a graph."""
    found = (reader for reader in READERS if name is not None and name.endswith(reader.suffix))
    return next(found, GRAPH_FILE)

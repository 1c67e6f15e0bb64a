"""From a name on the command line to a graph: a file's path, or the bare name of a shipped one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mfdebug.core.session.script import Origin
from mfdebug.opening.shipped import find, folder, shipped
from miniflow.errors import FileError, nearest
from miniflow.files import load
from miniflow.graph import Graph


class Opened(NamedTuple):
    """A graph, and its origin, which identifies it later."""

    graph: Graph
    origin: Origin


def open_graph(name: str, feeds: Mapping[str, Any] | None = None) -> Opened:
    """Open a graph file, or the shipped graph of that name.

    Raises `MiniflowError` with the nearest shipped name when there is neither.
    """
    path = Path(name)
    try:
        there = path.exists()
    except (OSError, ValueError):  # too long, or with characters that no name has
        there = False
    if not there:
        found = find(name)
        if found is None:
            bare = path.name.removesuffix(".json")
            hint = nearest(bare, [graph.name for graph in shipped()])
            raise FileError(
                "there is no such file, nor a shipped graph of that name",
                where=name,
                hint=hint or "mfdebug --list names the shipped graphs",
            )
        path = found
    graph = load(path, feeds=feeds)
    real = path.resolve()
    known = real.stem if real.parent == folder().resolve() else str(real)
    return Opened(graph, Origin(known, graph.fingerprint, dict(feeds or {})))


def load_graph(name: str, feeds: Mapping[str, Any] | None = None) -> Graph:
    """Return the graph that `open_graph` opens."""
    return open_graph(name, feeds).graph

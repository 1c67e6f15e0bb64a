"""Open a graph by its path, or a shipped graph by its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mfdebug.core.session.script import Origin
from mfdebug.opening import given
from mfdebug.opening.readers import GRAPH_FILE, reader_of
from mfdebug.opening.shipped import find, folder, shipped
from miniflow.errors import FileError, nearest
from miniflow.graph import Graph


class Opened(NamedTuple):
    """A graph, and the origin from which it can be opened again."""

    graph: Graph
    origin: Origin


def located(name: str) -> tuple[Path, str]:
    """Return the file of a graph, and the name by which its sessions are saved.

    Raises `FileError`, with the nearest shipped name, if there is no such file or shipped graph.
    """
    path = Path(name)
    try:
        exists = path.exists()
    except (OSError, ValueError):  # too long, or with invalid characters
        exists = False
    if not exists:
        shipped_path = find(name)
        if shipped_path is None:
            bare = path.name.removesuffix(GRAPH_FILE.suffix)
            hint = nearest(bare, [graph.name for graph in shipped()])
            raise FileError(
                "there is no such file, and no shipped graph of that name",
                where=name,
                hint=hint or "mfdebug --list names the shipped graphs",
            )
        path = shipped_path
    real = path.resolve()
    if real.parent == folder().resolve():
        return path, real.stem
    is_model = real.parent == folder().resolve() / "models"
    return path, real.name if is_model else str(real)


def open_graph(
    name: str,
    feeds: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Opened:
    """Open a graph file, a model, or the shipped graph of that name.

    `feeds` and `options` are as they were given: see `given.py`.
    Raises `MiniflowError`, with the nearest shipped name, if there is neither.
    """
    path, known = located(name)
    # A session file can name any; the others are no options of a model.
    known_options = {key: options[key] for key in given.OPTIONS if options and key in options}
    asked = dict(known_options)
    if given.LABELS in asked:
        asked[given.LABELS] = given.numbers(asked[given.LABELS])
    graph = reader_of(path.name).load(path, given.feeds(feeds or {}) or None, asked)
    return Opened(graph, Origin(known, graph.fingerprint, dict(feeds or {}), options=known_options))


def load_graph(
    name: str,
    feeds: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Graph:
    """Return the graph that `open_graph` opens, without its origin."""
    return open_graph(name, feeds, options).graph

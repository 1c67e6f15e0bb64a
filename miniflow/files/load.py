"""Loading a graph file: from the decoded form to a graph with valid names, shapes and values.

A graph file may come from anyone: see `limits`, `paths` and `tensors` for what is rejected. Errors
give the file's name and the JSON path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import UnsetType

from miniflow import limits
from miniflow.errors import FeedError, FileError, GraphError, MiniflowError, nearest
from miniflow.files import paths
from miniflow.files.constants import with_constants
from miniflow.files.decode import A_NAME, decode
from miniflow.files.nodes import NodeLoader
from miniflow.files.op_state import check_op_states
from miniflow.files.schema import (
    DataForm,
    GraphForm,
    TrainingForm,
    given,
    make_optimizer,
    make_schedule,
)
from miniflow.files.sources import Sources
from miniflow.files.state import read_state
from miniflow.files.values import read_array, scalar_or_array, shown
from miniflow.garbage import collector_paused
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.plans.integers import type_class_numbers
from miniflow.structure import check_declared
from miniflow.text.characters import is_printable
from miniflow.training.data import Data
from miniflow.training.groups import Group
from miniflow.training.optimizers import SGD


def load(path: str | Path, *, feeds: Mapping[str, Any] | None = None) -> Graph:
    """Return the graph of a graph file; `feeds` maps input names to values.

    Inputs may have no value: `graph.unfed()` returns them. Raises `FileError`, or another
    `MiniflowError` if the graph itself is invalid.
    """
    path = Path(path)
    real = paths.real(path, path.name or str(path))
    data = paths.read_bytes(real, limits.GRAPH_BYTES, path.name)
    return loads(data, real.parent, path.name, feeds=feeds)


def loads(
    data: bytes, folder: str | Path, name: str, *, feeds: Mapping[str, Any] | None = None
) -> Graph:
    """Return the graph of a graph file's bytes, as if read from the file `name` in `folder`."""
    with collector_paused():
        loader = _Loader(decode(data, name), Path(folder), name)
        graph = loader.graph(feeds or {})
    loader.digest.update(hashlib.sha256(data).digest())
    graph.fingerprint = loader.digest.hexdigest()
    return graph


class _Loader:
    """Turns the form of a file into its graph. Locations (`where`) start with the file's name."""

    def __init__(self, form: GraphForm, folder: Path, file: str) -> None:
        self.form = form
        self.folder = folder
        self.file = file
        self.name = form.name or self._default_name()
        form.nodes, constants = with_constants(form.nodes)
        self.names = [node.name for node in form.nodes]
        self.dtype: np.dtype[Any] = np.dtype(form.dtype or "float64")
        try:
            self.training = _training(form.training or TrainingForm())
        except GraphError as error:
            where = f"{file}: $.training"
            raise FileError(error.problem, where=where, hint=error.hint) from None
        self.digest = hashlib.sha256()
        self.nodes = NodeLoader(form.nodes, constants, self.dtype, file, self._open_sources)

    def _open_sources(self) -> Sources:
        return Sources(self.folder, self.dtype, self.training.seed, self.digest)

    def graph(self, feeds: Mapping[str, Any]) -> Graph:
        """Return the graph, fully checked."""
        form = self.form
        self._check_names()
        nodes, inbound = self.nodes.load()
        made = dict(zip(self.names, nodes, strict=True))
        cost = None
        if isinstance(form.cost, str):
            cost = self._known(made, form.cost, "$.cost")
        data = self._data(form.data, made) if form.data else None
        self._feed(made, feeds, data)
        try:
            graph = Graph(
                nodes,
                cost,
                inbound=inbound,
                name=self.name,
                description=form.description or "",
                dtype=self.dtype.name,
                training=self.training,
                data=data,
            )
            if form.training and form.training.state:
                state = form.training.state
                graph.progress = read_state(state, graph, self._open_sources)
            self._check_shapes(graph)
        except MiniflowError as error:
            raise self._located(error) from None
        return graph

    def _check_shapes(self, graph: Graph) -> None:
        try:
            shapes = graph.shapes()
            type_class_numbers(graph, shapes)
            check_op_states(graph, shapes)
        except FeedError:
            if not (unfed := graph.unfed()):
                raise
            for node in graph.nodes:
                if isinstance(node, Input) and node.value is not None and node not in unfed:
                    check_declared(node, np.shape(node.value))

    def _located(self, error: MiniflowError) -> MiniflowError:
        """Return an error of the graph with its location in the file."""
        where, error.where = error.where, ""
        if where == "data" or where.startswith(("data.feeds", "training.")):
            return error.within(f"{self.file}: $.{where}")
        if where in self.names and where != self.name:
            return error.within(f"{self.nodes.where(self.names.index(where))} ({where})")
        return error.within(self.file)

    # Names -------------------------------------------------------------------------------

    def _default_name(self) -> str:
        stem = self.file.removesuffix(".json")
        return stem if is_printable(stem) and 0 < len(stem) <= limits.NAME_LENGTH else "graph"

    def _check_names(self) -> None:
        if not "".join(self.names).isprintable():
            for position, name in enumerate(self.names):
                self._check_printable(name, f"$.nodes[{position}].name")
        self._check_printable(self.form.name or "", "$.name")
        for line in (self.form.description or "").splitlines():
            self._check_printable(line, "$.description", "printable characters")
        if len(self.nodes.index) == len(self.names):
            return
        first: dict[str, int] = {}
        for position, name in enumerate(self.names):
            if name in first:
                raise GraphError(
                    f"two nodes are called {shown(name)}: this one and $.nodes[{first[name]}]",
                    where=f"{self.file}: $.nodes[{position}].name",
                )
            first[name] = position

    def _check_printable(self, text: str, path: str, expected: str = A_NAME) -> None:
        if not is_printable(text):
            raise FileError(
                f"expected {expected}, found {shown(text)}", where=f"{self.file}: {path}"
            )

    def _known(self, made: Mapping[str, Node], name: str, path: str) -> Node:
        if name not in made:
            raise GraphError(
                f"there is no node {shown(name)}",
                where=f"{self.file}: {path}",
                hint=nearest(name, self.names),
            )
        return made[name]

    def _known_input(self, made: Mapping[str, Node], name: str, path: str) -> Input:
        node = self._known(made, name, path)
        if not isinstance(node, Input):
            raise FeedError(
                f"only an Input can be fed; the op of {shown(name)} is {type(node).__name__}",
                where=f"{self.file}: {path}",
            )
        return node

    # Data and feeds ----------------------------------------------------------------------

    def _data(self, form: DataForm, made: Mapping[str, Node]) -> Data:
        where = f"{self.file}: $.data"
        if not form.feeds:
            raise FileError("there is no input to feed", where=f"{where}.feeds")
        for name in form.feeds:
            self._known_input(made, name, f"$.data.feeds.{name:.60}")
        data = Data(self.nodes.sources.tables(form, where), standardize=form.standardize or [])
        if isinstance(form.file, str):
            data.file, data.folder, data.columns = form.file, self.folder.resolve(), form.feeds
        return data

    def _feed(self, made: Mapping[str, Node], feeds: Mapping[str, Any], data: Data | None) -> None:
        for name, value in feeds.items():
            node = self._known_input(made, name, "feeds")
            where = f"{self.file}: feeds: {name}"
            if data is not None and name in data.feeds:
                raise FeedError("this input is fed from the graph's data", where=where)
            if isinstance(value, np.ndarray | np.generic):
                array = np.array(value)
                if array.dtype.kind not in "fiub" or not array.size:
                    raise FeedError(f"expected numbers, found {array.dtype}", where=where)
            else:
                array = read_array(value, where)
            self.nodes.sources.take(array.shape, where)
            node.value = scalar_or_array(self.nodes.sources.own(array, where))


def _training(form: TrainingForm) -> Training:
    batch_size = form.batch_size or None
    return Training(
        optimizer=make_optimizer(form.optimizer) if form.optimizer else SGD(),
        batch_size=batch_size,
        sampling=form.sampling or ("epoch" if batch_size else "all"),
        seed=form.seed or 0,
        schedule=make_schedule(form.schedule) if form.schedule else None,
        clip_value=_or_none(form.clip_value),
        clip_norm=_or_none(form.clip_norm),
        accumulate=form.accumulate or 1,
        groups=tuple(Group(**given(group)) for group in form.groups or ()),
    )


def _or_none(limit: float | UnsetType) -> float | None:
    return None if isinstance(limit, UnsetType) else limit

"""Loading a graph file: from the decoded form to a graph with valid names, shapes and values.

A graph file may come from anyone: see `limits`, `paths` and `tensors` for what is rejected. Errors
give the file's name and the JSON path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from msgspec import UNSET, UnsetType

from miniflow import limits
from miniflow.errors import FeedError, FileError, GraphError, MiniflowError, nearest
from miniflow.files import paths
from miniflow.files.constants import with_constants
from miniflow.files.decode import A_NAME, decode
from miniflow.files.op_hints import op_hint
from miniflow.files.op_state import check_op_states, read_op_state
from miniflow.files.schema import (
    DataForm,
    GraphForm,
    NodeForm,
    TrainingForm,
    given,
    make_optimizer,
    make_schedule,
)
from miniflow.files.sources import Sources
from miniflow.files.state import read_state
from miniflow.files.values import Value, read_array, scalar_or_array, shown
from miniflow.garbage import collector_paused
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import OPS
from miniflow.ops.base import shape_text
from miniflow.plans.integers import type_class_numbers
from miniflow.structure import check_declared
from miniflow.text.characters import is_printable
from miniflow.toposort import CycleError, topological_order
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


class _NotInOrder(Exception):  # noqa: N818 - not an error: the nodes are then sorted.
    """A node takes an input that comes later in the file, or does not exist."""


class _Loader:
    """Turns the form of a file into its graph. Locations (`where`) start with the file's name."""

    def __init__(self, form: GraphForm, folder: Path, file: str) -> None:
        self.form = form
        self.folder = folder
        self.file = file
        self.name = form.name or self._default_name()
        form.nodes, self.constants = with_constants(form.nodes)
        self.names = [node.name for node in form.nodes]
        # Numbers among the inputs of ops are names by now; their type does not say so.
        self.index: dict[str | float, int] = dict(
            zip(self.names, range(len(self.names)), strict=True)
        )
        self.dtype: np.dtype[Any] = np.dtype(form.dtype or "float64")
        try:
            self.training = _training(form.training or TrainingForm())
        except GraphError as error:
            where = f"{file}: $.training"
            raise FileError(error.problem, where=where, hint=error.hint) from None
        self.digest = hashlib.sha256()
        self.sources = self._open_sources()

    def _open_sources(self) -> Sources:
        return Sources(self.folder, self.dtype, self.training.seed, self.digest)

    def graph(self, feeds: Mapping[str, Any]) -> Graph:
        """Return the graph, fully checked."""
        form = self.form
        self._check_names()
        nodes, inbound = self._nodes()
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
            return error.within(f"{self._node(self.names.index(where))} ({where})")
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
        if len(self.index) == len(self.names):
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

    # Nodes -------------------------------------------------------------------------------

    def _nodes(self) -> tuple[list[Node], list[list[int]] | None]:
        """Return the nodes in file order, and the inputs of each as node indices.

        The indices are None if the file is not in topological order; most files are.
        """
        made: list[Node | None] = [None] * len(self.names)
        try:
            inbound = self._make_all(made, range(len(made)))
        except _NotInOrder:
            self.sources = self._open_sources()
            self._make_all(made, self._order())
            inbound = None
        return cast("list[Node]", made), inbound

    def _make_all(self, made: list[Node | None], positions: Iterable[int]) -> list[list[int]]:
        """Fill `made`; return the input indices of each node, in the order of `positions`."""
        forms, index = self.form.nodes, self.index
        inbound: list[list[int]] = []
        for position in positions:
            form = forms[position]
            op = OPS.get(form.op)
            if op is None:
                made[position] = self._input(position, form)
                inbound.append([])
                continue
            if not (form.value is form.shape is form.trainable is form.image is UNSET):
                self._check_op_fields(position, form)
            sources = []
            try:
                if form.inputs:
                    sources = [index[name] for name in form.inputs]
            except KeyError:
                raise _NotInOrder from None
            inputs = [made[source] for source in sources]
            if None in inputs:
                raise _NotInOrder
            try:
                node = op.of(cast("list[Node]", inputs), form.name, form.attrs or {})
            except MiniflowError as error:
                raise self._op_error(error, position, form) from None
            if not isinstance(form.state, UnsetType):
                node.state = read_op_state(node, form.state, self._node(position), self.sources)
            made[position] = node
            inbound.append(sources)
        return inbound

    def _order(self) -> list[int]:
        """Return the positions in topological order; raise for unknown names and cycles."""
        inbound: list[list[int]] = []
        for position, form in enumerate(self.form.nodes):
            names = cast("list[str]", form.inputs or [])
            try:
                inbound.append([self.index[name] for name in names])
            except KeyError as error:
                (name,) = error.args
                raise GraphError(
                    f"there is no node {shown(name)}",
                    where=f"{self._node(position)}.inputs[{names.index(name)}] ({form.name})",
                    hint=nearest(name, self.names),
                ) from None
        try:
            return topological_order(inbound)
        except CycleError as error:
            names = [self.names[position] for position in error.cycle]
            cycle = [*names[:8], "…"] if len(names) > 8 else names
            raise GraphError(
                "a cycle: " + " → ".join([*cycle, names[0]]),
                where=f"{self._node(error.cycle[0])}.inputs",
                hint="a node cannot depend on its own value",
            ) from None

    def _node(self, position: int) -> str:
        return f"{self.file}: $.nodes[{position}]"

    def _op_error(self, error: MiniflowError, position: int, form: NodeForm) -> MiniflowError:
        """Return an error that an op raised, with the field that causes it."""
        error.where = ""
        caused_by_attrs = form.attrs and "attribute" in error.problem
        field = "attrs" if caused_by_attrs else "inputs"
        return error.within(f"{self._node(position)}.{field} ({form.name})")

    def _check_op_fields(self, position: int, form: NodeForm) -> None:
        for field in ("value", "shape", "trainable", "image"):
            if getattr(form, field) is not UNSET and getattr(form, field) is not False:
                raise FileError(
                    f'only an Input has "{field}"; the op of this node is {form.op}',
                    where=f"{self._node(position)}.{field} ({form.name})",
                )

    def _input(self, position: int, form: NodeForm) -> Input:
        where = self._node(position)
        try:
            return self._make_input(form, where)
        except MiniflowError as error:
            field, colon, rest = error.where.removeprefix(where).partition(": ")
            error.where = f"{where}{field} ({form.name}){colon}{rest}"
            raise

    def _make_input(self, form: NodeForm, where: str) -> Input:
        if form.op != "Input":
            raise FileError(
                f"there is no op {shown(form.op)}",
                where=f"{where}.op",
                hint=op_hint(form.op),
            )
        if form.inputs:
            raise FileError("an Input takes no inputs", where=f"{where}.inputs")
        if form.attrs:
            raise FileError("an Input has no attributes", where=f"{where}.attrs")
        if form.state:
            raise FileError("an Input has no state", where=f"{where}.state")
        value: Value | None = None
        if type(form.value) is float and self.dtype == np.float64:
            value = form.value
        elif not isinstance(form.value, UnsetType):
            value = self.sources.value(form.value, form.name, f"{where}.value")
        shape = None
        if not isinstance(form.shape, UnsetType):
            shape = tuple(form.shape)
            # The numbers of a value are counted already.
            if value is None or np.shape(value) != shape:
                self.sources.take([size or 1 for size in shape], f"{where}.shape", counts=False)
        image = None
        if not isinstance(form.image, UnsetType):
            image = (form.image[0], form.image[1])
            known = np.asarray(value).shape if shape is None and value is not None else shape
            self._check_image(image, known, where)
        trainable = form.trainable is True
        made = Input(form.name, value=value, shape=shape, trainable=trainable, image=image)
        made.constant = form.name in self.constants
        return made

    def _check_image(
        self, image: tuple[int, int], shape: Sequence[int | None] | None, where: str
    ) -> None:
        """Raise `FileError` unless rows of the shape, or its last two axes, may be such images."""
        if shape is None:
            return
        pixels = image[0] * image[1]
        if shape and shape[-1] in (None, pixels):
            return
        if len(shape) > 1 and all(
            n in (None, size) for n, size in zip(shape[-2:], image, strict=True)
        ):
            return
        size, found = shape_text(image), shape_text(tuple(shape))
        raise FileError(
            f"images of {size} are rows of {pixels} numbers, but the shape is {found}",
            where=f"{where}.image",
        )

    # Data and feeds ----------------------------------------------------------------------

    def _data(self, form: DataForm, made: Mapping[str, Node]) -> Data:
        where = f"{self.file}: $.data"
        if not form.feeds:
            raise FileError("there is no input to feed", where=f"{where}.feeds")
        for name in form.feeds:
            self._known_input(made, name, f"$.data.feeds.{name:.60}")
        data = Data(self.sources.tables(form, where), standardize=form.standardize or [])
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
            self.sources.take(array.shape, where)
            node.value = scalar_or_array(self.sources.own(array, where))


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

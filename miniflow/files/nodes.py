"""The nodes of a graph file: inputs with their values, and ops on the nodes before them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, cast

import numpy as np
from msgspec import UNSET, UnsetType

from miniflow.errors import FileError, GraphError, MiniflowError, nearest
from miniflow.files.op_hints import op_hint
from miniflow.files.op_state import read_op_state
from miniflow.files.schema import NodeForm
from miniflow.files.sources import Sources
from miniflow.files.values import Value, shown
from miniflow.node import Input, Node
from miniflow.ops import OPS
from miniflow.ops.base import shape_text
from miniflow.toposort import CycleError, topological_order


class _NotInOrder(Exception):  # noqa: N818 - not an error: the nodes are then sorted.
    """A node takes an input that comes later in the file, or does not exist."""


class NodeLoader:
    """Makes the nodes of the forms of a file.

    `constants` are the names of the inputs that the file has as numbers among the inputs of ops.
    `sources` reads numbers, and counts all those of the file.
    """

    def __init__(
        self,
        forms: Sequence[NodeForm],
        constants: Collection[str],
        dtype: np.dtype[Any],
        file: str,
        open_sources: Callable[[], Sources],
    ) -> None:
        self.forms = forms
        self.constants = constants
        self.dtype = dtype
        self.file = file
        self.open_sources = open_sources
        self.sources = open_sources()
        self.names = [form.name for form in forms]
        # Numbers among the inputs of ops are names by now; their type does not say so.
        self.index: dict[str | float, int] = dict(
            zip(self.names, range(len(self.names)), strict=True)
        )

    def load(self) -> tuple[list[Node], list[list[int]] | None]:
        """Return the nodes in file order, and the inputs of each as node indices.

        The indices are None if the file is not in topological order; most files are.
        """
        made: list[Node | None] = [None] * len(self.names)
        try:
            inbound = self._make_all(made, range(len(made)))
        except _NotInOrder:
            self.sources = self.open_sources()
            self._make_all(made, self._order())
            inbound = None
        return cast("list[Node]", made), inbound

    def _make_all(self, made: list[Node | None], positions: Iterable[int]) -> list[list[int]]:
        """Fill `made`; return the input indices of each node, in the order of `positions`."""
        forms, index = self.forms, self.index
        names = dict.fromkeys(form.op for form in forms)
        ops = {name: OPS[name] for name in names if name in OPS}
        inbound: list[list[int]] = []
        for position in positions:
            form = forms[position]
            op = ops.get(form.op)
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
                node.state = read_op_state(node, form.state, self.where(position), self.sources)
            made[position] = node
            inbound.append(sources)
        return inbound

    def _order(self) -> list[int]:
        """Return the positions in topological order; raise for unknown names and cycles."""
        inbound: list[list[int]] = []
        for position, form in enumerate(self.forms):
            names = cast("list[str]", form.inputs or [])
            try:
                inbound.append([self.index[name] for name in names])
            except KeyError as error:
                (name,) = error.args
                raise GraphError(
                    f"there is no node {shown(name)}",
                    where=f"{self.where(position)}.inputs[{names.index(name)}] ({form.name})",
                    hint=nearest(name, self.names),
                ) from None
        try:
            return topological_order(inbound)
        except CycleError as error:
            names = [self.names[position] for position in error.cycle]
            cycle = [*names[:8], "…"] if len(names) > 8 else names
            raise GraphError(
                "a cycle: " + " → ".join([*cycle, names[0]]),
                where=f"{self.where(error.cycle[0])}.inputs",
                hint="a node cannot depend on its own value",
            ) from None

    def where(self, position: int) -> str:
        """Return where a node is in the file."""
        return f"{self.file}: $.nodes[{position}]"

    def _op_error(self, error: MiniflowError, position: int, form: NodeForm) -> MiniflowError:
        """Return an error that an op raised, with the field that causes it."""
        error.where = ""
        caused_by_attrs = form.attrs and "attribute" in error.problem
        field = "attrs" if caused_by_attrs else "inputs"
        return error.within(f"{self.where(position)}.{field} ({form.name})")

    def _check_op_fields(self, position: int, form: NodeForm) -> None:
        for field in ("value", "shape", "trainable", "image"):
            if getattr(form, field) is not UNSET and getattr(form, field) is not False:
                raise FileError(
                    f'only an Input has "{field}"; the op of this node is {form.op}',
                    where=f"{self.where(position)}.{field} ({form.name})",
                )

    def _input(self, position: int, form: NodeForm) -> Input:
        where = self.where(position)
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

"""Saving a graph to a readable file that loads to the same graph, bit for bit.

There is one node per line. Up to a thousand numbers are written in the file itself; more go to a
.safetensors file beside it. That file is named after a hash of its content, so no existing file is
overwritten: a save takes effect when the graph file is replaced, and a crash leaves the old graph
intact. Tensors that only the old graph file needed are removed after that.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from miniflow import limits
from miniflow.errors import FileError
from miniflow.files import paths
from miniflow.files.atomic import replace_file
from miniflow.files.constants import is_constant
from miniflow.files.leftovers import remove_unneeded, tensor_file_name, tensor_files
from miniflow.files.schema import FORMAT, changed_fields, optimizer_fields
from miniflow.files.state import has_progress, state_text
from miniflow.files.values import is_plain, shown, written
from miniflow.graph import Graph, Training
from miniflow.node import Input, Node
from miniflow.ops import OPS
from miniflow.ops.base import Array, Op, shape_text
from miniflow.text.characters import is_printable
from miniflow.training.data import Data
from miniflow.training.optimizers import OPTIMIZERS
from miniflow.training.schedules import SCHEDULES

# Most numbers of one value, or of all tables together, written in the graph file itself.
INLINE = 1000

# Names are padded to this width, so that ops are aligned.
_NAME_COLUMN = 16

# Reserved in a .safetensors file, but a node may have this name.
_RESERVED = "__metadata__"


def save(graph: Graph, path: str | Path) -> None:
    """Write a graph to a file, atomically.

    Data from a file in the same folder is saved as a reference to that file. Raises `FileError` if
    the file cannot be written, or if the format cannot represent the graph.
    """
    path = Path(path)
    _Saver(graph, paths.real(path, path.name, exists=False), path.name).save()


class _Saver:
    """Writes one graph to `path`; `file` names it in errors."""

    def __init__(self, graph: Graph, path: Path, file: str) -> None:
        self.graph = graph
        self.path = path
        self.file = file
        # Tensor files that did not exist before.
        self._created: list[Path] = []
        # Inputs that are written as numbers among the inputs of ops.
        self._constants: dict[Node, str] = {}
        # The state of each op that has one, as JSON.
        self._states: dict[Node, str] = {}

    def save(self) -> None:
        """Write the tensors, then the graph file; remove the tensors if that fails."""
        try:
            self._write()
        except FileError:
            for tensors in self._created:
                with contextlib.suppress(OSError):
                    tensors.unlink()
            raise

    def _write(self) -> None:
        graph, data = self.graph, self.graph.data
        if path_of(data) == self.path:
            raise FileError("this file contains the graph's data", where=self.file)
        paths.check_ordinary(self.path, self.file)
        self._check_texts()
        before = tensor_files(self.path)
        values: dict[Node, Array | None] = {
            node: self._value(node) for node in graph.declared if isinstance(node, Input)
        }
        self._constants = {
            node: written(value)
            for node, value in values.items()
            if value is not None and node is not graph.nodes[graph.cost] and is_constant(node)
        }
        rows = [node for node in graph.declared if node not in self._constants]
        large = {
            _tensor_name(node.label): value
            for node, value in values.items()
            if value is not None and not _is_inline(value)
        }
        tensor_file = self._write_tensors(large) if large else ""
        self._states = self._states_as_json(rows)
        width = min(_NAME_COLUMN, max(len(node.label) for node in rows))
        nodes = [self._node(node, values.get(node), tensor_file, width) for node in rows]
        parts = [
            f'"miniflow": {FORMAT}',
            *([f'"name": {self._json(graph.name)}'] if graph.name else []),
            *([f'"description": {self._json(graph.description)}'] if graph.description else []),
            f'"dtype": {self._json(graph.dtype.name)}',
            '"nodes": [\n   ' + ",\n   ".join(nodes) + "]",
            f'"cost": {self._json(graph.nodes[graph.cost].label)}',
            *self._training(graph.training),
            *([] if data is None else [self._data(data)]),
        ]
        replace_file(self.path, ("{" + ",\n ".join(parts) + "}\n").encode(), self.file)
        remove_unneeded(before, self.path.parent)

    def _check_texts(self) -> None:
        for text in (self.graph.name, *self.graph.description.splitlines()):
            if not is_printable(text):
                raise FileError(f"{shown(text)} contains unprintable characters", where=self.file)
        name, description = len(self.graph.name), len(self.graph.description)
        if name > limits.NAME_LENGTH or description > limits.DESCRIPTION_LENGTH:
            raise FileError("the graph's name or description is too long", where=self.file)

    # Nodes -------------------------------------------------------------------------------

    def _value(self, node: Input) -> Array | None:
        """Return an input's value in the graph's dtype."""
        if node.value is None:
            return None
        try:
            array = np.asarray(node.value)
        except ValueError:
            raise self._refusal(node, "its value is not an array") from None
        if array.dtype.kind not in "fiub" or not array.size:
            raise self._refusal(node, f"its value is of type {array.dtype}, {array.shape}")
        if array.ndim > limits.AXES or array.size > limits.TOTAL_NUMBERS:
            raise self._refusal(
                node,
                f"its value is too large: {shape_text(array.shape)}",
                f"a graph file has at most {limits.TOTAL_NUMBERS:,} numbers on {limits.AXES} axes",
            )
        with np.errstate(all="ignore"):
            return array.astype(self.graph.dtype, copy=False)

    def _node(self, node: Node, value: Array | None, tensor_file: str, width: int) -> str:
        name = node.label
        if not (0 < len(name) <= limits.NAME_LENGTH and is_printable(name)):
            raise self._refusal(node, f"a name has 1 to {limits.NAME_LENGTH} printable characters")
        kind = type(node).__name__
        start = f'{{"name": {self._json(name) + ",":{width + 3}} "op": "{kind}"'
        if type(node) is Input:
            return f"{start}{''.join(self._input_fields(node, value, tensor_file))}}}"
        if not isinstance(node, Op) or OPS.get(kind) is not type(node):
            raise self._refusal(node, f"graph files have no op {kind}")
        inputs = ", ".join(
            self._constants.get(source) or self._json(source.label) for source in node.inbound_nodes
        )
        attrs = {
            key: value
            for key, value in node.attrs.items()
            if (type(value), value) != (type(default := node.attributes[key].default), default)
        }
        ending = f', "attrs": {self._json(attrs)}' if attrs else ""
        if node in self._states:
            ending += f', "state": {self._states[node]}'
        return f'{start}, "inputs": [{inputs}]{ending}}}'

    def _states_as_json(self, nodes: Sequence[Node]) -> dict[Node, str]:
        """Return the arrays that each op keeps from pass to pass; all large ones in one file."""
        ops = [node for node in nodes if isinstance(node, Op) and node.lasts and node.state]
        arrays = {f"{op.label}.{name}": array for op in ops for name, array in op.state.items()}
        texts = self._kept_as_json(arrays)
        return {
            op: ", ".join(
                f"{self._json(name)}: {texts[f'{op.label}.{name}']}" for name in op.state
            ).join("{}")
            for op in ops
        }

    def _input_fields(self, node: Input, value: Array | None, tensor_file: str) -> Iterator[str]:
        if node.shape is not None:
            yield f', "shape": {self._json(node.shape)}'
        if node.image is not None:
            yield f', "image": {self._json(node.image)}'
        if node.trainable:
            yield ', "trainable": true'
        if value is not None and _is_inline(value):
            yield f', "value": {written(value)}'
        elif value is not None:
            reference = {"file": tensor_file, "tensor": _tensor_name(node.label)}
            yield f', "value": {self._json(reference)}'

    def _refusal(self, node: Node, problem: str, hint: str = "") -> FileError:
        problem = f"{shown(node.label)} cannot be saved: {problem}"
        return FileError(problem, where=self.file, hint=hint)

    # The rest ----------------------------------------------------------------------------

    def _training(self, training: Training) -> list[str]:
        if training == Training() and not self.graph.trains:
            return []
        progress = self.graph.starts_from
        optimizer = training.optimizer
        if OPTIMIZERS.get(type(optimizer).__name__) is not type(optimizer):
            raise FileError(
                f"graph files have no optimizer {type(optimizer).__name__}", where=self.file
            )
        content: dict[str, Any] = {"optimizer": optimizer_fields(optimizer)}
        if training.batch_size is not None:
            content["batch_size"] = training.batch_size
        content |= {"sampling": training.sampling, "seed": training.seed}
        content |= self._updates(training)
        text = self._json(content)
        if self.graph.trains and has_progress(progress):
            text = (
                f'{text[:-1]},\n  "state": {state_text(progress, self._json, self._kept_as_json)}}}'
            )
        return [f'"training": {text}']

    def _updates(self, training: Training) -> dict[str, Any]:
        """Return how updates are made, as far as that is not the default."""
        content: dict[str, Any] = {}
        if training.schedule is not None:
            kind = type(training.schedule).__name__
            if SCHEDULES.get(kind) is not type(training.schedule):
                raise FileError(f"graph files have no schedule {kind}", where=self.file)
            content["schedule"] = {"name": kind, **changed_fields(training.schedule)}
        for name in ("clip_value", "clip_norm"):
            if getattr(training, name) is not None:
                content[name] = getattr(training, name)
        if training.accumulate > 1:
            content["accumulate"] = training.accumulate
        if training.groups:
            content["groups"] = [changed_fields(group) for group in training.groups]
        return content

    def _kept_as_json(self, arrays: Mapping[str, Array]) -> dict[str, str]:
        """Return arrays as JSON: small ones inline, large ones as references to a tensor file."""
        arrays = {name: array.astype(self.graph.dtype) for name, array in arrays.items()}
        large = {_tensor_name(n): a for n, a in arrays.items() if not _is_inline(a)}
        file = self._write_tensors(large) if large else ""
        return {
            name: written(array)
            if _is_inline(array)
            else self._json({"file": file, "tensor": _tensor_name(name)})
            for name, array in arrays.items()
        }

    def _data(self, data: Data) -> str:
        folder = self.path.parent
        if data.file is not None and data.folder == folder and (folder / data.file).is_file():
            content = {"file": data.file, "feeds": data.columns}
            if data.standardize:
                content["standardize"] = data.standardize
            return f'"data": {self._json(content)}'
        # The tables are already standardised, so the field "standardize" is not written.
        tables = {name: table.astype(self.graph.dtype) for name, table in data.feeds.items()}
        if sum(table.size for table in tables.values()) <= INLINE and all(
            map(is_plain, tables.values())
        ):
            lines = [f"{self._json(name)}: {written(table)}" for name, table in tables.items()]
            return '"data": {"feeds": {' + (",\n" + " " * 20).join(lines) + "}}"
        feeds = {name: _tensor_name(name) for name in tables}
        file = self._write_tensors({feeds[name]: table for name, table in tables.items()})
        return f'"data": {self._json({"file": file, "feeds": feeds})}'

    def _write_tensors(self, arrays: Mapping[str, Array]) -> str:
        """Write arrays to a tensor file beside the graph; return the file's name."""
        # Most graphs hold their numbers themselves.
        import safetensors.numpy

        self._check_size(arrays)
        content = safetensors.numpy.save({n: np.asarray(a, order="C") for n, a in arrays.items()})
        name = tensor_file_name(self.path, hashlib.sha256(content).hexdigest())
        path = self.path.with_name(name)
        if not path.exists():
            self._created.append(path)
        replace_file(path, content, self.file)
        return name

    def _check_size(self, arrays: Mapping[str, Array]) -> None:
        """Raise `FileError` if a file with these arrays could not be loaded again."""
        numbers = sum(array.size for array in arrays.values())
        if numbers > limits.TOTAL_NUMBERS:
            raise FileError(
                f"{numbers:,} numbers are too many for a file",
                where=self.file,
                hint=f"at most {limits.TOTAL_NUMBERS:,} in all values of a file",
            )

    def _json(self, content: Any) -> str:
        try:
            return json.dumps(content, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise FileError(f"cannot be written: {error}", where=self.file) from None


def path_of(data: Data | None) -> Path | None:
    """Return the path of the file that the data came from, or None."""
    if data is None or data.file is None or data.folder is None:
        return None
    return (data.folder / data.file).resolve()


def _is_inline(value: Array) -> bool:
    return value.size <= INLINE and is_plain(value)


def _tensor_name(name: str) -> str:
    """Return the name of a node's tensor: the node's own, unless it is reserved."""
    return name if name != _RESERVED else name + "_" * limits.NAME_LENGTH

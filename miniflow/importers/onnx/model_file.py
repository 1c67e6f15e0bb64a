"""From the bytes of an .onnx file to a model that is whole: in bounds, acyclic, its weights read.

Weights can be in files beside it; they follow the rules for the files of a graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from miniflow import limits
from miniflow.errors import FileError, MiniflowError
from miniflow.files import paths
from miniflow.importers.onnx.values import widened
from miniflow.ops.base import Array, shape_text

# Nodes in a model, with those of its functions and of the branches of conditions.
MOST_NODES = 200_000
# Bytes of the files beside a model.
MOST_EXTERNAL = 2**31


def load(path: Path) -> tuple[bytes, Any]:
    """Return the bytes of a model file, and the `ModelProto` in them.

    Raises `FileError` if it is not a model, or not whole.
    """
    content = paths.read_bytes(paths.real(path, path.name), limits.TABLE_BYTES, path.name)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # DecodeError of protobuf, whose types are not known
        raise FileError("it is not an ONNX model, or was cut off", where=path.name) from None
    graph = model.graph
    if not (graph.node or graph.initializer) or not graph.output:
        raise FileError("it is not an ONNX model: it has no nodes", where=path.name)
    if not model.opset_import:
        raise FileError("it was cut off: it names no version of its ops", where=path.name)
    nodes = len(graph.node) + sum(len(function.node) for function in model.functions)
    if nodes > MOST_NODES:
        raise FileError(f"it has {nodes:,} nodes", where=path.name, hint=f"at most {MOST_NODES:,}")
    if graph.sparse_initializer:
        raise FileError("it has sparse initializers, which are not supported", where=path.name)
    try:
        check_order(graph.node, _given(graph))
    except MiniflowError as error:
        raise error.within(path.name) from None
    return content, model


def _given(graph: Any) -> set[str]:
    return {value.name for value in graph.input} | {value.name for value in graph.initializer}


def check_order(nodes: Iterable[Any], given: Iterable[str]) -> None:
    """Raise `FileError` unless every node comes after those that it takes, as ONNX requires."""
    known = {"", *given}
    made = dict.fromkeys((name for node in nodes for name in node.output if name), "")
    for node in nodes:
        for name in node.input:
            if name not in known:
                why = "comes later: a cycle, or a wrong order" if name in made else "does not exist"
                raise FileError(
                    f"{node.op_type} takes {name!r}, which {why}", where=node.name or node.op_type
                )
        for name in node.output:
            if name and name in known:
                raise FileError(f"{name!r} is computed twice", where=node.name or node.op_type)
            known.add(name)


class Weights:
    """Reads the tensors of one model, within limits for all of them together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = 0
        self._files: dict[str, bytes] = {}

    def read(self, tensor: Any, where: str) -> Array:
        """Return the numbers of a `TensorProto`; raise `FileError` if they are not all there."""
        shape = tuple(tensor.dims)
        size = math.prod(shape)
        if any(n < 0 for n in shape) or len(shape) > limits.AXES:
            raise FileError(f"it has the shape {shape_text(shape)}", where=where)
        self._numbers += size
        if max(size, self._numbers) > limits.NUMBERS:
            raise FileError(
                f"the shape {shape_text(shape)} has {size:,} numbers",
                where=where,
                hint=f"at most {limits.NUMBERS:,} in all values of a file",
            )
        try:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                tensor = self._with_external(tensor, where)
            array = widened(np.asarray(numpy_helper.to_array(tensor)))
        except MiniflowError:
            raise
        except Exception as error:  # whatever the package raises for a tensor that is not whole
            raise FileError(f"its numbers cannot be read: {error}", where=where) from None
        return array

    def _with_external(self, tensor: Any, where: str) -> Any:
        given = {entry.key: entry.value for entry in tensor.external_data}
        content = self._file(given.get("location", ""), where)
        try:
            offset = int(given.get("offset", 0))
            length = int(given.get("length", len(content) - offset))
        except ValueError:
            raise FileError("its place in the file beside is not a number", where=where) from None
        if offset < 0 or length < 0 or offset + length > len(content):
            raise FileError(
                f"bytes {offset:,} to {offset + length:,} are not in {given['location']!r}, which "
                f"has {len(content):,}",
                where=where,
            )
        return onnx.TensorProto(
            dims=tensor.dims, data_type=tensor.data_type, raw_data=content[offset : offset + length]
        )

    def _file(self, name: str, where: str) -> bytes:
        if name not in self._files:
            read = sum(map(len, self._files.values()))
            path = paths.beside(self.folder, name, where)
            self._files[name] = paths.read_bytes(path, MOST_EXTERNAL - read, f"{where}: {name}")
        return self._files[name]

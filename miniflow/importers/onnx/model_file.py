"""From the bytes of an .onnx file to a model that is whole: in bounds, acyclic, its weights read.

Weights can be in files beside it; they follow the rules for the files of a graph.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from miniflow import limits
from miniflow.errors import FileError, MiniflowError
from miniflow.files import paths
from miniflow.importers.onnx.values import Dtype, widened
from miniflow.ops.base import Array, Shape, shape_text

# Nodes in a model, with those of its functions and of the branches of conditions.
MOST_NODES = 200_000
# Types whose numbers lie in a file as in an array. Of others, releases of the onnx package before
# 1.19 give the bits, with the name of the type.
_INTEGERS = [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
NATIVE = frozenset(
    getattr(onnx.TensorProto, name) for name in ("FLOAT", "FLOAT16", "DOUBLE", "BOOL", *_INTEGERS)
)


def load(path: Path) -> tuple[bytes, Any]:
    """Return the bytes of a model file, and the `ModelProto` in them.

    Raises `FileError` if it is not a model, or not whole.
    """
    content = paths.read_bytes(paths.real(path, path.name), limits.MODEL_BYTES, path.name)
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


def _array(tensor: Any, raw: bytes | memoryview, shape: Shape, dtype: Dtype) -> Array:
    """Return the numbers of a tensor; `raw` are its bytes, empty if it lists numbers.

    Raises `ValueError` for a type that the onnx package does not convert, and what that raises.
    """
    if raw and tensor.data_type in NATIVE:
        return np.frombuffer(raw, dtype.newbyteorder("<")).reshape(shape)
    if raw and tensor.data_type == onnx.TensorProto.BFLOAT16:
        # The upper half of a float32.
        bits = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(shape)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = onnx.TensorProto(dims=tensor.dims, data_type=tensor.data_type, raw_data=bytes(raw))
    array = np.asarray(numpy_helper.to_array(tensor))
    kind = next(iter(array.dtype.names or ()), "")
    if kind == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    if kind.startswith("e"):
        raise ValueError(f"the type {kind} needs a newer onnx package")
    return array


class Weights:
    """Reads the tensors of one model, within limits for all of them together.

    `digest` is a hash of the files beside the model that were read, empty without any.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digest = b""
        self._held = 0
        self._declared = 0
        self._files: dict[str, bytes] = {}

    def read(self, tensor: Any, where: str) -> Array:
        """Return the numbers of a `TensorProto`; raise `FileError` if they are not all there."""
        shape = tuple(tensor.dims)
        if any(n < 0 for n in shape) or len(shape) > limits.AXES:
            raise FileError(f"it has the shape {shape_text(shape)}", where=where)
        raw: bytes | memoryview = tensor.raw_data
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raw = self._external(tensor, where)
        try:
            dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
            self._take(shape, dtype.itemsize, max(len(raw), tensor.ByteSize()), where)
            return widened(_array(tensor, raw, shape, dtype))
        except MiniflowError:
            raise
        except Exception as error:  # whatever the package raises for a tensor that is not whole
            raise FileError(f"its numbers cannot be read: {error}", where=where) from None

    def _take(self, shape: Shape, itemsize: int, held: int, where: str) -> None:
        """Count the numbers of a tensor; raise `FileError` if those of all exceed the limits.

        One that has all of its bytes in the file, `held` at most, is bounded by the file.
        """
        size = math.prod(shape)
        if size * itemsize <= held:
            self._held += size
            count, most = self._held, limits.TOTAL_NUMBERS
        else:
            self._declared += size
            count, most = self._declared, limits.NUMBERS
        if count > most:
            raise FileError(
                f"the shape {shape_text(shape)} has {size:,} numbers",
                where=where,
                hint=f"at most {most:,} in all values of a file",
            )

    def _external(self, tensor: Any, where: str) -> memoryview:
        """Return the bytes of a tensor in a file beside the model."""
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
        return memoryview(content)[offset : offset + length]

    def _file(self, name: str, where: str) -> bytes:
        if name not in self._files:
            read = sum(map(len, self._files.values()))
            path = paths.beside(self.folder, name, where)
            content = paths.read_bytes(path, limits.BESIDE_BYTES - read, f"{where}: {name}")
            self._files[name] = content
            self.digest = hashlib.sha256(self.digest + hashlib.sha256(content).digest()).digest()
        return self._files[name]

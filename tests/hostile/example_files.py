"""Hostile example files: the .safetensors beside a model, damaged or with other tensors."""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

import numpy as np
from safetensors.numpy import load

from miniflow.importers.example import LABELS
from tests.hostile.inputs import NAMES, damaged
from tests.hostile.onnx_inputs import MODELS, SIZES

# Models without files beside them, other than the example.
WITH_EXAMPLES = ("lstm", "sklearn-digits", "sklearn-diabetes", "resnet-block")
_DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I8", "U64", "BOOL", "F8_E4M3", "", "object", 3)
_TYPES = {
    np.dtype(kind): name
    for name, kind in {
        "F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I8": "i1", "U64": "u8", "BOOL": "?",
    }.items()
}  # fmt: skip
_ODD = (np.nan, np.inf, -1.0, 0.5, 1e308, 2.0**63, -(2.0**31))


def parted_example(data: bytes) -> tuple[bytes, bytes]:
    """Return the model, which the first byte chooses, and its example file."""
    return _model(WITH_EXAMPLES[data[0]]), data[1:]


def example_bytes(random: Random) -> bytes:
    """Return a model's number and its example, damaged."""
    number = random.randrange(len(WITH_EXAMPLES))
    return bytes([number]) + damaged(random, _shipped(WITH_EXAMPLES[number]))


def example_header(random: Random) -> bytes:
    """Return an example whose header says something else than its bytes."""
    number = random.randrange(len(WITH_EXAMPLES))
    whole = _shipped(WITH_EXAMPLES[number])
    length = int.from_bytes(whole[:8], "little")
    header: dict[str, Any] = json.loads(whole[8 : 8 + length])
    for _ in range(random.choice((1, 1, 2))):
        entry = header[random.choice(sorted(header.keys() - {"__metadata__"}))]
        field = random.choice(("dtype", "shape", "data_offsets"))
        if field == "dtype":
            entry[field] = random.choice(_DTYPES)
        else:
            entry[field] = [random.choice(SIZES) for _ in range(random.randrange(10))]
    head = json.dumps(header).encode()
    size = random.choice((len(head), len(head), 0, 2**31, 2**63))
    return bytes([number]) + size.to_bytes(8, "little") + head + whole[8 + length :]


def example_tensors(random: Random) -> bytes:
    """Return a valid file whose tensors a model does not expect: other shapes, types, numbers."""
    number = random.randrange(len(WITH_EXAMPLES))
    tensors = load(_shipped(WITH_EXAMPLES[number]))
    offered = sorted(name for name in tensors if name.startswith("input/") or name == LABELS)
    for _ in range(random.choice((1, 1, 2, 3))):
        name = random.choice(offered)
        tensors[name] = _other(random, tensors[name])
        if random.random() < 0.2:
            tensors[f"input/{random.choice(NAMES[:-4])}"] = tensors[name]
    return bytes([number]) + _file_of(tensors)


def _file_of(tensors: dict[str, Any]) -> bytes:
    """Return a .safetensors file; the order of what the package's own function makes varies."""
    header: dict[str, Any] = {}
    parts, offset = [], 0
    for name, array in sorted(tensors.items()):
        data = array.tobytes()
        ends = [offset, offset + len(data)]
        header[name] = {"dtype": _TYPES[array.dtype], "shape": array.shape, "data_offsets": ends}
        parts.append(data)
        offset = ends[1]
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + b"".join(parts)


def _other(random: Random, array: Any) -> Any:
    how = random.randrange(6)
    if how == 0:
        changed = array.astype(np.float64)
        changed.flat[random.randrange(changed.size) if changed.size else 0 :] = random.choice(_ODD)
        return changed
    if how == 1:
        return np.array(array.astype(random.choice((np.float16, np.int8, np.bool_, np.uint64))))
    if how == 2:
        return np.ascontiguousarray(array.T)
    if how == 3:
        return np.ones([random.choice((0, 1, 1, 2, 7)) for _ in range(random.randrange(10))])
    if how == 4:
        return np.repeat(array, random.choice((2, 50)), axis=0) if array.ndim else array[None]
    return array[: random.randrange(2)] if array.ndim else array + 1000


@cache
def _model(name: str) -> bytes:
    return (MODELS / f"{name}.onnx").read_bytes()


@cache
def _shipped(name: str) -> bytes:
    return (MODELS / f"{name}.safetensors").read_bytes()

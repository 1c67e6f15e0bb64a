"""The example of a model: the inputs of a pass, and labels, in a file beside the model's.

`lenet.safetensors` is the example of `lenet.onnx`. A tensor has the name of an input, or that name
after `input/`; `labels` has the labels. Other tensors, such as weights, are ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from miniflow import limits
from miniflow.files import paths
from miniflow.files.tensors import tensors_in
from miniflow.ops.base import Array

SUFFIX = ".safetensors"
LABELS = "labels"
_INPUT = "input/"


@dataclass(frozen=True)
class Example:
    """What a file offers: tensors that may be values of inputs, by name, and labels.

    `digest` is a hash of the file's bytes.
    """

    file: str
    inputs: Mapping[str, Array]
    labels: Array | None
    digest: str


def example_of(model: Path) -> Path:
    """Return where the example of a model file is, if it has one."""
    return model.with_suffix(SUFFIX)


def read_example(path: Path) -> Example | None:
    """Return the example in a file, or None without the file; raise `FileError` if it is damaged.

    Tensors of types that NumPy lacks, and those that exceed the limits, are left out.
    """
    if not path.exists():
        return None
    content = paths.read_bytes(path.resolve(), limits.TABLE_BYTES, path.name)
    tensors = tensors_in(content, path.name)
    named = {key: array for key, array in tensors.items() if not key.startswith(_INPUT)}
    given = {
        key.removeprefix(_INPUT): array for key, array in tensors.items() if key.startswith(_INPUT)
    }
    return Example(
        path.name, {**named, **given}, named.get(LABELS), hashlib.sha256(content).hexdigest()
    )

"""A .pt2 file as a model, and as a graph with a cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from miniflow.errors import FileError
from miniflow.garbage import collector_paused
from miniflow.graph import Graph
from miniflow.importers.costs import Cost
from miniflow.importers.model import ImportedModel
from miniflow.importers.open_model import open_model
from miniflow.importers.pt2.archive import JSON_BYTES, Archive
from miniflow.importers.pt2.forms import ModelForm, decode
from miniflow.importers.pt2.sizes import Sizes
from miniflow.importers.pt2.tensors import Tensors
from miniflow.importers.pt2.translate import translate
from miniflow.ops.base import Array, Shape

# Of the schema in torch/_export/serde/schema.py.
_MAJOR = 8


def read(path: str | Path, shapes: Mapping[str, Shape] | None = None) -> ImportedModel:
    """Return the model of a .pt2 file.

    `shapes` has the shapes of what will be fed, by the name of the input: symbolic sizes are taken
    from them, else from the example with which the model was exported. Raises `FileError` for what
    cannot be read, and `FeedError` for shapes that do not fit the model.
    """
    path = Path(path)
    with collector_paused():
        archive = Archive(path)
        entry = f"models/{archive.model}.json"
        where = f"{path.name}: {entry}"
        form = decode(archive.read(entry, JSON_BYTES), ModelForm, where)
        if form.schema_version.major != _MAJOR:
            raise FileError(
                f"its schema has version {form.schema_version.major}, not {_MAJOR}",
                where=where,
                hint="save it with PyTorch 2.9 or later; or mfdebug is too old for it",
            )
        model = translate(form, Tensors(archive), Sizes(shapes or {}), path.name)
    model.name = path.stem
    model.fingerprint = archive.fingerprint
    return model


def load(
    path: str | Path,
    feeds: Mapping[str, Any] | None = None,
    *,
    example: Path | None = None,
    cost: Cost | None = None,
    labels: Any = None,
    seed: int = 0,
    dtype: str = "float64",
) -> Graph:
    """Return the graph of a .pt2 file with a cost; the arguments are those of `open_model`."""

    def read_shaped(path: Path, given: Mapping[str, Array]) -> ImportedModel:
        return read(path, {name: np.shape(value) for name, value in given.items()})

    return open_model(
        read_shaped,
        Path(path),
        feeds,
        example=example,
        cost=cost,
        labels=labels,
        seed=seed,
        dtype=dtype,
    )

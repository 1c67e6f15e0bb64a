"""Read .onnx files: the nodes of a model, with the names and scopes that the file carries.

In the order of the data flow: `model_file.py` reads the bytes and the external data, `walk.py`
visits the nodes in order; `folding.py` computes what depends on constants only, `rules/` translates
what depends on inputs and parameters, `reference.py` runs what has no rule, and `names.py` names it
all. The `onnx` package is needed, and imported only here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from miniflow.errors import FileError
from miniflow.graph import Graph
from miniflow.importers.model import Cost, ImportedModel, graph_of


def read(path: Path, feeds: Mapping[str, Any] | None = None) -> ImportedModel:
    """Return the model in an .onnx file.

    `feeds` are values of inputs by name; their shapes replace symbolic sizes, which are 1
    otherwise. Raises `FileError` for a file that cannot be used, or without the onnx package, and
    `MiniflowError` for a model that cannot be translated.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise FileError(
            "this file needs the onnx package", where=path.name, hint="pip install 'mfdebug[onnx]'"
        ) from None
    from miniflow.importers.onnx.model_file import load
    from miniflow.importers.onnx.walk import Walk

    content, model = load(path)
    walk = Walk(model, path, dict(feeds or {}))
    imported = walk.run()
    imported.fingerprint = hashlib.sha256(content + walk.builder.weights.digest).hexdigest()
    return imported


def load(
    path: Path,
    feeds: Mapping[str, Any] | None = None,
    *,
    cost: Cost | None = None,
    labels: Any = None,
    seed: int = 0,
    dtype: str = "float64",
) -> Graph:
    """Return the graph of an .onnx file with a cost; the arguments are those of `graph_of`."""
    model = read(path, feeds)
    return graph_of(model, cost=cost, labels=labels, feeds=feeds, seed=seed, dtype=dtype)

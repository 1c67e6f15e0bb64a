"""The test files, and archives made from them with something changed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from miniflow.graph import Graph
from miniflow.plans.compile import compile_plan

FILES = Path(__file__).parent / "files"
NAMES = ("mlp", "nanogpt", "resnet", "recurrent", "every_op", "decomposed")

Entries = dict[str, bytes]
Model = dict[str, Any]


def entries_of(name: str) -> Entries:
    """Return the entries of a test file."""
    with zipfile.ZipFile(FILES / f"{name}.pt2") as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def write(path: Path, entries: Entries) -> Path:
    """Write an archive with these entries."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def changed(path: Path, change: Callable[[Model], None], name: str = "mlp") -> Path:
    """Write a test file whose model.json is changed."""
    entries = entries_of(name)
    key = next(entry for entry in entries if "/models/" in entry)
    model = json.loads(entries[key])
    change(model)
    return write(path, {**entries, key: json.dumps(model).encode()})


def nodes_of(model: Model) -> list[dict[str, Any]]:
    """Return the calls in a model.json."""
    found: list[dict[str, Any]] = model["graph_module"]["graph"]["nodes"]
    return found


def judged(name: str) -> dict[str, Any]:
    """Return PyTorch's numbers for a test file: feeds, cost and gradients."""
    return dict(load_file(FILES / f"{name}.safetensors"))


def feeds_of(name: str) -> dict[str, Any]:
    """Return what PyTorch was fed."""
    numbers = judged(name)
    return {key[5:]: value for key, value in numbers.items() if key.startswith("feed ")}


def costs_and_gradients(graph: Graph) -> tuple[float, dict[str, Any]]:
    """Return the cost of one pass, and the gradient of each parameter by its name."""
    plan = compile_plan(graph)
    for node in graph.forward_nodes:
        plan.forward(node)
    for node in graph.backward_nodes:
        plan.backward(node)
    found = {graph.nodes[i].label: np.array(plan.gradient(i)) for i in graph.trainables}
    return float(plan.value(graph.cost)), found

"""Open a model file as a graph: read by its format, fed with the example beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from miniflow.arguments import as_numbers
from miniflow.errors import MiniflowError
from miniflow.graph import Graph
from miniflow.importers.costs import Cost
from miniflow.importers.example import Example, example_of, read_example
from miniflow.importers.model import ImportedModel, graph_of
from miniflow.ops.base import Array

Read = Callable[[Path, Mapping[str, Array]], ImportedModel]
"""Reads a model file; the values of inputs, by name, decide sizes that the file leaves open."""


def open_model(
    read: Read,
    path: Path,
    feeds: Mapping[str, Any] | None,
    *,
    example: Path | None,
    cost: Cost | None,
    labels: Any,
    seed: int,
    dtype: str,
) -> Graph:
    """Return the graph of a model file with a cost; most arguments are those of `graph_of`.

    `example` is the file with the model's example, by default the one beside it. An example that
    cannot be used is left out, and the graph's description says why.
    """
    given = {name: as_numbers(value, name) for name, value in (feeds or {}).items()}

    def graph(beside: Example | None) -> Graph:
        offered = beside.inputs if beside is not None else {}
        model = read(path, {**offered, **given})
        return graph_of(
            model, cost=cost, labels=labels, feeds=given, example=beside, seed=seed, dtype=dtype
        )

    file = example_of(path) if example is None else example
    try:
        beside = read_example(file)
        if beside is not None:
            return graph(beside)
        problem = ""
    except MiniflowError as error:
        problem = f"{file.name} is not used: {str(error).removeprefix(f'{file.name}: ')}"
    made = graph(None)
    if problem:
        made.description = f"{problem}\n{made.description}"
    return made

"""The training state in a graph file: the SGD steps taken, and the optimizer's state.

The optimizer's arrays (a velocity, say) have the shapes of their parameters, so each kind of array
may have as many numbers as the parameters do, and is in a tensor file of its own if it is large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from msgspec import UNSET

from miniflow.errors import FileError, ShapeError, nearest
from miniflow.files.schema import StateForm
from miniflow.files.sources import Sources
from miniflow.files.values import shown
from miniflow.graph import Graph
from miniflow.ops.base import Array, shape_text
from miniflow.training.progress import Progress

KEPT = tuple(name for name in StateForm.__struct_fields__ if name != "sgd_steps")


def read_state(form: StateForm, graph: Graph, open_sources: Callable[[], Sources]) -> Progress:
    """Return the progress from which training continues.

    `open_sources` returns a reader with its own limits. Raises `FileError` or `ShapeError` for a
    state that does not fit the optimizer and the parameters.
    """
    expected = graph.training.keeps
    for name in KEPT:
        if (getattr(form, name) is UNSET) == (name in expected):
            keeps = " and ".join(expected) or "nothing"
            raise FileError(
                f"{type(graph.training.optimizer).__name__} keeps {keeps} for each trainable input",
                where=f"training.state.{name}",
                hint='leave out "state" to start from step 0',
            )
    shapes = {}
    for node in (graph.nodes[i] for i in graph.trainables):
        shapes[node.label] = None if node.value is None else np.shape(node.value)
    kept = {name: _read(name, getattr(form, name), shapes, open_sources()) for name in expected}
    return Progress(form.sgd_steps, kept)


def _read(
    name: str,
    given: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...] | None],
    sources: Sources,
) -> dict[str, Array]:
    for label in shapes:
        if label not in given:
            raise FileError(
                f"no entry for {shown(label)}",
                where=f"training.state.{name}",
                hint="give one for each trainable input",
            )
    kept: dict[str, Array] = {}
    for label, value in given.items():
        where = f"training.state.{name}.{label:.60}"
        if label not in shapes:
            raise FileError(
                f"there is no trainable input {shown(label)}",
                where=where,
                hint=nearest(label, shapes),
            )
        kept[label] = sources.given(value, label, where)
        found, expected = kept[label].shape, shapes[label]
        if expected is not None and found != expected:
            raise ShapeError(
                f"expected the shape of {shown(label)}, {shape_text(expected)}, "
                f"found {shape_text(found)}",
                where=where,
            )
    return kept


def state_text(
    progress: Progress,
    json: Callable[[Any], str],
    values: Callable[[Mapping[str, Array]], Mapping[str, str]],
) -> str:
    """Return the state as JSON; `values` converts each array to JSON, inline or a reference."""
    parts = [f'"sgd_steps": {progress.sgd_steps}']
    for name, kept in progress.kept.items():
        fields = (f"{json(label)}: {text}" for label, text in values(kept).items())
        parts.append(f"{json(name)}: {{{', '.join(fields)}}}")
    return f"{{{', '.join(parts)}}}"


def has_progress(progress: Progress) -> bool:
    """Whether there is any progress to continue from."""
    arrays = (array for kept in progress.kept.values() for array in kept.values())
    return progress.sgd_steps > 0 or any(np.any(array != 0) for array in arrays)

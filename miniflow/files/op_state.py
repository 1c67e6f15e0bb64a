"""The arrays that ops keep from pass to pass, such as running means, in a graph file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miniflow.errors import FileError, nearest
from miniflow.files.sources import Sources
from miniflow.files.values import shown
from miniflow.ops.base import Array, Op, Shape

if TYPE_CHECKING:
    from miniflow.graph import Graph


def read_op_state(
    op: Op, given: Mapping[str, Any], where: str, sources: Sources
) -> dict[str, Array]:
    """Return the state of an op from its form, at `where` in its file.

    Raises `FileError` for an array that the op does not keep, and for one that is missing.
    """
    for name in given:
        if name not in op.lasts:
            kept = ", ".join(op.lasts) or "nothing"
            raise FileError(
                f"{type(op).__name__} keeps {kept} from pass to pass, not {shown(name)}",
                where=f"{where}.state ({op.label})",
                hint=nearest(name, op.lasts),
            )
    for name in op.lasts:
        if name not in given:
            raise FileError(
                f"{name} is missing",
                where=f"{where}.state ({op.label})",
                hint="or leave out the state",
            )
    read = {}
    for name, value in given.items():
        read[name] = sources.given(value, op.label, f"{where}.state.{name}")
    return read


def check_op_states(graph: Graph, shapes: list[Shape]) -> None:
    """Raise `ShapeError` for a state that does not fit its op's inputs."""
    for node, sources in zip(graph.nodes, graph.inbound, strict=True):
        if isinstance(node, Op) and node.state:
            node.starting_state([shapes[source] for source in sources], graph.dtype)

"""One pass of a program done again on its own nodes, node by node, and then undone.

The program stands still meanwhile. Its nodes have afterwards what they had before, and the random
numbers that it draws next are the same.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mfdebug.core.timeline import Phase
from mfdebug.program.store import fresh
from miniflow.graph import Graph
from miniflow.lesson import backward_from
from miniflow.node import Input, Node
from miniflow.ops.base import Array
from miniflow.restoring import as_before


@dataclass
class Fault:
    """A node that raised: in which phase, and what."""

    phase: Phase
    node: int
    error: Exception


@dataclass
class Detail:
    """All that one pass worked out.

    `sent[i, slot]` is what node i sent to its input number `slot`; `own` the gradients that
    inputs have of themselves; `misfits` names what was sent in a wrong shape.
    """

    values: list[Array]
    sent: dict[tuple[int, int], Array] = field(default_factory=dict)
    own: dict[int, Array] = field(default_factory=dict)
    misfits: list[str] = field(default_factory=list)
    fault: Fault | None = None


def replay(graph: Graph, inputs: Mapping[int, Any], *, backward: bool, ours: bool) -> Detail:
    """Run a pass with these inputs; return what every node worked out.

    `ours`: the program runs its passes by miniflow's `forward_and_backward`; else it goes back
    through the nodes by itself, as the lesson's text does.
    """
    detail = Detail([])
    quiet = contextlib.redirect_stdout(io.StringIO())
    with as_before(graph.nodes), quiet, np.errstate(all="ignore"):
        for place, value in inputs.items():
            graph.nodes[place].value = fresh(value)
        for i, node in enumerate(graph.nodes):
            try:
                node.forward()
                detail.values.append(as_array(node.value))
            except Exception as error:
                detail.fault = Fault("forward", i, error)
                return detail
        if backward:
            _go_back(graph, detail, ours=ours)
    return detail


def _go_back(graph: Graph, detail: Detail, *, ours: bool) -> None:
    nodes = graph.nodes
    steps = backward_from(nodes) if ours else _in_turn(nodes)
    left = [i for i in reversed(range(len(nodes))) if not ours or graph.under_cost[i]]
    while left:
        try:
            node = next(steps)
            place = graph.index[node]
            if graph.under_cost[place]:
                _note(graph, place, detail)
        except StopIteration:
            return
        except Exception as error:
            detail.fault = Fault("backward", left[0], error)
            return
        left.remove(place)


def _in_turn(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in reversed(list(nodes)):
        node.backward()
        yield node


def _note(graph: Graph, place: int, detail: Detail) -> None:
    """Note what a node has just sent to each of its inputs, in the shape of that input's value."""
    node = graph.nodes[place]
    if isinstance(node, Input):
        if (own := node.gradients.get(node)) is not None:
            detail.own[place] = _fitted(as_array(own), detail.values[place].shape, "", detail)
        return
    for slot, source in enumerate(graph.inbound[place]):
        shape = detail.values[source].shape
        name = graph.nodes[source]
        if source in graph.inbound[place][:slot]:
            sent: Array = np.zeros(shape)
        elif (given := node.gradients.get(name)) is None:
            detail.misfits.append(f"{node.label} leaves no gradient for {name.label}")
            sent = np.zeros(shape)
        else:
            what = f"{node.label} sends {name.label} a gradient"
            sent = _fitted(as_array(given), shape, what, detail)
        detail.sent[place, slot] = sent


def _fitted(sent: Array, shape: tuple[int, ...], what: str, detail: Detail) -> Array:
    if sent.shape == shape:
        return sent
    if [n for n in sent.shape if n != 1] == [n for n in shape if n != 1]:
        return sent.reshape(shape)
    detail.misfits.append(f"{what} of shape {sent.shape}; its value has {shape}")
    try:
        return np.array(np.broadcast_to(sent, shape))
    except ValueError:
        return np.full(shape, np.nan)


def as_array(value: Any) -> Array:
    """Return a copy of a node's value as an array of floats."""
    array = np.array(value)
    return array if array.dtype.kind == "f" else array.astype(np.float64)

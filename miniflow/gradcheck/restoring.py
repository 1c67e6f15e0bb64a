"""Nodes of a program's own can be run for a while, and then hold what they held before.

A node in the lesson's style keeps its state in its attributes, in arrays that it changes in place,
in its class, in its module, in NumPy's random numbers. Whoever runs it to look at it puts all of
that back, or the program computes something else afterwards.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from miniflow.node import Node

_OURS = {name for name in sys.modules if name.partition(".")[0] == "miniflow"}


@contextlib.contextmanager
def as_before(nodes: Iterable[Node]) -> Iterator[None]:
    """Restore, at the end, all that the nodes hold, count and draw from."""
    nodes = list(nodes)
    kinds = {type(holder) for holder in _holders(nodes)}
    places = [(place, dict(vars(place))) for place in _places_of(kinds)]
    numbers, python_numbers = np.random.get_state(), random.getstate()
    try:
        with attributes_as_before(nodes):
            yield
    finally:
        for place, names in places:
            for name, value in names.items():
                if vars(place).get(name) is not value:
                    setattr(place, name, value)
        np.random.set_state(numbers)
        random.setstate(python_numbers)


@contextlib.contextmanager
def attributes_as_before(nodes: Iterable[Node]) -> Iterator[None]:
    """Restore, at the end, the attributes of the nodes and of their consumers."""
    kept = [(holder, dict(vars(holder))) for holder in _holders(nodes)]
    undo = [_undoing(value) for _, held in kept for value in held.values()]
    try:
        yield
    finally:
        for holder, held in kept:
            vars(holder).clear()
            vars(holder).update(held)
        for put_back in undo:
            put_back()


def _holders(nodes: Iterable[Node]) -> Iterator[Any]:
    """Yield the nodes and their consumers."""
    all_nodes = dict.fromkeys(nodes)
    for node in list(all_nodes):
        all_nodes.update(dict.fromkeys(node.outbound_nodes))
    yield from all_nodes


def _places_of(kinds: Iterable[type]) -> Iterator[Any]:
    """Yield the program's own classes, and the modules in which they stand: both may count."""
    modules = {}
    for kind in dict.fromkeys(base for one in kinds for base in one.__mro__):
        module = kind.__module__.partition(".")[0]
        ours = issubclass(kind, Node) and kind.__module__ in _OURS
        if module not in ("builtins", "mfdebug", "numpy") and not ours:
            yield kind
            modules[kind.__module__] = sys.modules.get(kind.__module__)
    yield from (module for module in modules.values() if module is not None)


def _undoing(value: Any) -> Callable[[], object]:
    """Return what puts back the contents of a thing that a node may change in place."""
    if isinstance(value, np.ndarray) and value.flags.writeable:
        return partial(np.copyto, value, value.copy())
    if isinstance(value, list):
        return partial(value.__setitem__, slice(None), value[:])
    if isinstance(value, dict):
        return partial(_refill, value, dict(value), [_undoing(one) for one in value.values()])
    return _nothing


def _refill(
    held: dict[Any, Any], contents: dict[Any, Any], undo: list[Callable[[], object]]
) -> None:
    held.clear()
    held.update(contents)
    for put_back in undo:
        put_back()


def _nothing() -> None:
    """What cannot be changed in place needs nothing."""

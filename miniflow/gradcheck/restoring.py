"""Running a program's own nodes and restoring their state afterwards.

A node in the lesson's style keeps its state in its attributes, in arrays that it changes in place,
in its class, in its module and in NumPy's random generator. A check that runs the node restores all
of that, or the program would compute something else afterwards.
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
def state_restored(nodes: Iterable[Node]) -> Iterator[None]:
    """Restore the state of the nodes, their classes, modules and random generators at the end."""
    nodes = list(nodes)
    classes = {type(node) for node in _with_consumers(nodes)}
    namespaces = [(owner, dict(vars(owner))) for owner in _namespace_owners(classes)]
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with attributes_restored(nodes):
            yield
    finally:
        for owner, attributes in namespaces:
            for name, value in attributes.items():
                if vars(owner).get(name) is not value:
                    setattr(owner, name, value)
        np.random.set_state(numpy_state)
        random.setstate(python_state)


@contextlib.contextmanager
def attributes_restored(nodes: Iterable[Node]) -> Iterator[None]:
    """Restore the attributes of the nodes and of their consumers at the end."""
    saved = [(node, dict(vars(node))) for node in _with_consumers(nodes)]
    restorers = [_restorer(value) for _, attributes in saved for value in attributes.values()]
    try:
        yield
    finally:
        for node, attributes in saved:
            vars(node).clear()
            vars(node).update(attributes)
        for restore in restorers:
            restore()


def _with_consumers(nodes: Iterable[Node]) -> Iterator[Any]:
    """Yield the nodes and their consumers."""
    all_nodes = dict.fromkeys(nodes)
    for node in list(all_nodes):
        all_nodes.update(dict.fromkeys(node.outbound_nodes))
    yield from all_nodes


def _namespace_owners(classes: Iterable[type]) -> Iterator[Any]:
    """Yield the program's own classes and their modules: both may hold state of a node."""
    modules = {}
    for owner in dict.fromkeys(base for kind in classes for base in kind.__mro__):
        package = owner.__module__.partition(".")[0]
        ours = issubclass(owner, Node) and owner.__module__ in _OURS
        if package not in ("builtins", "mfdebug", "numpy") and not ours:
            yield owner
            modules[owner.__module__] = sys.modules.get(owner.__module__)
    yield from (module for module in modules.values() if module is not None)


def _restorer(value: Any) -> Callable[[], object]:
    """Return a function that restores the content of `value`, which a node may change in place."""
    if isinstance(value, np.ndarray) and value.flags.writeable:
        return partial(np.copyto, value, value.copy())
    if isinstance(value, list):
        return partial(value.__setitem__, slice(None), value[:])
    if isinstance(value, dict):
        return partial(_refill, value, dict(value), [_restorer(item) for item in value.values()])
    return _nothing


def _refill(
    target: dict[Any, Any], content: dict[Any, Any], restorers: list[Callable[[], object]]
) -> None:
    target.clear()
    target.update(content)
    for restore in restorers:
        restore()


def _nothing() -> None:
    """Values that cannot be changed in place need no restoring."""

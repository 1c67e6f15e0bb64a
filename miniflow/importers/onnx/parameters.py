"""The inputs that initializers and other known numbers become.

Exporters merge initializers with equal numbers: all weights of norms, which begin as ones, are one
tensor then. An initializer of one repeated number is therefore a parameter of its own in each scope
that uses it. Other numbers are not equal by chance: one with several uses is one parameter, tied;
and a matrix with the numbers of another, or of its transpose, is that other one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from miniflow.importers.onnx.names import Names, is_generated
from miniflow.importers.onnx.values import Known
from miniflow.node import Input, Node
from miniflow.ops import Transpose
from miniflow.ops.base import Array

# Matrices with fewer numbers can be equal by chance.
LEAST_TIED = 16


class Tie(NamedTuple):
    """What an initializer is tied to, and whether it is its transpose."""

    primary: Known
    transposed: bool


def ties_among(initializers: Sequence[Known]) -> dict[str, Tie]:
    """Return the matrices that have the numbers of another, or of its transpose, by name.

    The other is the one with a name of its own, else the first.
    """
    found: dict[str, Tie] = {}
    alike: defaultdict[tuple[int, float, float], list[Known]] = defaultdict(list)
    for known in sorted(initializers, key=lambda known: is_generated(known.name)):
        array = known.array
        if not known.is_weight or array.ndim < 2 or array.size < LEAST_TIED or _is_fill(array):
            continue
        group = alike[array.size, float(array.min()), float(array.max())]
        for other in group:
            if np.array_equal(array, other.array):
                found[known.name] = Tie(other, False)
            elif array.ndim == other.array.ndim == 2 and np.array_equal(array, other.array.T):
                found[known.name] = Tie(other, True)
            if known.name in found:
                break
        else:
            group.append(known)
    return found


def _is_fill(array: Array) -> bool:
    return bool((array == array.flat[0]).all())


class Parameters:
    """Makes inputs with numbers of the file, and gives each the name of its use."""

    def __init__(self, names: Names, nodes: Iterable[Any]) -> None:
        self._names = names
        self.ties: dict[str, Tie] = {}
        self._transposed: dict[str, Node] = {}
        self._found: dict[tuple[str, tuple[str, ...]], Input] = {}
        self._constants: dict[int, Input] = {}
        # An id is that of one object only as long as the object is kept.
        self._kept: list[Known] = []
        # The scopes in which each name of the file is used.
        self._scopes: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        for node in nodes:
            for name in node.input:
                self._scopes[name].add(names.scopes_of(node)[:-1])

    def parameter(self, known: Known, node: Any, role: str) -> Node:
        """Return the parameter with the numbers of an initializer, for this node of the file.

        Of one that is the transpose of another, it is a Transpose of that.
        """
        tie = self.ties.get(known.name)
        if tie is not None and not tie.transposed:
            known = tie.primary
        elif tie is not None:
            if known.name not in self._transposed:
                source = self.parameter(tie.primary, node, role)
                name = self._names.of_weight(f"{role}_T", node, f"{role}_T", merged=False)
                self._transposed[known.name] = Transpose(source, name=name)
            return self._transposed[known.name]
        array = known.array
        merged = len(self._scopes[known.name]) > 1 and _is_fill(array)
        key = known.name, self._names.scopes_of(node)[:-1] if merged else ()
        if key not in self._found:
            of_node = merged or known.is_derived
            name = self._names.of_weight(known.name, node, role, merged=of_node)
            self._found[key] = Input(name, value=_owned(array), trainable=True)
        return self._found[key]

    def constant(self, known: Known, name: str) -> Input:
        """Return an input with known numbers, which is not trained; `name` is that of its use."""
        if id(known) not in self._constants:
            scope = name.rpartition(".")[0]
            array = known.array
            if array.size == 1 and not array.ndim:
                number = float(array.reshape(()))
                wanted = f"constant {number:g}"
            else:
                wanted = known.name.strip("/").replace("/", ".") if known.name else "constant"
            made = Input(
                self._names.unique(f"{scope}.{wanted}" if scope else wanted), value=_owned(array)
            )
            made.constant = array.ndim == 0
            self._constants[id(known)] = made
            self._kept.append(known)
        return self._constants[id(known)]


def _owned(array: Array) -> Any:
    """Return a copy as float64, or of integers as int64; a number by itself."""
    kind = np.int64 if array.dtype.kind in "iub" else np.float64
    copy = np.array(array, kind, order="C")
    return copy if copy.ndim else copy[()]

"""Einsum: products of entries, summed over the indices that the result lacks.

The gradient of an operand is an einsum too: of the gradient and of the other operands, with the
operand's own indices as the result (Laue et al., "Computing higher order derivatives of matrix and
tensor expressions", NeurIPS 2018, section 2).
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from miniflow.errors import GraphError, ShapeError
from miniflow.node import Node
from miniflow.ops.base import Array, Attribute, Calls, Op, Shape, register, shape_text
from miniflow.text.lists import counted

# Below this number of products a single loop is faster than products of matrices.
_SMALL = 4096
_EQUATION = re.compile(r"[A-Za-z., ]*(->[A-Za-z. ]*)?")


def _is_equation(value: Any) -> bool:
    if not isinstance(value, str) or not _EQUATION.fullmatch(value):
        return False
    parts = re.split("->|,", value.replace(" ", ""))
    return all("." not in part.replace("...", "", 1) for part in parts)


class Indices(NamedTuple):
    """The indices of an einsum, a letter each: of the operands' axes and of the value's.

    `sizes` has the size of each letter. An operand's axis of size 1 whose letter has another size
    is broadcast.
    """

    operands: tuple[str, ...]
    result: str
    sizes: dict[str, int]

    def own(self, input_index: int, shape: Shape) -> str:
        """Return an operand's letters without repetition and without those that are broadcast."""
        letters = self.operands[input_index]
        kept = [a for a, n in zip(letters, shape, strict=True) if n == self.sizes[a]]
        return "".join(dict.fromkeys(kept))

    def view(self, input_index: int, x: Array) -> Array:
        """Return a view of an operand, or of its gradient, with the axes of `own`."""
        letters = self.operands[input_index]
        unique = "".join(dict.fromkeys(letters))
        if unique != letters:
            x = np.einsum(f"{letters}->{unique}", x)
        axes = zip(unique, x.shape, strict=True)
        kept = [slice(None) if n == self.sizes[letter] else 0 for letter, n in axes]
        view: Array = x[(*kept, ...)]
        return view

    @property
    def summed(self) -> str:
        """The letters that the value lacks, in the order of the operands."""
        letters = dict.fromkeys("".join(self.operands))
        return "".join(letter for letter in letters if letter not in self.result)


def indices_of(equation: str, shapes: Sequence[Shape]) -> Indices:
    """Return the indices of an equation for operands of these shapes.

    `...` stands for further axes, which broadcast from the right. Without `->`, the value has those
    axes and then the letters that occur once, in alphabetical order. Raises `ShapeError`.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    spare = "".join(a for a in string.ascii_uppercase + string.ascii_lowercase if a not in equation)
    operands = []
    most = 0
    for part, shape in zip(parts, shapes, strict=True):
        letters = part.replace("...", "")
        further = len(shape) - len(letters)
        if further < 0 or (further and "..." not in part):
            raise ShapeError(
                f"{part or 'no letter'!r} does not fit the shape {shape_text(shape)}",
                hint=f"one letter for each of its {len(shape)} axes",
            )
        most = max(most, further)
        operands.append(part.replace("...", spare[:further][::-1]))
    every = spare[:most][::-1]
    if arrow:
        result = right.replace("...", every)
    else:
        counts = Counter(left)
        result = every + "".join(sorted(a for a in counts if a.isalpha() and counts[a] == 1))
    sizes: dict[str, int] = {}
    for letters, shape in zip(operands, shapes, strict=True):
        for letter, n in zip(letters, shape, strict=True):
            found = sizes.setdefault(letter, n)
            if found != n and 1 not in (found, n):
                raise ShapeError(f"index {letter} of {equation!r} has the sizes {found} and {n}")
            sizes[letter] = n if found == 1 else found
        for letter, count in Counter(letters).items():
            if (
                count > 1
                and len({n for a, n in zip(letters, shape, strict=True) if a == letter}) > 1
            ):
                raise ShapeError(f"{shape_text(shape)} has no diagonal {letters!r}: sizes differ")
    return Indices(tuple(operands), result, sizes)


@register
class Einsum(Op):
    """Products of entries summed over indices: `"ij,jk->ik"` is the matrix product.

    A letter that occurs twice in one operand takes its diagonal. Letters that the result lacks are
    summed. `...` stands for further axes, which broadcast.
    """

    # NumPy takes at most 32, in some releases 64; nobody writes as many as 8.
    arity = (1, 8)
    attributes: ClassVar = {
        "equation": Attribute("", 'an equation such as "ij,jk->ik"', _is_equation)
    }
    role = (
        "an einsum sends to each input the gradient times the other inputs, summed over the "
        "indices that the input lacks"
    )

    def _set_up(self, nodes: list[Node], name: str | None, attributes: Any) -> None:
        super()._set_up(nodes, name, attributes)
        equation = self.attrs["equation"]
        left, arrow, right = equation.replace(" ", "").partition("->")
        if left.count(",") + 1 != len(nodes):
            raise GraphError(
                f"the equation {equation!r} is for {counted(left.count(',') + 1, 'input')}, not "
                f"{len(nodes)}",
                where=name or "",
            )
        letters = right.replace("...", "")
        if twice := [letter for letter, count in Counter(letters).items() if count > 1]:
            raise GraphError(
                f"the result of {equation!r} has {twice[0]} twice: a value has each index once",
                where=name or "",
            )
        if arrow and (missing := [letter for letter in letters if letter not in left]):
            raise GraphError(
                f"the result of {equation!r} has {missing[0]}, which no input has",
                where=name or "",
            )

    def indices(self, *shapes: Shape) -> Indices:
        """Return the indices for inputs of these shapes."""
        return indices_of(self.attrs["equation"], shapes)

    def output_shape(self, *shapes: Shape) -> Shape:
        """The sizes of the result's indices."""
        found = self.indices(*shapes)
        return tuple(found.sizes[letter] for letter in found.result)

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The sum of products."""
        found = self.indices(*(x.shape for x in inputs))
        own = [found.own(i, x.shape) for i, x in enumerate(inputs)]
        views = [found.view(i, x) for i, x in enumerate(inputs)]
        _list_einsum(do, own, views, found, found.result, out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The einsum of the gradient and the other operands; 0 off a diagonal."""
        found = self.indices(*(x.shape for x in inputs))
        others = [i for i in range(len(inputs)) if i != input_index]
        letters = [found.result, *(found.own(i, inputs[i].shape) for i in others)]
        arrays = [grad, *(found.view(i, inputs[i]) for i in others)]
        own, target = found.own(input_index, out.shape), found.view(input_index, out)
        if target.size != out.size:
            do(out.fill, 0.0)
        # An index that was summed in this operand alone: its gradient is the same all along it.
        kept = "".join(a for a in own if any(a in axes for axes in letters))
        if kept == own:
            _list_einsum(do, letters, arrays, found, kept, target)
            return
        part = do.scratch(tuple(found.sizes[a] for a in kept))
        _list_einsum(do, letters, arrays, found, kept, part)
        spread = part.reshape([found.sizes[a] if a in kept else 1 for a in own])
        do(np.copyto, target, spread)

    def formula(self, *names: str) -> str:
        """einsum("ij,jk->ik", a, b)."""
        return f'einsum("{self.attrs["equation"]}", {", ".join(names)})'

    def local(self, input_index: int, name: str, *names: str) -> str:
        """The product of the others."""
        return "·".join(other for i, other in enumerate(names) if i != input_index) or "1"


def _list_einsum(
    do: Calls,
    letters: Sequence[str],
    arrays: Sequence[Array],
    found: Indices,
    result: str,
    out: Array,
) -> None:
    """List the call that writes an einsum into `out`; the order of its products is chosen once."""
    equation = f"{','.join(letters)}->{result}"
    products = math.prod(found.sizes[a] for a in set("".join(letters)))
    path: Any = False
    if len(arrays) > 1 and products > _SMALL:
        path = np.einsum_path(equation, *arrays, optimize="greedy")[0]
    do(np.einsum, equation, *arrays, out=out, optimize=path)

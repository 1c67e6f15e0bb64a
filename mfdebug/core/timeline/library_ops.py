"""The ops of a library's own that a function of it runs, forward and backward, with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from miniflow.ops.base import Array, Shape


class OpTensor(NamedTuple):
    """A tensor that an op took or returned, or that a gradient is.

    `name` is that of the input, or `%3` of the third op, `%3.1` for the second of several that it
    returned; empty if it is none of them. The `value` is None if it was not kept.
    """

    name: str
    shape: Shape
    dtype: str = ""
    value: Array | None = None


class LibraryOp(NamedTuple):
    """An op: its number, its name, the arguments as it was called with, and what it returned."""

    number: int
    name: str
    arguments: str
    returned: tuple[OpTensor, ...]


class HandedOn(NamedTuple):
    """A result of the function, or the gradient of one of its inputs: which tensor it is.

    `label` is the row whose number it is, `recorded` what the program had, None if not kept.
    """

    label: str
    tensor: OpTensor
    recorded: Array | None


class LibraryOps(NamedTuple):
    """The ops of a function, run once more from its recorded inputs.

    `no_backward` says why there is no backward; `remarks` say what else is to be known.
    """

    library: str
    forward: Sequence[LibraryOp]
    results: Sequence[HandedOn]
    backward: Sequence[LibraryOp]
    gradients: Sequence[HandedOn]
    no_backward: str
    remarks: Sequence[str]

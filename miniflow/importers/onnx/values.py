"""What a name in an ONNX file stands for: known numbers, or the value of a node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from miniflow.node import Node
from miniflow.ops.base import Array, Shape

Dtype = np.dtype[Any]


# Larger numbers stand for infinity, in masks.
LARGEST_WEIGHT = 1e30


def wide(dtype: Dtype) -> Dtype:
    """Return the type with which numbers of a type in a file are computed.

    Floats of 16 bits and less become float32: a graph rounds to its own type alone.
    """
    small = dtype.kind == "f" and dtype.itemsize < 4
    return np.dtype(np.float32) if small or ("float" in dtype.name and dtype.kind == "V") else dtype


def widened(array: Array) -> Array:
    """Return numbers in the type with which they are computed."""
    return array.astype(wide(array.dtype), copy=False)


class UnknownError(Exception):
    """A rule needs numbers that are known only in a pass; the argument names the input."""


class UntranslatableError(Exception):
    """A rule has no translation for this form of its op; the argument says which, in words."""


@dataclass(eq=False)
class Known:
    """Numbers that are known before any pass; `name` is the file's.

    `is_initializer` says that they are the file's own, not computed from others; `is_derived` that
    they are part of one, or in another order, with the last part of `name` of their own.
    """

    array: Array
    name: str
    is_initializer: bool = False
    is_derived: bool = False

    @cached_property
    def is_weight(self) -> bool:
        """Whether they are a parameter wherever they are used: several floats.

        A single number is one if it is a matrix, or where an op learns it, such as a slope; a mask
        with infinities, or the lowest numbers that there are, is none.
        """
        array = self.array
        several = array.size > 1 or (array.size == 1 and array.ndim > 1)
        if not (self.is_initializer and array.dtype.kind == "f" and several):
            return False
        return bool(array.min() > -LARGEST_WEIGHT and array.max() < LARGEST_WEIGHT)

    @property
    def shape(self) -> Shape:
        """The shape of the numbers."""
        return self.array.shape

    @property
    def dtype(self) -> Dtype:
        """The file's type of the numbers."""
        return self.array.dtype


@dataclass(eq=False)
class Computed:
    """The value of a node, with the type that the file gives it.

    `sample` computes it from what is fed now, and raises `UnknownError` if something is not fed;
    `inputs` are the names of the model's inputs that it depends on then.
    """

    node: Node
    shape: Shape
    dtype: Dtype
    sample: Callable[[], Array]
    inputs: frozenset[str] = field(default_factory=frozenset)


Value = Known | Computed

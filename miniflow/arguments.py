"""Ranges of the training arguments, for the Python API and for graph files.

An invalid argument is reported where it is passed, in one sentence; the types of the graph file
format take their bounds from here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import force_setattr

from miniflow import limits
from miniflow.errors import FeedError, GraphError, printable


class Range(NamedTuple):
    """A range of finite numbers from `least` to `most`, or to below `below`.

    If `whole`, it contains whole numbers only.
    """

    whole: bool = False
    least: float | None = None
    most: float | None = None
    below: float | None = None

    @property
    def takes(self) -> str:
        """The range in words: `a finite number from 0 to below 1`."""
        bounds = {"from": self.least, "to": self.most, "to below": self.below}
        words = [f"{word} {bound:,}" for word, bound in bounds.items() if bound is not None]
        return " ".join([f"a {'whole' if self.whole else 'finite'} number", *words])

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds as arguments of `msgspec.Meta`, for the types of the graph file format."""
        bounds = {"ge": self.least, "le": self.most, "lt": self.below}
        return {name: bound for name, bound in bounds.items() if bound is not None}

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            return False
        number: Any = value
        try:
            finite = math.isfinite(number)
        except OverflowError:  # an integer too large for a float
            return False
        return (
            finite
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
        )

    def check(self, value: Any, name: str, where: str) -> Any:
        """Return `value` as an int or float; raise `GraphError` unless it is in this range."""
        if value not in self:
            raise GraphError(f"{name} is {_describe(value)}; it takes {self.takes}", where=where)
        return int(value) if self.whole else float(value)


def _describe(value: Any) -> str:
    if not isinstance(value, Real):
        return f"of type {type(value).__name__}"
    try:
        return printable(str(value), 60)
    except ValueError:  # more than 4,300 digits
        return "a huge number"


LEARNING_RATE = Range(least=0)
MOMENTUM = Range(least=0)
BETA = Range(least=0, below=1)
EPSILON = Range(least=0)
WEIGHT_DECAY = Range(least=0)
CLIP = Range(least=0)
FRACTION = Range(least=0, most=1)
EVERY = Range(whole=True, least=1, most=2**53)
BATCH_SIZE = Range(whole=True, least=1, most=limits.NUMBERS)
SEED = Range(whole=True, least=0, most=2**63 - 1)
SGD_STEPS = Range(whole=True, least=0, most=2**53)


def check_fields(instance: Any, ranges: Mapping[str, Range]) -> None:
    """Check the fields of frozen settings, and convert NumPy numbers to plain ones."""
    for name, allowed in ranges.items():
        value = allowed.check(getattr(instance, name), name, type(instance).__name__)
        force_setattr(instance, name, value)


def as_numbers(value: Any, where: str) -> np.ndarray[Any, Any]:
    """Return a number, or nested sequences of numbers, as an array of their own dtype.

    Raises `FeedError`, which names `where`, for anything else: strings, objects, complex numbers,
    ragged rows, and masked arrays, which do not define a value for masked entries.
    """
    # `np.ma` would load numpy.ma, 7 ms at every start; without it nothing is a masked array.
    if "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray):
        raise FeedError(
            "its value is a masked array", where=where, hint="fill masked entries: x.filled(0.0)"
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):  # rows of different lengths
        array = np.asarray("")
    if array.dtype.kind not in "biuf":
        raise FeedError("its value is not a number or an array of numbers", where=where)
    return array

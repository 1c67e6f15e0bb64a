"""Initial values: numbers made by a rule and a seed when a graph is loaded.

A node without a seed of its own gets one from the training seed and its name. So two layers
differ, and neither the order of the nodes nor a new node changes the others' numbers.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

from miniflow.errors import FileError
from miniflow.files.schema import InitForm
from miniflow.ops.base import Array, shape_text

# Keeps these draws apart from those of batches, which are seeded with two numbers.
_INITIAL = 1


def seed_of(form: InitForm, training_seed: int, name: str) -> int | tuple[int, ...]:
    """Return the seed of a node's initial value: its own, or one from its name."""
    if isinstance(form.seed, int):
        return form.seed
    return training_seed, zlib.crc32(name.encode()), _INITIAL


def initial_value(form: InitForm, seed: int | tuple[int, ...], where: str) -> Array:
    """Return an initial value in float64; `scale` multiplies each of the rules."""
    shape = tuple(form.shape)
    rng = np.random.default_rng(seed)
    array: Array
    match form.init:
        case "zeros":
            array = np.zeros(shape)
        case "ones":
            array = np.ones(shape)
        case "normal":
            array = np.asarray(rng.standard_normal(shape))
        case "uniform":
            array = np.asarray(rng.uniform(-1.0, 1.0, shape))
        case "xavier":
            array = _xavier(rng, shape, where)
    if form.scale != 1.0:
        with np.errstate(all="ignore"):
            array = array * form.scale
        if not np.isfinite(array).all():
            raise FileError(f"a scale of {form.scale:g} gives infinite numbers", where=where)
    return array


def _xavier(rng: np.random.Generator, shape: tuple[int, ...], where: str) -> Array:
    """Uniform within ±√(6 / (fan in + fan out)): X. Glorot, Y. Bengio, AISTATS 2010, eq. 16."""
    if len(shape) != 2:
        raise FileError(
            f"xavier takes a shape of two sizes, inputs and outputs, not {shape_text(shape)}",
            where=where,
        )
    bound = math.sqrt(6.0 / sum(shape))
    drawn: Any = rng.uniform(-bound, bound, shape)
    return np.asarray(drawn)

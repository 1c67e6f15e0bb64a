"""The working of one number: which products were summed to make it.

What a node sends back to one entry of an input is a sum over the entries of its own value:
upstream (∂cost/∂value entry) x local (∂value entry/∂input entry). This module finds the locals:
one column of the op's Jacobian.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from miniflow.ops.base import Array, Calls, Elementwise, Op
from miniflow.ops.linear import Linear, MatMul

Index = tuple[int, ...]

# Ops without a rule of their own here are probed entry by entry, if they are as small as this.
PROBE_LIMIT = 4096
# A column of the Jacobian has the size of the value; none is made for larger ones.
COLUMN_LIMIT = 1_000_000


class Term(NamedTuple):
    """One product of a sum: the upstream entry at `place` times its local derivative."""

    place: Index
    upstream: float
    local: float


def sent_terms(
    op: Op,
    slot: int,
    entry: Index,
    gradient: Array,
    value: Array,
    inputs: list[Array],
    sgd_step: int = 0,
) -> list[Term] | None:
    """Return the terms whose sum is what `op` sends to `entry` of its input number `slot`.

    Terms with a local derivative of 0 are left out. None when the op is too large to be probed.
    """
    column = local_column(op, slot, entry, value, inputs, sgd_step)
    if column is None:
        return None
    return [
        Term(place, float(gradient[place]), float(column[place]))
        for place in map(tuple, np.argwhere(column != 0).tolist())
    ]


def local_column(
    op: Op, slot: int, entry: Index, value: Array, inputs: list[Array], sgd_step: int = 0
) -> Array | None:
    """Return ∂value/∂inputs[slot][entry], in the value's shape, or None when it is too large.

    `sgd_step` matters to ops that draw random numbers: it is the one the value was made in.
    """
    do = Calls(value.dtype, sgd_step=np.array([sgd_step]))
    if value.size > COLUMN_LIMIT:
        return None
    if isinstance(op, Elementwise):
        touched = _copies(entry, inputs[slot], value)
        return np.where(touched, _locals(op, do, slot, value, inputs), 0.0)
    if isinstance(op, Linear) and slot == len(inputs) - 1:
        return _copies(entry, inputs[slot], value).astype(value.dtype)
    if isinstance(op, Linear | MatMul) and is_matrix_product(inputs):
        return _product_column(slot, entry, inputs[0], inputs[1], value)
    if value.size * inputs[slot].size > PROBE_LIMIT:
        return None
    return _probe(op, do, slot, entry, value, inputs)


def is_matrix_product(inputs: list[Array]) -> bool:
    """Whether a Linear or MatMul is one product of two matrices, with or without a bias."""
    return len(inputs) <= 3 and inputs[0].ndim == inputs[1].ndim == 2


def _copies(entry: Index, source: Array, value: Array) -> Array:
    """Return where in the value a broadcast put the entry of an input."""
    numbers = np.arange(source.size).reshape(source.shape)
    wanted = numbers[entry] if entry else 0
    copies: Array = np.broadcast_to(numbers, value.shape) == wanted
    return copies


def _locals(op: Elementwise, do: Calls, slot: int, value: Array, inputs: list[Array]) -> Array:
    out = np.zeros_like(value)
    op.local_calls(do, slot, out, np.ones_like(value), value, *_with_forward(op, do, inputs))
    _run(do)
    return out


def _product_column(slot: int, entry: Index, x: Array, w: Array, value: Array) -> Array:
    column = np.zeros_like(value)
    if slot == 0:
        column[entry[0], :] = w[entry[1], :]
    else:
        column[:, entry[1]] = x[:, entry[0]]
    return column


def _probe(op: Op, do: Calls, slot: int, entry: Index, value: Array, inputs: list[Array]) -> Array:
    column = np.zeros_like(value)
    arrays = _with_forward(op, do, inputs)
    for place in np.ndindex(value.shape):
        one_hot = np.zeros_like(value)
        one_hot[place] = 1.0
        sent = np.zeros_like(inputs[slot])
        op.vjp_calls(do, slot, sent, one_hot, value, *arrays)
        _run(do)
        column[place] = sent[entry]
    return column


def _with_forward(op: Op, do: Calls, inputs: list[Array]) -> list[Array]:
    """Run the op's forward calls into a spare buffer, for what backward wants kept."""
    arrays = [np.asarray(x) for x in inputs]
    op.forward_calls(do, np.zeros(op.output_shape(*(x.shape for x in arrays)), do.dtype), *arrays)
    _run(do)
    return arrays


def _run(do: Calls) -> None:
    with np.errstate(all="ignore"):
        for call in do.take():
            call()

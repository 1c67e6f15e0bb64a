"""The working of one number: which products were summed to make it.

What a node sends back to one entry of an input is a sum over the entries of its own value:
upstream (∂cost/∂value entry) x local (∂value entry/∂input entry). This module finds the locals:
one column of the op's Jacobian, and of it only the entries that the input's entry touches, so
that a number in a layer of millions is explained as fast as one in a layer of four.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mfdebug.core.entries import (
    MOVES,
    Product,
    Region,
    copies,
    moved_to,
    place_in,
    summed_in,
)
from mfdebug.core.entries import Index as Index
from miniflow.ops.activation import Softmax
from miniflow.ops.arithmetic import Max, Min
from miniflow.ops.base import Array, Calls, Elementwise, Op
from miniflow.ops.cost import MAE, MSE, BinaryCrossEntropy, SoftmaxCrossEntropy
from miniflow.ops.dropout import Dropout
from miniflow.ops.linear import Linear, MatMul
from miniflow.ops.reduce import Mean, Sum

# Ops of other people's making are probed entry by entry, if they are as small as this.
PROBE_LIMIT = 4096
# More terms than this are not made into a list.
TERMS_LIMIT = 100_000

PAIR_COSTS = (MSE, MAE, BinaryCrossEntropy)


class Term(NamedTuple):
    """One product of a sum: the upstream entry at `place` times its local derivative."""

    place: Index
    upstream: float
    local: float


class Locals(NamedTuple):
    """The region of the value that an entry of an input touches, and the derivatives there."""

    region: Region
    numbers: Array


class Uses(NamedTuple):
    """What a local derivative is made of: the op's own value or not, and which of its inputs."""

    value: bool
    slots: tuple[int, ...]


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

    Terms with a local derivative of 0 are left out. None when there are too many, or when the op
    is not of the registry and too large to be probed.
    """
    found = locals_of(op, slot, entry, value, inputs, sgd_step)
    if found is None or found.numbers.size > TERMS_LIMIT:
        return None
    upstream = np.asarray(gradient[found.region]).reshape(-1)
    local = found.numbers.reshape(-1)
    return [
        Term(place_in(found.region, k), float(upstream[k]), float(local[k]))
        for k in np.flatnonzero(local).tolist()
    ]


def is_matrix_product(inputs: list[Array]) -> bool:
    """Whether a Linear or MatMul is one product of two matrices, with or without a bias."""
    return len(inputs) <= 3 and inputs[0].ndim == inputs[1].ndim == 2


def locals_of(
    op: Op, slot: int, entry: Index, value: Array, inputs: list[Array], sgd_step: int = 0
) -> Locals | None:
    """Return ∂value/∂inputs[slot][entry] where it is not 0 by the op's very nature.

    `sgd_step` matters to ops that draw random numbers: it is the one the value was made in. None
    for an op that is not of the registry and too large to be probed.
    """
    shapes = [x.shape for x in inputs]
    if isinstance(op, Elementwise):
        region = copies(entry, shapes[slot], value.shape)
        return Locals(region, _elementwise(op, slot, region, value, inputs, sgd_step))
    if isinstance(op, Linear | MatMul):
        return _product(slot, entry, value, inputs)
    if isinstance(op, Sum | Mean):
        one = _one(summed_in(op, entry))
        share = value.size / inputs[0].size if isinstance(op, Mean) else 1.0
        return Locals(one, np.full((1,) * len(one), share))
    if isinstance(op, MOVES):
        place = moved_to(op, slot, entry, value.shape, shapes)
        if place is None:
            return Locals((slice(0, 0),) * value.ndim, np.zeros((0,) * value.ndim))
        return Locals(_one(place), np.ones((1,) * value.ndim))
    if isinstance(op, Softmax):
        return _softmax(op, entry, value)
    if isinstance(op, PAIR_COSTS):
        # A mean over one entry, divided by their number: the other entries have no say.
        flat = np.ravel_multi_index(entry, shapes[slot]) if entry else 0
        single = [x.reshape(-1)[flat : flat + 1] for x in inputs]
        return Locals((), _vjp(op, slot, single)[0] / inputs[slot].size)
    if isinstance(op, SoftmaxCrossEntropy):
        return Locals((), _cross_entropy(op, slot, entry, inputs))
    if value.size * inputs[slot].size > PROBE_LIMIT:
        return None
    return Locals(tuple(slice(0, n) for n in value.shape), _probe(op, slot, entry, value, inputs))


def local_uses(op: Op, slot: int, count: int) -> Uses:
    """Return what the local derivative towards input `slot` of `count` is made of."""
    if isinstance(op, Linear | MatMul):
        pairs = count // 2
        return Uses(False, () if slot == 2 * pairs else ((slot + pairs) % (2 * pairs),))
    if isinstance(op, (*MOVES, Sum, Mean)):
        return Uses(False, ())
    if isinstance(op, Softmax):
        return Uses(True, ())
    names = [f"\0{i}\0" for i in range(count)]
    # The words of a rule name what it is made of, but those of a gate name the winner alone.
    rules = (Elementwise, SoftmaxCrossEntropy, *PAIR_COSTS)
    if isinstance(op, rules) and not isinstance(op, Max | Min):
        words = op.local(slot, "\0value\0", *names)
        return Uses("\0value\0" in words, tuple(i for i in range(count) if names[i] in words))
    return Uses(True, tuple(range(count)))


def _one(place: Index) -> Region:
    return tuple(slice(i, i + 1) for i in place)


def _elementwise(
    op: Elementwise,
    slot: int,
    region: Region,
    value: Array,
    inputs: list[Array],
    sgd_step: int,
) -> Array:
    do = Calls(value.dtype, sgd_step=np.array([sgd_step]))
    if isinstance(op, Dropout):
        # Its mask is what becomes of ones; it is drawn for the whole value or not at all.
        mask = np.zeros_like(value)
        op.forward_calls(do, mask, np.broadcast_to(np.ones((), value.dtype), value.shape))
        _run(do)
        return np.asarray(mask[region])
    seen = np.array(value[region])
    flat = seen.reshape(-1)
    arrays = [np.broadcast_to(x, value.shape)[region].reshape(-1) for x in inputs]
    op.forward_calls(do, np.zeros_like(flat), *arrays)
    out = np.zeros_like(flat)
    op.local_calls(do, slot, out, np.ones_like(flat), flat, *arrays)
    _run(do)
    return out.reshape(seen.shape)


def _product(slot: int, entry: Index, value: Array, inputs: list[Array]) -> Locals:
    pairs = len(inputs) // 2
    if slot == 2 * pairs:
        region = copies(entry, inputs[slot].shape, value.shape)
        return Locals(region, np.ones([part.stop - part.start for part in region]))
    x, w = inputs[slot % pairs], inputs[slot % pairs + pairs]
    product = Product(x.shape, w.shape)
    side = slot // pairs
    region = product.region(side, entry)
    other = _others(product, side, region, product.met(side, entry), w if side == 0 else x)
    return _widened(region, other, product.shape, value.shape)


def _others(product: Product, side: int, region: Region, k: int, other: Array) -> Array:
    """Return, over a region of the product, the entry of the other factor that is met there."""
    sizes = [part.stop - part.start for part in region]
    if product.length is None:
        return np.broadcast_to(other, product.shape)[region]
    if other.ndim == 1:
        return np.broadcast_to(other[k], sizes)
    stacked: Array = np.broadcast_to(other, (*product.stack, *other.shape[-2:]))
    stack: tuple[Any, ...] = region[: len(product.stack)]
    if side:
        met = stacked[(*stack, region[len(stack)], k)]
        met = met[..., None] if len(product.w) > 1 else met
    else:
        met = stacked[(*stack, k, region[-1])]
        met = met[..., None, :] if len(product.x) > 1 else met
    return np.broadcast_to(met, sizes)


def _widened(
    region: Region, numbers: Array, own: tuple[int, ...], shape: tuple[int, ...]
) -> Locals:
    """Broadcast a region of a product on to the value it was added to."""
    lead = len(shape) - len(own)
    wide = [slice(0, n) for n in shape[:lead]]
    for part, n, m in zip(region, own, shape[lead:], strict=True):
        wide.append(part if n == m else slice(0, m))
    sizes = [part.stop - part.start for part in wide]
    return Locals(tuple(wide), np.broadcast_to(numbers, sizes))


def _softmax(op: Softmax, entry: Index, value: Array) -> Locals:
    """Return sᵢ ([i = j] - sⱼ) along the axis: the Jacobian is symmetric."""
    axis = op.attrs["axis"] % value.ndim
    region = list(_one(entry))
    region[axis] = slice(0, value.shape[axis])
    shares = value[tuple(region)]
    same = np.arange(value.shape[axis]) == entry[axis]
    same = same.reshape([-1 if one == axis else 1 for one in range(value.ndim)])
    return Locals(tuple(region), shares * (same - value[entry]))


def _cross_entropy(op: Op, slot: int, entry: Index, inputs: list[Array]) -> Array:
    """Return the derivative from the entry's own row, divided by the number of rows."""
    logits, labels = inputs
    row = entry[: logits.ndim - 1]
    single = [logits[row][None], np.asarray(labels[row])[None]]
    rows = logits.size // max(logits.shape[-1], 1)
    sent = _vjp(op, slot, single) / max(rows, 1)
    return np.asarray(sent[(0, *entry[len(row) :])])


def _vjp(op: Op, slot: int, inputs: list[Array]) -> Array:
    """Return what an op with a scalar value sends to an input for an upstream gradient of 1."""
    do = Calls(inputs[0].dtype)
    value, out = np.zeros((), do.dtype), np.zeros_like(inputs[slot])
    op.forward_calls(do, value, *inputs)
    op.vjp_calls(do, slot, out, np.ones_like(value), value, *inputs)
    _run(do)
    return out


def _probe(op: Op, slot: int, entry: Index, value: Array, inputs: list[Array]) -> Array:
    do = Calls(value.dtype)
    op.forward_calls(do, np.zeros_like(value), *inputs)
    _run(do)
    column = np.zeros_like(value)
    for place in np.ndindex(value.shape):
        one_hot = np.zeros_like(value)
        one_hot[place] = 1.0
        sent = np.zeros_like(inputs[slot])
        op.vjp_calls(do, slot, sent, one_hot, value, *inputs)
        _run(do)
        column[place] = sent[entry]
    return column


def _run(do: Calls) -> None:
    with np.errstate(all="ignore"):
        for call in do.take():
            call()

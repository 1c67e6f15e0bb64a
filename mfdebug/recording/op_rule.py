"""The rule of one of our ops, run with recorded numbers, and how the record differs from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mfdebug.core.timeline.inner_steps import InnerSteps
from mfdebug.recording.arrays import as_floats
from miniflow.errors import MiniflowError
from miniflow.node import Node, shape_text
from miniflow.ops.base import Array, Calls, Op
from miniflow.ops.composed import Composed

# Another order of a sum of many terms moves it by this much more than its last digits do.
_UNITS = 64.0
# Floats of 16 bits are recorded as float32: by how much rounding to them moves a number of 1, and
# how many times more it moves a result, which is mostly summed up in float32.
_HALVES = {"bfloat16": 2.0**-8, "float16": 2.0**-11}
_HALF_UNITS = 4.0


def run_rule(
    op: Op, inputs: list[Array], upstream: Array | None, sgd_step: int
) -> dict[int, Array] | None:
    """Run an op's rule: return the value under 0, or with `upstream` a share for each input.

    None if it rejects the inputs, or also reads what it keeps from pass to pass, which no run file
    has.
    """
    if op.reads_lasting:
        return None
    arrays = [as_floats(x) for x in inputs]
    dtype = np.result_type(*[x.dtype for x in arrays])
    arrays = [x.astype(dtype, copy=False) for x in arrays]
    try:
        with np.errstate(all="ignore"):
            out = np.zeros(op.output_shape(*(x.shape for x in arrays)), dtype)
            do = Calls(dtype, sgd_step=np.array([sgd_step]))
            op.check_calls(do, *arrays)
            op.forward_calls(do, out, *arrays)
            if upstream is None:
                _call(do)
                return {0: out}
            _call(do)
            shares = {input_index: np.zeros(x.shape, dtype) for input_index, x in enumerate(arrays)}
            op.backward_calls(do, shares.items(), upstream.astype(dtype), out, arrays)
            _call(do)
            return shares
    except (MiniflowError, ArithmeticError, LookupError, TypeError, ValueError):
        # From a damaged file or another version: the op rejects such inputs.
        return None


def run_parts(
    op: Composed, inputs: list[Array], upstream: Array | None, sgd_step: int
) -> InnerSteps | None:
    """Run the ops that compute a function, and with `upstream` their backward rules.

    None if they reject the inputs.
    """
    arrays = [as_floats(x) for x in inputs]
    dtype = np.result_type(*[x.dtype for x in arrays])
    arrays = [x.astype(dtype, copy=False) for x in arrays]
    try:
        with np.errstate(all="ignore"):
            shapes = [x.shape for x in arrays]
            out = np.zeros(op.output_shape(*shapes), dtype)
            do = Calls(dtype, sgd_step=np.array([sgd_step]))
            op.check_calls(do, *arrays)
            op.forward_calls(do, out, *arrays)
            _call(do)
            gradients: dict[Node, Array] = {}
            if upstream is not None:
                gradients = op.part_gradients(do, upstream.astype(dtype), out, arrays)
                _call(do)
            return InnerSteps(op.parts(*shapes), op.part_arrays(do, out, arrays), gradients)
    except (MiniflowError, ArithmeticError, LookupError, TypeError, ValueError):
        # From a damaged file or another version.
        return None


def _call(do: Calls) -> None:
    for call in do.take():
        call()


def summed_by_input(shares: Mapping[int, Array], inbound: list[int]) -> dict[int, Array]:
    """Return the sum of the shares of each input, under the first index of that input."""
    sums: dict[int, Array] = {}
    for input_index, share in shares.items():
        first = inbound.index(inbound[input_index])
        sums[first] = np.asarray(sums[first] + share) if first in sums else share
    return sums


def half_of(array: Array) -> str:
    """Return the float type of 16 bits that all numbers of a float32 array are of, or ""."""
    if array.dtype != np.float32:
        return ""
    if not (np.ascontiguousarray(array).view(np.uint32) & np.uint32(0xFFFF)).any():
        return "bfloat16"
    with np.errstate(all="ignore"):
        again = array.astype(np.float16).astype(np.float32)
    return "float16" if np.array_equal(again, array, equal_nan=True) else ""


def shaken(array: Array, half: str = "") -> Array:
    """Return an array with other rounding: its numbers are moved by a unit of the last digit.

    `half`: as those of a type of 16 bits are rounded.
    """
    array = as_floats(array)
    signs = np.where(np.arange(array.size) % 3 == 0, -1.0, 1.0).reshape(array.shape)
    unit = _HALVES[half] if half else np.finfo(array.dtype).eps
    moved: Array = (array * (1.0 + signs * unit)).astype(array.dtype)
    return moved


def is_rounding(a: Array, rule: Array, shaken_rule: Array, half: str = "") -> bool:
    """Whether an array differs from a rule by no more than rounding may.

    `shaken_rule` is the result for numbers moved by a unit of the last digit: what is left of terms
    that cancel each other moves by more than its own digits. `half`: the type of 16 bits to which
    the array was rounded.
    """
    if a.size != rule.size:
        return False
    x, y, z = (as_floats(array).astype(np.float64).reshape(-1) for array in (a, rule, shaken_rule))
    with np.errstate(all="ignore"):
        moved = np.abs(z - y)
        units = _HALF_UNITS if half else _UNITS
        noise = units * float(np.max(moved[np.isfinite(moved)], initial=0.0))
    unit = _HALVES[half] if half else 0.0
    return bool(np.allclose(x, y, rtol=unit, atol=noise, equal_nan=True))


def is_close(a: Array, b: Array) -> bool:
    """Whether two arrays differ by rounding only."""
    if a.size != b.size:
        return False
    x, y = (as_floats(array).astype(np.float64).reshape(-1) for array in (a, b))
    single = a.dtype.itemsize < 8 and a.dtype.kind == "f"
    with np.errstate(all="ignore"):
        finite = np.abs(y[np.isfinite(y)])
        scale = float(finite.max(initial=0.0))
    tolerance = 1e-3 if single else 1e-7
    return bool(np.allclose(x, y, rtol=tolerance, atol=tolerance * scale, equal_nan=True))


def difference(recorded: Array, rule: Array) -> str:
    """Return how the entry that differs most from the rule does so."""
    if recorded.size != rule.size:
        return f"by the rule the shape is {shape_text(rule.shape)}"
    x, y = (array.astype(np.float64).reshape(-1) for array in (as_floats(recorded), rule))
    with np.errstate(all="ignore"):
        distance = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
    distance[np.isnan(distance)] = np.inf
    entry = int(distance.argmax())
    return f"{float(x[entry]):.6g}, by the rule {float(y[entry]):.6g}"

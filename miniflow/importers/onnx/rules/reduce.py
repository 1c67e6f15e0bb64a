"""Reductions over axes, and running sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.node import Node
from miniflow.ops.base import Op

_SAME: dict[str, type[Op]] = {
    "ReduceSum": ops.Sum,
    "ReduceMean": ops.Mean,
    "ReduceMax": ops.Max,
    "ReduceMin": ops.Min,
    "ReduceProd": ops.Prod,
    "ReduceL2": ops.Norm,
    "ReduceLogSumExp": ops.LogSumExp,
}


class _Axes:
    """The axes and `keepdims` of a reduction, as attributes of ours."""

    def __init__(self, call: Call) -> None:
        axes = call.axes(1)
        self.nothing = not axes and bool(call.attribute("noop_with_empty_axes", 0))
        self.attributes: dict[str, Any] = {
            "axis": axes or list(range(call.rank(0))),
            "keepdims": bool(call.attribute("keepdims", 1)),
        }


@rule(" ".join(_SAME))
def same(call: Call) -> Result:
    """A reduction that is called alike here."""
    given = _Axes(call)
    if given.nothing:
        # Each entry is reduced by itself.
        call.require(call.kind != "ReduceL2", "it reduces nothing")
        return call.value(0)
    return call.make(_SAME[call.kind], call.node(0), **given.attributes)


@rule("ReduceL1 ReduceSumSquare ReduceLogSum")
def composed(call: Call) -> Result:
    """A sum of |x| or x², or its logarithm."""
    given = _Axes(call)
    x = call.node(0)
    if call.kind == "ReduceLogSum":
        if given.nothing:
            return call.make(ops.Log, x)
        return call.make(ops.Log, call.make(ops.Sum, x, suffix="sum", **given.attributes))
    suffix = "" if given.nothing else "entries"
    entries: Node
    if call.kind == "ReduceL1":
        entries = call.make(ops.Abs, x, suffix=suffix)
    else:
        entries = call.make(ops.Pow, x, suffix=suffix, exponent=2.0)
    return entries if given.nothing else call.make(ops.Sum, entries, **given.attributes)


@rule("CumSum")
def cumulative_sum(call: Call) -> Result:
    """The sums up to each entry; without it if `exclusive`, backwards if `reverse`."""
    axis = int(call.number(1))
    size = call.shape(0)[axis]
    node = call.node(0)
    reverse = bool(call.attribute("reverse", 0))
    exclusive = bool(call.attribute("exclusive", 0))
    if reverse:
        node = call.make(ops.Slice, node, suffix="reversed", step=-1, axis=axis)
    if exclusive:
        rank = call.rank(0)
        widths = [[0, 0] for _ in range(rank)]
        widths[axis % rank] = [1, -1]
        if size > 1:
            pads = [n for pair in reversed(widths) for n in pair]
            node = call.make(ops.Pad, node, suffix="shifted", pads=pads)
        else:
            node = call.make(ops.Mul, node, call.constant(0.0, "zero"), suffix="shifted")
    if not reverse:
        return call.make(ops.CumSum, node, axis=axis)
    sums = call.make(ops.CumSum, node, suffix="sums", axis=axis)
    return call.make(ops.Slice, sums, step=-1, axis=axis)


@rule("ArgMax")
def argmax(call: Call) -> Result:
    """The index of the greatest entry, the first on a tie."""
    call.require(not call.attribute("select_last_index", 0), "it takes the last on a tie")
    return call.make(
        ops.ArgMax,
        call.node(0),
        axis=int(call.attribute("axis", 0)),
        keepdims=bool(call.attribute("keepdims", 1)),
    )


@rule("LpNormalization")
def lp_normalization(call: Call) -> Result:
    """x over its length along an axis."""
    axis, p = int(call.attribute("axis", -1)), int(call.attribute("p", 2))
    x = call.node(0)
    if p == 2:
        length = call.make(ops.Norm, x, suffix="length", axis=[axis], keepdims=True)
    else:
        size = call.make(ops.Abs, x, suffix="abs")
        length = call.make(ops.Sum, size, suffix="length", axis=[axis], keepdims=True)
    # A row of zeros stays one.
    is_zero = call.make(ops.Equal, length, call.constant(0.0, "zero"), suffix="is_zero")
    return call.make(ops.Div, x, call.make(ops.Add, length, is_zero, suffix="divisor"))


@rule("GlobalLpPool")
def global_lp_pool(call: Call) -> Result:
    """The length of each channel."""
    p = int(call.attribute("p", 2))
    call.require(p == 2, f"p is {p}")
    axes = list(range(2, call.rank(0)))
    return call.make(ops.Norm, call.node(0), axis=axes, keepdims=True)


@rule("MeanVarianceNormalization")
def mean_variance(call: Call) -> Result:
    """(x - mean)/(deviation + 1e-9)."""
    axes = [int(axis) for axis in call.attribute("axes", [0, 2, 3])]
    x = call.node(0)
    mean = call.make(ops.Mean, x, suffix="mean", axis=axes, keepdims=True)
    variance = call.make(ops.Var, x, suffix="variance", axis=axes, keepdims=True)
    deviation = call.make(ops.Sqrt, variance, suffix="deviation")
    below = call.make(ops.Add, deviation, call.constant(np.float32(1e-9), "eps"), suffix="below")
    return call.make(ops.Div, call.make(ops.Sub, x, mean, suffix="centred"), below)

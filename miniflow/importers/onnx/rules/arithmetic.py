"""Arithmetic, comparisons, products of matrices, and the identity in its many forms."""

from __future__ import annotations

import numpy as np

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.folding import type_of
from miniflow.importers.onnx.rules.table import rule
from miniflow.importers.onnx.values import Known
from miniflow.node import Node
from miniflow.ops.base import Op

_SAME: dict[str, type[Op]] = {
    "Abs": ops.Abs,
    "Cos": ops.Cos,
    "Div": ops.Div,
    "Erf": ops.Erf,
    "Exp": ops.Exp,
    "Log": ops.Log,
    "Mul": ops.Mul,
    "Neg": ops.Neg,
    "Pow": ops.Pow,
    "Reciprocal": ops.Reciprocal,
    "Sin": ops.Sin,
    "Sqrt": ops.Sqrt,
    "Sub": ops.Sub,
    "Sum": ops.Add,
    "Add": ops.Add,
}
_COMPARISONS: dict[str, type[Op]] = {
    "Equal": ops.Equal,
    "Greater": ops.Greater,
    "GreaterOrEqual": ops.GreaterOrEqual,
    "Less": ops.Less,
    "LessOrEqual": ops.LessOrEqual,
}


@rule(" ".join(_SAME))
def same(call: Call) -> Result:
    """An op that is called alike here. Before opset 7, an axis says where the second one fits."""
    return call.make(_SAME[call.kind], *_aligned(call))


@rule(" ".join(_COMPARISONS), any_type=True)
def comparison(call: Call) -> Result:
    """A comparison, 1 or 0."""
    return call.make(_COMPARISONS[call.kind], *_aligned(call))


def _aligned(call: Call) -> list[Node]:
    """Return the inputs, the second with the axes with which old opsets broadcast it."""
    nodes = call.nodes("bias" if call.kind in ("Add", "Sub") else "weight")
    if call.opset >= 7 or not call.attribute("broadcast", 0) or len(nodes) != 2:
        return nodes
    left, right = call.shape(0), call.shape(1)
    axis = int(call.attribute("axis", len(left) - len(right)))
    axis = axis + len(left) if axis < 0 else axis
    after = len(left) - axis - len(right)
    call.require(after >= 0, "its second input does not fit the first")
    return [nodes[0], call.reshape(nodes[1], (*right, *(1,) * after), suffix="aligned")]


@rule("Mean")
def mean(call: Call) -> Result:
    """The mean of several inputs, entry by entry."""
    nodes = call.nodes()
    total = call.make(ops.Add, *nodes, suffix="sum")
    return call.make(ops.Mul, total, call.constant(1.0 / len(nodes), "share"))


@rule("Max Min")
def extremes(call: Call) -> Result:
    """The greatest or the least of several inputs, entry by entry."""
    return call.make(ops.Max if call.kind == "Max" else ops.Min, *call.nodes())


@rule("Clip")
def clip(call: Call) -> Result:
    """Limits were attributes before opset 11."""
    if call.opset < 11:
        low, high = call.attribute("min"), call.attribute("max")
    else:
        low = call.number(1) if call.has(1) else None
        high = call.number(2) if call.has(2) else None
    if low is not None and high is not None and low > high:
        # Then every entry is the upper limit.
        low = high
    return call.make(ops.Clip, call.node(0), low=_limit(low), high=_limit(high))


def _limit(number: float | None) -> float | None:
    return None if number is None or abs(number) > np.finfo(np.float32).max / 2 else float(number)


@rule("Identity Dropout ZipMap", any_type=True)
def identity(call: Call) -> list[Result]:
    """The value itself, under its first name; a Dropout in inference passes everything."""
    if call.kind == "Dropout":
        old = call.opset < 7 and not call.attribute("is_test", 0)
        training = old or (call.has(2) and bool(np.asarray(call.known(2)).reshape(-1)[0]))
        rate = call.number(1) if call.has(1) else float(call.attribute("ratio", 0.5))
        if training and rate:
            call.require(
                len(call.proto.output) < 2 or not call.proto.output[1],
                "its mask is an output too",
            )
            seed = int(call.attribute("seed", 0))
            return [call.make(ops.Dropout, call.node(0), rate=rate, seed=abs(seed))]
        if len(call.proto.output) > 1 and call.proto.output[1]:
            mask = np.ones(call.shape(0), np.bool_ if call.opset >= 10 else call.dtype(0))
            return [call.value(0), Known(mask, call.proto.output[1])]
    return [call.value(0)]


@rule("Cast CastLike", any_type=True)
def cast(call: Call) -> Result:
    """Among floats nothing changes: a graph computes in one type. Integers have no gradient."""
    source = call.dtype(0).kind
    if call.kind == "Cast":
        element = int(call.attribute("to"))
        call.require(element != 8, "it makes text of numbers")
        dtype = type_of(element)
    else:
        dtype = call.dtype(1)
    target = dtype.kind
    if source == "f":
        call.require(target == "f", "floats are cut off")
        return call.retyped(0, dtype)
    if target == "f":
        return call.make(ops.Detach, call.node(0))
    call.require(target in "iu" and source in "iub", "it makes truth values of numbers")
    return call.make(ops.Detach, call.node(0))


@rule("MatMul")
def matmul(call: Call) -> Result:
    """A product of matrices, or of stacks of them."""
    return call.make(ops.MatMul, call.node(0), call.node(1))


@rule("Gemm")
def gemm(call: Call) -> Result:
    """alpha·A·B + beta·C, with A and B as they are or transposed: a Linear if nothing is scaled."""
    x, w = call.node(0, "input"), call.node(1, "weight")
    if call.attribute("transA", 0):
        x = call.make(ops.Transpose, x, suffix="A_T")
    if call.attribute("transB", 0):
        w = call.make(ops.Transpose, w, suffix="B_T")
    alpha, beta = float(call.attribute("alpha", 1.0)), float(call.attribute("beta", 1.0))
    rows, columns = call.shape_of(x)[0], call.shape_of(w)[1]
    plain = alpha == beta == 1.0
    if call.has(2) and plain and call.shape(2) in ((columns,), (1, columns)):
        bias = call.reshape(call.weight(2, "bias"), (columns,), suffix="C")
        return call.make(ops.Linear, x, w, bias)
    if not call.has(2) or beta == 0.0:
        return _scaled(call, call.make(ops.MatMul, x, w, suffix="" if alpha == 1 else "A_B"), alpha)
    product = _scaled(call, call.make(ops.MatMul, x, w, suffix="A_B"), alpha, "alpha")
    bias = _scaled(call, call.weight(2, "bias"), beta, "beta")
    call.require(rows > 0, "it has no rows")
    return call.make(ops.Add, product, bias)


def _scaled(call: Call, node: Node, factor: float, suffix: str = "") -> Node:
    if factor == 1.0:
        return node
    return call.make(
        ops.Mul, node, call.constant(factor, suffix or "alpha"), suffix=suffix and f"{suffix}C"
    )


@rule("Einsum")
def einsum(call: Call) -> Result:
    """An equation of indices."""
    equation = str(call.attribute("equation"))
    return call.make(ops.Einsum, *call.nodes(), equation=equation)

"""Activations, and other functions of single entries."""

from __future__ import annotations

import math

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.ops.base import Op

_SAME: dict[str, type[Op]] = {
    "Relu": ops.ReLU,
    "Sigmoid": ops.Sigmoid,
    "Softplus": ops.Softplus,
    "Tanh": ops.Tanh,
}


@rule(" ".join(_SAME))
def same(call: Call) -> Result:
    """An activation without attributes."""
    return call.make(_SAME[call.kind], call.node(0))


@rule("LeakyRelu")
def leaky_relu(call: Call) -> Result:
    """x, or alpha·x below 0."""
    return call.make(ops.LeakyReLU, call.node(0), slope=float(call.attribute("alpha", 0.01)))


@rule("HardSigmoid")
def hard_sigmoid(call: Call) -> Result:
    """A sigmoid of straight lines."""
    slope, offset = call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    return call.make(ops.HardSigmoid, call.node(0), slope=float(slope), offset=float(offset))


@rule("Elu")
def elu(call: Call) -> Result:
    """alpha·(eˣ - 1) below 0."""
    return call.make(ops.Elu, call.node(0), alpha=float(call.attribute("alpha", 1.0)))


@rule("Selu")
def selu(call: Call) -> Result:
    """A scaled ELU, if its constants are the usual ones."""
    alpha = float(call.attribute("alpha", 1.6732632423543772))
    gamma = float(call.attribute("gamma", 1.0507009873554805))
    if math.isclose(alpha, 1.67326324235, rel_tol=1e-6) and math.isclose(
        gamma, 1.05070098735, rel_tol=1e-6
    ):
        return call.make(ops.Selu, call.node(0))
    unit = call.make(ops.Elu, call.node(0), suffix="elu", alpha=alpha)
    return call.make(ops.Mul, unit, call.constant(gamma, "gamma"))


@rule("PRelu")
def prelu(call: Call) -> Result:
    """The slope broadcasts; before opset 7 it was one number for each channel, axis 1."""
    slope = call.weight(1, "slope")
    shape = call.shape(1)
    if call.opset < 7 and len(shape) == 1 and shape[0] > 1:
        slope = call.reshape(slope, (*shape, *(1,) * (call.rank(0) - 2)), suffix="slope")
    return call.make(ops.PRelu, call.node(0), slope)


@rule("Gelu")
def gelu(call: Call) -> Result:
    """By the error function, unless it says tanh."""
    form = "tanh" if call.attribute("approximate", "none") == "tanh" else "erf"
    return call.make(ops.GELU, call.node(0), form=form)


@rule("Swish")
def swish(call: Call) -> Result:
    """x·σ(alpha·x): a SiLU for alpha 1."""
    alpha = float(call.attribute("alpha", 1.0))
    if alpha == 1.0:
        return call.make(ops.SiLU, call.node(0))
    scaled = call.make(ops.Mul, call.node(0), call.constant(alpha, "alpha"), suffix="scaled")
    gate = call.make(ops.Sigmoid, scaled, suffix="gate")
    return call.make(ops.Mul, call.node(0), gate)


@rule("ThresholdedRelu")
def thresholded_relu(call: Call) -> Result:
    """x where it is above alpha, else 0."""
    alpha = call.constant(float(call.attribute("alpha", 1.0)), "alpha")
    above = call.make(ops.Greater, call.node(0), alpha, suffix="above")
    return call.make(ops.Where, above, call.node(0), call.constant(0.0, "zero"))


@rule("Softmax LogSoftmax")
def softmax(call: Call) -> Result:
    """Along one axis; before opset 13 along all axes from it on."""
    kind: type[Op] = ops.Softmax if call.kind == "Softmax" else ops.LogSoftmax
    rank, shape = call.rank(0), call.shape(0)
    axis = int(call.attribute("axis", -1 if call.opset >= 13 else 1))
    call.require(-rank <= axis < rank or not rank, f"it has no axis {axis}")
    axis = axis % rank if rank else 0
    if call.opset >= 13 or axis == rank - 1:
        return call.make(kind, call.node(0), axis=axis)
    rows = call.reshape(
        call.node(0), (math.prod(shape[:axis]), math.prod(shape[axis:])), suffix="rows"
    )
    return call.reshape(call.make(kind, rows, suffix="softmax", axis=-1), shape)


@rule("Tan")
def tan(call: Call) -> Result:
    """sin x / cos x."""
    x = call.node(0)
    return call.make(
        ops.Div, call.make(ops.Sin, x, suffix="sin"), call.make(ops.Cos, x, suffix="cos")
    )


@rule("Sinh Cosh")
def hyperbolic(call: Call) -> Result:
    """(eˣ + e⁻ˣ)/2, or (eˣ - e⁻ˣ)/2."""
    x = call.node(0)
    up = call.make(ops.Exp, x, suffix="exp")
    down = call.make(ops.Exp, call.make(ops.Neg, x, suffix="neg"), suffix="exp_neg")
    kind: type[Op] = ops.Sub if call.kind == "Sinh" else ops.Add
    both = call.make(kind, up, down, suffix="both")
    return call.make(ops.Mul, both, call.constant(0.5, "half"))


@rule("Asinh Acosh")
def inverse_hyperbolic(call: Call) -> Result:
    """log(x + √(x² ± 1))."""
    x = call.node(0)
    square = call.make(ops.Pow, x, suffix="square", exponent=2.0)
    one = call.constant(1.0 if call.kind == "Asinh" else -1.0, "one")
    root = call.make(ops.Sqrt, call.make(ops.Add, square, one, suffix="sum"), suffix="root")
    return call.make(ops.Log, call.make(ops.Add, x, root, suffix="argument"))


@rule("Atanh")
def atanh(call: Call) -> Result:
    """log((1 + x)/(1 - x))/2."""
    x, one = call.node(0), call.constant(1.0, "one")
    above = call.make(ops.Add, one, x, suffix="above")
    below = call.make(ops.Sub, one, x, suffix="below")
    log = call.make(ops.Log, call.make(ops.Div, above, below, suffix="ratio"), suffix="log")
    return call.make(ops.Mul, log, call.constant(0.5, "half"))


@rule("Softsign")
def softsign(call: Call) -> Result:
    """x/(1 + |x|)."""
    x = call.node(0)
    below = call.make(
        ops.Add, call.make(ops.Abs, x, suffix="abs"), call.constant(1.0, "one"), suffix="below"
    )
    return call.make(ops.Div, x, below)

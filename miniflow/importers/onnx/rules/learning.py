"""Ops of the domain ai.onnx.ml, with which scikit-learn's models are written."""

from __future__ import annotations

import numpy as np

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.node import Node


@rule("Scaler")
def scaler(call: Call) -> Result:
    """(x - offset) × scale, by column."""
    offset, scale = (np.asarray(call.attribute(name, [0.0])) for name in ("offset", "scale"))
    node = call.node(0)
    if offset.any():
        node = call.make(ops.Sub, node, call.constant(offset, "offset"), suffix="shifted")
    return call.make(ops.Mul, node, call.constant(scale, "scale"))


@rule("Normalizer")
def normalizer(call: Call) -> Result:
    """Each row over its length, the sum of its sizes, or its greatest entry."""
    norm = str(call.attribute("norm", "MAX"))
    x = call.node(0)
    length: Node
    if norm == "L2":
        length = call.make(ops.Norm, x, suffix="length", axis=[-1], keepdims=True)
    elif norm == "L1":
        size = call.make(ops.Abs, x, suffix="abs")
        length = call.make(ops.Sum, size, suffix="length", axis=[-1], keepdims=True)
    else:
        length = call.make(ops.Max, x, suffix="length", axis=[-1], keepdims=True)
    return call.make(ops.Div, x, length)


@rule("LinearRegressor")
def linear_regressor(call: Call) -> Result:
    """x·W + b, with the numbers as attributes."""
    targets = int(call.attribute("targets", 1))
    after = str(call.attribute("post_transform", "NONE"))
    call.require(after == "NONE", f"it ends with {after}")
    weights = np.asarray(call.attribute("coefficients")).reshape(targets, -1).T
    bias = np.asarray(call.attribute("intercepts", [0.0] * targets))
    w = call.parameter(weights, "coefficients")
    return call.make(ops.Linear, call.node(0), w, call.parameter(bias, "intercepts"))


@rule("LinearClassifier")
def linear_classifier(call: Call) -> list[Result]:
    """The scores of a linear classifier; its label has no gradient."""
    label = call.proto.output[0]
    call.require(not label or not call.is_used(label), "its label is an output too")
    bias = np.asarray(call.attribute("intercepts", []))
    weights = np.asarray(call.attribute("coefficients")).reshape(len(bias), -1).T
    call.require(len(bias) > 1, "it has two classes and one row of numbers")
    w, b = call.parameter(weights, "coefficients"), call.parameter(bias, "intercepts")
    after = str(call.attribute("post_transform", "NONE"))
    call.require(after in ("NONE", "SOFTMAX", "LOGISTIC"), f"it ends with {after}")
    if after == "NONE":
        return [None, call.make(ops.Linear, call.node(0), w, b)]
    scores = call.make(ops.Linear, call.node(0), w, b, suffix="scores")
    if after == "SOFTMAX":
        return [None, call.make(ops.Softmax, scores)]
    return [None, call.make(ops.Sigmoid, scores)]

"""Norms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.node import Node


@rule("LayerNormalization RMSNormalization SimplifiedLayerNormalization")
def layer_norm(call: Call) -> Result:
    """Over the axes from `axis` on; a scale and a bias broadcast to them."""
    shape, axis = call.shape(0), int(call.attribute("axis", -1)) % max(call.rank(0), 1)
    axes, eps = len(shape) - axis, float(call.attribute("epsilon", 1e-5))
    kind = ops.LayerNorm if call.kind == "LayerNormalization" else ops.RMSNorm
    outputs = [name for name in call.proto.output[1:] if name]
    call.require(not outputs, "its mean or deviation is an output too")
    x = call.node(0)
    if call.shape(1) == shape[axis:] and (not call.has(2) or call.shape(2) == shape[axis:]):
        weights = [call.norm_weight(1, "weight")]
        if call.has(2):
            weights.append(call.norm_weight(2, "bias"))
        return call.make(kind, x, *weights, axes=axes, eps=eps)
    normal = call.make(kind, x, suffix="normal", axes=axes, eps=eps)
    scaled = call.make(
        ops.Mul, normal, call.norm_weight(1, "weight"), suffix="scaled" if call.has(2) else ""
    )
    return call.make(ops.Add, scaled, call.norm_weight(2, "bias")) if call.has(2) else scaled


@rule("BatchNormalization")
def batch_norm(call: Call) -> Sequence[Result]:
    """By the running statistics, or in training by those of the batch, which move them.

    The momentum of ONNX is the share that stays, ours the share that comes.
    """
    outputs = [name for name in call.proto.output[1:] if name]
    if call.opset < 7:
        training = not call.attribute("is_test", 0)
    elif call.opset < 14:
        training = len(outputs) > 0
    else:
        training = bool(call.attribute("training_mode", 0))
    if call.opset < 14 and not call.attribute("spatial", 1):
        call.require(False, "it has a mean for each entry, not for each channel")
    eps = float(call.attribute("epsilon", 1e-5))
    x, weight, bias = call.node(0), call.norm_weight(1, "weight"), call.norm_weight(2, "bias")
    mean, variance = (np.asarray(call.known(i), np.float64) for i in (3, 4))
    momentum = float(np.clip(1.0 - float(call.attribute("momentum", 0.9)), 0.0, 1.0))
    if call.rank(0) < 2:
        call.require(False, "its input has no channels")
    node = call.make(ops.BatchNorm, x, weight, bias, training=training, momentum=momentum, eps=eps)
    assert isinstance(node, ops.BatchNorm)
    node.state = {"running_mean": mean, "running_var": variance}
    return [node, *[_running(call, i) for i in range(1, len(call.proto.output))]]


def _running(call: Call, output: int) -> Result:
    """Refuse running statistics that something else takes."""
    name = call.proto.output[output]
    call.require(not name or not call.is_used(name), "its running statistics are used elsewhere")
    return None


@rule("InstanceNormalization")
def instance_norm(call: Call) -> Result:
    """By the mean and the variance of each channel of each x[n]."""
    eps = float(call.attribute("epsilon", 1e-5))
    return call.make(
        ops.InstanceNorm,
        call.node(0),
        call.norm_weight(1, "weight"),
        call.norm_weight(2, "bias"),
        eps=eps,
    )


@rule("GroupNormalization")
def group_norm(call: Call) -> Result:
    """By groups of channels; before opset 21 the weights are for each group, not each channel."""
    groups, eps = int(call.attribute("num_groups")), float(call.attribute("epsilon", 1e-5))
    weights: list[Node] = [call.norm_weight(1, "weight"), call.norm_weight(2, "bias")]
    channels = call.shape(0)[1]
    if call.opset < 21 and channels != groups:
        each = channels // groups
        weights = [
            call.reshape(
                call.make(
                    ops.Expand,
                    call.reshape(w, (groups, 1), suffix=f"{role}_column"),
                    suffix=f"{role}_copies",
                    shape=[groups, each],
                ),
                (channels,),
                suffix=role,
            )
            for role, w in zip(("weight", "bias"), weights, strict=True)
        ]
    return call.make(ops.GroupNorm, call.node(0), *weights, groups=groups, eps=eps)


@rule("LRN")
def local_response(call: Call) -> Result:
    """x over a power of the squares of neighbouring channels: their sums as differences of sums."""
    size = int(call.attribute("size"))
    alpha, beta = float(call.attribute("alpha", 1e-4)), float(call.attribute("beta", 0.75))
    bias = float(call.attribute("bias", 1.0))
    shape = call.shape(0)
    channels, spatial = shape[1], math.prod(shape[2:])
    before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
    band = np.zeros((channels, channels))
    for c in range(channels):
        band[c, max(0, c - before) : min(channels, c + after + 1)] = 1.0
    x = call.node(0)
    square = call.make(ops.Pow, x, suffix="square", exponent=2.0)
    rows = call.reshape(square, (shape[0], channels, spatial), suffix="rows")
    sums = call.make(ops.MatMul, call.constant(band, "neighbours"), rows, suffix="sums")
    share = call.make(ops.Mul, sums, call.constant(alpha / size, "alpha"), suffix="share")
    base = call.make(ops.Add, share, call.constant(bias, "bias"), suffix="base")
    below = call.make(ops.Pow, base, suffix="power", exponent=beta)
    return call.make(ops.Div, x, call.reshape(below, shape, suffix="below"))

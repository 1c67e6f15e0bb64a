"""Normalizations of `torch.nn.functional`."""

from __future__ import annotations

from typing import Any

from mfdebug.recording.functions.table import function, same_as_aten
from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules import norms as aten
from miniflow.importers.pt2.rules.shapes import reshaped
from miniflow.node import Node
from miniflow.ops import Add, BatchNorm, Detach, Div, Max, Mul, Norm, Sqrt, Sub

same_as_aten("layer_norm rms_norm group_norm")


@function("instance_norm")
def instance_norm(
    b: Builder,
    x: Value,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    weight: Value | None = None,
    bias: Value | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    """Mean 0 and variance 1 in each channel of each example."""
    return aten.instance_norm(
        b, x, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )


@function("batch_norm")
def batch_norm(
    b: Builder,
    x: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None = None,
    bias: Value | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *_: Any,
) -> Value:
    """Mean 0 and variance 1 in each channel: of the batch in training, else the running ones."""
    if weight is None and bias is not None:
        raise Unsupported("a bias without a weight")
    if training:
        weights = [each for each in (weight, bias) if each is not None]
        return b.add(BatchNorm, x, *weights, training=True, eps=eps)
    if not isinstance(running_mean, Node) or not isinstance(running_var, Node):
        raise Unsupported("no running statistics")
    channels = [1] * len(b.shape(x))
    channels[1] = b.shape(x)[1]

    def spread(each: Value) -> Value:
        return each if len(channels) == 2 else reshaped(b, each, channels)

    mean, variance = (spread(b.add(Detach, each)) for each in (running_mean, running_var))
    made = b.add(Div, b.add(Sub, x, mean), b.add(Sqrt, b.add(Add, variance, eps)))
    if weight is not None:
        made = b.add(Mul, made, spread(weight))
    return made if bias is None else b.add(Add, made, spread(bias))


@function("normalize")
def normalize(
    b: Builder, x: Value, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None
) -> Value:
    """x over its length along an axis."""
    if p != 2:
        raise Unsupported(f"the norm of order {p}")
    return b.add(Div, x, b.add(Max, b.add(Norm, x, axis=dim, keepdims=True), eps))

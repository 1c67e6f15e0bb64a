"""Normalizations. In training they take the batch's statistics, as the file says."""

from __future__ import annotations

import numpy as np

from miniflow.importers.pt2.builder import Builder, Constant, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import (
    BatchNorm,
    Div,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Mul,
    Norm,
    RMSNorm,
)

# Without an eps an RMS norm adds the smallest step of float32.
_RMS_EPS = 2.0**-23


def _weights(weight: Value | None, bias: Value | None) -> list[Value]:
    if weight is None and bias is not None:
        raise Unsupported("a bias without a weight")
    return [x for x in (weight, bias) if x is not None]


@rule("layer_norm", folds=False)
def layer_norm(
    b: Builder,
    x: Value,
    normalized_shape: list[int],
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> tuple[Value, None, None]:
    """Mean 0 and variance 1 along the last axes."""
    weights = _weights(weight, bias)
    axes = len(normalized_shape)
    return b.add(LayerNorm, x, *weights, axes=axes, eps=eps), None, None


rule("native_layer_norm", folds=False)(layer_norm)


@rule("rms_norm", "_fused_rms_norm", folds=False)
def rms_norm(
    b: Builder,
    x: Value,
    normalized_shape: list[int],
    weight: Value | None = None,
    eps: float | None = None,
) -> tuple[Value, None]:
    """Mean square 1 along the last axes."""
    weights = _weights(weight, None)
    axes = len(normalized_shape)
    return b.add(RMSNorm, x, *weights, axes=axes, eps=_RMS_EPS if eps is None else eps), None


@rule("group_norm", folds=False)
def group_norm(
    b: Builder,
    x: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Value:
    """Mean 0 and variance 1 in each group of channels."""
    return b.add(GroupNorm, x, *_weights(weight, bias), groups=num_groups, eps=eps)


@rule("native_group_norm", folds=False)
def native_group_norm(
    b: Builder,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Value, None, None]:
    """The same, with the sizes of x as arguments."""
    return group_norm(b, x, group, weight, bias, eps), None, None


@rule("instance_norm", folds=False)
def instance_norm(
    b: Builder,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value | None,
    running_var: Value | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Value:
    """Mean 0 and variance 1 in each channel of each example."""
    if not use_input_stats:
        raise Unsupported("use_input_stats=False")
    return b.add(InstanceNorm, x, *_weights(weight, bias), eps=eps)


@rule(
    "batch_norm",
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_functional",
    folds=False,
)
def batch_norm(
    b: Builder,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    training: bool,
    momentum: float,
    eps: float,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    cudnn_enabled: bool = True,
) -> tuple[Value, None, None, None, None]:
    """Mean 0 and variance 1 in each channel: of the batch in training, else the running ones."""
    running = {"running_mean": running_mean, "running_var": running_var}
    state = {name: x.array for name, x in running.items() if isinstance(x, Constant)}
    given = [x for x in running.values() if x is not None]
    if len(state) != len(given) or (not training and len(state) != 2):
        raise Unsupported("running statistics that are computed")
    made = b.add(
        BatchNorm, x, *_weights(weight, bias), training=training, momentum=momentum, eps=eps
    )
    if state:
        assert isinstance(made, BatchNorm)
        channels = made.lasting_shape(b.shape(x))
        if any(array.shape != channels for array in state.values()):
            raise Unsupported("running statistics in another shape")
        made.state = {name: np.array(array, np.float64) for name, array in state.items()}
    return made, None, None, None, None


@rule("_native_batch_norm_legit_no_training", folds=False)
def batch_norm_no_training(
    b: Builder,
    x: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value,
    running_var: Value,
    momentum: float,
    eps: float,
) -> tuple[Value, None, None, None, None]:
    """With the running mean and variance."""
    return batch_norm(b, x, weight, bias, False, momentum, eps, running_mean, running_var)


@rule("_weight_norm", "_weight_norm_interface", folds=False)
def weight_norm(b: Builder, v: Value, g: Value, dim: int = 0) -> tuple[Value, None]:
    """v × g / the length of v along all axes but one."""
    axes = [axis for axis in range(len(b.shape(v))) if axis != dim]
    return b.add(Mul, v, b.add(Div, g, b.add(Norm, v, axis=axes, keepdims=True))), None

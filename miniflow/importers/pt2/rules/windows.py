"""Convolutions, pools, and resizing of images."""

from __future__ import annotations

import math
from typing import Any

from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    Conv,
    ConvTranspose,
    MaxPool,
    Op,
    Resize,
    Squeeze,
    Unsqueeze,
)

Sizes = Any


def _sizes(given: Sizes) -> Sizes:
    """Return sizes as miniflow takes them: one number if it is for all axes."""
    if isinstance(given, int):
        return given
    return given[0] if len(given) == 1 else list(given)


def _padding(b: Builder, padding: Any, weight: Value, dilation: Sizes) -> Any:
    """Return the padding of a convolution that gives it by a word."""
    if not isinstance(padding, str):
        return _sizes(padding)
    if padding == "valid":
        return 0
    kernel = b.shape(weight)[2:]
    apart = [dilation] * len(kernel) if isinstance(dilation, int) else list(dilation)
    apart = apart * len(kernel) if len(apart) == 1 else apart
    total = [(size - 1) * n for size, n in zip(kernel, apart, strict=True)]
    return [[n // 2, n - n // 2] for n in total]


def _batched(b: Builder, op: type[Op], x: Value, axes: int, *others: Value, **how: Any) -> Value:
    """Return an op on x with an axis for the batch, which x may lack."""
    if len(b.shape(x)) == axes:
        return b.add(op, x, *others, **how)
    return b.add(Squeeze, b.add(op, b.add(Unsqueeze, x, axis=0), *others, **how), axis=0)


@rule("conv1d", "conv2d", "conv3d", folds=False)
def conv(
    b: Builder,
    x: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Sizes = 1,
    padding: Any = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Value:
    """x ∗ W + b."""
    others = [weight] if bias is None else [weight, bias]
    return _batched(
        b,
        Conv,
        x,
        len(b.shape(weight)),
        *others,
        stride=_sizes(stride),
        padding=_padding(b, padding, weight, dilation),
        dilation=_sizes(dilation),
        groups=groups,
    )


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", folds=False)
def conv_transpose(
    b: Builder,
    x: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Value:
    """x ∗ᵀ W + b."""
    others = [weight] if bias is None else [weight, bias]
    return _batched(
        b,
        ConvTranspose,
        x,
        len(b.shape(weight)),
        *others,
        stride=_sizes(stride),
        padding=_sizes(padding),
        output_padding=_sizes(output_padding),
        dilation=_sizes(dilation),
        groups=groups,
    )


@rule("convolution", "_convolution", folds=False)
def convolution(
    b: Builder,
    x: Value,
    weight: Value,
    bias: Value | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    transposed: bool,
    output_padding: Sizes,
    groups: int,
    **_: Any,
) -> Value:
    """One of both."""
    if transposed:
        return conv_transpose(b, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return conv(b, x, weight, bias, stride, padding, dilation, groups)


def _enter_pools(axes: int) -> None:
    def max_pool(
        b: Builder,
        x: Value,
        kernel_size: Sizes,
        stride: Sizes = (),
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> tuple[Value, None]:
        how = {
            "kernel": _sizes(kernel_size),
            "stride": _sizes(stride or kernel_size),
            "padding": _sizes(padding),
            "dilation": _sizes(dilation),
            "ceil_mode": ceil_mode,
        }
        return _batched(b, MaxPool, x, axes + 2, **how), None

    def avg_pool(
        b: Builder,
        x: Value,
        kernel_size: Sizes,
        stride: Sizes = (),
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        if divisor_override is not None:
            raise Unsupported("divisor_override")
        how = {
            "kernel": _sizes(kernel_size),
            "stride": _sizes(stride or kernel_size),
            "padding": _sizes(padding),
            "ceil_mode": ceil_mode,
            "count_include_pad": count_include_pad,
        }
        return _batched(b, AveragePool, x, axes + 2, **how)

    def adaptive_avg_pool(b: Builder, x: Value, output_size: Sizes) -> Value:
        return _batched(b, AdaptiveAveragePool, x, axes + 2, size=_sizes(output_size))

    def adaptive_max_pool(b: Builder, x: Value, output_size: Sizes) -> tuple[Value, None]:
        return _batched(b, AdaptiveMaxPool, x, axes + 2, size=_sizes(output_size)), None

    rule(f"max_pool{axes}d", f"max_pool{axes}d_with_indices", folds=False)(max_pool)
    rule(f"avg_pool{axes}d", folds=False)(avg_pool)
    rule(f"adaptive_avg_pool{axes}d", folds=False)(adaptive_avg_pool)
    if axes > 1:
        rule(f"_adaptive_avg_pool{axes}d", folds=False)(adaptive_avg_pool)
    rule(f"adaptive_max_pool{axes}d", folds=False)(adaptive_max_pool)


for _axes in (1, 2, 3):
    _enter_pools(_axes)


def _resize(
    b: Builder, x: Value, sizes: Any, factors: list[Any], mode: str, corners: bool
) -> Value:
    """Return x resized; by sizes as by factors the entries are the middles of equal parts."""
    spatial = b.shape(x)[2:]
    given = [factor for factor in factors if factor is not None]
    if sizes is None:
        sizes = [math.floor(n * factor) for n, factor in zip(spatial, given, strict=True)]
    exact = len(given) in (0, len(spatial)) and all(
        n * factor == size for n, factor, size in zip(spatial, given, sizes, strict=False)
    )
    if not exact:
        raise Unsupported(f"scale factors {given}")
    attributes = {"align_corners": True} if corners else {}
    return b.add(Resize, x, size=list(sizes), mode=mode, **attributes)


def _enter_upsampling(aten: str, mode: str) -> None:
    def upsample(
        b: Builder,
        x: Value,
        output_size: Any = None,
        scale_factors: Any = None,
        scales: Any = None,
        scales_d: Any = None,
        scales_h: Any = None,
        scales_w: Any = None,
        align_corners: bool = False,
    ) -> Value:
        factors = list(scale_factors or (scales, scales_d, scales_h, scales_w))
        return _resize(b, x, output_size, factors, mode, align_corners)

    rule(aten, folds=False)(upsample)


for _aten in ("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"):
    _enter_upsampling(_aten, "nearest")
for _aten in ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"):
    _enter_upsampling(_aten, "linear")

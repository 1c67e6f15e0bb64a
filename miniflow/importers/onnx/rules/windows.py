"""Convolutions, pools and Resize: windows that slide over spatial axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import helper

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.folding import Evaluator
from miniflow.importers.onnx.rules.table import rule
from miniflow.node import Node
from miniflow.ops.base import Array, Op


def _list(call: Call, name: str, count: int, default: int = 1) -> list[int]:
    return [int(n) for n in call.attribute(name) or [default] * count]


def _windows(call: Call, kernel: Sequence[int]) -> dict[str, Any]:
    """Return stride, padding and dilation as attributes of ours."""
    spatial = call.shape(0)[2:]
    count = len(spatial)
    strides, dilations = _list(call, "strides", count), _list(call, "dilations", count)
    automatic = call.attribute("auto_pad", "NOTSET")
    if automatic.startswith("SAME"):
        padding = []
        for size, k, stride, dilation in zip(spatial, kernel, strides, dilations, strict=True):
            places = -(-size // stride)
            total = max(0, (places - 1) * stride + dilation * (k - 1) + 1 - size)
            less, more = total // 2, total - total // 2
            padding.append([less, more] if automatic == "SAME_UPPER" else [more, less])
    else:
        pads = [0] * (2 * count) if automatic == "VALID" else _list(call, "pads", 2 * count, 0)
        padding = [[pads[i], pads[i + count]] for i in range(count)]
    return {"stride": strides, "padding": padding, "dilation": dilations}


@rule("Conv")
def conv(call: Call) -> Result:
    """A convolution, with a bias or without."""
    weights = [call.weight(1, "weight")]
    if call.has(2):
        weights.append(call.weight(2, "bias"))
    windows = _windows(call, call.shape(1)[2:])
    return call.make(
        ops.Conv, call.node(0), *weights, groups=int(call.attribute("group", 1)), **windows
    )


@rule("ConvTranspose")
def conv_transpose(call: Call) -> Result:
    """A transposed convolution; `output_shape` decides the padding."""
    spatial, kernel = call.shape(0)[2:], call.shape(1)[2:]
    count = len(spatial)
    windows = _windows(call, kernel)
    more = _list(call, "output_padding", count, 0)
    automatic = call.attribute("auto_pad", "NOTSET")
    wanted = call.attribute("output_shape")
    if wanted is None and automatic.startswith("SAME"):
        wanted = [n * s for n, s in zip(spatial, windows["stride"], strict=True)]
    if wanted is not None:
        padding = []
        reaches = zip(spatial, kernel, windows["stride"], windows["dilation"], strict=True)
        for i, (size, k, stride, dilation) in enumerate(reaches):
            whole = stride * (size - 1) + more[i] + (k - 1) * dilation + 1
            total = whole - int(wanted[-count:][i])
            if total < 0:
                more[i] -= total
                total = 0
            less, rest = total // 2, total - total // 2
            padding.append([less, rest] if automatic == "SAME_UPPER" else [rest, less])
        windows["padding"] = padding
    weights = [call.weight(1, "weight")]
    if call.has(2):
        weights.append(call.weight(2, "bias"))
    groups = int(call.attribute("group", 1))
    return call.make(
        ops.ConvTranspose,
        call.node(0),
        *weights,
        groups=groups,
        output_padding=more,
        **windows,
    )


@rule("MaxPool AveragePool")
def pool(call: Call) -> Sequence[Result]:
    """The greatest entry or the mean of each window."""
    kernel = _list(call, "kernel_shape", 0)
    windows = _windows(call, kernel)
    windows["ceil_mode"] = bool(call.attribute("ceil_mode", 0))
    kind: type[Op] = ops.MaxPool
    if call.kind == "AveragePool":
        kind = ops.AveragePool
        windows["count_include_pad"] = bool(call.attribute("count_include_pad", 0))
    elif len(call.proto.output) > 1 and call.proto.output[1]:
        call.require(not call.is_used(call.proto.output[1]), "its indices are an output too")
    return [call.make(kind, call.node(0), kernel=kernel, **windows), None]


@rule("LpPool")
def lp_pool(call: Call) -> Result:
    """The p-th root of the sums of |x|ᵖ: means of windows, times their number of entries."""
    kernel = _list(call, "kernel_shape", 0)
    windows = _windows(call, kernel)
    p = float(call.attribute("p", 2))
    size = call.make(ops.Abs, call.node(0), suffix="abs")
    powers = call.make(ops.Pow, size, suffix="powers", exponent=p)
    means = call.make(
        ops.AveragePool,
        powers,
        suffix="means",
        kernel=kernel,
        count_include_pad=True,
        ceil_mode=False,
        **windows,
    )
    call.require(not call.attribute("ceil_mode", 0), "its last windows are smaller")
    sums = call.make(
        ops.Mul, means, call.constant(float(math.prod(kernel)), "count"), suffix="sums"
    )
    return call.make(ops.Pow, sums, exponent=1.0 / p)


@rule("GlobalAveragePool GlobalMaxPool")
def global_pool(call: Call) -> Result:
    """The mean or the greatest entry of each channel."""
    axes = list(range(2, call.rank(0)))
    kind: type[Op] = ops.Mean if call.kind == "GlobalAveragePool" else ops.Max
    return call.make(kind, call.node(0), axis=axes, keepdims=True)


@rule("Resize Upsample")
def resize(call: Call) -> Result:
    """Larger or smaller along axes; every mode that treats one axis after the other.

    A form that our Resize has not is a product with the weights of each axis, which the reference
    implementation gives for the unit vectors.
    """
    shape = call.shape(0)
    scales, sizes = _scales_and_sizes(call)
    mode = str(call.attribute("mode", "nearest"))
    transform = str(call.attribute("coordinate_transformation_mode", "half_pixel"))
    if call.kind == "Upsample" or call.opset < 11:
        transform = "asymmetric"
    call.require(transform != "tf_crop_and_resize", "it crops")
    changed = [axis for axis, n in enumerate(sizes) if n != shape[axis] or scales[axis] != 1.0]
    if not changed:
        return call.value(0)
    if _is_ours(call, mode, transform, [scales[axis] for axis in changed]):
        first = changed[0]
        factors = [float(scales[axis]) for axis in range(first, len(shape))]
        return call.make(ops.Resize, call.node(0), scale=factors, mode=mode)
    node = call.node(0)
    for i, axis in enumerate(changed):
        weights = _weights(call, shape[axis], scales[axis], sizes[axis], transform)
        last = i == len(changed) - 1
        node = _along(call, node, axis, weights, "" if last else f"axis_{axis}")
    return node


def _scales_and_sizes(call: Call) -> tuple[list[float], list[int]]:
    """Return how many times as large each axis becomes, and its new size."""
    shape = call.shape(0)
    scales, sizes = [1.0] * len(shape), list(shape)
    axes = [int(axis) % len(shape) for axis in call.attribute("axes") or range(len(shape))]
    newer = call.kind == "Resize" and call.opset >= 11
    at = 2 if newer else 1
    if call.kind == "Upsample" and call.opset < 9:
        given = np.asarray(call.attribute("scales"))
    else:
        given = np.asarray(call.known(at)) if call.has(at) else np.zeros(0)
    if given.size:
        for axis, factor in zip(axes, given.reshape(-1), strict=True):
            scales[axis], sizes[axis] = float(factor), math.floor(shape[axis] * float(factor))
        return scales, sizes
    wanted = dict(zip(axes, call.integers(3), strict=True))
    policy = str(call.attribute("keep_aspect_ratio_policy", "stretch"))
    if policy != "stretch":
        ratios = [n / shape[axis] for axis, n in wanted.items()]
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        for axis in wanted:
            scales[axis], sizes[axis] = ratio, math.floor(shape[axis] * ratio + 0.5)
        return scales, sizes
    for axis, n in wanted.items():
        scales[axis], sizes[axis] = n / shape[axis], n
    return scales, sizes


def _is_ours(call: Call, mode: str, transform: str, scales: Sequence[float]) -> bool:
    """Whether our Resize computes the same: up by whole numbers."""
    whole = all(scale >= 1.0 and float(scale).is_integer() for scale in scales)
    if call.attribute("antialias", 0) or not whole:
        return False
    if mode == "nearest":
        rounding = str(call.attribute("nearest_mode", "round_prefer_floor"))
        half = transform == "half_pixel" and rounding.startswith("round_prefer")
        plain = transform == "asymmetric" and (rounding == "floor" or call.opset < 11)
        return half or plain
    return mode == "linear" and transform in ("half_pixel", "pytorch_half_pixel")


def _weights(call: Call, n: int, scale: float, size: int, transform: str) -> Array:
    """Return the weights of n entries at each of `size` places, of shape (size, n)."""
    kept = {"coordinate_transformation_mode": transform}
    mode = str(call.attribute("mode", "nearest"))
    kept["mode"] = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    for name in ("cubic_coeff_a", "exclude_outside", "extrapolation_value", "antialias"):
        if (value := call.attribute(name)) is not None:
            kept[name] = value
    old = call.kind == "Upsample" or call.opset < 11
    kept["nearest_mode"] = call.attribute("nearest_mode", "floor" if old else "round_prefer_floor")
    whole = math.floor(n * scale) == size
    inputs = ["x", "", "scales"] if whole else ["x", "", "", "sizes"]
    node = helper.make_node("Resize", inputs, ["y"], **kept)
    given = {"x": np.eye(n)}
    if whole:
        given["scales"] = np.asarray([1.0, scale], np.float32)
    else:
        given["sizes"] = np.asarray([n, size], np.int64)
    (found,) = Evaluator(node, {"": 19})(given)
    weights: Array = np.asarray(found, np.float64).T
    call.require(weights.shape == (size, n), "its weights cannot be found")
    return weights


def _along(call: Call, node: Node, axis: int, weights: Array, suffix: str) -> Node:
    """Return the products of weights (m, n) with an axis of n; a Take if they are copies."""
    if ((weights == 1.0).sum(1) == 1).all() and ((weights != 0.0).sum(1) == 1).all():
        numbers = call.integer_constant(weights.argmax(1), f"entries_{axis}")
        return call.make(ops.Take, node, numbers, suffix=suffix, axis=axis)
    letters = "abcdefgh"[: len(call.shape(0))]
    result = letters[:axis] + "z" + letters[axis + 1 :]
    matrix = call.constant(weights, f"weights_{axis}")
    equation = f"{letters},z{letters[axis]}->{result}"
    return call.make(ops.Einsum, node, matrix, suffix=suffix, equation=equation)

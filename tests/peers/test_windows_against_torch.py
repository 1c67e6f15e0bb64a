"""Convolutions and pools against PyTorch, over random shapes and attributes.

The pools are equal bit for bit: they add up in PyTorch's order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from miniflow.errors import ShapeError
from miniflow.node import Input
from miniflow.ops import OPS, columns
from miniflow.ops.base import Calls

torch: Any = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[test,peers]'")
nn = torch.nn.functional
Array = np.ndarray[Any, Any]
CASES = 150


def run(name: str, values: list[Array], attributes: dict[str, Any], grad: Array) -> list[Array]:
    """Return an op's value and its inputs' gradients; all calls run twice, as in two steps."""
    op = OPS[name](*(Input(value=value) for value in values), name="op", **attributes)
    do = Calls(grad.dtype)
    out = np.full(op.shape_from(*(value.shape for value in values)), np.nan, grad.dtype)
    op.forward_calls(do, out, *values)
    sent = [np.full_like(value, np.nan) for value in values]
    for input_index, contribution in enumerate(sent):
        op.vjp_calls(do, input_index, contribution, grad, out, *values)
    for call in do.take() * 2:
        call()
    return [out, *sent]


def windows(rng: random.Random) -> tuple[int, list[int], list[int], dict[str, Any]]:
    """Draw the spatial axes, the kernel, and how windows slide."""
    axes = rng.choice([1, 2, 2, 3])
    spatial = [rng.randint(1, 9) for _ in range(axes)]
    kernel = [rng.randint(1, 4) for _ in range(axes)]
    of_axes = {
        "stride": [rng.randint(1, 3) for _ in range(axes)],
        "padding": [rng.randint(0, 3) for _ in range(axes)],
        "dilation": [rng.choice([1, 1, 2]) for _ in range(axes)],
    }
    return axes, spatial, kernel, of_axes


def draws(seed: int) -> Iterator[tuple[random.Random, np.random.Generator]]:
    for number in range(CASES):
        yield random.Random(f"{seed} {number}"), np.random.default_rng([seed, number])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["Conv", "ConvTranspose"])
def test_convolutions(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    for rng, numbers in draws(1):
        axes, spatial, kernel, attributes = windows(rng)
        groups, taken, made = rng.choice([1, 1, 2, 3]), rng.choice([1, 2, 3]), rng.choice([1, 2, 3])
        attributes["groups"] = groups
        monkeypatch.setattr(columns, "BLOCK", rng.choice([64, 2000, 2**19]))
        monkeypatch.setattr(columns, "COLUMNS", rng.choice([1, 4, 64]))
        monkeypatch.setattr(columns, "WIDE", rng.choice([1, 64]))
        channels = (groups * taken, made) if name == "ConvTranspose" else (groups * made, taken)
        shapes = [(rng.choice([1, 5]), groups * taken, *spatial), (*channels, *kernel)]
        shapes.append((groups * made,))
        values = [numbers.normal(size=shape).astype(dtype) for shape in shapes]
        if name == "ConvTranspose":
            steps = zip(attributes["stride"], attributes["dilation"], strict=True)
            attributes["output_padding"] = [rng.randint(0, max(pair) - 1) for pair in steps]
        op = OPS[name](*map(Input, "xwb"), **attributes)
        try:
            shape = op.output_shape(*(value.shape for value in values))
        except ShapeError:
            continue
        compared += 1
        tensors = [torch.tensor(value, requires_grad=True) for value in values]
        function = "conv_transpose" if name == "ConvTranspose" else "conv"
        theirs = getattr(nn, f"{function}{axes}d")(*tensors, **attributes)
        grad = numbers.normal(size=shape).astype(dtype)
        theirs.backward(torch.tensor(grad))
        wanted = [theirs.detach(), *(tensor.grad for tensor in tensors)]
        tolerance = 1e-11 if dtype == "float64" else 3e-4
        for found, other in zip(run(name, values, attributes, grad), wanted, strict=True):
            np.testing.assert_allclose(found, other.numpy(), tolerance, tolerance)
    assert compared > CASES // 3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["MaxPool", "AveragePool"])
def test_pools_bit_for_bit(name: str, dtype: str) -> None:
    compared = 0
    for rng, numbers in draws(2):
        axes, spatial, kernel, attributes = windows(rng)
        attributes["ceil_mode"] = rng.random() < 0.5
        # More is an error there.
        pads = zip(attributes["padding"], kernel, strict=True)
        attributes["padding"] = [min(pad, size // 2) for pad, size in pads]
        shape = (2, 2, *spatial)
        ties = rng.random() < 0.5
        x = numbers.integers(-3, 3, size=shape) if ties else numbers.normal(size=shape)
        x = x.astype(dtype)
        if name == "AveragePool":
            del attributes["dilation"]
            attributes["count_include_pad"] = rng.random() < 0.5
        op = OPS[name](Input("x"), kernel=kernel, **attributes)
        try:
            shape = op.output_shape(x.shape)
        except ShapeError:
            continue
        tensor = torch.tensor(x, requires_grad=True)
        kind = "max_pool" if name == "MaxPool" else "avg_pool"
        try:
            theirs = getattr(nn, f"{kind}{axes}d")(tensor, kernel, **attributes)
        except RuntimeError:  # avg_pool3d takes no axis shorter than its window
            continue
        compared += 1
        grad = numbers.normal(size=shape).astype(dtype)
        theirs.backward(torch.tensor(grad))
        value, sent = run(name, [x], {"kernel": kernel, **attributes}, grad)
        np.testing.assert_array_equal(value, theirs.detach().numpy())
        np.testing.assert_array_equal(sent, tensor.grad.numpy())
    assert compared > CASES // 4


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "kind"), [("AdaptiveMaxPool", "max"), ("AdaptiveAveragePool", "avg")]
)
def test_adaptive_pools(name: str, kind: str, dtype: str) -> None:
    for rng, numbers in draws(3):
        axes, spatial, _, _ = windows(rng)
        size = [rng.randint(1, 9) for _ in range(axes)]
        x = numbers.normal(size=(2, 2, *spatial)).astype(dtype)
        tensor = torch.tensor(x, requires_grad=True)
        theirs = getattr(nn, f"adaptive_{kind}_pool{axes}d")(tensor, size)
        grad = numbers.normal(size=theirs.shape).astype(dtype)
        theirs.backward(torch.tensor(grad))
        value, sent = run(name, [x], {"size": size}, grad)
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(value, theirs.detach().numpy(), tolerance, tolerance)
        np.testing.assert_allclose(sent, tensor.grad.numpy(), tolerance, tolerance)

"""Calls of PyTorch whose ATen ops are compared: made by a program under mfdebug, and by a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

Case = tuple[Callable[..., Any], list[Any]]


class Cube(torch.autograd.Function):
    """A function with a backward of its own."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        ctx.save_for_backward(x, y)
        return x * x * x + y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, _ = ctx.saved_tensors
        return 3 * x * x * gradients[0], gradients[0]


def parameter(*shape: int) -> Any:
    """Return a leaf that wants a gradient."""
    return torch.randn(*shape).requires_grad_()


def lstm(*tensors: Any) -> Any:
    """Return the outputs of an LSTM of one layer."""
    x, h, c, *weights = tensors
    return torch.lstm(x, (h, c), weights, True, 1, 0.0, True, False, True)[0]


def cases() -> dict[str, Case]:
    """Return for each kind of row its function and what it is given, always the same."""
    torch.manual_seed(3)
    across = torch.randn(6, 10).t().requires_grad_()
    queries = [parameter(2, 5, 4) for _ in range(3)]
    weights = [parameter(16, 3), parameter(16, 4), parameter(16), parameter(16)]
    state = [torch.randn(1, 2, 4), torch.randn(1, 2, 4)]
    images = parameter(2, 3, 6, 6)
    return {
        "linear": (functional.linear, [parameter(2, 3, 5), parameter(4, 5), parameter(4)]),
        "conv2d": (functional.conv2d, [images, parameter(4, 3, 3, 3), parameter(4)]),
        "layer_norm": (
            lambda x, w, b: functional.layer_norm(x, (5,), w, b),
            [parameter(4, 5), parameter(5), parameter(5)],
        ),
        "batch_norm": (
            lambda x, mean, var, w, b: functional.batch_norm(x, mean, var, w, b, training=True),
            [parameter(6, 4), torch.zeros(4), torch.ones(4), parameter(4), parameter(4)],
        ),
        "scaled_dot_product_attention": (functional.scaled_dot_product_attention, queries),
        "cross_entropy": (
            lambda x, y: functional.cross_entropy(x, y, label_smoothing=0.1),
            [parameter(5, 3), torch.tensor([0, 2, 1, 1, 0])],
        ),
        "dropout": (functional.dropout, [parameter(7, 5)]),
        "embedding": (
            lambda i, w: functional.embedding(i, w),
            [torch.tensor([[1, 4], [1, 0]]), parameter(6, 3)],
        ),
        "relu_": (torch.relu_, [parameter(4, 5)]),
        "lstm": (lstm, [parameter(2, 6, 3), *state, *weights]),
        "Cube": (Cube.apply, [parameter(3, 3), parameter(3, 3)]),
        # A matrix that lies in memory by columns, and a tensor with itself.
        "matmul": (torch.matmul, [parameter(6, 10), across]),
        # It sends on what arrives.
        "sub": (torch.sub, [parameter(2, 3), torch.ones(2, 3)]),
        "div": (torch.div, [parameter(3, 4)] * 2),
    }


def call(name: str, function: Callable[..., Any], given: list[Any], step: int) -> Any:
    """Return what a function returns in a step; what it changes in place is no leaf."""
    if name.endswith("_"):
        given = [given[0].clone(), *given[1:]]
    torch.manual_seed(7 + step)
    return function(*given)


def arriving(out: Any) -> Any:
    """Return what is to arrive at a result."""
    return torch.arange(out.numel(), dtype=out.dtype).reshape(out.shape) / 7 + 0.1

"""Modules that call every ATen op that .pt2 files are translated from: functions by family.

Each function takes parameters drawn for the shapes beside it. A module joins the results of a
family and weighs them to one number, so that every entry has a gradient of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

aten = torch.ops.aten
Function = Callable[..., Any]


class Family(NamedTuple):
    """Functions of parameters of these shapes; `positive` draws them above 0.

    Gradients differ by at most `tolerance`, relative to the largest entry. With `as_saved` they
    are those of the module that is saved, not of the one that is exported.
    """

    functions: dict[str, Function]
    shapes: Sequence[tuple[int, ...]]
    positive: bool = False
    tolerance: float = 1e-10
    as_saved: bool = False


class Joined(nn.Module):
    """The weighed sum of the results of functions."""

    def __init__(self, family: Family, only: str | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        drawn = [torch.randn(shape, dtype=torch.float64) for shape in family.shapes]
        if family.positive:
            drawn = [x.abs() + 0.1 for x in drawn]
        self.values = nn.ParameterList([nn.Parameter(x) for x in drawn])
        self.functions = [f for name, f in family.functions.items() if only in (None, name)]

    def forward(self) -> Tensor:
        values = list(self.values)
        results = [function(*values) for function in self.functions]
        parts = [r if isinstance(r, list | tuple) else [r] for r in results]
        flat = [part.to(torch.float64).reshape(-1) for each in parts for part in each]
        joined = torch.cat(flat)
        weights = 0.5 + torch.arange(joined.numel(), dtype=torch.float64) / joined.numel()
        return (joined * weights).sum()


def in_place(x: Tensor) -> Tensor:
    y = x * 2.0
    y += 1.0
    y.mul_(3.0)
    return y.relu_()


UNARY = "neg exp sin cos erf abs sigmoid tanh relu selu square expm1 tan"
POSITIVE = "log sqrt reciprocal rsqrt log1p log2"
ACTIVATIONS = "silu mish relu6 hardtanh leaky_relu elu softplus logsigmoid gelu"


def _named(module: Any, names: str) -> dict[str, Function]:
    return {name: getattr(module, name) for name in names.split(" ")}


FAMILIES = {
    "unary": Family(_named(torch, UNARY), [(2, 5)]),
    "positive": Family(
        {
            **_named(torch, POSITIVE),
            "pow": lambda x: x**3,
            "pow of tensors": lambda x: x**x,
            "pow of a number": lambda x: 2.0**x,
        },
        [(2, 5)],
        positive=True,
    ),
    "activations": Family(
        {
            **_named(F, ACTIVATIONS),
            "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
            "softplus beta": lambda x: F.softplus(x, beta=2.0),
            "elu alpha": lambda x: F.elu(x, alpha=0.7),
            "softmax": lambda x: F.softmax(x, 0),
            "log_softmax": lambda x: F.log_softmax(x, -1),
            "glu": lambda x: F.glu(x, 1),
            "prelu": lambda x: F.prelu(x, x[0, :1]),
            "dropout": lambda x: F.dropout(x, 0.5, False),
            "feature dropout": lambda x: F.dropout1d(x, 0.5, False),
        },
        [(3, 4)],
    ),
    "cells": Family(
        {
            "lstm": lambda x, h, c, w, v, b: torch.lstm_cell(x, (h, c), w, v, b, b * 2),
            "gru": lambda x, h, c, w, v, b: torch.gru_cell(x, h, w[:9], v[:9], b[:9], b[:9] * 2),
            "tanh": lambda x, h, c, w, v, b: torch.rnn_tanh_cell(x, h, w[:3], v[:3]),
            "relu": lambda x, h, c, w, v, b: torch.rnn_relu_cell(x, h, w[:3], v[:3], b[:3], b[:3]),
        },
        [(2, 4), (2, 3), (2, 3), (12, 4), (12, 3), (12,)],
    ),
    # Decomposing loses it.
    "detach": Family({"detach": lambda x: x * x.detach()}, [(3,)], as_saved=True),
    "called by name": Family(
        {
            "log_sigmoid_forward": lambda x, w: aten.log_sigmoid_forward(x)[0],
            "native_dropout": lambda x, w: aten.native_dropout(x, 0.5, False)[0],
            "nll_loss_forward": lambda x, w: aten.nll_loss_forward(
                x[0], torch.tensor([0, 2, 1]), None, 1, -100
            )[0],
            "nll_loss2d_forward": lambda x, w: aten.nll_loss2d_forward(
                x[:, :, None], torch.tensor([[[0, 2, 1, 1]], [[2, 2, 1, 0]]]), None, 1, -100
            )[0],
            "_prelu_kernel": lambda x, w: aten._prelu_kernel(x, w[:1, None]),
            "_fused_rms_norm": lambda x, w: aten._fused_rms_norm(x, [4], w, 1e-5)[0],
            "attention": lambda x, w: aten._scaled_dot_product_flash_attention_for_cpu(
                x[None], x[None], x[None], 0.0, True
            )[0],
            "_unsafe_index": lambda x, w: aten._unsafe_index(x, [None, torch.tensor([2, 0])]),
            "_unsafe_view": lambda x, w: aten._unsafe_view(x, [4, 6]),
            "view_copy": lambda x, w: aten.view_copy(x, [4, 6]),
            "split_with_sizes_copy": lambda x, w: aten.split_with_sizes_copy(x, [1, 3], 2)[1],
            "native_batch_norm": lambda x, w: aten.native_batch_norm(
                x, w[:3], None, None, None, True, 0.1, 1e-5
            )[0],
            "_convolution": lambda x, w: aten._convolution(
                x,
                w.view(1, 1, 4)[:, :, :2].expand(3, 3, 2),
                None,
                [1],
                [0],
                [1],
                False,
                [0],
                1,
                False,
                False,
                True,
                True,
            ),
            "reflection_pad1d": lambda x, w: aten.reflection_pad1d(x, [1, 2]),
            "reflection_pad2d": lambda x, w: aten.reflection_pad2d(x, [1, 2, 1, 1]),
            "replication_pad1d": lambda x, w: aten.replication_pad1d(x, [1, 2]),
            "replication_pad2d": lambda x, w: aten.replication_pad2d(x, [1, 2, 1, 1]),
            "max_pool1d_with_indices": lambda x, w: aten.max_pool1d_with_indices(x, [2])[0],
        },
        [(2, 3, 4), (4,)],
    ),
    # ATen has 1/6 and 1/alpha in float32 in their rules, also for float64.
    "hard": Family(
        {**_named(F, "hardsigmoid hardswish"), "celu": lambda x: F.celu(x, 0.7)},
        [(3, 4)],
        tolerance=1e-8,
    ),
    "arithmetic": Family(
        {
            "add": lambda x, y: x + y,
            "add alpha": lambda x, y: torch.add(x, y, alpha=0.5),
            "sub": lambda x, y: x - y,
            "rsub": lambda x, y: 1.0 - x,
            "mul": lambda x, y: x * y,
            "div": lambda x, y: x / (y * y + 1.0),
            "addcmul": lambda x, y: torch.addcmul(x, x, y, value=0.3),
            "addcdiv": lambda x, y: torch.addcdiv(x, x, y * y + 1.0),
            "lerp": lambda x, y: torch.lerp(x, x * y, 0.3),
            "maximum": lambda x, y: torch.maximum(x, y),
            "minimum": lambda x, y: torch.minimum(x, y),
            "clamp": lambda x, y: x.clamp(-0.5, 0.7),
            "sign": lambda x, y: x * torch.sign(x) + y * torch.sgn(y),
            "clamp tensors": lambda x, y: torch.clamp(x, min=y),
            "clamp_min": lambda x, y: x.clamp_min(0.2) * x.clamp_max(0.3),
            "clip": lambda x, y: x.clip(-0.2, 0.3),
            "aliases": lambda x, y: torch.multiply(torch.subtract(x, y), torch.divide(x, 3)),
            "true_divide": lambda x, y: torch.true_divide(x, 3),
            "or": lambda x, y: x * torch.logical_or(x > 0, y > 0) * torch.logical_xor(x > 0, y > 1),
            "and": lambda x, y: x * torch.logical_and(x > 0, torch.logical_not(y > 0)),
            "copy": lambda x, y: torch.zeros(3, 4).double().copy_(x) * 2,
            "filled": lambda x, y: x * torch.empty(3, 4).double().fill_(2.0),
            "zero": lambda x, y: x + torch.ones(3, 4).double().zero_(),
            "where": lambda x, y: torch.where(x > y, x, y * 2),
            "masked_fill": lambda x, y: x.masked_fill(x < 0, -3.0),
            "logic": lambda x, y: x * ((x > 0) & ~(y > 0) | (x != y)).to(x.dtype),
            "comparisons": lambda x, y: x * ((x >= y).double() + (x <= y) + (x == y) + (x < y)),
            "isnan": lambda x, y: x.masked_fill(torch.isnan(x), 0.0),
            "in place": lambda x, y: in_place(x),
        },
        [(3, 4), (4,)],
    ),
    "shapes": Family(
        {
            "view": lambda x: x.view(4, 6),
            "reshape": lambda x: x.transpose(0, 1).reshape(6, 4) * x[0, 0, 0],
            "flatten": lambda x: x.flatten(1),
            "unflatten": lambda x: x.unflatten(2, (2, 2)),
            "squeeze": lambda x: x[:1].squeeze(0) * x[:, :1].squeeze(1)[0],
            "squeeze all": lambda x: x[:1, :, :1].squeeze(),
            "unsqueeze": lambda x: x.unsqueeze(-1),
            "permute": lambda x: x.permute(2, 0, 1),
            "transpose": lambda x: x.transpose(-1, 0),
            "t": lambda x: x[0].t(),
            "movedim": lambda x: x.movedim(0, 2),
            "expand": lambda x: x[:1].expand(5, -1, 4),
            "expand_as": lambda x: x[:1].expand_as(x),
            "repeat": lambda x: x.repeat(2, 1, 3),
            "repeat_interleave": lambda x: x.repeat_interleave(2, dim=1),
            "slice": lambda x: x[:, 1:, ::2],
            "select": lambda x: x[1, -1],
            "unbind": lambda x: x.unbind(1)[2],
            "split": lambda x: x.split(3, 2)[0],
            "split sizes": lambda x: x.split([1, 3], 2),
            "chunk": lambda x: x.chunk(2, 1),
            "cat": lambda x: torch.cat([x, x[:, :1]], 1),
            "stack": lambda x: torch.stack([x, x * x], 1),
            "flip": lambda x: x.flip(0, 2),
            "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=0.5),
            "reflect": lambda x: F.pad(x, (1, 2), mode="reflect"),
            "replicate": lambda x: F.pad(x, (1, 2), mode="replicate"),
            "slice_scatter": lambda x: torch.slice_scatter(x, x[:, :1] * 2, 1, 1, 2),
            "narrow": lambda x: x.narrow(2, 1, 2),
            "roll": lambda x: x.roll((1, -1), (0, 2)),
            "pixel_shuffle": lambda x: F.pixel_shuffle(x.transpose(0, 2), 2),
            "tril": lambda x: x.tril(),
            "triu": lambda x: x.triu(1),
            "clone": lambda x: x.clone().contiguous(),
            "swapaxes": lambda x: x.swapaxes(0, 1),
            "moveaxis": lambda x: x.moveaxis(0, 1),
            "mT": lambda x: x.mT,
            "T": lambda x: x[0].T,
            "tile": lambda x: x.tile((2, 1)),
            "broadcast_to": lambda x: x[:1].broadcast_to(5, 3, 4),
            "view_as": lambda x: x.view_as(torch.zeros(6, 4)),
            "reshape_as": lambda x: x.reshape_as(torch.zeros(6, 4)),
            "type_as": lambda x: x.type_as(x[0]),
            "empty": lambda x: x * torch.empty_like(x).fill_(2.0),
            "positive": lambda x: +x,
            "reflect images": lambda x: F.pad(x, (1, 2, 1, 0), mode="reflect"),
            "replicate images": lambda x: F.pad(x[None], (1, 2, 1, 0), mode="replicate"),
            "circular": lambda x: F.pad(x, (1, 2), mode="circular"),
        },
        [(2, 3, 4)],
    ),
    "picks": Family(
        {
            "embedding": lambda x: F.embedding(torch.tensor([[0, 2], [2, 1]]), x),
            "padding": lambda x: F.embedding(torch.tensor([0, 2, 2]), x, padding_idx=2),
            "index_select": lambda x: x.index_select(1, torch.tensor([3, 0, 3])),
            "gather": lambda x: x.gather(1, torch.tensor([[0, 1], [3, 3], [2, 0]])),
            "index": lambda x: x[torch.tensor([2, 0])],
            "index of two": lambda x: x[torch.arange(3), torch.tensor([1, -1, 0])],
            "index mask": lambda x: x[torch.tensor([2, 0]), :],
        },
        [(3, 4)],
    ),
    "reductions": Family(
        {
            "sum": lambda x: x.sum(),
            "sum dim": lambda x: x.sum(1),
            "sum dims": lambda x: x.sum((0, 2), keepdim=True),
            "mean": lambda x: x.mean(),
            "mean dim": lambda x: x.mean(-1, keepdim=True),
            "prod": lambda x: x.prod(2),
            "logsumexp": lambda x: x.logsumexp(1),
            "amax": lambda x: x.amax((0, 1)),
            "amin": lambda x: x.amin(2, keepdim=True),
            "max": lambda x: x.max(),
            "min": lambda x: x.min(),
            "max dim": lambda x: x.max(1),
            "min dim": lambda x: x.min(2)[0],
            "argmax": lambda x: x.argmax(1),
            "var": lambda x: x.var(1),
            "var biased": lambda x: x.var((0, 2), unbiased=False),
            "std": lambda x: x.std(2),
            "var_mean": lambda x: torch.var_mean(x, 1),
            "norm": lambda x: x.norm(),
            "norm dim": lambda x: torch.linalg.vector_norm(x, dim=1),
            "norm 1": lambda x: torch.linalg.vector_norm(x, 1, dim=1),
            "norm p": lambda x: torch.norm(x, 2, 1),
            "std_mean": lambda x: torch.std_mean(x, 1),
            "all": lambda x: x * (x > -9).all() + (x > 0).all(1).sum(),
            "any": lambda x: x * (x > 0).any(),
            "cumsum": lambda x: x.cumsum(1),
        },
        [(2, 3, 4)],
    ),
    "linear": Family(
        {
            "linear": lambda x, w, b, v: F.linear(x, w, b),
            "no bias": lambda x, w, b, v: F.linear(x[0], w),
            "matmul": lambda x, w, b, v: x @ w.t(),
            "bmm": lambda x, w, b, v: torch.bmm(x, x.transpose(1, 2)),
            "addmm": lambda x, w, b, v: torch.addmm(b, x[0], w.t()),
            "addmm beta": lambda x, w, b, v: torch.addmm(b, x[0], w.t(), beta=2, alpha=0.5),
            "baddbmm": lambda x, w, b, v: torch.baddbmm(x[:, :, :3], x, x.transpose(1, 2)),
            "mv": lambda x, w, b, v: w.mv(v),
            "dot": lambda x, w, b, v: v.dot(w[0]),
            "inner": lambda x, w, b, v: torch.inner(v, w[0]),
            "addmv": lambda x, w, b, v: torch.addmv(b, w, v),
            "outer": lambda x, w, b, v: torch.outer(b, v),
            "einsum": lambda x, w, b, v: torch.einsum("ntc,oc->nto", x, w),
        },
        [(2, 3, 4), (5, 4), (5,), (4,)],
    ),
    "attention": Family(
        {
            "plain": F.scaled_dot_product_attention,
            "causal": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
            "mask": lambda q, k, v: F.scaled_dot_product_attention(
                q, k, v, attn_mask=torch.tensor([[True, False, True]] * 3)
            ),
            "added": lambda q, k, v: F.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=torch.tensor([[0.0, -1.0, 2.0]] * 3).double(),
                scale=0.3,
            ),
        },
        [(2, 2, 3, 4)] * 3,
    ),
    "norms": Family(
        {
            "layer_norm": lambda x, w, b: F.layer_norm(x, (3,), w[:3], b[:3]),
            "without weights": lambda x, w, b: F.layer_norm(x, (3, 3)),
            "rms_norm": lambda x, w, b: F.rms_norm(x, (3,), w[:3], 1e-5),
            "weight_norm": lambda x, w, b: torch._weight_norm(x[0], w[:, None, None], 0),
            "interface": lambda x, w, b: aten._weight_norm_interface(x[0], w[:, None, None])[0],
            "group_norm": lambda x, w, b: F.group_norm(x, 2, w, b),
            "instance_norm": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
            "batch_norm": lambda x, w, b: F.batch_norm(
                x, torch.zeros(4).double(), torch.ones(4).double(), w, b, training=True
            ),
            "inference": lambda x, w, b: F.batch_norm(
                x, torch.ones(4).double(), torch.full((4,), 2.0).double(), w, b
            ),
        },
        [(2, 4, 3, 3), (4,), (4,)],
    ),
    "windows": Family(
        {
            "conv2d": lambda x, w, b: F.conv2d(x, w, b, padding=1),
            "stride": lambda x, w, b: F.conv2d(x, w, stride=2, dilation=2),
            "same": lambda x, w, b: F.conv2d(x, w, b, padding="same"),
            "groups": lambda x, w, b: F.conv2d(x, w[:2, :1], b[:2], groups=2),
            "no batch": lambda x, w, b: F.conv2d(x[0], w, b),
            "conv1d": lambda x, w, b: F.conv1d(x[:, :, 0], w[:, :, 0], b),
            "conv3d": lambda x, w, b: F.conv3d(x[:, :, None], w[:, :, None], b),
            "transpose 1d": lambda x, w, b: F.conv_transpose1d(
                x[:, :, 0], w[:, :, 0].transpose(0, 1), b, stride=2
            ),
            "transpose 3d": lambda x, w, b: F.conv_transpose3d(
                x[:, :, None], w[:, :, None].transpose(0, 1), b
            ),
            "max_pool1d": lambda x, w, b: F.max_pool1d(x[0], 2),
            "max_pool3d": lambda x, w, b: F.max_pool3d(x, 2),
            "avg_pool3d": lambda x, w, b: F.avg_pool3d(x, 2),
            "adaptive 1d": lambda x, w, b: F.adaptive_avg_pool1d(x[0], 4),
            "adaptive 3d": lambda x, w, b: F.adaptive_avg_pool3d(x[None], 2),
            "adaptive max 1d": lambda x, w, b: F.adaptive_max_pool1d(x[0], 2),
            "adaptive max 3d": lambda x, w, b: F.adaptive_max_pool3d(x[None], 2),
            "nearest 1d": lambda x, w, b: F.interpolate(x[0], scale_factor=2),
            "nearest 3d": lambda x, w, b: F.interpolate(x[None], scale_factor=2),
            "linear 1d": lambda x, w, b: F.interpolate(x[0], size=9, mode="linear"),
            "linear 3d": lambda x, w, b: F.interpolate(x[None], size=(3, 4, 7), mode="trilinear"),
            "transpose": lambda x, w, b: F.conv_transpose2d(
                x, w.transpose(0, 1), b, stride=2, padding=1, output_padding=1
            ),
            "max_pool2d": lambda x, w, b: F.max_pool2d(x, 2),
            "max_pool2d padded": lambda x, w, b: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
            "avg_pool2d": lambda x, w, b: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
            "avg_pool1d": lambda x, w, b: F.avg_pool1d(x[0], 2),
            "adaptive_avg": lambda x, w, b: F.adaptive_avg_pool2d(x, (2, 3)),
            "adaptive_one": lambda x, w, b: F.adaptive_avg_pool2d(x, 1),
            "adaptive_max": lambda x, w, b: F.adaptive_max_pool2d(x, 2),
            "nearest": lambda x, w, b: F.interpolate(x, scale_factor=2),
            "bilinear": lambda x, w, b: F.interpolate(x, size=(7, 9), mode="bilinear"),
            "corners": lambda x, w, b: F.interpolate(
                x, size=(7, 9), mode="bilinear", align_corners=True
            ),
        },
        [(2, 2, 6, 6), (3, 2, 3, 3), (3,)],
    ),
    "costs": Family(
        {
            "cross_entropy": lambda x, y: F.cross_entropy(x, torch.tensor([0, 2, 1])),
            "sum": lambda x, y: F.cross_entropy(x, torch.tensor([0, 2, 1]), reduction="sum"),
            "probabilities": lambda x, y: F.cross_entropy(x, torch.softmax(y, 1)),
            "classes second": lambda x, y: F.cross_entropy(
                x.view(1, 3, 4), torch.tensor([[0, 2, 1, 1]])
            ),
            "nll": lambda x, y: F.nll_loss(x, torch.tensor([0, 2, 1])),
            "nll images": lambda x, y: F.nll_loss(
                x.view(1, 3, 2, 2), torch.tensor([[[0, 2], [1, 1]]])
            ),
            "decomposed mean": lambda x, y: torch.ops.aten.nll_loss(x, torch.tensor([0, 2, 1])),
            "mse": lambda x, y: F.mse_loss(x, y),
            "mse sum": lambda x, y: F.mse_loss(x, y, reduction="sum"),
            "mse none": lambda x, y: F.mse_loss(x, y, reduction="none"),
            "l1": lambda x, y: F.l1_loss(x, y),
            "huber": lambda x, y: F.huber_loss(x, y, delta=0.5),
            "smooth_l1": lambda x, y: F.smooth_l1_loss(x, y, beta=0.5),
            "bce": lambda x, y: F.binary_cross_entropy(torch.sigmoid(x), torch.sigmoid(y)),
            "bce with logits": lambda x, y: F.binary_cross_entropy_with_logits(x, torch.sigmoid(y)),
            "kl_div": lambda x, y: F.kl_div(
                F.log_softmax(x, 1), torch.softmax(y, 1), reduction="batchmean"
            ),
        },
        [(3, 4), (3, 4)],
    ),
    "constants": Family(
        {
            "arange": lambda x: x * torch.arange(4),
            "full": lambda x: x + torch.full((4,), 0.5),
            "new": lambda x: x * x.new_full((4,), 2.0) + x.new_zeros(4) * x.new_ones(4),
            "ones": lambda x: x * torch.ones_like(x) + torch.zeros(4) + torch.zeros_like(x),
            "linspace": lambda x: x * torch.linspace(0, 3, 4, dtype=torch.float64),
            "one_hot": lambda x: x * F.one_hot(torch.tensor([0, 3, 1]), 4),
            "remainder": lambda x: x * torch.remainder(torch.arange(4) - 2, 3),
            "fmod": lambda x: x * torch.fmod(torch.arange(4) - 2, 3),
            "eye": lambda x: x @ torch.eye(4, dtype=torch.float64),
            "causal mask": lambda x: torch.softmax(
                x.expand(4, 4) + torch.triu(torch.full((4, 4), float("-inf")), 1), 1
            ),
        },
        [(4,)],
    ),
}

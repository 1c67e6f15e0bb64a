"""The ops that mix the entries of several axes, forward and backward, against PyTorch."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from tests.peers.test_against_torch import Array, Case, compare

torch: Any = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[test,peers]'")
nn = torch.nn.functional


def by_head(x: Any, heads: int) -> Any:
    return x.reshape(*x.shape[:-1], heads, -1).transpose(-2, -3)


def in_heads(q: Any, k: Any, v: Any, heads: int) -> Any:
    found = nn.scaled_dot_product_attention(*(by_head(x, heads) for x in (q, k, v)), is_causal=True)
    return found.transpose(-2, -3).reshape(*q.shape[:-1], -1)


def with_minus_infinity(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw numbers, of which a mask of shape 4 x 5 has -infinity in some places."""
    drawn = rng.normal(size=shape)
    return np.where(drawn > 0.8, -np.inf, drawn) if shape == (4, 5) else drawn


QKV = ((2, 4, 6), (2, 5, 6), (2, 5, 4))
CASES = [
    Case("Attention", QKV, nn.scaled_dot_product_attention),
    Case("Attention", ((4, 6), (5, 6), (5, 3)), nn.scaled_dot_product_attention),
    Case("Attention", ((3, 2, 4, 6), (2, 5, 6), (1, 1, 5, 4)), nn.scaled_dot_product_attention),
    Case(
        "Attention",
        QKV,
        lambda q, k, v: nn.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3),
        {"causal": True, "scale": 0.3},
    ),
    Case("Attention", QKV, lambda q, k, v: in_heads(q, k, v, 2), {"heads": 2, "causal": True}),
    Case(
        "Attention",
        (*QKV, (4, 5)),
        lambda q, k, v, m: nn.scaled_dot_product_attention(q, k, v, attn_mask=m.detach()),
        {"mask": "add"},
        with_minus_infinity,
    ),
    Case(
        "Attention",
        (*QKV, (4, 5)),
        lambda q, k, v, m: nn.scaled_dot_product_attention(q, k, v, attn_mask=m != 0),
        {"mask": "keep"},
        lambda rng, shape: (
            rng.integers(3, size=shape) * 1.0 if shape == (4, 5) else rng.normal(size=shape)
        ),
    ),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_random_inputs(case: Case, dtype: str) -> None:
    rng = np.random.default_rng(zlib.crc32(str(case).encode()))
    for _ in range(20):
        compare(case, [case.draw(rng, shape).astype(dtype) for shape in case.shapes], dtype)

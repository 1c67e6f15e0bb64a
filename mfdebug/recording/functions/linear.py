"""Matrix products, and attention."""

from __future__ import annotations

from typing import Any

from mfdebug.recording.functions.table import function, same_as_aten
from miniflow.importers.pt2.builder import Builder, Value
from miniflow.importers.pt2.rules import attention as aten_attention
from miniflow.importers.pt2.rules import linear as aten
from miniflow.ops import MatMul

same_as_aten("linear matmul imatmul:matmul mm bmm mv dot inner outer ger:outer addmm addmv baddbmm")


@function("rmatmul")
def rmatmul(b: Builder, x: Value, other: Value) -> Value:
    """other·x."""
    return b.add(MatMul, other, x)


@function("einsum")
def einsum(b: Builder, equation: str, *operands: Any) -> Value:
    """Products summed over indices."""
    together = len(operands) == 1 and isinstance(operands[0], list)
    return aten.einsum(b, equation, list(operands[0]) if together else list(operands))


@function("scaled_dot_product_attention")
def attention(
    b: Builder,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    """softmax(Q·Kᵀ × scale)·V."""
    return aten_attention.attention(
        b, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa
    )[0]

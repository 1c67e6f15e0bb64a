"""Scaled dot-product attention."""

from __future__ import annotations

from typing import Any

from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.node import Node
from miniflow.ops import Attention


@rule(
    "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    folds=False,
)
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
    **_: Any,
) -> tuple[Value, None]:
    """softmax(Q·Kᵀ × scale)·V; the mask gets no gradient, so one that is learned is not taken."""
    if dropout_p:
        raise Unsupported(f"dropout_p={dropout_p}")
    if enable_gqa:
        raise Unsupported("enable_gqa=True")
    mask = attn_mask
    masks = [] if mask is None else [mask]
    if isinstance(mask, Node) and mask in b.learned:
        raise Unsupported("a mask that is learned")
    kind = "keep" if mask is not None and b.is_truth(mask) else "add"
    attributes = {"causal": is_causal, "scale": scale, **({"mask": kind} if masks else {})}
    return b.add(Attention, query, key, value, *masks, **attributes), None

"""Attention with several heads, as `torch.nn.MultiheadAttention` calls it."""

from __future__ import annotations

from mfdebug.recording.functions.table import function
from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules.linear import linear
from miniflow.importers.pt2.rules.shapes import reshaped
from miniflow.node import Node
from miniflow.ops import Attention, Split, Transpose


@function("multi_head_attention_forward")
def multi_head_attention(
    b: Builder,
    query: Value,
    key: Value,
    value: Value,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Value | None,
    in_proj_bias: Value | None,
    bias_k: Value | None,
    bias_v: Value | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Value,
    out_proj_bias: Value | None,
    training: bool = True,
    key_padding_mask: Value | None = None,
    need_weights: bool = True,
    attn_mask: Value | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Value | None = None,
    k_proj_weight: Value | None = None,
    v_proj_weight: Value | None = None,
    static_k: Value | None = None,
    static_v: Value | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Value, None]:
    """The output (L, N, E); the weights of the attention are not among our results."""
    others = (bias_k, bias_v, key_padding_mask, static_k, static_v)
    if any(other is not None for other in others) or add_zero_attn:
        raise Unsupported("its further inputs")
    if use_separate_proj_weight or in_proj_weight is None:
        raise Unsupported("weights of its own for each input")
    if training and dropout_p:
        raise Unsupported("random numbers that PyTorch has drawn")
    if len(b.shape(query)) != 3:
        raise Unsupported("an input without a batch")

    def part(x: Value, number: int) -> Value:
        return b.add(Split, x, parts=3, part=number, axis=0)

    def heads(x: Value, number: int) -> Value:
        bias = None if in_proj_bias is None else part(in_proj_bias, number)
        made = linear(b, x, part(in_proj_weight, number), bias)
        length, batch, width = b.shape(made)
        parted = reshaped(b, made, [length, batch, num_heads, width // num_heads])
        return b.add(Transpose, parted, axes=[1, 2, 0, 3])

    if attn_mask is not None and b.is_truth(attn_mask):
        # Here true means: not seen.
        raise Unsupported("a mask of true and false")
    masks = [] if attn_mask is None else [_mask(b, attn_mask, num_heads)]
    how = {"mask": "add"} if masks else {}
    made = b.add(
        Attention,
        heads(query, 0),
        heads(key, 1),
        heads(value, 2),
        *masks,
        causal=is_causal and not masks,
        **how,
    )
    batch, _, length, width = b.shape(made)
    joined = reshaped(
        b, b.add(Transpose, made, axes=[2, 0, 1, 3]), [length, batch, num_heads * width]
    )
    return linear(b, joined, out_proj_weight, out_proj_bias), None


def _mask(b: Builder, mask: Value, heads: int) -> Value:
    """Return a mask (L, S), or one for each head of each example, for (N, heads, L, S)."""
    if isinstance(mask, Node) and mask in b.learned:
        raise Unsupported("a mask that is learned")
    shape = b.shape(mask)
    if len(shape) == 3:
        return reshaped(b, mask, [shape[0] // heads, heads, *shape[1:]])
    return mask

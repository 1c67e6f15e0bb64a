"""Scaled dot-product attention in one node, in its plain form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.node import Input, Node
from miniflow.structure import with_inputs


@rule("Attention")
def attention(call: Call) -> Sequence[Result]:
    """Queries, keys, values and a mask; other forms are made of their parts, as ONNX has them."""
    call.require(len([n for n in call.proto.output if n]) == 1, "it has several outputs")
    for index in (4, 5, 6):
        call.require(not call.has(index), "it has past keys")
    for name in ("softcap", "qk_matmul_output_mode", "softmax_precision"):
        call.require(not call.attribute(name), f"it has {name}")
    for name in ("left_window_size", "right_window_size"):
        call.require(int(call.attribute(name, -1)) < 0, "it has a window")
    attributes: dict[str, Any] = {"causal": bool(call.attribute("is_causal", 0))}
    scale = call.attribute("scale")
    if scale is not None:
        attributes["scale"] = float(scale)
    if call.rank(0) == 3:
        heads = int(call.attribute("q_num_heads", 0))
        call.require(heads == int(call.attribute("kv_num_heads", 0)), "heads share keys")
        attributes["heads"] = heads
    else:
        call.require(call.shape(0)[1] == call.shape(1)[1], "heads share keys")
    if attributes["causal"]:
        call.require(call.shape(0)[-2] == call.shape(1)[-2], "queries and keys are not as many")
    nodes: list[Node] = [call.node(0), call.node(1), call.node(2)]
    if call.has(3):
        call.require(call.shape(3)[-1] == call.shape(1)[-2], "its mask is shorter than the keys")
        mask = call.node(3)
        call.require(not _is_learned(mask), "its mask is learned")
        nodes.append(mask)
        attributes["mask"] = "keep" if call.dtype(3).kind == "b" else "add"
    return [call.make(ops.Attention, *nodes, **attributes)]


def _is_learned(mask: Node) -> bool:
    """Whether a mask depends on parameters, so that it has a gradient; Attention sends none."""
    return any(isinstance(node, Input) and node.trainable for node in with_inputs([mask]))

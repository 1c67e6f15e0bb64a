"""The sign of each op, as it stands in its box, and the letters of its pins."""

from __future__ import annotations

from collections.abc import Sequence

from miniflow.node import Node
from miniflow.ops.composed import op_kind

# An op without a row here is shown by its class name.
_SYMBOLS = {
    "Abs": "|x|",
    "Add": "+",
    "BinaryCrossEntropy": "binary CE",
    "Clip": "clip",
    "Cos": "cos",
    "Cast": "cast",
    "Detach": "detach",
    "Div": "÷",
    "Equal": "=",
    "Erf": "erf",
    "Exp": "exp",
    "Greater": ">",
    "GreaterOrEqual": ">=",
    "Less": "<",
    "LessOrEqual": "<=",
    "Linear": "X·W+b",
    "Log": "log",
    "MatMul": "A·B",
    "Max": "max",
    "Mean": "mean",
    "Min": "min",
    "Mul": "×",
    "Neg": "−",
    "Reciprocal": "1/x",
    "Sigmoid": "σ",
    "SigmoidCrossEntropy": "σ CE",
    "SoftmaxCrossEntropy": "softmax CE",
    "Sin": "sin",
    "Softmax": "softmax",
    "Sqrt": "√",
    "Sub": "−",
    "Sum": "Σ",
    "Tanh": "tanh",
    "Transpose": "ᵀ",
    "Where": "where",
}
# Where the inputs are not interchangeable, each has a letter.
_PINS = {
    "Sub": "ab",
    "Div": "ab",
    "MatMul": "AB",
    "Linear": "XWb",
    "PRelu": "xa",
    **dict.fromkeys(("BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm"), "xwb"),
    "Attention": "qkvm",
    "Less": "ab",
    "LessOrEqual": "ab",
    "Greater": "ab",
    "GreaterOrEqual": "ab",
    "Where": "cxy",
}


def symbol(node: Node) -> str:
    """Return the sign of a node's op."""
    kind = op_kind(node).__name__
    exponent = getattr(node, "attrs", {}).get("exponent") if kind == "Pow" else None
    if isinstance(exponent, int | float) and len(node.inbound_nodes) == 1:
        return f"x^{exponent:g}"
    return _SYMBOLS.get(kind, type(node).__name__)


def pins(node: Node) -> str:
    """Return a letter for each input of a node, or an empty string."""
    letters = _PINS.get(op_kind(node).__name__, "")
    count = len(node.inbound_nodes)
    return letters[:count] if count <= len(letters) else ""


def ops_text(nodes: Sequence[Node]) -> str:
    """Return what is in a folded scope: `X·W+b→σ`, or how many nodes."""
    ops = [node for node in nodes if node.inbound_nodes]
    if 0 < len(ops) <= 2:
        return "→".join(map(symbol, ops))
    return f"{len(nodes):,} nodes"

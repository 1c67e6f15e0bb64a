"""Matrix products, and attention."""

from __future__ import annotations

from typing import Any

from mfdebug.recording.functions.table import function, same_as_aten
from miniflow.importers.pt2.builder import Builder, Value
from miniflow.importers.pt2.rules import linear as aten
from miniflow.ops import MatMul

same_as_aten("linear matmul imatmul:matmul mm bmm mv dot inner outer ger:outer addmm addmv baddbmm")
same_as_aten("scaled_dot_product_attention")


@function("rmatmul")
def rmatmul(b: Builder, x: Value, other: Value) -> Value:
    """other·x."""
    return b.add(MatMul, other, x)


@function("einsum")
def einsum(b: Builder, equation: str, *operands: Any) -> Value:
    """Products summed over indices."""
    together = len(operands) == 1 and isinstance(operands[0], list)
    return aten.einsum(b, equation, list(operands[0]) if together else list(operands))

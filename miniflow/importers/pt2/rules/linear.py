"""Matrix products."""

from __future__ import annotations

from miniflow.importers.pt2.builder import Builder, Operand, Value
from miniflow.importers.pt2.rules.elementwise import times
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import Add, Einsum, Linear, MatMul, Transpose


@rule("linear", folds=False)
def linear(b: Builder, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """x·Wᵀ + b; PyTorch's weights have a row for each output."""
    columns = weight
    if len(b.shape(weight)) == 2:
        columns = b.add(Transpose, weight)
        b.call(columns, "weight_T")
    return b.add(MatMul, x, columns) if bias is None else b.add(Linear, x, columns, bias)


@rule("addmm", "addmv", folds=False)
def addmm(
    b: Builder,
    x: Value,
    mat1: Value | None = None,
    mat2: Value | None = None,
    mat: Value | None = None,
    vec: Value | None = None,
    beta: Operand = 1,
    alpha: Operand = 1,
) -> Value:
    """Beta × x + alpha × mat1·mat2."""
    first, second = (mat1, mat2) if mat is None else (mat, vec)
    assert first is not None
    assert second is not None
    if beta == alpha == 1 and len(b.shape(x)) == 1 and vec is None:
        return b.add(Linear, first, second, x)
    return b.add(Add, times(b, x, beta), times(b, b.add(MatMul, first, second), alpha))


@rule("baddbmm", folds=False)
def baddbmm(
    b: Builder, x: Value, batch1: Value, batch2: Value, beta: Operand = 1, alpha: Operand = 1
) -> Value:
    """Beta × x + alpha × batch1·batch2."""
    return addmm(b, x, batch1, batch2, beta=beta, alpha=alpha)


@rule("mm", "bmm", folds=False)
def mm(b: Builder, x: Value, mat2: Value) -> Value:
    """x·mat2."""
    return b.add(MatMul, x, mat2)


@rule("matmul", folds=False)
def matmul(b: Builder, x: Value, other: Value) -> Value:
    """x·other."""
    return b.add(MatMul, x, other)


@rule("mv", folds=False)
def mv(b: Builder, x: Value, vec: Value) -> Value:
    """x·vec."""
    return b.add(MatMul, x, vec)


@rule("dot", "inner", folds=False)
def dot(b: Builder, x: Value, tensor: Value | None = None, other: Value | None = None) -> Value:
    """The sum of the products of two vectors."""
    second = tensor if tensor is not None else other
    assert second is not None
    return b.add(MatMul, x, second)


@rule("outer", folds=False)
def outer(b: Builder, x: Value, vec2: Value) -> Value:
    """The product of each pair of entries."""
    return b.add(Einsum, x, vec2, equation="i,j->ij")


@rule("einsum", folds=False)
def einsum(b: Builder, equation: str, tensors: list[Value], path: None = None) -> Value:
    """Products summed over indices."""
    return b.add(Einsum, *tensors, equation=equation)

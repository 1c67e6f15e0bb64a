"""Costs. ATen's number of a reduction: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

import math

from miniflow.importers.pt2.builder import Builder, Constant, Unsupported, Value
from miniflow.importers.pt2.rules.table import rule
from miniflow.ops import (
    KL,
    MAE,
    MSE,
    NLL,
    Abs,
    BinaryCrossEntropy,
    Huber,
    Mul,
    Pow,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    Sub,
    Transpose,
)

NONE, MEAN, SUM = range(3)


def _reduced(b: Builder, mean: Value, reduction: int, count: int) -> Value:
    """Return a cost from the mean of its `count` terms."""
    if reduction == NONE:
        raise Unsupported("reduction='none'")
    return mean if reduction == MEAN else b.add(Mul, mean, float(count))


def _plain(weight: Value | None, **others: object) -> None:
    """Raise `Unsupported` for class weights, and for another value than 0 or None."""
    if weight is not None:
        raise Unsupported("weights of classes")
    for name, value in others.items():
        if value:
            raise Unsupported(f"{name}={value}")


def _classes_last(b: Builder, x: Value) -> Value:
    """Return scores (N, C, ...) with the classes on the last axis."""
    axes = len(b.shape(x))
    if axes < 3:
        return x
    return b.add(Transpose, x, axes=[0, *range(2, axes), 1])


@rule("cross_entropy_loss", folds=False)
def cross_entropy(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None = None,
    reduction: int = MEAN,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Value:
    """The cross-entropy of the softmax over the classes."""
    _plain(weight, label_smoothing=label_smoothing)
    _check_labels(target, ignore_index)
    probabilities = b.shape(x) == b.shape(target)
    labels = _classes_last(b, target) if probabilities else target
    scores = _classes_last(b, x)
    if not probabilities:
        b.bound(labels, b.shape(scores)[-1])
    count = math.prod(b.shape(scores)[:-1])
    return _reduced(b, b.add(SoftmaxCrossEntropy, scores, labels), reduction, count)


@rule("nll_loss", "nll_loss_nd", "nll_loss_forward", "nll_loss2d_forward", folds=False)
def nll(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None = None,
    reduction: int = MEAN,
    ignore_index: int = -100,
) -> tuple[Value, None]:
    """The negative log-likelihood."""
    _plain(weight)
    _check_labels(target, ignore_index)
    logs = _classes_last(b, x)
    b.bound(target, b.shape(logs)[-1])
    return _reduced(b, b.add(NLL, logs, target), reduction, math.prod(b.shape(target))), None


def _check_labels(target: Value, ignore_index: int) -> None:
    """Raise `Unsupported` if labels in the file are to be ignored; fed ones are checked later."""
    if isinstance(target, Constant) and (target.array == ignore_index).any():
        raise Unsupported(f"labels that are ignored: {ignore_index}")


def _same(b: Builder, x: Value, target: Value) -> int:
    """Return the number of entries of two tensors of one shape."""
    if b.shape(x) != b.shape(target):
        raise Unsupported("shapes that broadcast")
    return math.prod(b.shape(x))


@rule("mse_loss")
def mse(b: Builder, x: Value, target: Value, reduction: int = MEAN) -> Value:
    """The mean square error."""
    if reduction == NONE:
        return b.add(Pow, b.add(Sub, x, target), exponent=2.0)
    count = _same(b, x, target)
    return _reduced(b, b.add(MSE, target, x), reduction, count)


@rule("l1_loss")
def l1(b: Builder, x: Value, target: Value, reduction: int = MEAN) -> Value:
    """The mean absolute error."""
    if reduction == NONE:
        return b.add(Abs, b.add(Sub, x, target))
    count = _same(b, x, target)
    return _reduced(b, b.add(MAE, target, x), reduction, count)


@rule("huber_loss")
def huber(b: Builder, x: Value, target: Value, reduction: int = MEAN, delta: float = 1.0) -> Value:
    """Square near 0, linear beyond delta."""
    count = _same(b, x, target)
    return _reduced(b, b.add(Huber, target, x, delta=delta), reduction, count)


@rule("smooth_l1_loss")
def smooth_l1(
    b: Builder, x: Value, target: Value, reduction: int = MEAN, beta: float = 1.0
) -> Value:
    """Huber's cost over beta."""
    if not beta:
        return l1(b, x, target, reduction)
    cost = huber(b, x, target, reduction, beta)
    return cost if beta == 1 else b.add(Mul, cost, 1 / beta)


@rule("binary_cross_entropy")
def bce(
    b: Builder, x: Value, target: Value, weight: Value | None = None, reduction: int = MEAN
) -> Value:
    """The cross-entropy of probabilities."""
    _plain(weight)
    count = _same(b, x, target)
    return _reduced(b, b.add(BinaryCrossEntropy, target, x), reduction, count)


@rule("binary_cross_entropy_with_logits")
def bce_with_logits(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None = None,
    pos_weight: Value | None = None,
    reduction: int = MEAN,
) -> Value:
    """The cross-entropy of σ(x)."""
    _plain(weight)
    _plain(pos_weight)
    count = _same(b, x, target)
    return _reduced(b, b.add(SigmoidCrossEntropy, target, x), reduction, count)


@rule("kl_div")
def kl(
    b: Builder, x: Value, target: Value, reduction: int = MEAN, log_target: bool = False
) -> Value:
    """The Kullback-Leibler divergence."""
    count = _same(b, x, target)
    made = b.add(KL, x, target, log_target=log_target, mean="all")
    return _reduced(b, made, reduction, count)

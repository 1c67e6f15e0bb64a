"""Costs of `torch.nn.functional`, whose reduction is a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mfdebug.recording.functions.table import function
from miniflow.importers.pt2.builder import Builder, Unsupported, Value
from miniflow.importers.pt2.rules import costs as aten
from miniflow.ops import KL

_REDUCTIONS = {"none": aten.NONE, "mean": aten.MEAN, "sum": aten.SUM}


def _reduction(reduction: str, size_average: Any, reduce: Any) -> int:
    if size_average is not None or reduce is not None:
        raise Unsupported("size_average or reduce")
    if reduction not in _REDUCTIONS:
        raise Unsupported(f"reduction={reduction!r:.40}")
    return _REDUCTIONS[reduction]


@function("cross_entropy")
def cross_entropy(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Value:
    """The cross-entropy of the softmax over the classes."""
    kind = _reduction(reduction, size_average, reduce)
    _ignored(b, x, ignore_index)
    return aten.cross_entropy(b, x, target, weight, kind, ignore_index, label_smoothing)


@function("nll_loss")
def nll_loss(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Value:
    """The negative log-likelihood."""
    kind = _reduction(reduction, size_average, reduce)
    _ignored(b, x, ignore_index)
    return aten.nll(b, x, target, weight, kind, ignore_index)[0]


def _enter(name: str, aten_rule: Callable[[Builder, Value, Value, int], Value]) -> None:
    """Enter a cost that has no settings of its own but the weights of entries."""

    def cost(
        b: Builder,
        x: Value,
        target: Value,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        weight: Value | None = None,
    ) -> Value:
        _unweighted(weight)
        return aten_rule(b, x, target, _reduction(reduction, size_average, reduce))

    function(name)(cost)


_enter("mse_loss", aten.mse)
_enter("l1_loss", aten.l1)


@function("smooth_l1_loss")
def smooth_l1_loss(
    b: Builder,
    x: Value,
    target: Value,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Value:
    """Huber's cost over beta."""
    return aten.smooth_l1(b, x, target, _reduction(reduction, size_average, reduce), beta)


@function("huber_loss")
def huber_loss(
    b: Builder,
    x: Value,
    target: Value,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Value | None = None,
) -> Value:
    """Square near 0, linear beyond delta."""
    _unweighted(weight)
    return aten.huber(b, x, target, _reduction(reduction, None, None), delta)


@function("binary_cross_entropy")
def binary_cross_entropy(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Value:
    """The cross-entropy of probabilities."""
    return aten.bce(b, x, target, weight, _reduction(reduction, size_average, reduce))


@function("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    b: Builder,
    x: Value,
    target: Value,
    weight: Value | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Value | None = None,
) -> Value:
    """The cross-entropy of σ(x)."""
    kind = _reduction(reduction, size_average, reduce)
    return aten.bce_with_logits(b, x, target, weight, pos_weight, kind)


@function("kl_div")
def kl_div(
    b: Builder,
    x: Value,
    target: Value,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Value:
    """The Kullback-Leibler divergence; by batch, its sum over the size of the first axis."""
    if reduction == "batchmean":
        if b.shape(x) != b.shape(target):
            raise Unsupported("shapes that broadcast")
        return b.add(KL, x, target, log_target=log_target)
    kind = _reduction(reduction, size_average, reduce)
    return aten.kl(b, x, target, kind, log_target)


def _ignored(b: Builder, x: Value, ignore_index: int) -> None:
    """Raise `Unsupported` if rows of one of the classes are left out; our rule rejects others."""
    shape = b.shape(x)
    if 0 <= ignore_index < (shape[1] if len(shape) > 1 else shape[0]):
        raise Unsupported(f"ignore_index={ignore_index}")


def _unweighted(weight: Value | None) -> None:
    if weight is not None:
        raise Unsupported("weights of entries")

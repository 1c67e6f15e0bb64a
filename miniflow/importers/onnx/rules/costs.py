"""Costs: cross-entropies of scores or log-probabilities with class numbers."""

from __future__ import annotations

from collections.abc import Sequence

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.node import Node
from miniflow.ops.base import Op


@rule("SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss")
def cross_entropy(call: Call) -> Sequence[Result]:
    """The mean over all rows; other forms are made of their parts, as ONNX defines them."""
    call.require(call.attribute("reduction", "mean") == "mean", "it is not the mean")
    call.require(not call.has(2), "its classes have weights")
    call.require(call.attribute("ignore_index") is None, "it ignores a class")
    call.require(len([n for n in call.proto.output if n]) == 1, "its log_prob is an output too")
    scores: Node = call.node(0)
    rank = call.rank(0)
    if rank > 2:
        order = [0, *range(2, rank), 1]
        scores = call.make(ops.Transpose, scores, suffix="classes_last", axes=order)
    soft = call.kind == "SoftmaxCrossEntropyLoss"
    kind: type[Op] = ops.SoftmaxCrossEntropy if soft else ops.NLL
    return [call.make(kind, scores, call.node(1, "labels"))]

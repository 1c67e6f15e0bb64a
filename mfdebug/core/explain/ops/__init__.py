"""The explainers of the ops, with one module per family of ops.

They write the working of an op in numbers. The sentence that says what an op does is its `role`, in
`miniflow/ops`.
"""

from __future__ import annotations

from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.attention import AttentionExplainer
from mfdebug.core.explain.ops.base import Explainer
from mfdebug.core.explain.ops.composed import ComposedExplainer
from mfdebug.core.explain.ops.conditions import CastExplainer, ComparisonExplainer, WhereExplainer
from mfdebug.core.explain.ops.convolution import ConvolutionExplainer
from mfdebug.core.explain.ops.copies import ExpandExplainer, TakeExplainer, TileExplainer
from mfdebug.core.explain.ops.cross_entropy import CrossEntropyExplainer
from mfdebug.core.explain.ops.einsum import EinsumExplainer
from mfdebug.core.explain.ops.elementwise import (
    DefinedExplainer,
    DropoutExplainer,
    ElementwiseExplainer,
    GateExplainer,
    PowerExplainer,
    ProductExplainer,
    SelectionExplainer,
    SumExplainer,
)
from mfdebug.core.explain.ops.extremes import ArgMaxExplainer, AxisSelectionExplainer
from mfdebug.core.explain.ops.linear import MatrixExplainer
from mfdebug.core.explain.ops.log_likelihood import KLExplainer, LogSoftmaxExplainer, NLLExplainer
from mfdebug.core.explain.ops.norms import NormalizationExplainer
from mfdebug.core.explain.ops.pad import PadExplainer
from mfdebug.core.explain.ops.pair_costs import PairCostExplainer
from mfdebug.core.explain.ops.pools import AveragePoolExplainer, MaxPoolExplainer
from mfdebug.core.explain.ops.recurrent import GRUExplainer, LSTMExplainer, RNNExplainer
from mfdebug.core.explain.ops.reduce import CumulativeExplainer, ReductionExplainer
from mfdebug.core.explain.ops.resize import ResizeExplainer
from mfdebug.core.explain.ops.shape import MoveExplainer
from mfdebug.core.explain.ops.softmax import SoftmaxExplainer
from mfdebug.core.explain.ops.statistics import (
    LogSumExpExplainer,
    NormExplainer,
    TotalProductExplainer,
    VarianceExplainer,
)
from mfdebug.core.explain.ops.unknown import ProbeExplainer
from miniflow.node import Node
from miniflow.ops import OPS, Max, Min, Op
from miniflow.ops.base import follows_rules
from miniflow.ops.composed import Composed

_FAMILIES: dict[Explainer, str] = {
    ElementwiseExplainer(): (
        "Abs Cos Detach Div Erf Exp Log Neg Reciprocal SiLU Sigmoid Sin Softplus Sqrt Tanh"
    ),
    SumExplainer(): "Add Sub",
    ProductExplainer(): "Mul",
    PowerExplainer(): "Pow",
    SelectionExplainer(): "Max Min",
    GateExplainer(): "Clip Elu HardSigmoid LeakyReLU PRelu ReLU Selu",
    CastExplainer(): "Cast",
    ComparisonExplainer(): "Equal Greater GreaterOrEqual Less LessOrEqual",
    WhereExplainer(): "Where",
    DefinedExplainer(): "GELU",
    DropoutExplainer(): "Dropout",
    AttentionExplainer(): "Attention",
    EinsumExplainer(): "Einsum",
    MatrixExplainer(): "Linear MatMul",
    RNNExplainer(): "RNN",
    LSTMExplainer(): "LSTM",
    GRUExplainer(): "GRU",
    ConvolutionExplainer(): "Conv ConvTranspose",
    MaxPoolExplainer(): "AdaptiveMaxPool MaxPool",
    AveragePoolExplainer(): "AdaptiveAveragePool AveragePool",
    ReductionExplainer(): "Mean Sum",
    CumulativeExplainer(): "CumSum",
    VarianceExplainer(): "Var",
    NormExplainer(): "Norm",
    NormalizationExplainer(): "BatchNorm GroupNorm InstanceNorm LayerNorm RMSNorm",
    LogSumExpExplainer(): "LogSumExp",
    TotalProductExplainer(): "Prod",
    ArgMaxExplainer(): "ArgMax",
    MoveExplainer(): "Concat Reshape Slice Split Squeeze Stack Transpose Unsqueeze",
    ExpandExplainer(): "Expand",
    PadExplainer(): "Pad",
    ResizeExplainer(): "Resize",
    TileExplainer(): "Tile",
    TakeExplainer(): "Take",
    SoftmaxExplainer(): "Softmax",
    LogSoftmaxExplainer(): "LogSoftmax",
    NLLExplainer(): "NLL",
    KLExplainer(): "KL",
    PairCostExplainer(): "BinaryCrossEntropy Hinge Huber MAE MSE SigmoidCrossEntropy",
    CrossEntropyExplainer(): "SoftmaxCrossEntropy",
}
EXPLAINERS: dict[type[Node], Explainer] = {
    OPS[name]: explainer for explainer, names in _FAMILIES.items() for name in names.split()
}
_PROBE, _ALONG_AXES = ProbeExplainer(), AxisSelectionExplainer()


def applicable_explainer(view: NodeView) -> tuple[Op, Explainer] | None:
    """Return a view's op and its explainer, or None if the recorded values do not fit its rule."""
    found = explainer_of(view.op)
    if found is None or not view.debugger.state.explicable(view.node):
        return None
    if isinstance(found[0], Composed):
        return found[0], ComposedExplainer(view, found[0], _explainer_of_op)
    return found


def _explainer_of_op(op: Op) -> Explainer:
    found = explainer_of(op)
    return _PROBE if found is None else found[1]


def explainer_of(node: Node) -> tuple[Op, Explainer] | None:
    """Return an op and its explainer; None for inputs and for nodes in the lesson's style.

    A class derived from one of miniflow's ops may have other rules, so it is probed.
    """
    if not isinstance(node, Op) or not follows_rules(node):
        return None
    if type(node) in (Max, Min) and node.attrs["axis"] is not None:
        return node, _ALONG_AXES
    return node, EXPLAINERS.get(type(node), _PROBE)

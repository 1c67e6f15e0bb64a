"""Which explainer is whose: a row for each family of ops."""

from __future__ import annotations

from mfdebug.core.explain.ops.attention import AttentionExplainer
from mfdebug.core.explain.ops.base import Explainer
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


def family_explainer(op: Op) -> Explainer:
    """Return the explainer of an op's family, or the one that probes."""
    if type(op) in (Max, Min) and op.attrs["axis"] is not None:
        return _ALONG_AXES
    return EXPLAINERS.get(type(op), _PROBE)

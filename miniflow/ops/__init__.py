"""The ops, one family per module, and their registry."""

from miniflow.ops.activation import (
    HardSigmoid,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from miniflow.ops.arithmetic import (
    Add,
    Div,
    Mul,
    Neg,
    Reciprocal,
    Sub,
)
from miniflow.ops.attention import Attention
from miniflow.ops.base import (
    OPS,
    Op,
)
from miniflow.ops.batch_norm import BatchNorm
from miniflow.ops.channel_norms import GroupNorm, InstanceNorm
from miniflow.ops.conditions import (
    Cast,
    Detach,
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Where,
)
from miniflow.ops.convolution import Conv, ConvTranspose
from miniflow.ops.copies import (
    Expand,
    Take,
    Tile,
)
from miniflow.ops.cost import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from miniflow.ops.curves import Cos, Erf, Sin
from miniflow.ops.dropout import (
    Dropout,
)
from miniflow.ops.einsum import Einsum
from miniflow.ops.extremes import (
    Abs,
    ArgMax,
    Clip,
    Max,
    Min,
)
from miniflow.ops.gated import GRU, LSTM
from miniflow.ops.joins import (
    Concat,
    Stack,
)
from miniflow.ops.likelihood import KL, NLL
from miniflow.ops.linear import (
    Linear,
    MatMul,
)
from miniflow.ops.linear_units import GELU, Elu, PRelu, Selu, SiLU
from miniflow.ops.norms import LayerNorm, RMSNorm
from miniflow.ops.pad import Pad
from miniflow.ops.piecewise_cost import Hinge, Huber
from miniflow.ops.pools import AdaptiveAveragePool, AdaptiveMaxPool, AveragePool, MaxPool
from miniflow.ops.powers import (
    Exp,
    Log,
    Pow,
    Sqrt,
)
from miniflow.ops.recurrent import RNN
from miniflow.ops.reduce import (
    CumSum,
    Mean,
    Sum,
)
from miniflow.ops.resize import Resize
from miniflow.ops.shape import (
    Reshape,
    Squeeze,
    Transpose,
    Unsqueeze,
)
from miniflow.ops.slices import (
    Slice,
    Split,
)
from miniflow.ops.statistics import (
    LogSumExp,
    Norm,
    Prod,
    Var,
)

__all__ = [
    "GELU",
    "GRU",
    "KL",
    "LSTM",
    "MAE",
    "MSE",
    "NLL",
    "OPS",
    "RNN",
    "Abs",
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "Add",
    "ArgMax",
    "Attention",
    "AveragePool",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Cast",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Cos",
    "CumSum",
    "Detach",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Greater",
    "GreaterOrEqual",
    "GroupNorm",
    "HardSigmoid",
    "Hinge",
    "Huber",
    "InstanceNorm",
    "LayerNorm",
    "LeakyReLU",
    "Less",
    "LessOrEqual",
    "Linear",
    "Log",
    "LogSoftmax",
    "LogSumExp",
    "MatMul",
    "Max",
    "MaxPool",
    "Mean",
    "Min",
    "Mul",
    "Neg",
    "Norm",
    "Op",
    "PRelu",
    "Pad",
    "Pow",
    "Prod",
    "RMSNorm",
    "ReLU",
    "Reciprocal",
    "Reshape",
    "Resize",
    "Selu",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Sin",
    "Slice",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Split",
    "Sqrt",
    "Squeeze",
    "Stack",
    "Sub",
    "Sum",
    "Take",
    "Tanh",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "Var",
    "Where",
]

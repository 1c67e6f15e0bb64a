"""The ops, one family per module, and their registry."""

from miniflow.ops.activation import (
    GELU,
    LeakyReLU,
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
    Sub,
)
from miniflow.ops.base import (
    OPS,
    Op,
)
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
from miniflow.ops.dropout import (
    Dropout,
)
from miniflow.ops.extremes import (
    Abs,
    ArgMax,
    Max,
    Min,
)
from miniflow.ops.joins import (
    Concat,
    Stack,
)
from miniflow.ops.linear import (
    Linear,
    MatMul,
)
from miniflow.ops.powers import (
    Exp,
    Log,
    Pow,
    Sqrt,
)
from miniflow.ops.reduce import (
    CumSum,
    Mean,
    Sum,
)
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
    "MAE",
    "MSE",
    "OPS",
    "Abs",
    "Add",
    "ArgMax",
    "BinaryCrossEntropy",
    "Concat",
    "CumSum",
    "Div",
    "Dropout",
    "Exp",
    "Expand",
    "LeakyReLU",
    "Linear",
    "Log",
    "LogSumExp",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mul",
    "Neg",
    "Norm",
    "Op",
    "Pow",
    "Prod",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "SigmoidCrossEntropy",
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
]

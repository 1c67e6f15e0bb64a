"""The ops, one family per module, and their registry."""

from miniflow.ops.activation import GELU, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from miniflow.ops.arithmetic import Add, Div, Mul, Neg, Sub
from miniflow.ops.base import OPS, Op
from miniflow.ops.cost import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from miniflow.ops.dropout import Dropout
from miniflow.ops.extremes import Abs, Max, Min
from miniflow.ops.linear import Linear, MatMul
from miniflow.ops.powers import Exp, Log, Pow, Sqrt
from miniflow.ops.reduce import Mean, Sum
from miniflow.ops.shape import Concat, Reshape, Slice, Transpose

__all__ = [
    "GELU",
    "MAE",
    "MSE",
    "OPS",
    "Abs",
    "Add",
    "BinaryCrossEntropy",
    "Concat",
    "Div",
    "Dropout",
    "Exp",
    "LeakyReLU",
    "Linear",
    "Log",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mul",
    "Neg",
    "Op",
    "Pow",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Slice",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Sqrt",
    "Sub",
    "Sum",
    "Tanh",
    "Transpose",
]

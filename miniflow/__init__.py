"""miniflow: a small NumPy dataflow engine in the language of the MiniFlow lesson.

`from miniflow import *` gives a program what the lesson gave it, `np` included. `import miniflow
as mf` gives new programs more: operators and functions that make nodes, graphs that train, files
(see `miniflow.modern`). Both make the same nodes.
"""

import numpy as np

from miniflow.graph import Graph as Graph
from miniflow.lesson import forward_and_backward, forward_pass, sgd_update, topological_sort
from miniflow.modern import SGD as SGD
from miniflow.modern import Adam as Adam
from miniflow.modern import Momentum as Momentum
from miniflow.modern import binary_cross_entropy as binary_cross_entropy
from miniflow.modern import concat as concat
from miniflow.modern import dropout as dropout
from miniflow.modern import exp as exp
from miniflow.modern import gelu as gelu
from miniflow.modern import leaky_relu as leaky_relu
from miniflow.modern import linear as linear
from miniflow.modern import load as load
from miniflow.modern import log as log
from miniflow.modern import mae as mae
from miniflow.modern import matmul as matmul
from miniflow.modern import maximum as maximum
from miniflow.modern import minimum as minimum
from miniflow.modern import mse as mse
from miniflow.modern import parameter as parameter
from miniflow.modern import relu as relu
from miniflow.modern import save as save
from miniflow.modern import scope as scope
from miniflow.modern import sigmoid as sigmoid
from miniflow.modern import softmax as softmax
from miniflow.modern import softmax_cross_entropy as softmax_cross_entropy
from miniflow.modern import softplus as softplus
from miniflow.modern import sqrt as sqrt
from miniflow.modern import tanh as tanh
from miniflow.node import Input, Layer, Neuron, Node
from miniflow.ops import (
    GELU,
    MAE,
    MSE,
    Abs,
    Add,
    BinaryCrossEntropy,
    Concat,
    Div,
    Dropout,
    Exp,
    LeakyReLU,
    Linear,
    Log,
    MatMul,
    Max,
    Mean,
    Min,
    Mul,
    Neg,
    Pow,
    ReLU,
    Reshape,
    Sigmoid,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    Softplus,
    Sqrt,
    Sub,
    Sum,
    Tanh,
    Transpose,
)

__version__ = "0.4.0"

# What the star gives: the lesson's names, and all ops.
__all__ = [
    "GELU",
    "MAE",
    "MSE",
    "Abs",
    "Add",
    "BinaryCrossEntropy",
    "Concat",
    "Div",
    "Dropout",
    "Exp",
    "Input",
    "Layer",
    "LeakyReLU",
    "Linear",
    "Log",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mul",
    "Neg",
    "Neuron",
    "Node",
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
    "forward_and_backward",
    "forward_pass",
    "np",
    "sgd_update",
    "topological_sort",
]

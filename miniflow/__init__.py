"""miniflow: a small NumPy dataflow engine in the language of the MiniFlow lesson.

`from miniflow import *` imports the names that the lesson's programs use, `np` included. `import
miniflow as mf` adds the modern API: operators and functions that create nodes, graphs that train,
graph files (see `miniflow.functional`). Both create the same nodes.
"""

import numpy as np

from miniflow.functional import SGD as SGD
from miniflow.functional import Adagrad as Adagrad
from miniflow.functional import Adam as Adam
from miniflow.functional import AdamW as AdamW
from miniflow.functional import Constant as Constant
from miniflow.functional import Cosine as Cosine
from miniflow.functional import Group as Group
from miniflow.functional import Momentum as Momentum
from miniflow.functional import RMSProp as RMSProp
from miniflow.functional import StepDecay as StepDecay
from miniflow.functional import adaptive_average_pool as adaptive_average_pool
from miniflow.functional import adaptive_max_pool as adaptive_max_pool
from miniflow.functional import argmax as argmax
from miniflow.functional import attention as attention
from miniflow.functional import average_pool as average_pool
from miniflow.functional import batch_norm as batch_norm
from miniflow.functional import binary_cross_entropy as binary_cross_entropy
from miniflow.functional import cast as cast
from miniflow.functional import clip as clip
from miniflow.functional import concat as concat
from miniflow.functional import conv as conv
from miniflow.functional import conv_transpose as conv_transpose
from miniflow.functional import cos as cos
from miniflow.functional import cumsum as cumsum
from miniflow.functional import detach as detach
from miniflow.functional import dropout as dropout
from miniflow.functional import einsum as einsum
from miniflow.functional import elu as elu
from miniflow.functional import equal as equal
from miniflow.functional import erf as erf
from miniflow.functional import exp as exp
from miniflow.functional import expand as expand
from miniflow.functional import gelu as gelu
from miniflow.functional import greater as greater
from miniflow.functional import greater_or_equal as greater_or_equal
from miniflow.functional import group_norm as group_norm
from miniflow.functional import gru as gru
from miniflow.functional import hard_sigmoid as hard_sigmoid
from miniflow.functional import hinge as hinge
from miniflow.functional import huber as huber
from miniflow.functional import instance_norm as instance_norm
from miniflow.functional import kl as kl
from miniflow.functional import layer_norm as layer_norm
from miniflow.functional import leaky_relu as leaky_relu
from miniflow.functional import less as less
from miniflow.functional import less_or_equal as less_or_equal
from miniflow.functional import linear as linear
from miniflow.functional import load as load
from miniflow.functional import log as log
from miniflow.functional import log_softmax as log_softmax
from miniflow.functional import logsumexp as logsumexp
from miniflow.functional import lstm as lstm
from miniflow.functional import mae as mae
from miniflow.functional import matmul as matmul
from miniflow.functional import max_pool as max_pool
from miniflow.functional import maximum as maximum
from miniflow.functional import minimum as minimum
from miniflow.functional import mse as mse
from miniflow.functional import nll as nll
from miniflow.functional import norm as norm
from miniflow.functional import pad as pad
from miniflow.functional import parameter as parameter
from miniflow.functional import prelu as prelu
from miniflow.functional import prod as prod
from miniflow.functional import reciprocal as reciprocal
from miniflow.functional import relu as relu
from miniflow.functional import resize as resize
from miniflow.functional import rms_norm as rms_norm
from miniflow.functional import rnn as rnn
from miniflow.functional import save as save
from miniflow.functional import scope as scope
from miniflow.functional import selu as selu
from miniflow.functional import sigmoid as sigmoid
from miniflow.functional import sigmoid_cross_entropy as sigmoid_cross_entropy
from miniflow.functional import silu as silu
from miniflow.functional import sin as sin
from miniflow.functional import softmax as softmax
from miniflow.functional import softmax_cross_entropy as softmax_cross_entropy
from miniflow.functional import softplus as softplus
from miniflow.functional import split as split
from miniflow.functional import sqrt as sqrt
from miniflow.functional import squeeze as squeeze
from miniflow.functional import stack as stack
from miniflow.functional import take as take
from miniflow.functional import tanh as tanh
from miniflow.functional import tile as tile
from miniflow.functional import unsqueeze as unsqueeze
from miniflow.functional import var as var
from miniflow.functional import where as where
from miniflow.graph import Graph as Graph
from miniflow.lesson import forward_and_backward, forward_pass, sgd_update, topological_sort
from miniflow.node import Input, Layer, Neuron, Node
from miniflow.ops import (
    GELU,
    GRU,
    KL,
    LSTM,
    MAE,
    MSE,
    NLL,
    RNN,
    Abs,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    ArgMax,
    Attention,
    AveragePool,
    BatchNorm,
    BinaryCrossEntropy,
    Cast,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Cos,
    CumSum,
    Detach,
    Div,
    Dropout,
    Einsum,
    Elu,
    Equal,
    Erf,
    Exp,
    Expand,
    Greater,
    GreaterOrEqual,
    GroupNorm,
    HardSigmoid,
    Hinge,
    Huber,
    InstanceNorm,
    LayerNorm,
    LeakyReLU,
    Less,
    LessOrEqual,
    Linear,
    Log,
    LogSoftmax,
    LogSumExp,
    MatMul,
    Max,
    MaxPool,
    Mean,
    Min,
    Mul,
    Neg,
    Norm,
    Pad,
    Pow,
    PRelu,
    Prod,
    Reciprocal,
    ReLU,
    Reshape,
    Resize,
    RMSNorm,
    Selu,
    Sigmoid,
    SigmoidCrossEntropy,
    SiLU,
    Sin,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    Softplus,
    Split,
    Sqrt,
    Squeeze,
    Stack,
    Sub,
    Sum,
    Take,
    Tanh,
    Tile,
    Transpose,
    Unsqueeze,
    Var,
    Where,
)

__version__ = "0.4.0"

# The star import: the lesson's names, and all ops.
__all__ = [
    "GELU",
    "GRU",
    "KL",
    "LSTM",
    "MAE",
    "MSE",
    "NLL",
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
    "Input",
    "InstanceNorm",
    "Layer",
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
    "Neuron",
    "Node",
    "Norm",
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
    "forward_and_backward",
    "forward_pass",
    "np",
    "sgd_update",
    "topological_sort",
]

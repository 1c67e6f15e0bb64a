"""The ops, one family per module, and their registry.

`FAMILIES` is the table of contents. A family is loaded when one of its ops is used.
"""

from typing import TYPE_CHECKING

from miniflow.ops.base import OPS as OPS
from miniflow.ops.base import Op as Op
from miniflow.registry import FAMILIES, homes, on_demand

_HOMES = homes(__name__, FAMILIES)

if TYPE_CHECKING:
    from miniflow.ops.activation import HardSigmoid as HardSigmoid
    from miniflow.ops.activation import LeakyReLU as LeakyReLU
    from miniflow.ops.activation import LogSoftmax as LogSoftmax
    from miniflow.ops.activation import ReLU as ReLU
    from miniflow.ops.activation import Sigmoid as Sigmoid
    from miniflow.ops.activation import Softmax as Softmax
    from miniflow.ops.activation import Softplus as Softplus
    from miniflow.ops.activation import Tanh as Tanh
    from miniflow.ops.arithmetic import Add as Add
    from miniflow.ops.arithmetic import Div as Div
    from miniflow.ops.arithmetic import Mul as Mul
    from miniflow.ops.arithmetic import Neg as Neg
    from miniflow.ops.arithmetic import Reciprocal as Reciprocal
    from miniflow.ops.arithmetic import Sub as Sub
    from miniflow.ops.attention import Attention as Attention
    from miniflow.ops.batch_norm import BatchNorm as BatchNorm
    from miniflow.ops.channel_norms import GroupNorm as GroupNorm
    from miniflow.ops.channel_norms import InstanceNorm as InstanceNorm
    from miniflow.ops.conditions import Cast as Cast
    from miniflow.ops.conditions import Detach as Detach
    from miniflow.ops.conditions import Equal as Equal
    from miniflow.ops.conditions import Greater as Greater
    from miniflow.ops.conditions import GreaterOrEqual as GreaterOrEqual
    from miniflow.ops.conditions import Less as Less
    from miniflow.ops.conditions import LessOrEqual as LessOrEqual
    from miniflow.ops.conditions import Where as Where
    from miniflow.ops.convolution import Conv as Conv
    from miniflow.ops.convolution import ConvTranspose as ConvTranspose
    from miniflow.ops.copies import Expand as Expand
    from miniflow.ops.copies import Take as Take
    from miniflow.ops.copies import Tile as Tile
    from miniflow.ops.cost import MAE as MAE
    from miniflow.ops.cost import MSE as MSE
    from miniflow.ops.cost import BinaryCrossEntropy as BinaryCrossEntropy
    from miniflow.ops.cost import SigmoidCrossEntropy as SigmoidCrossEntropy
    from miniflow.ops.cost import SoftmaxCrossEntropy as SoftmaxCrossEntropy
    from miniflow.ops.curves import Cos as Cos
    from miniflow.ops.curves import Erf as Erf
    from miniflow.ops.curves import Sin as Sin
    from miniflow.ops.dropout import Dropout as Dropout
    from miniflow.ops.einsum import Einsum as Einsum
    from miniflow.ops.extremes import Abs as Abs
    from miniflow.ops.extremes import ArgMax as ArgMax
    from miniflow.ops.extremes import Clip as Clip
    from miniflow.ops.extremes import Max as Max
    from miniflow.ops.extremes import Min as Min
    from miniflow.ops.gated import GRU as GRU
    from miniflow.ops.gated import LSTM as LSTM
    from miniflow.ops.joins import Concat as Concat
    from miniflow.ops.joins import Stack as Stack
    from miniflow.ops.likelihood import KL as KL
    from miniflow.ops.likelihood import NLL as NLL
    from miniflow.ops.linear import Linear as Linear
    from miniflow.ops.linear import MatMul as MatMul
    from miniflow.ops.linear_units import GELU as GELU
    from miniflow.ops.linear_units import Elu as Elu
    from miniflow.ops.linear_units import PRelu as PRelu
    from miniflow.ops.linear_units import Selu as Selu
    from miniflow.ops.linear_units import SiLU as SiLU
    from miniflow.ops.norms import LayerNorm as LayerNorm
    from miniflow.ops.norms import RMSNorm as RMSNorm
    from miniflow.ops.pad import Pad as Pad
    from miniflow.ops.piecewise_cost import Hinge as Hinge
    from miniflow.ops.piecewise_cost import Huber as Huber
    from miniflow.ops.pools import AdaptiveAveragePool as AdaptiveAveragePool
    from miniflow.ops.pools import AdaptiveMaxPool as AdaptiveMaxPool
    from miniflow.ops.pools import AveragePool as AveragePool
    from miniflow.ops.pools import MaxPool as MaxPool
    from miniflow.ops.powers import Exp as Exp
    from miniflow.ops.powers import Log as Log
    from miniflow.ops.powers import Pow as Pow
    from miniflow.ops.powers import Sqrt as Sqrt
    from miniflow.ops.recurrent import RNN as RNN
    from miniflow.ops.reduce import CumSum as CumSum
    from miniflow.ops.reduce import Mean as Mean
    from miniflow.ops.reduce import Sum as Sum
    from miniflow.ops.resize import Resize as Resize
    from miniflow.ops.shape import Reshape as Reshape
    from miniflow.ops.shape import Squeeze as Squeeze
    from miniflow.ops.shape import Transpose as Transpose
    from miniflow.ops.shape import Unsqueeze as Unsqueeze
    from miniflow.ops.slices import Slice as Slice
    from miniflow.ops.slices import Split as Split
    from miniflow.ops.statistics import LogSumExp as LogSumExp
    from miniflow.ops.statistics import Norm as Norm
    from miniflow.ops.statistics import Prod as Prod
    from miniflow.ops.statistics import Var as Var
else:
    __all__ = ["OPS", "Op", *sorted(_HOMES)]
    __getattr__ = on_demand(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

"""The tables of ops and functions: their names, and the modules that are loaded when they are used.

A graph has a few kinds of nodes: of the families of ops, about thirty, only theirs are loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, TypeVar

# The modules of a package, each with the names in it that others use, and spaces between them.
Contents = Mapping[str, str]

# The families of ops: the modules of `miniflow.ops`, each with its ops.
FAMILIES: Contents = {
    "activation": "Sigmoid Tanh ReLU LeakyReLU HardSigmoid Softplus Softmax LogSoftmax",
    "arithmetic": "Add Sub Mul Div Neg Reciprocal",
    "attention": "Attention",
    "batch_norm": "BatchNorm",
    "channel_norms": "GroupNorm InstanceNorm",
    "conditions": "Equal Less LessOrEqual Greater GreaterOrEqual Where Cast Detach",
    "convolution": "Conv ConvTranspose",
    "copies": "Expand Tile Take",
    "cost": "MSE MAE BinaryCrossEntropy SigmoidCrossEntropy SoftmaxCrossEntropy",
    "curves": "Sin Cos Erf",
    "dropout": "Dropout",
    "einsum": "Einsum",
    "extremes": "Abs Max Min ArgMax Clip",
    "gated": "LSTM GRU",
    "joins": "Concat Stack",
    "likelihood": "NLL KL",
    "linear": "MatMul Linear",
    "linear_units": "SiLU GELU Elu Selu PRelu",
    "norms": "LayerNorm RMSNorm",
    "pad": "Pad",
    "piecewise_cost": "Huber Hinge",
    "pools": "MaxPool AveragePool AdaptiveMaxPool AdaptiveAveragePool",
    "powers": "Pow Exp Log Sqrt",
    "recurrent": "RNN",
    "reduce": "Sum Mean CumSum",
    "resize": "Resize",
    "shape": "Transpose Reshape Squeeze Unsqueeze",
    "slices": "Slice Split",
    "statistics": "Var Norm LogSumExp Prod",
}
# The functions of `miniflow.functional` that make nodes, each with the op that it is.
FUNCTIONS = {
    "maximum": "Max",
    "minimum": "Min",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "sin": "Sin",
    "cos": "Cos",
    "erf": "Erf",
    "reciprocal": "Reciprocal",
    "clip": "Clip",
    "where": "Where",
    "equal": "Equal",
    "less": "Less",
    "less_or_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_or_equal": "GreaterOrEqual",
    "detach": "Detach",
    "cast": "Cast",
    "attention": "Attention",
    "matmul": "MatMul",
    "linear": "Linear",
    "concat": "Concat",
    "conv": "Conv",
    "conv_transpose": "ConvTranspose",
    "max_pool": "MaxPool",
    "average_pool": "AveragePool",
    "adaptive_max_pool": "AdaptiveMaxPool",
    "adaptive_average_pool": "AdaptiveAveragePool",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "softplus": "Softplus",
    "gelu": "GELU",
    "silu": "SiLU",
    "elu": "Elu",
    "selu": "Selu",
    "prelu": "PRelu",
    "hard_sigmoid": "HardSigmoid",
    "softmax": "Softmax",
    "var": "Var",
    "norm": "Norm",
    "logsumexp": "LogSumExp",
    "prod": "Prod",
    "cumsum": "CumSum",
    "argmax": "ArgMax",
    "take": "Take",
    "expand": "Expand",
    "tile": "Tile",
    "pad": "Pad",
    "resize": "Resize",
    "stack": "Stack",
    "squeeze": "Squeeze",
    "unsqueeze": "Unsqueeze",
    "log_softmax": "LogSoftmax",
    "nll": "NLL",
    "kl": "KL",
    "huber": "Huber",
    "hinge": "Hinge",
    "layer_norm": "LayerNorm",
    "rms_norm": "RMSNorm",
    "group_norm": "GroupNorm",
    "instance_norm": "InstanceNorm",
    "batch_norm": "BatchNorm",
    "mse": "MSE",
    "mae": "MAE",
    "binary_cross_entropy": "BinaryCrossEntropy",
    "sigmoid_cross_entropy": "SigmoidCrossEntropy",
    "softmax_cross_entropy": "SoftmaxCrossEntropy",
    "dropout": "Dropout",
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
}
T = TypeVar("T")


def homes(package: str, contents: Contents) -> dict[str, str]:
    """Return the module of each name in a package, in the order of its contents."""
    return {
        name: f"{package}.{module}" for module, names in contents.items() for name in names.split()
    }


def on_demand(module: str, home: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module: it loads the module in which a name is defined.

    The name is an attribute of the module from then on, so each is looked up here once.
    """
    modules = set(home.values())

    def load(name: str) -> Any:
        this, below = sys.modules[module], f"{module}.{name}"
        if name in home:
            found = getattr(import_module(home[name]), name)
            setattr(this, name, found)
            return found
        if below in modules:
            return import_module(below)
        problem = f"module {module!r} has no attribute {name!r}"
        raise AttributeError(problem, name=name, obj=this)

    return load


class Registry(MutableMapping[str, T]):
    """What the modules of a package define, by name, and what programs add.

    To look one up loads its module; to go through the names loads none, through the values all.
    """

    def __init__(self, package: str, contents: Contents) -> None:
        self._ours = homes(package, contents)
        # The module of each name in the registry; empty for what a program has added.
        self._home = dict(self._ours)
        self._loaded: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        try:
            return self._loaded[name]
        except KeyError:
            found: T = getattr(import_module(self._home[name]), name)
            self._loaded[name] = found
            return found

    def __setitem__(self, name: str, value: T) -> None:
        self._home[name] = ""
        self._loaded[name] = value

    def __delitem__(self, name: str) -> None:
        del self._home[name]
        self._loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        # `Mapping` would look it up.
        return name in self._home

    def __iter__(self) -> Iterator[str]:
        # A module that is loaded may add to it.
        return iter(tuple(self._home))

    def __len__(self) -> int:
        return len(self._home)

    def enter(self, name: str, value: T) -> None:
        """Add what a program defines, in place of ours if that has the same name.

        Ours are in the contents, and enter nothing: they may be loaded after that.
        """
        if getattr(value, "__module__", "") != self._ours.get(name):
            self[name] = value


# The ops by the names that they have in graph files; each is an `Op` class.
OPS: Registry[type[Any]] = Registry("miniflow.ops", FAMILIES)

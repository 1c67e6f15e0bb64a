"""All optimizers, by the names that they have in graph files; each is loaded when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miniflow.registry import Registry, homes, on_demand
from miniflow.training.optimizer import PIECE_BYTES as PIECE_BYTES
from miniflow.training.optimizer import Factors as Factors
from miniflow.training.optimizer import Optimizer as Optimizer

_CONTENTS = {
    "descent": "SGD Momentum",
    "adaptive": "Adam AdamW RMSProp Adagrad",
}

if TYPE_CHECKING:
    from miniflow.training.adaptive import Adagrad as Adagrad
    from miniflow.training.adaptive import Adam as Adam
    from miniflow.training.adaptive import AdamW as AdamW
    from miniflow.training.adaptive import RMSProp as RMSProp
    from miniflow.training.descent import SGD as SGD
    from miniflow.training.descent import Momentum as Momentum
else:
    __getattr__ = on_demand(__name__, homes("miniflow.training", _CONTENTS))

OPTIMIZERS: Registry[type[Optimizer]] = Registry("miniflow.training", _CONTENTS)

"""All optimizers, by the names that they have in graph files."""

from __future__ import annotations

from miniflow.training.adaptive import Adagrad as Adagrad
from miniflow.training.adaptive import Adam as Adam
from miniflow.training.adaptive import AdamW as AdamW
from miniflow.training.adaptive import RMSProp as RMSProp
from miniflow.training.descent import SGD as SGD
from miniflow.training.descent import Momentum as Momentum
from miniflow.training.optimizer import PIECE_BYTES as PIECE_BYTES
from miniflow.training.optimizer import Factors as Factors
from miniflow.training.optimizer import Optimizer as Optimizer

OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.__name__: kind for kind in (SGD, Momentum, Adam, AdamW, RMSProp, Adagrad)
}

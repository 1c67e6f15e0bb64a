"""Groups of parameters: their own learning rate and weight decay, by the pattern of their names."""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from miniflow.arguments import LEARNING_RATE, WEIGHT_DECAY, check_fields
from miniflow.errors import GraphError
from miniflow.training.optimizer import Optimizer
from miniflow.training.settings import Settings


class Group(Settings, frozen=True):
    """The parameters whose names match `names`, a pattern as of file names: `b*`, `layer1/*`.

    `rate` multiplies the learning rate, `weight_decay` replaces the optimizer's, and `frozen`
    parameters are not updated. Raises `GraphError` for a field out of its range.
    """

    names: str
    rate: float = 1.0
    weight_decay: float | None = None
    frozen: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.names, str) or not self.names:
            raise GraphError("names is a pattern, as in Group('b*')", where="Group")
        own = {} if self.weight_decay is None else {"weight_decay": WEIGHT_DECAY}
        check_fields(self, {"rate": LEARNING_RATE, **own})


class Treatment(NamedTuple):
    """How one parameter is updated: by which optimizer, at how many times the learning rate."""

    optimizer: Optimizer
    rate: float = 1.0
    frozen: bool = False


def treatment_of(label: str, optimizer: Optimizer, groups: Iterable[Group]) -> Treatment:
    """Return the treatment of a parameter: that of the first group that it matches."""
    for group in groups:
        if fnmatch.fnmatchcase(label, group.names):
            if group.weight_decay is not None:
                optimizer = replace(optimizer, weight_decay=group.weight_decay)
            return Treatment(optimizer, group.rate, group.frozen)
    return Treatment(optimizer)


def group_for(label: str, treatment: Treatment, optimizer: Optimizer, *, frozen: bool) -> Group:
    """Return a group that has one parameter alone, with its treatment, frozen or not."""
    decay = treatment.optimizer.weight_decay
    own = None if decay == optimizer.weight_decay else decay
    return Group(glob.escape(label), treatment.rate, own, frozen)

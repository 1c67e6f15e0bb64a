"""The ops of ours that compute a function of another library, with their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from miniflow.node import Node
from miniflow.ops.base import Array
from miniflow.ops.composed import Parts


class InnerSteps(NamedTuple):
    """The parts of a function, and by node the value and what came to it; no gradient before that.

    They are computed by our rules from the function's recorded inputs and gradient.
    """

    parts: Parts
    values: Mapping[Node, Array]
    gradients: Mapping[Node, Array]

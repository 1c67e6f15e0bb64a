"""The result of a gradient check for one input of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from miniflow.gradcheck.differences import TOLERANCE, Judgement
from miniflow.ops.base import Index, Shape

# Why something is not tested: it takes only integers; no gradient is ever sent to it, or a part of
# a node stops it on the way; two evaluations differ; a node defines no backward rule; rounding is
# larger than the derivative. In the recording of a program's run: its numbers were not kept, or are
# not known, or do not have its value's shape; its class is the program's own; the program cannot
# evaluate it again, or refuses to for a reason in words; it is a function that is not known here;
# nothing was sent; an engine has added to a gradient that was there before; it was computed in
# floats of 16 bits, and follows the rule to their rounding only.
Reason = Literal[
    "",
    "integers",
    "stopped",
    "stops",
    "random",
    "no backward",
    "rounding",
    "not kept",
    "not known",
    "own class",
    "failed",
    "library",
    "refused",
    "nothing sent",
    "accumulated",
    "wrong shape",
    "half",
]
# What the analytic number is compared with: a central difference; the sum of the contributions that
# an input received; the result of the op's own rule.
Against = Literal["difference", "sum", "rule"]
# From best to worst.
JUDGEMENTS: tuple[Judgement, ...] = ("right", "untested", "undefined", "kink", "wrong")


@dataclass(frozen=True)
class Verdict:
    """The result for an input of a node, described by its worst entry.

    `node` sends to `source`, its input `input_index` (the first, if it takes the source more than
    once: contributions to the same source are judged as one sum). For an input's own gradient
    `source` is `node` and `input_index` None. `analytic` is the number of the backward rule for the
    entry at `index`, `numeric` the central difference, `relative_error` their difference, and
    `tolerance` the allowed difference. `checked` of the `size` entries were tried.

    `assumed`: zeros in the gradient that the node received were replaced by other numbers. An
    "untested" verdict has a `reason`, perhaps in `words`, and the node that is its `cause`.
    `against` says what `numeric` is. `shapes` are those of the contribution and of the value, if
    they do not fit: then the verdict is "wrong", whatever the numbers.
    """

    node: int
    source: int
    input_index: int | None
    judgement: Judgement
    size: int
    index: Index = ()
    analytic: float = float("nan")
    numeric: float = float("nan")
    relative_error: float = float("nan")
    tolerance: float = TOLERANCE
    checked: int = 0
    assumed: bool = False
    reason: Reason = ""
    cause: int | None = None
    against: Against = "difference"
    shapes: tuple[Shape, Shape] | None = None
    words: str = ""

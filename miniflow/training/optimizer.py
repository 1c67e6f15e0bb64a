"""What an optimizer is: the rule that updates parameters from gradients.

An optimizer lists calls, as an op does, over a block of parameters: the whole block in training,
the part of one parameter when a debugger steps. Every operation is elementwise, so both give the
same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from miniflow.arguments import LEARNING_RATE, WEIGHT_DECAY, Range, check_fields
from miniflow.ops.base import Array, Calls
from miniflow.training.direction import Direction
from miniflow.training.rules import Rule
from miniflow.training.settings import Settings

Factors = tuple[Array, ...]

# A piece of this many bytes stays in the processor's cache from one call to the next. With
# 5,800,000 parameters Adam takes 0.66 times as long as in one piece; smaller pieces make SGD, which
# has two calls per piece, slower than one piece.
PIECE_BYTES = 512 * 1024


class _Decaying(Settings, frozen=True, kw_only=True):
    """Base with a weight decay, which is given by name."""

    weight_decay: float = 0.0


class Optimizer(_Decaying, frozen=True):
    """Base of the optimizers: a learning rate, weight decay, and state for each parameter.

    `weight_decay` λ adds λ × p to the gradient, unless the optimizer is `decoupled`: then its own
    rule applies it. `keeps` names the arrays kept from one SGD step to the next, each of the
    parameter's shape; `state_names` are their letters in the formula; `ranges` are the ranges of
    the fields. Raises `GraphError` for a field out of its range.
    """

    learning_rate: float = 0.01
    keeps: ClassVar[tuple[str, ...]] = ()
    state_names: ClassVar[tuple[str, ...]] = ()
    ranges: ClassVar[Mapping[str, Range]] = {
        "learning_rate": LEARNING_RATE,
        "weight_decay": WEIGHT_DECAY,
    }
    decoupled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self, self.ranges)

    @property
    def added_decay(self) -> float:
        """The weight decay that is added to the gradient."""
        return 0.0 if self.decoupled else self.weight_decay

    def update_calls(
        self,
        do: Calls,
        parameters: Array,
        gradients: Array,
        state: list[Array],
        rate: Array,
        direction: Direction,
        scale: Array,
    ) -> None:
        """List the calls that update flat `parameters` in place, a piece at a time.

        `rate`, a 0-d array, holds the current learning rate. Each rule gets `direction` in place of
        the gradient; `scale` is its factor. `state` has the arrays of `keeps`, and the accumulated
        gradient if `direction` has several passes.
        """
        factors = self.factors(do, rate)
        piece = max(1, PIECE_BYTES // parameters.itemsize)
        change = do.scratch((piece,))
        received = change if direction.plain else do.scratch((piece,))
        kept = len(self.keeps)
        for start in range(0, parameters.size, piece):
            part = slice(start, start + piece)
            p, g = parameters[part], gradients[part]
            scratch, parts = change[: p.size], [s[part] for s in state]
            if not direction.plain:
                accumulated = parts[kept] if direction.passes > 1 else None
                d = received[: p.size]
                direction.piece_calls(do, p, g, accumulated, scale, d, scratch)
                g = d
            self.piece_calls(do, p, g, parts[:kept], factors, scratch)

    def factors(self, do: Calls, rate: Array) -> Factors:
        """Return the factors of an SGD step, as 0-d arrays; list the calls that compute them."""
        return (rate,)

    def piece_calls(
        self, do: Calls, p: Array, g: Array, state: list[Array], factors: Factors, change: Array
    ) -> None:
        """List the calls for one piece; `change` is scratch of the piece's size."""
        raise NotImplementedError

    def update_scalar(
        self, p: float, g: float, state: list[float], rate: float, sgd_step: int
    ) -> float:
        """Return the updated value of one Python float; update `state` in place.

        `g` is the gradient after clipping and weight decay.
        """
        raise NotImplementedError

    def change(self, g: Array, state: Sequence[Array], rate: float, sgd_step: int) -> Array:
        """Return what the last update subtracted from a parameter, of its shape.

        `g` is the gradient after clipping and weight decay, and `state` the state as the update of
        `sgd_step` left it. A `decoupled` weight decay is not part of it.
        """
        raise NotImplementedError

    @property
    def constants(self) -> Mapping[str, float]:
        """The constants of the rules, by their names."""
        return {}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The assignments of an update, in order; the last assigns to the parameter, `p`."""
        raise NotImplementedError

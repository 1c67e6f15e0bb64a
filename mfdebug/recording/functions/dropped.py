"""A dropout in training: its random mask, as far as the recorded numbers show it.

Each entry is x × mask, where the mask is 0 or 1/(1 - p). It follows from the value where x is not
0, and elsewhere from what was sent back. Where neither shows it, it makes no difference to either.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mfdebug.recording.functions.activations import dropout
from mfdebug.recording.functions.call import FunctionCall
from mfdebug.recording.functions.settings import read_options, read_setting
from miniflow.errors import ShapeError
from miniflow.importers.pt2.builder import Unsupported
from miniflow.node import Input, Node
from miniflow.ops import Mul
from miniflow.ops.base import Array, Op, Shape
from miniflow.ops.composed import Composed, Parts

# Relative, in units of the last digit: PyTorch computes the factor in another order.
_UNITS = 8.0


class Dropped(Composed):
    """x × mask, of a call of dropout; a subclass has the name of its function, and the mask."""

    library: ClassVar[str] = "PyTorch"
    mask: ClassVar[Array]

    def make_parts(self, *shapes: Shape) -> Parts:
        """The product; raise `ShapeError` for an input of another shape than the mask."""
        (shape,) = shapes
        if shape != self.mask.shape:
            raise ShapeError("random numbers that PyTorch has drawn")
        x, mask = Input("x"), Input("mask", value=self.mask)
        product = Mul(x, mask)
        return Parts((x,), (product,), product, dict.fromkeys((x, mask, product), shape))


def dropped(op: Node, x: Array | None, value: Array | None, sent: Array | None) -> Op | None:
    """Return a call of dropout with the mask that its numbers show; None if they show none.

    `x` is its input, `value` what it computed, `sent` what it sent back, None if that is not known.
    """
    if not isinstance(op, FunctionCall) or type(op).make is not dropout:
        return None
    p = _probability(op)
    if x is None or value is None or x.shape != value.shape or not 0 < p < 1:
        return None
    factor = 1.0 / (1.0 - p)
    kept = value != 0
    if sent is not None and sent.shape == x.shape:
        kept = kept | ((x == 0) & (sent != 0))
    mask = np.where(kept, factor, 0.0)
    with np.errstate(all="ignore"):
        apart = np.abs(value - x * mask)
        allowed = _UNITS * np.finfo(value.dtype).eps * np.abs(value)
    if not ((apart <= allowed) | ~np.isfinite(x)).all():
        return None
    kind: type[Dropped] = type(
        type(op).__name__, (Dropped,), {"__module__": __name__, "mask": mask}
    )
    return kind.of(op.inbound_nodes, op.label, {})


def _probability(op: FunctionCall) -> float:
    """Return the p of a call in training, and 0 of one that drops nothing."""
    names = ("x", "p", "training", "inplace")
    try:
        given = [read_setting(each, [None]) for each in op.attrs["arguments"]]
        settings = {
            "p": 0.5,
            "training": True,
            **dict(zip(names, given, strict=False)),
            **read_options(op.attrs["options"], [None]),
        }
        return float(settings["p"]) if settings["training"] is True else 0.0
    except (Unsupported, TypeError, ValueError):
        return 0.0

"""Pad: entries around a value, and the entries that it crops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from miniflow.errors import GraphError, ShapeError
from miniflow.node import Node
from miniflow.ops.base import (
    Array,
    Attribute,
    Calls,
    Op,
    Shape,
    is_integer,
    is_number,
    register,
    shape_text,
)
from miniflow.text.lists import counted

_MODES = ("constant", "reflect", "edge", "wrap")
Slices = tuple[slice, ...]


def _are_pads(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) % 2 == 0 and all(map(is_integer, value))


@register
class Pad(Op):
    """The input with more entries before and after its axes.

    `pads` has two counts for the last axis, before and after, then two for the axis before it, and
    so on, as in PyTorch. The new entries are the constant `value`, or by `mode` "reflect" (mirrored
    at the last entry, which is not repeated), "edge" (the last entry) or "wrap" (the other end). A
    negative count takes entries away; only with a constant.
    """

    attributes: ClassVar = {
        "pads": Attribute((), "a list of whole numbers, two for each axis", _are_pads),
        "mode": Attribute(
            "constant", '"constant", "reflect", "edge" or "wrap"', lambda value: value in _MODES
        ),
        "value": Attribute(0.0, "a number", is_number),
    }
    role = "a pad sends each entry the gradient of its copies, which add up"

    def _set_up(self, nodes: list[Node], name: str | None, attributes: Any) -> None:
        super()._set_up(nodes, name, attributes)
        if self.attrs["mode"] != "constant" and any(n < 0 for n in self.attrs["pads"]):
            raise GraphError(
                f"attribute 'pads' of Pad, {list(self.attrs['pads'])}, is negative: only a pad "
                "with a constant takes entries away",
                where=name or "",
            )

    def widths(self, shape: Shape) -> list[tuple[int, int]]:
        """Return the counts before and after each axis of an input of this shape."""
        pads = list(self.attrs["pads"])
        if len(pads) > 2 * len(shape):
            raise ShapeError(
                f"{counted(len(pads), 'pad')} for {shape_text(shape)}, which has "
                f"{counted(len(shape), 'axis', 'axes')}",
                hint="two for each axis, from the last on",
            )
        pairs = [(pads[i], pads[i + 1]) for i in range(0, len(pads), 2)]
        return [(0, 0)] * (len(shape) - len(pairs)) + pairs[::-1]

    def output_shape(self, *shapes: Shape) -> Shape:
        """Each size and its two counts."""
        (shape,), mode = shapes, self.attrs["mode"]
        sizes = []
        for axis, (n, (before, after)) in enumerate(zip(shape, self.widths(shape), strict=True)):
            most = {"reflect": n - 1, "wrap": n}.get(mode)
            if most is not None and max(before, after) > most:
                raise ShapeError(
                    f"axis {axis} of {shape_text(shape)} has {counted(n, 'entry', 'entries')}: "
                    f"mode {mode!r} pads up to {most}, not {max(before, after)}"
                )
            if n + before + after <= 0 or n + min(before, 0) + min(after, 0) <= 0:
                raise ShapeError(f"nothing is left of axis {axis} of {shape_text(shape)}")
            sizes.append(n + before + after)
        return tuple(sizes)

    def source(self, axis: int, i: int, shape: Shape) -> int | None:
        """Return which entry of the input's axis is copied to place i of the value's, if any."""
        at, n, mode = i - self.widths(shape)[axis][0], shape[axis], self.attrs["mode"]
        if 0 <= at < n:
            return at
        if mode == "constant":
            return None
        if mode == "wrap":
            return at % n
        if mode == "edge":
            return 0 if at < 0 else n - 1
        return -at if at < 0 else 2 * (n - 1) - at

    def _kept(self, shape: Shape) -> tuple[Any, Any]:
        """Return where the input's entries are in the value, and which entries those are."""
        inner, kept = [], []
        for n, (before, after) in zip(shape, self.widths(shape), strict=True):
            kept.append(slice(max(-before, 0), n - max(-after, 0)))
            start = max(before, 0)
            inner.append(slice(start, start + kept[-1].stop - kept[-1].start))
        # With an ellipsis, of a single entry too there is a view.
        return (*inner, ...), (*kept, ...)

    def _borders(self, shape: Shape) -> Iterator[tuple[int, Slices, Slices]]:
        """Yield axis by axis the borders of the value, each with the block that it copies."""
        for axis, (n, (before, after)) in enumerate(zip(shape, self.widths(shape), strict=True)):
            end = before + n
            front, back = slice(0, before), slice(end, end + after)
            sources = {
                "reflect": (slice(2 * before, before, -1), slice(end - 2, end - 2 - after, -1)),
                "edge": (slice(before, before + 1), slice(end - 1, end)),
                "wrap": (slice(n, n + before), slice(before, before + after)),
            }[self.attrs["mode"]]
            for count, border, source in zip((before, after), (front, back), sources, strict=True):
                if count:
                    # `end - 2 - after` is -1 if the mirror reaches the very first entry.
                    stop = None if source.stop == -1 else source.stop
                    ends = (slice(None),) * axis
                    yield axis, (*ends, border), (*ends, slice(source.start, stop, source.step))

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """The entries, then the borders, axis by axis."""
        inner, kept = self._kept(inputs[0].shape)
        if self.attrs["mode"] == "constant":
            do(out.fill, float(self.attrs["value"]))
        do(np.copyto, out[inner], inputs[0][kept])
        if self.attrs["mode"] == "constant":
            return
        # The borders of an axis copy those of the axes before it, so that corners are right; those
        # of later axes are not written yet.
        for _, border, source in self._borders(inputs[0].shape):
            do(np.copyto, out[border], out[source])

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The gradient inside, and what the borders add to the entries that they copy."""
        inner, kept = self._kept(out.shape)
        if self.attrs["mode"] == "constant":
            if out[kept].size != out.size:
                do(out.fill, 0.0)
            do(np.copyto, out[kept], grad[inner])
            return
        full = do.scratch(grad.shape)
        do(np.copyto, full, grad)
        for axis, border, source in reversed(list(self._borders(out.shape))):
            target, sent = full[source], full[border]
            if self.attrs["mode"] == "edge":
                total = do.scratch(target.shape)
                do(np.add.reduce, sent, axis, None, total, True)
                sent = total
            do(np.add, target, sent, target)
        do(np.copyto, out, full[inner])

    def formula(self, *names: str) -> str:
        """x padded [pads]."""
        how = {"constant": f"with {self.attrs['value']:.6g}", "edge": "with the edge"}
        mode = self.attrs["mode"]
        words = how.get(mode, {"reflect": "by reflection", "wrap": "by wrapping"}.get(mode, ""))
        return f"{names[0]} padded {list(self.attrs['pads'])} {words}"

    def local(self, input_index: int, name: str, *names: str) -> str:
        """1."""
        return "1"

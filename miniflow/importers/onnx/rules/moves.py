"""Ops that move, copy or cut entries: shapes, slices, joins, padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from miniflow import ops
from miniflow.importers.onnx.call import Call, Result
from miniflow.importers.onnx.rules.table import rule
from miniflow.importers.onnx.values import Known
from miniflow.node import Node
from miniflow.ops.base import Shape


@rule("Reshape", any_type=True)
def reshape(call: Call) -> Result:
    """A size of 0 is that of the input, unless `allowzero`; one of -1 is computed."""
    wanted = call.integers(1) if call.has(1) else list(call.attribute("shape"))
    shape = call.shape(0)
    if not call.attribute("allowzero", 0):
        call.require(
            all(n or i < len(shape) for i, n in enumerate(wanted)), "a size of 0 has no axis"
        )
        wanted = [n or shape[i] for i, n in enumerate(wanted)]
    return call.reshape(call.node(0), wanted)


@rule("Flatten", any_type=True)
def flatten(call: Call) -> Result:
    """Two axes: those before `axis`, and those from it on."""
    shape, axis = call.shape(0), int(call.attribute("axis", 1))
    axis = axis + len(shape) if axis < 0 else axis
    return call.reshape(call.node(0), (math.prod(shape[:axis]), math.prod(shape[axis:])))


@rule("Squeeze", any_type=True)
def squeeze(call: Call) -> Result:
    """Without axes of size 1."""
    axes = call.axes(1)
    return call.make(ops.Squeeze, call.node(0), axis=axes)


@rule("Unsqueeze", any_type=True)
def unsqueeze(call: Call) -> Result:
    """With new axes of size 1."""
    axes = call.axes(1)
    call.require(axes is not None, "it names no axes")
    return call.make(ops.Unsqueeze, call.node(0), axis=axes)


@rule("Transpose", any_type=True)
def transpose(call: Call) -> Result:
    """The axes in another order, reversed by default."""
    order = call.attribute("perm")
    return call.make(ops.Transpose, call.node(0), axes=order and [int(axis) for axis in order])


@rule("Concat", any_type=True)
def concat(call: Call) -> Result:
    """Joined along an axis."""
    nodes = [call.node(i) for i in range(len(call.inputs)) if math.prod(call.shape(i))]
    axis = int(call.attribute("axis", 1))
    return call.make(ops.Concat, *nodes, axis=axis)


@rule("Split", any_type=True)
def split(call: Call) -> Sequence[Result]:
    """Parts along an axis: of given sizes, or equal but for a smaller last one."""
    axis = int(call.attribute("axis", 0))
    size, count = call.shape(0)[axis], len(call.proto.output)
    if call.has(1):
        sizes = call.integers(1)
    elif (given := call.attribute("split")) is not None:
        sizes = [int(n) for n in given]
    else:
        each = -(-size // count)
        sizes = [min(each, size - each * i) for i in range(count)]
    shape = call.shape(0)
    axis %= len(shape)
    # A part may be empty: then it is no node.
    kept = [n for n in sizes if n]
    found: list[Result] = []
    for i, name in enumerate(call.proto.output):
        made: Result = None
        if name and not sizes[i]:
            made = Known(np.zeros((*shape[:axis], 0, *shape[axis + 1 :]), call.dtype(0)), name)
        elif name:
            number = sum(1 for n in sizes[:i] if n)
            made = call.make(
                ops.Split, call.node(0), suffix=str(i), parts=kept, part=number, axis=axis
            )
        found.append(made)
    return found


@rule("Slice", any_type=True)
def slice_(call: Call) -> Result:
    """Ranges along axes, one axis after the other; attributes before opset 10."""
    if call.opset < 10:
        starts, ends = list(call.attribute("starts")), list(call.attribute("ends"))
        axes, steps = call.attribute("axes"), None
    else:
        starts, ends = call.integers(1), call.integers(2)
        axes = call.integers(3) if call.has(3) else None
        steps = call.integers(4) if call.has(4) else None
    shape = call.shape(0)
    axes = list(range(len(starts))) if axes is None else [int(axis) for axis in axes]
    steps = [1] * len(starts) if steps is None else steps
    cuts = []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        taken = range(*slice(int(start), _end(int(end), step), step).indices(shape[axis]))
        if taken != range(shape[axis]):
            cuts.append((axis, taken))
    return _cut(call, call.node(0), cuts)


def _end(end: int, step: int) -> int | None:
    """Return the end of a range; one before the first entry is none, when it goes backwards."""
    return None if step < 0 and end < -(2**31) else end


def _cut(call: Call, node: Node, cuts: Sequence[tuple[int, range]]) -> Result:
    """Return the entries of ranges along axes."""
    if not cuts:
        return call.value(0)
    for i, (axis, taken) in enumerate(cuts):
        call.require(len(taken) > 0, "nothing is left of its input")
        stop = None if taken.stop < 0 else taken.stop
        last = i == len(cuts) - 1
        node = call.make(
            ops.Slice,
            node,
            suffix="" if last else f"axis_{axis}",
            start=taken.start,
            stop=stop,
            step=taken.step,
            axis=axis,
        )
    return node


@rule("Expand", any_type=True)
def expand(call: Call) -> Result:
    """Copies along axes of size 1; both shapes broadcast."""
    wanted = call.integers(1)
    shape = np.broadcast_shapes(call.shape(0), tuple(wanted))
    return call.make(ops.Expand, call.node(0), shape=[int(n) for n in shape])


@rule("Tile", any_type=True)
def tile(call: Call) -> Result:
    """Copies of the whole along each axis."""
    return call.make(ops.Tile, call.node(0), repeats=call.integers(1))


@rule("Pad", any_type=True)
def pad(call: Call) -> Result:
    """Entries before and after each axis."""
    mode = str(call.attribute("mode", "constant"))
    if call.opset < 11:
        pads = [int(n) for n in call.attribute("pads", call.attribute("paddings"))]
        value = float(call.attribute("value", 0.0))
        axes = None
    else:
        pads = call.integers(1)
        value = call.number(2) if call.has(2) else 0.0
        axes = call.integers(3) if call.has(3) else None
    rank = call.rank(0)
    widths = [[0, 0] for _ in range(rank)]
    count = len(pads) // 2
    # Here the pads of the last axis come first.
    for i, axis in enumerate(range(rank) if axes is None else axes):
        widths[axis] = [pads[i], pads[i + count]]
    return call.make(
        ops.Pad,
        call.node(0),
        pads=[n for pair in reversed(widths) for n in pair],
        mode=mode,
        value=value,
    )


@rule("DepthToSpace SpaceToDepth")
def blocks(call: Call) -> Result:
    """Blocks of places become channels, or channels blocks: a transpose between two reshapes."""
    n, c, h, w = call.shape(0)
    b = int(call.attribute("blocksize"))
    x = call.node(0)
    columns = call.attribute("mode", "DCR") == "CRD"
    if call.kind == "SpaceToDepth":
        parts: Shape = (n, c, h // b, b, w // b, b)
        order = [0, 1, 3, 5, 2, 4] if columns else [0, 3, 5, 1, 2, 4]
        whole: Shape = (n, c * b * b, h // b, w // b)
    else:
        parts = (n, c // (b * b), b, b, h, w) if columns else (n, b, b, c // (b * b), h, w)
        order = [0, 1, 4, 2, 5, 3] if columns else [0, 3, 4, 1, 5, 2]
        whole = (n, c // (b * b), h * b, w * b)
    moved = call.make(
        ops.Transpose, call.reshape(x, parts, suffix="parts"), suffix="moved", axes=order
    )
    return call.reshape(moved, whole)


@rule("CenterCropPad", any_type=True)
def center_crop_pad(call: Call) -> Result:
    """Cut or padded with zeros on both sides to given sizes."""
    shape = call.shape(0)
    axes = call.attribute("axes") or range(len(shape))
    pads = [[0, 0] for _ in shape]
    cuts = []
    for axis, wanted in zip(axes, call.integers(1), strict=True):
        axis = int(axis) % len(shape)
        more = wanted - shape[axis]
        if more > 0:
            pads[axis] = [more // 2, more - more // 2]
        elif more < 0:
            start = -more // 2
            cuts.append((axis, range(start, start + wanted)))
    if pads == [[0, 0]] * len(shape):
        return _cut(call, call.node(0), cuts)
    node: Any = call.node(0)
    for axis, taken in cuts:
        node = call.make(
            ops.Slice, node, suffix=f"axis_{axis}", start=taken.start, stop=taken.stop, axis=axis
        )
    return call.make(ops.Pad, node, pads=[n for pair in reversed(pads) for n in pair])

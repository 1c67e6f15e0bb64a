"""Shapes and attributes for the ops with windows; axes are as short as their windows allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Draw = Callable[..., Any]
Arguments = tuple[list[tuple[int, ...]], dict[str, Any]]


def _of_axes(draw: Draw, axes: int, one: st.SearchStrategy[int]) -> Any:
    """Draw an attribute: a number, or a list with one for each spatial axis."""
    return draw(one | st.lists(one, min_size=axes, max_size=axes))


def _windows(draw: Draw, axes: int) -> dict[str, Any]:
    """Draw how windows slide."""
    side = st.integers(0, 1)
    pair = st.tuples(side, side).map(list)
    pads = side | st.lists(side, min_size=axes, max_size=axes)
    return {
        "stride": _of_axes(draw, axes, st.integers(1, 3)),
        "padding": draw(pads | st.lists(pair, min_size=axes, max_size=axes)),
        "dilation": _of_axes(draw, axes, st.integers(1, 2)),
    }


@st.composite
def convolution(draw: Draw, name: str) -> Arguments:
    """Draw the shapes and the attributes of a Conv or a ConvTranspose."""
    axes, groups = draw(st.sampled_from([1, 1, 2, 2, 2, 3])), draw(st.sampled_from([1, 1, 2]))
    taken, made, batch = (draw(st.integers(1, 2)) for _ in range(3))
    kernel = [draw(st.integers(1, 2 if axes == 3 else 3)) for _ in range(axes)]
    attributes = {**_windows(draw, axes), "groups": groups}
    dilation, stride = attributes["dilation"], attributes["stride"]
    dilations = [dilation] * axes if isinstance(dilation, int) else dilation
    reaches = [d * (size - 1) + 1 for d, size in zip(dilations, kernel, strict=True)]
    transposed = name == "ConvTranspose"
    if transposed:
        # With padding 1 on both sides something has to be left.
        spatial = [max(1, 4 - reach) + draw(st.integers(0, 1)) for reach in reaches]
        attributes["output_padding"] = int(isinstance(stride, int) and stride > 1)
    else:
        spatial = [reach + draw(st.integers(0, 1 if axes == 3 else 3)) for reach in reaches]
    channels = (groups * taken, made) if transposed else (groups * made, taken)
    shapes = [(batch, groups * taken, *spatial), (*channels, *kernel)]
    if draw(st.booleans()):
        shapes.append((groups * made,))
    return shapes, attributes


@st.composite
def pool(draw: Draw, name: str) -> Arguments:
    """Draw the shape and the attributes of a pool."""
    axes = draw(st.sampled_from([1, 1, 2, 2, 2, 3]))
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    if name.startswith("Adaptive"):
        spatial = [draw(st.integers(1, 5 if axes < 3 else 3)) for _ in range(axes)]
        return [(batch, channels, *spatial)], {"size": _of_axes(draw, axes, st.integers(1, 4))}
    kernel = [draw(st.integers(2, 3)) for _ in range(axes)]
    attributes = {**_windows(draw, axes), "ceil_mode": draw(st.booleans())}
    if draw(st.booleans()):
        attributes["stride"] = None
    if name == "AveragePool":
        attributes["count_include_pad"] = draw(st.booleans())
    same = len(set(kernel)) == 1 and draw(st.booleans())
    # Windows reach over 5 entries at most; with padding 1 each has an entry of the axis.
    spatial = [draw(st.integers(5, 6 if axes < 3 else 5)) for _ in kernel]
    return [(batch, channels, *spatial)], {**attributes, "kernel": kernel[0] if same else kernel}

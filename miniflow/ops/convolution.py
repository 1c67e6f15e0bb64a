"""Convolutions: a kernel meets each window of its input; the sums of the products are the value.

As in all libraries for networks it is a correlation: the kernel is not flipped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from miniflow import limits
from miniflow.errors import ShapeError
from miniflow.ops.base import Array, Attribute, Calls, Shape, is_integer, register, shape_text
from miniflow.ops.columns import numbers_per_sample
from miniflow.ops.correlation import Correlation, channel_sums
from miniflow.ops.windows import WHOLE_SIZES, Slide, Windowed, check_taps
from miniflow.text.lists import counted

GROUPS = Attribute(1, "a positive integer", lambda value: is_integer(value) and value > 0)


class Convolution(Windowed):
    """Base of both convolutions: x (N, C, *spatial), weights, and a bias (O) if there are three."""

    arity = (2, 3)
    attributes: ClassVar = {**Windowed.attributes, "groups": GROUPS}
    sign: ClassVar[str]

    def correlation(self, *shapes: Shape) -> Correlation:
        """Return the correlation that this op is, or whose gradient towards its input it is."""
        return Correlation(shapes[1], self.attrs["groups"], self.window_slides(*shapes[:2]))

    def window_slides(self, x: Shape, weights: Shape) -> list[Slide]:
        """Return how the windows slide, by axis."""
        raise NotImplementedError

    def _check(self, x: Shape, weights: Shape, axis: int, kind: str) -> None:
        """Raise `ShapeError` unless x's channels are those on an axis of weights of some `kind`."""
        groups = self.attrs["groups"]
        self.spatial(x)
        if len(weights) != len(x):
            raise ShapeError(
                f"weights {shape_text(weights)} have {counted(len(weights), 'axis', 'axes')}, "
                f"x {shape_text(x)} has {len(x)}",
                hint=f"weights are {kind}",
            )
        for name, channels in (("x", x[1]), ("the weights", weights[0])):
            if channels % groups:
                raise ShapeError(
                    f"{counted(channels, 'channel')} of {name} cannot be divided into "
                    f"{groups} groups"
                )
        if 0 in weights[1:]:
            raise ShapeError(f"weights {shape_text(weights)} have kernels without entries")
        wanted = x[1] // groups if axis else x[1]
        if weights[axis] != wanted:
            in_groups = f" in {groups} groups, {wanted} in each" if wanted != x[1] else ""
            raise ShapeError(
                f"x {shape_text(x)} has {counted(x[1], 'channel')}{in_groups}: "
                f"weights {shape_text(weights)} take {weights[axis]}",
                hint=f"weights are {kind}",
            )

    def _check_room(self, x: Shape, value: Shape, slides: list[Slide]) -> None:
        """Raise `ShapeError` if windows are too many or too large to be copied."""
        check_taps(slides)
        copied = numbers_per_sample(slides, x[0], max(x[1], value[1]))
        if copied > limits.COLUMNS:
            raise ShapeError(
                f"the windows of one sample have {copied:,} numbers together",
                hint=f"at most {limits.COLUMNS:,}",
            )

    def _check_bias(self, shapes: tuple[Shape, ...], channels: int) -> None:
        if len(shapes) == 3 and shapes[2] != (channels,):
            raise ShapeError(
                f"a bias of shape {shape_text(shapes[2])} does not fit "
                f"{counted(channels, 'channel')}",
                hint=f"give the bias the shape {channels}",
            )

    def formula(self, *names: str) -> str:
        """The op of its inputs."""
        text = f"{names[0]} {self.sign} {names[1]}"
        return f"{text} + {names[2]}" if len(names) == 3 else text

    def local(self, input_index: int, name: str, *names: str) -> str:
        """What multiplies the input; 1 for the bias."""
        return "1" if input_index == 2 else names[1 - input_index]


@register
class Conv(Convolution):
    """A convolution of x (N, C, *spatial) with weights (O, C/groups, *kernel), plus a bias (O).

    It has 1 to 3 spatial axes. `stride`, `padding` and `dilation` are numbers, or lists by spatial
    axis; padding can be pairs [begin, end]. In each of the `groups`, C/groups channels of x make
    O/groups channels of the value.
    """

    role = (
        "a convolution sends to each entry of {names[0]} the gradients of the windows that had it, "
        "times the kernel's entries that met it, and to each kernel the windows, weighted by their "
        "gradients"
    )
    sign = "∗"

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, *spatial) with (O, C/groups, *kernel) gives (N, O, *places)."""
        x, weights = shapes[:2]
        self._check(x, weights, 1, "(O, C/groups, *kernel)")
        self._check_bias(shapes, weights[0])
        slides = self.window_slides(x, weights)
        value = (x[0], weights[0], *(s.count for s in slides))
        self._check_room(x, value, slides)
        return value

    def window_slides(self, x: Shape, weights: Shape) -> list[Slide]:
        """Over x."""
        return self.slides(self.spatial(x), weights[2:])

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x ∗ W + b."""
        bias = inputs[2] if len(inputs) == 3 else None
        self.correlation(*(x.shape for x in inputs)).forward(do, inputs[0], inputs[1], bias, out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """The kernels, weighted by the gradient; the windows, weighted by it; its sums."""
        correlation = self.correlation(*(x.shape for x in inputs))
        if input_index == 0:
            correlation.to_input(do, grad, inputs[1], None, out)
        elif input_index == 1:
            correlation.to_weights(do, inputs[0], grad, out)
        else:
            channel_sums(do, grad, out)


@register
class ConvTranspose(Convolution):
    """The transposed convolution: of x (N, C, *spatial) with weights (C, O/groups, *kernel).

    It is the gradient of a `Conv` with the same weights and attributes towards its input: each
    entry of x adds its product with the kernels to a window of the value. `output_padding` adds
    entries at the end of each spatial axis. (M. D. Zeiler et al., "Deconvolutional networks",
    CVPR 2010.)
    """

    attributes: ClassVar = {
        **Convolution.attributes,
        "output_padding": WHOLE_SIZES,
    }
    role = (
        "a transposed convolution sends to each entry of {names[0]} the gradients of its window, "
        "times the kernel's entries there, and to each kernel the windows' gradients, weighted by "
        "the entries of {names[0]}"
    )
    sign = "∗ᵀ"

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, *spatial) with (C, O/groups, *kernel) gives (N, O, *sizes)."""
        x, weights = shapes[:2]
        self._check(x, weights, 0, "(C, O/groups, *kernel)")
        channels = weights[1] * self.attrs["groups"]
        self._check_bias(shapes, channels)
        slides = self.window_slides(x, weights)
        value = (x[0], channels, *(s.size for s in slides))
        self._check_room(x, value, slides)
        return value

    def window_slides(self, x: Shape, weights: Shape) -> list[Slide]:
        """Over the value: the places are the entries of x."""
        spatial, kernel = self.spatial(x), weights[2:]
        axes = len(spatial)
        each = [self.each(key, axes) for key in ("stride", "padding", "dilation", "output_padding")]
        found = []
        for axis, (count, size, stride, pad, dilation, more) in enumerate(
            zip(spatial, kernel, *each, strict=True), 2
        ):
            before, after = (pad, pad) if is_integer(pad) else pad
            if more >= max(stride, dilation):
                raise ShapeError(
                    f"output_padding {more} on axis {axis} is not less than "
                    f"stride {stride} or dilation {dilation}"
                )
            slide = Slide(0, size, stride, before, after, dilation, count)
            entries = (count - 1) * stride + slide.reach + more
            if entries <= before + after:
                raise ShapeError(
                    f"axis {axis} would have {entries} entries, and padding {before} + {after} "
                    "removes them all"
                )
            found.append(replace(slide, size=entries - before - after))
        return found

    def forward_calls(self, do: Calls, out: Array, *inputs: Array) -> None:
        """x ∗ᵀ W + b."""
        bias = inputs[2] if len(inputs) == 3 else None
        self.correlation(*(x.shape for x in inputs)).to_input(do, inputs[0], inputs[1], bias, out)

    def vjp_calls(
        self, do: Calls, input_index: int, out: Array, grad: Array, value: Array, *inputs: Array
    ) -> None:
        """A convolution of the gradient; its windows, weighted by x; its sums."""
        correlation = self.correlation(*(x.shape for x in inputs))
        if input_index == 0:
            correlation.forward(do, grad, inputs[1], None, out)
        elif input_index == 1:
            correlation.to_weights(do, grad, inputs[0], out)
        else:
            channel_sums(do, grad, out)

"""Conv and ConvTranspose: sums of products of a window's entries with those of a kernel.

A window's entry at `place`·stride - padding + t·dilation meets entry t of the kernel. A Conv slides
its windows over x, and its places are those of the value; a ConvTranspose slides them over its
value, and its places are the entries of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mfdebug.core.explain.arithmetic import bracketed, checked_formula
from mfdebug.core.explain.entries import Region, block
from mfdebug.core.explain.meetings import Meeting
from mfdebug.core.explain.node_view import NodeView
from mfdebug.core.explain.ops.base import Explainer, Locals, Sent
from mfdebug.core.explain.sums import Bundle, Sums, TermText, one_term
from mfdebug.core.timeline.entry_ref import EntryRef, Index, Subscripts, named
from miniflow.ops.base import Array, Op
from miniflow.ops.convolution import Convolution, ConvTranspose
from miniflow.ops.windows import Slide

# Matrices that are shown: of more, those whose products add up to most.
MATRICES = 3
X, WEIGHTS, BIAS = range(3)


class Met(NamedTuple):
    """Positions along one axis of the input or the value, and the kernel's entry that each met."""

    positions: range
    taps: list[int]


class _Layout:
    """Which entries of x, of the weights and of the value of a convolution meet."""

    def __init__(self, view: NodeView, op: Op) -> None:
        assert isinstance(op, Convolution)
        x, weights = view.inputs[X].shape, view.inputs[WEIGHTS].shape
        self.transposed = isinstance(op, ConvTranspose)
        self.slides = op.window_slides(x, weights)
        groups: int = op.attrs["groups"]
        self.inputs: int = x[1] // groups
        self.outputs: int = view.value.shape[1] // groups

    def weight(self, of_x: int, of_value: int) -> tuple[int, int]:
        """Return the channels of the weights that connect those of x and of the value."""
        if self.transposed:
            return of_x, of_value % self.outputs
        return of_value, of_x % self.inputs

    def weight_of_every(self, of_x: int, of_value: int | str) -> Subscripts:
        """Return `weight`, of which the value's channel can be a letter for all of its group."""
        if isinstance(of_value, int):
            return self.weight(of_x, of_value)
        if self.transposed:
            return of_x, _plus(of_value, -(of_x // self.inputs) * self.outputs)
        return of_value, of_x % self.inputs

    def channels(self, position: int, *, of_value: bool) -> range:
        """Return the channels of x that one of the value has, or of the value that one of x has."""
        own, other = (self.outputs, self.inputs) if of_value else (self.inputs, self.outputs)
        first = position // own * other
        return range(first, first + other)

    def met(self, slide: Slide, position: int, *, of_value: bool) -> Met:
        """Return what met a position of the value (else of x) along an axis, and where."""
        if of_value != self.transposed:
            entries = slide.window(position)
            return Met(entries, [slide.tap_at(position, entry) for entry in entries])
        places = slide.places(position)
        return Met(places, [slide.tap_at(place, position) for place in places])

    def met_by_kernel(self, slide: Slide, tap: int) -> tuple[slice, slice] | None:
        """Return the positions of the value that an entry of the kernel made, and those of x."""
        found = slide.tap(tap)
        return found[::-1] if found is not None and self.transposed else found


class ConvolutionExplainer(Explainer):
    """Conv and ConvTranspose."""

    def value(self, view: NodeView, op: Op, index: Index) -> Sums:
        """The products of the window and the kernel, channel by channel, then the bias."""
        layout = _Layout(view, op)
        channels = layout.channels(index[1], of_value=True)
        along = [
            layout.met(slide, i, of_value=True)
            for slide, i in zip(layout.slides, index[2:], strict=True)
        ]
        kernels = [layout.weight(channel, index[1]) for channel in channels]
        in_x: tuple[int | slice, ...] = (
            index[0],
            slice(channels[0], channels[-1] + 1),
            *(block(m.positions) for m in along),
        )
        x = np.asarray(view.inputs[X][in_x], np.float64)
        weights = np.stack(
            [view.inputs[WEIGHTS][k][np.ix_(*(m.taps for m in along))] for k in kernels]
        )
        with np.errstate(all="ignore"):
            amounts = (x * weights).reshape(-1)

        def term_text(k: int) -> TermText:
            channel, *at = np.unravel_index(k, x.shape)
            entry = (
                index[0],
                channels[channel],
                *(m.positions[i] for m, i in zip(along, at, strict=True)),
            )
            met = (*kernels[channel], *(m.taps[i] for m, i in zip(along, at, strict=True)))
            return _product(view, entry, met, float(amounts[k]))

        bundles = [Bundle(amounts, term_text)]
        if not amounts.size:
            first = (*kernels[0], *(0 for _ in along))
            bundles = [one_term(0.0, "0", "0", [view.ref(WEIGHTS, first)])]
        rules = [self._every(view, layout, index, channels) if amounts.size else "0"]
        if len(view.inputs) > BIAS:
            name, number = view.entry(BIAS, index[1:2]), view.number(BIAS, index[1:2])
            bundles.append(one_term(number, name, bracketed(number), [view.ref(BIAS, index[1:2])]))
            rules.append(name)
        meetings = _meetings(view, index[0], channels, kernels, along, x, weights)
        return Sums(" + ".join(rules), tuple(bundles), _notes(view, layout, along), meetings)

    def _every(self, view: NodeView, layout: _Layout, index: Index, channels: range) -> str:
        """Return the sum over the channels and the kernel's entries, in symbols."""
        letters = view.letters
        sizes = [slide.kernel for slide in layout.slides]
        channel: int | str = channels[0]
        over, kernel = "", list[int | str]()
        if len(channels) > 1:
            over = letters.product
            channel = _plus(letters.product, channels[0])
        for axis, size in enumerate(sizes):
            kernel.append(letters.axis(len(sizes) - 1 - axis) if size > 1 else 0)
            over += str(kernel[-1]) if size > 1 else ""
        places = [
            _place(slide, i, t) if layout.transposed else _entry(slide, i, t)
            for slide, i, t in zip(layout.slides, index[2:], kernel, strict=True)
        ]
        weight: Subscripts = layout.weight(channels[0], index[1])
        if len(channels) > 1:
            weight = (channel, weight[1]) if layout.transposed else (weight[0], letters.product)
        entry = view.entry(X, (index[0], channel, *places))
        text = f"{entry}·{view.entry(WEIGHTS, (*weight, *kernel))}"
        return f"Σ{letters.lowered(over)} {text}" if over else text

    def sent(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Sent:
        """The sum over the entries of the value that this one reached."""
        region = self._region(view, op, input_index, entry)
        return Sent(self.rule_over(region, view, op, input_index, entry), whole=False)

    def locals(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Locals | None:
        """What met the entry, at each entry of the value that it reached."""
        region = self._region(view, op, input_index, entry)
        layout = _Layout(view, op)
        if input_index == BIAS:
            return Locals(region, np.ones([part.stop - part.start for part in region]))
        if input_index == X:
            along = [
                layout.met(slide, i, of_value=False).taps
                for slide, i in zip(layout.slides, entry[2:], strict=True)
            ]
            channels = layout.channels(entry[1], of_value=False)
            kernels = [layout.weight(entry[1], channel) for channel in channels]
            found = [view.inputs[WEIGHTS][k][np.ix_(*along)] for k in kernels]
            return Locals(region, np.stack(found)[None])
        of_x = self._channel_of_x(layout, entry)
        blocks = [
            met[1] if (met := layout.met_by_kernel(slide, t)) else slice(0, 0)
            for slide, t in zip(layout.slides, entry[2:], strict=True)
        ]
        return Locals(region, view.inputs[X][(slice(None), slice(of_x, of_x + 1), *blocks)])

    def left_out(self, view: NodeView, op: Op, input_index: int, entry: Index) -> str:
        """No window has the entry, or the kernel's entry met padding only."""
        region = self._region(view, op, input_index, entry)
        if all(part.stop > part.start for part in region[2:]):
            return ""
        name = view.entry(input_index, entry)
        if input_index == WEIGHTS:
            reason = "it meets nothing but padding"
        elif isinstance(op, ConvTranspose):
            reason = "the padding removes all that it reaches"
        else:
            reason = "no window has it"
        return f"{view.label} leaves {name} out: {reason}"

    def local(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> str:
        """What the entry met."""
        met = self._met(view, op, input_index, entry, output)
        return "1" if met is None else view.entry(*met)

    def leads_to(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Index
    ) -> list[EntryRef]:
        """What the entry met."""
        met = self._met(view, op, input_index, entry, output)
        return [] if met is None else [view.ref(met[0], tuple(int(i) for i in met[1]))]

    def _region(self, view: NodeView, op: Op, input_index: int, entry: Index) -> Region:
        """Return the entries of the value that an entry of an input reached."""
        layout, shape = _Layout(view, op), view.value.shape
        if input_index == BIAS:
            wide = [slice(0, n) for n in shape]
            wide[1] = slice(entry[0], entry[0] + 1)
            return tuple(wide)
        if input_index == X:
            channels = layout.channels(entry[1], of_value=False)
            along = [
                block(layout.met(slide, i, of_value=False).positions)
                for slide, i in zip(layout.slides, entry[2:], strict=True)
            ]
            sample = slice(entry[0], entry[0] + 1)
            return (sample, block(channels), *along)
        of_value = self._channel_of_value(layout, entry)
        along = [
            met[0] if (met := layout.met_by_kernel(slide, t)) else slice(0, 0)
            for slide, t in zip(layout.slides, entry[2:], strict=True)
        ]
        return (slice(0, shape[0]), slice(of_value, of_value + 1), *along)

    @staticmethod
    def _channel_of_x(layout: _Layout, weight: Index) -> int:
        if layout.transposed:
            return weight[0]
        return weight[0] // layout.outputs * layout.inputs + weight[1]

    @staticmethod
    def _channel_of_value(layout: _Layout, weight: Index) -> int:
        if layout.transposed:
            return weight[0] // layout.inputs * layout.outputs + weight[1]
        return weight[0]

    def _met(
        self, view: NodeView, op: Op, input_index: int, entry: Index, output: Subscripts
    ) -> tuple[int, Subscripts] | None:
        """Return the input, and its entry, that multiplies an entry; None for a bias."""
        if input_index == BIAS:
            return None
        layout = _Layout(view, op)
        every = list(zip(layout.slides, entry[2:], output[2:], strict=True))
        if input_index == X:
            kernel = layout.weight_of_every(entry[1], output[1])
            if layout.transposed:
                return WEIGHTS, (*kernel, *(_tap(s, place=i, entry=o) for s, i, o in every))
            return WEIGHTS, (*kernel, *(_tap(s, place=o, entry=i) for s, i, o in every))
        of_x = self._channel_of_x(layout, entry)
        find = _place if layout.transposed else _entry
        return X, (output[0], of_x, *(find(slide, o, t) for slide, t, o in every))


def _notes(view: NodeView, layout: _Layout, along: Sequence[Met]) -> tuple[str, ...]:
    """Return what a sum over all of the kernel's entries does not say."""
    if all(len(m.taps) == s.kernel for m, s in zip(along, layout.slides, strict=True)):
        return ()
    if layout.transposed:
        return (
            f"entries of the kernel that no entry of {view.labels[X]} brought here do not count",
        )
    return (f"what the window has outside of {view.labels[X]} is padding, which is 0",)


def _product(view: NodeView, entry: Index, met: Subscripts, amount: float) -> TermText:
    at = tuple(int(i) for i in met)
    numbers = view.number(X, entry), view.number(WEIGHTS, at)
    text = checked_formula(numbers, " × ".join, amount) or bracketed(amount)
    refs = view.ref(X, entry), view.ref(WEIGHTS, at)
    return TermText(f"{view.entry(X, entry)}·{view.entry(WEIGHTS, at)}", text, refs)


# Positions, in numbers or in letters -----------------------------------------------------------


def _entry(slide: Slide, place: int | str, tap: int | str) -> int | str:
    """Return the entry of a window: place·stride - padding + t·dilation."""
    if isinstance(place, int) and isinstance(tap, int):
        return place * slide.stride - slide.before + tap * slide.dilation
    if isinstance(place, int):
        return _plus(_times(slide.dilation, tap), place * slide.stride - slide.before)
    return _plus(_times(slide.stride, place), int(tap) * slide.dilation - slide.before)


def _place(slide: Slide, entry: int | str, tap: int | str) -> int | str:
    """Return the place whose window has an entry as its entry `tap`."""
    if isinstance(entry, int) and isinstance(tap, int):
        return (entry + slide.before - tap * slide.dilation) // slide.stride
    if isinstance(entry, int):
        text = f"{entry + slide.before}-{_times(slide.dilation, tap)}"
    else:
        text = str(_plus(entry, slide.before - int(tap) * slide.dilation))
    return _over(text, slide.stride)


def _tap(slide: Slide, place: int | str, entry: int | str) -> int | str:
    """Return which entry of the window at a place an entry is."""
    if isinstance(place, int) and isinstance(entry, int):
        return slide.tap_at(place, entry)
    if isinstance(entry, int):
        text = f"{entry + slide.before}-{_times(slide.stride, place)}"
    else:
        text = str(_plus(entry, slide.before - int(place) * slide.stride))
    return _over(text, slide.dilation)


def _times(number: int, letter: int | str) -> str:
    return str(letter) if number == 1 else f"{number}·{letter}"


def _plus(text: int | str, number: int) -> int | str:
    return f"{text}{number:+d}" if number else text


def _over(text: str, divisor: int) -> str:
    return text if divisor == 1 else f"({text})/{divisor}"


# What met, as matrices -------------------------------------------------------------------------


def _meetings(
    view: NodeView,
    sample: int,
    channels: range,
    kernels: Sequence[Subscripts],
    along: Sequence[Met],
    x: Array,
    weights: Array,
) -> tuple[Meeting, ...]:
    """Return the windows and the kernels that met, a matrix for each channel; none of one entry.

    Of more than `MATRICES`, those with the largest sums are returned, the largest first.
    """
    front, matrix = (
        x.shape[1:-2] if x.ndim > 2 else (),
        x.shape[-2:] if x.ndim > 2 else (1, x.shape[-1]),
    )
    if not x.size or matrix == (1, 1):
        return ()
    lefts, rights = (part.reshape(-1, *matrix) for part in (x, weights))
    with np.errstate(all="ignore"):
        sums = np.abs((lefts * rights).sum((1, 2)))
    chosen = np.arange(len(sums))
    if len(sums) > MATRICES:
        chosen = np.argsort(-np.nan_to_num(sums, nan=np.inf), kind="stable")[:MATRICES]
    found = []
    for k in chosen.tolist():
        channel, *at = map(int, np.unravel_index(k, (len(channels), *front)))
        of_x = [m.positions[i] for m, i in zip(along, at, strict=False)]
        of_kernel = [m.taps[i] for m, i in zip(along, at, strict=False)]
        inner = along[len(at) :]
        name = (sample, channels[channel], *of_x, *(_range_text(m.positions) for m in inner))
        kernel = (*kernels[channel], *of_kernel, *(_range_text(m.taps) for m in inner))
        found.append(
            Meeting(view.entry(X, name), lefts[k], named(view.labels[WEIGHTS], kernel), rights[k])
        )
    return tuple(found)


def _range_text(numbers: Sequence[int]) -> int | str:
    """Return positions as in Python: `2:5`, `0:5:2`, or the only one."""
    if len(numbers) == 1:
        return numbers[0]
    step = numbers[1] - numbers[0]
    if step == 1:
        return f"{numbers[0]}:{numbers[-1] + 1}"
    stop = numbers[-1] + (1 if step > 0 else -1)
    return f"{numbers[0]}:{stop}:{step}" if stop >= 0 else f"{numbers[0]}::{step}"

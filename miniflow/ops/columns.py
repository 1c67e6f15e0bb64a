"""Products of matrices whose columns are the entries of windows.

Each is listed as calls of NumPy on blocks of the batch, small enough that what is copied for one
product is still in the processor's cache when it is read. Where windows share rows, a row is copied
once for all windows that have it. (K. Chellapilla, S. Puri and P. Simard, "High performance
convolutional neural networks for document processing", IWFHR 2006, for the columns; M. Cho and
D. Brand, "MEC: memory-efficient convolution", ICML 2017, for the rows.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from miniflow.ops.base import Array, Calls, Shape
from miniflow.ops.calls import contiguous
from miniflow.ops.windows import Slide, last_axes, numbered_taps

# Bytes that are copied for one product: half of a common second-level cache.
BLOCK = 2**19
# Columns of a product below which it takes more time per column.
COLUMNS = 64
# Kernels from which a product has the gradient of the weights in their own order.
WIDE = 64
# An axis of one entry before the first, so that all windows are in one row.
_ONE_ROW = Slide(1, 1)


def blocks(batch: int, per_sample: int, least: int = 1) -> Iterator[slice]:
    """Yield even parts of the batch, of up to `BLOCK` bytes or the `least` number of samples."""
    most = max(1, least, BLOCK // max(per_sample, 1))
    parts = -(-batch // most)
    size = -(-batch // max(parts, 1))
    for start in range(0, batch, max(size, 1)):
        yield slice(start, min(batch, start + size))


def numbers_per_sample(slides: Sequence[Slide], batch: int, channels: int) -> int:
    """Return how many numbers are copied for the product of one sample, with its padding."""
    row, rest = _rows(slides, batch)
    height = (row.count - 1) * row.stride + row.kernel
    copied = prod(slide.kernel for slide in rest) * prod(slide.count for slide in rest)
    return height * channels * max(copied, prod(_length(slide) for slide in rest))


class _Block:
    """The windows' rows of a block of x, with zeros where the padding is.

    `lengths` are the entries of each axis, with its padding, that are needed.
    """

    def __init__(self, do: Calls, x: Array, slides: Sequence[Slide], lengths: Shape) -> None:
        self._do, self._x, self._lengths = do, x, lengths
        to, source = [], []
        for slide, length in zip(slides, lengths, strict=True):
            start, first = max(0, slide.before), max(0, -slide.before)
            count = max(0, min(slide.size - first, length - start))
            to.append(slice(start, start + count))
            source.append(slice(first, first + count))
        self._to, self._source = tuple(to), tuple(source)
        self._padded = any(to[i] != slice(0, n) for i, n in enumerate(lengths))

    def of(self, samples: slice) -> Array:
        """Return the samples with their padding, and list the call that copies them if need be."""
        part = self._x[(samples, slice(None), *self._source)]
        if not self._padded:
            return part
        shape = (*part.shape[:2], *self._lengths)
        # Nothing is ever written to the padding: it stays 0.
        padded = self._do.keep(f"padded {shape} {self._to}", shape)
        self._do(np.copyto, padded[last_axes(*self._to)], part)
        return padded


def correlate(
    do: Calls,
    x: Array,
    weights: Array,
    slides: Sequence[Slide],
    bias: Array | None,
    out: Array,
) -> None:
    """List the calls that write the correlation of `x` with `weights` (G, O, C, *kernel) to `out`.

    x is (N, G·C, *spatial), out (N, G·O, *places), in any order of memory. All rows that the
    windows of a row of places have are one matrix; those of the next row begin `stride` rows later.
    """
    groups, outputs, inputs = weights.shape[:3]
    batch, itemsize = x.shape[0], x.itemsize
    row, rest = _rows(slides, batch)
    lengths = ((row.count - 1) * row.stride + row.kernel, *map(_length, rest))
    kernel, places = tuple(s.kernel for s in rest), tuple(s.count for s in rest)
    inner = prod(places)
    if row is _ONE_ROW:
        weights = weights[:, :, :, None]
    x = x.reshape(*x.shape[:2], row.size, *(slide.size for slide in rest))
    matrix = contiguous(do, np.moveaxis(weights, 3, 2)).reshape(groups, 1, outputs, -1)
    block = _Block(do, x, (row, *rest), lengths)
    per_sample = lengths[0] * x.shape[1] * prod(kernel) * inner * itemsize
    room: dict[int, tuple[Array, Array]] = {}
    for samples in blocks(batch, per_sample, -(-COLUMNS // inner)):
        count = samples.stop - samples.start
        source = block.of(samples)
        shape = (groups, lengths[0], inputs, *kernel, count, *places)
        step = source.strides
        windows = as_strided(
            source,
            shape,
            (
                inputs * step[1],
                step[2],
                step[1],
                *(s.dilation * n for s, n in zip(rest, step[3:], strict=True)),
                step[0],
                *(s.stride * n for s, n in zip(rest, step[3:], strict=True)),
            ),
        )
        width = count * inner
        in_place = count == 1 and out.flags.c_contiguous
        if count not in room:
            room[count] = (
                do.scratch(shape),
                do.scratch((0,) if in_place else (groups, row.count, outputs, width)),
            )
        rows, products = room[count]
        do(np.copyto, rows, windows)
        columns = as_strided(
            rows,
            (groups, row.count, matrix.shape[-1], width),
            (rows.strides[0], row.stride * rows.strides[1], width * itemsize, itemsize),
        )
        target = np.moveaxis(_split(out[samples], groups, row), 0, 3).swapaxes(1, 2)
        if in_place:
            products = out[samples].reshape(groups, outputs, row.count, inner).swapaxes(1, 2)
        result = target if in_place else products.reshape(target.shape)
        do(np.matmul, matrix, columns, products)
        if bias is not None:
            ones = [1] * (1 + len(places))
            do(np.add, result, bias.reshape(groups, 1, -1, *ones), target)
        elif not in_place:
            do(np.copyto, target, result)


def _split(out: Array, groups: int, row: Slide) -> Array:
    """Return a view of `out` (N, G·O, *places) as (N, G, O, rows, *places of a row)."""
    channels = out.shape[1] // groups
    by_group = out.reshape(out.shape[0], groups, channels, *out.shape[2:])
    return by_group[:, :, :, None] if row is _ONE_ROW else by_group


def weight_gradient(
    do: Calls, x: Array, grad: Array, slides: Sequence[Slide], groups: int, out: Array
) -> None:
    """List the calls that write the gradient of the weights (G·O, C, *kernel) into `out`.

    The entry of a kernel gets the products of `grad` with the entries of x that it met. Those of a
    row of the kernel are one product of matrices: the rows of x from there on, with `grad`.
    """
    inputs = out.shape[1]
    outputs, batch, itemsize = out.shape[0] // groups, x.shape[0], x.itemsize
    if batch == 0:
        do(out.fill, 0.0)
        return
    row, rest = _rows(slides, batch)
    phases = row.stride
    phase_rows = row.count + (row.kernel - 1) // phases
    lengths = (phases * phase_rows, *map(_length, rest))
    kernel, places = tuple(s.kernel for s in rest), tuple(s.count for s in rest)
    inner = prod(places)
    x = x.reshape(*x.shape[:2], row.size, *(slide.size for slide in rest))
    block = _Block(do, x, (row, *rest), lengths)
    per_sample = lengths[0] * x.shape[1] * prod(kernel) * inner * itemsize
    taken = inputs * prod(kernel)
    # The product with the longer side first is faster, but has to be transposed at the end.
    transposed = outputs < WIDE
    sides = (taken, outputs) if transposed else (outputs, taken)
    target = np.moveaxis(out.reshape(groups, outputs, inputs, row.kernel, *kernel), 3, 0)
    in_place = row is _ONE_ROW and not transposed
    shape_of_all = (row.kernel, groups, *sides)
    total = out.reshape(shape_of_all) if in_place else do.scratch(shape_of_all)
    one = do.scratch((groups, *sides))
    room: dict[int, tuple[Array, Array]] = {}
    for samples in blocks(batch, per_sample):
        count = samples.stop - samples.start
        source = block.of(samples)
        shape = (groups, inputs, *kernel, phases, phase_rows, count, *places)
        step = source.strides
        windows = as_strided(
            source,
            shape,
            (
                inputs * step[1],
                step[1],
                *(s.dilation * n for s, n in zip(rest, step[3:], strict=True)),
                step[2],
                phases * step[2],
                step[0],
                *(s.stride * n for s, n in zip(rest, step[3:], strict=True)),
            ),
        )
        of_grad = grad[samples].reshape(count, groups, outputs, row.count, inner)
        of_grad = of_grad.transpose(1, 2, 3, 0, 4)
        if count not in room:
            room[count] = do.scratch(shape), do.scratch(of_grad.shape if count > 1 else (0,))
        rows, upstream = room[count]
        do(np.copyto, rows, windows)
        if count > 1:
            do(np.copyto, upstream, of_grad)
        else:
            upstream = of_grad
        width = row.count * count * inner
        upstream = upstream.reshape(groups, outputs, width)
        rows = rows.reshape(groups, taken, phases, phase_rows * count * inner)
        for i in range(row.kernel):
            begins = i // phases * count * inner
            columns = rows[:, :, i % phases, begins : begins + width]
            left, right = (columns, upstream) if transposed else (upstream, columns)
            if samples.start == 0:
                do(np.matmul, left, right.swapaxes(1, 2), total[i])
            else:
                do(np.matmul, left, right.swapaxes(1, 2), one)
                do(np.add, total[i], one, total[i])
    if in_place:
        return
    if transposed:
        found = np.moveaxis(total.reshape(row.kernel, groups, inputs, *kernel, outputs), -1, 2)
    else:
        found = total.reshape(row.kernel, groups, outputs, inputs, *kernel)
    do(np.copyto, target, found)


def scatter(
    do: Calls,
    grad: Array,
    matrices: Array,
    slides: Sequence[Slide],
    bias: Array | None,
    out: Array,
) -> None:
    """List the calls that add, for each place, its entry of `grad` times a kernel to its window.

    `grad` is (N, G·O, *places), `matrices` (G, O, C·kernel), out (N, G·C, *spatial).
    """
    groups, outputs, taken = matrices.shape
    places = tuple(slide.count for slide in slides)
    inputs, width = out.shape[1] // groups, prod(places)
    room: dict[int, tuple[Array, Array]] = {}
    for samples in blocks(out.shape[0], groups * taken * width * out.itemsize):
        count = samples.stop - samples.start
        of_grad = grad[samples].reshape(count, groups, outputs, width).transpose(1, 2, 0, 3)
        if count not in room:
            room[count] = (
                do.scratch((groups, taken, count * width)),
                do.scratch(of_grad.shape if count > 1 else (0,)),
            )
        products, upstream = room[count]
        if count > 1:
            do(np.copyto, upstream, of_grad)
        else:
            upstream = of_grad
        do(
            np.matmul,
            matrices.swapaxes(1, 2),
            upstream.reshape(groups, outputs, count * width),
            products,
        )
        target = out[samples]
        begin(do, target, bias)
        target = target.reshape(count, groups, inputs, *out.shape[2:])
        by_entry = products.reshape(groups, inputs, -1, count, *places)
        for number, at_places, at_entries in numbered_taps(slides):
            part = target[at_entries]
            added = by_entry[:, :, number].transpose(2, 0, 1, *range(3, 3 + len(places)))
            do(np.add, part, added[at_places], part)


def begin(do: Calls, out: Array, bias: Array | None) -> None:
    """List the call that fills `out` (N, channels, ...) with the bias of its channel, or with 0."""
    if bias is None:
        do(out.fill, 0.0)
    else:
        do(np.copyto, out, bias.reshape(-1, *[1] * (out.ndim - 2)))


def _rows(slides: Sequence[Slide], batch: int) -> tuple[Slide, tuple[Slide, ...]]:
    """Return the axis whose rows windows share, and the others; else all windows are one row."""
    first, *rest = slides
    places = prod(slide.count for slide in rest)
    if not rest or first.dilation > 1 or first.kernel <= first.stride:
        return _ONE_ROW, tuple(slides)
    # So many columns has the product for a row of places, at most.
    return (first, tuple(rest)) if batch * places >= COLUMNS // 2 else (_ONE_ROW, tuple(slides))


def _length(slide: Slide) -> int:
    """Return the entries of the axis, with its padding, that the windows reach."""
    return (slide.count - 1) * slide.stride + slide.reach

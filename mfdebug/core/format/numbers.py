"""Numbers as text that a person can compare.

All entries of a tensor share one format; otherwise 0.5 and 5e-05 side by side look alike. A nonzero
number never looks like zero, because "is this gradient 0?" is what users want to find out.

Tensors are read in pieces of `PIECE` entries: no temporary is larger than 512 KiB, whatever the
tensor's size, and each piece stays in the cache.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, SupportsFloat

import numpy as np
from msgspec import Struct

from miniflow.ops.base import Array, shape_text

PIECE = 65_536
# Up to this many entries of an array are written out in a sentence.
WRITTEN_OUT = 4
BARS = "▁▂▃▄▅▆▇█"

# From here on integers in a float array are easier to read in scientific notation.
_BIG = 1e6
_SMALL = 1e-3
# Significant digits: the default, the most used to distinguish entries, the most with room.
_LEAST, _MOST, _ROOMY = 4, 6, 10
# Up to this many values are compared as text; comparing more is not worth its cost.
_FEW = 256


class NumberFormat(Struct, frozen=True):
    """How every entry of one tensor is written: a notation, digits after the point, a width."""

    notation: str
    digits: int
    width: int
    exponent_digits: int = 2

    @classmethod
    def of(
        cls,
        array: Array,
        width: int | None = None,
        *,
        least: int = _LEAST,
        most: int = _MOST,
    ) -> NumberFormat:
        """Choose the format of `array`, with `least` to `most` significant digits if they fit.

        Integers are written as integers. Otherwise the largest entry decides between fixed and
        scientific notation, unless fixed notation would round more than a quarter of the nonzero
        entries to 0. There are `least` significant digits, or up to `most` if entries would look
        equal or be cut. With `width`, as many digits as fit, up to 10; a width below 8 may be
        exceeded.
        """
        array = np.asarray(array)
        scan = _Scan.of(array)
        room = 1 << 30 if width is None else width
        high = max(abs(scan.low), abs(scan.high))
        if not scan.finite:
            return cls("integer", 0, scan.special_width)
        if scan.integral and high < _BIG:
            return cls("integer", 0, 0)._widened(scan)
        roomy = width is not None
        fixed = (
            _fixed_digits(array, scan, high, room, roomy, least, most)
            if _SMALL <= high < _BIG
            else None
        )
        if fixed is not None:
            return cls("fixed", fixed, 0)._widened(scan)
        exponents = [abs(_exponent(x)) for x in (high, scan.smallest)]
        exponent_digits = 3 if max(exponents) > 99 else 2
        overhead = scan.negative + len("1.e+") + exponent_digits
        most = min((_ROOMY if roomy else most) - 1, max(0, room - overhead))
        digits = _enough_digits(array, scan, least - 1, most, roomy, _scientific)
        return cls("scientific", digits, 0, exponent_digits)._widened(scan)

    def fmt(self, number: SupportsFloat) -> str:
        """Return `number` as text, right-aligned to `width`."""
        return self._text(float(number)).rjust(self.width)

    def _text(self, x: float) -> str:
        x += 0.0  # drops the sign of -0.0
        if not math.isfinite(x):
            return str(x)
        if self.notation == "integer":
            return f"{x:.0f}" if x.is_integer() else scalar(x)
        if self.notation == "fixed":
            text = f"{x:.{self.digits}f}"
            return text if float(text) or not x else f"{x:.0e}"
        if not x:
            return "0"
        mantissa, _, exponent = f"{x:.{self.digits}e}".partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(self.exponent_digits)}"

    def _widened(self, scan: _Scan) -> NumberFormat:
        # The longest text is that of the lowest, the highest or (by its exponent) the smallest.
        numbers = [scan.low, scan.high, scan.smallest if scan.nonzeros else 0.0]
        if scan.negative:
            numbers += [-0.0, -numbers[2]]
        width = max(scan.special_width, *(len(self._text(x)) for x in numbers))
        return NumberFormat(self.notation, self.digits, width, self.exponent_digits)


def scalar(number: SupportsFloat, digits: int = 6) -> str:
    """Return one number with up to `digits` significant digits: 0.2213, 600, -1.5e-07."""
    return f"{float(number) + 0.0:.{digits}g}"  # + 0.0 drops the sign of -0.0


def distinct_texts(numbers: Sequence[float]) -> list[str]:
    """Return numbers as text with enough digits to distinguish those that differ."""
    texts: list[str] = []
    for digits in (6, 9, 17):
        texts = [scalar(number, digits) for number in numbers]
        if len(set(texts)) == len(set(map(repr, numbers))):
            break
    return texts


class Summary(Struct, frozen=True):
    """Statistics of a tensor; `min`, `max` and `mean` are of its finite entries."""

    shape: tuple[int, ...]
    min: float
    max: float
    mean: float
    nans: int
    infs: int
    negative_infs: int = 0

    def text(self, between: str = "…") -> str:
        """Return one line: `0.45 … 0.62  mean 0.52`; `between` may be a histogram."""
        size = math.prod(self.shape)
        if not size:
            return f"empty {shape_text(self.shape)}"
        counts = {"nan": self.nans, "inf": self.infs - self.negative_infs}
        counts["-inf"] = self.negative_infs
        bad = [f"{count} {what}" for what, count in counts.items() if count]
        if self.nans + self.infs == size:
            return bad[0].split()[1] if size == 1 else f"all {' and '.join(bad)}"
        if size == 1:
            return scalar(self.min)
        if self.min == self.max:
            parts = [f"all {scalar(self.min)}" if not bad else scalar(self.min)]
        else:
            numbers = (self.min, self.max, self.mean)
            for digits in range(_LEAST, 18):
                low, high, mean = (scalar(x, digits) for x in numbers)
                if low != high:
                    break
            parts = [f"{low} {between} {high}", f"mean {mean}"]
        return "  ".join(parts + bad)

    __str__ = text


def summary(array: Array) -> Summary:
    """Return the statistics of `array`, in one pass."""
    array = np.asarray(array)
    scan = _Scan.of(array)
    low, high, mean = (
        (scan.low, scan.high, scan.mean(array)) if scan.finite else (math.nan, math.nan, math.nan)
    )
    return Summary(array.shape, low, high, mean, scan.nans, scan.infs, scan.negative_infs)


def described(array: Array) -> str:
    """Describe an array: `shape 4x2, values 0 … 1  mean 0.5`.

    Up to `WRITTEN_OUT` entries are listed: `shape 3, values 1, -2, 3`.
    """
    array = np.asarray(array)
    shape = f"shape {shape_text(array.shape)}"
    if not array.size:
        return f"{shape}, empty"
    if array.size > WRITTEN_OUT:
        return f"{shape}, values {summary(array)}"
    plural = "s" if array.size > 1 else ""
    return f"{shape}, value{plural} {', '.join(map(scalar, array.reshape(-1).tolist()))}"


def histogram(array: Array, bins: int = 8) -> str:
    """Return a histogram of the finite entries, one bar per bin.

    An empty bin is blank. A tensor of equal entries is one bar in the middle.
    """
    array = np.asarray(array)
    scan = _Scan.of(array)
    if not scan.finite:
        return " " * bins
    counts = np.zeros(bins, np.int64)
    if scan.low == scan.high:
        counts[bins // 2] = scan.finite
    else:
        # Scaled first: the distance from -1e308 to 1e308 overflows.
        scale = max(abs(scan.low), abs(scan.high))
        low, high = scan.low / scale, scan.high / scale
        for piece in _pieces(array):
            finite = piece if scan.finite == array.size else piece[np.isfinite(piece)]
            where = ((finite / scale - low) / (high - low) * bins).astype(np.int64)
            counts += np.bincount(where.clip(0, bins - 1), minlength=bins)
    peak = int(counts.max())
    return "".join(BARS[-(-8 * int(n) // peak) - 1] if n else " " for n in counts)


def sparkline(numbers: Sequence[float], width: int) -> str:
    """Return the last `width` numbers as bars, the newest at the right.

    Bar heights scale from the lowest to the highest; if all are equal, bars are half height.
    A number that is not finite is `!`.
    """
    last = list(numbers[max(0, len(numbers) - width) :])
    finite = [x for x in last if math.isfinite(x)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    # Halved: the distance from -1e308 to 1e308 overflows.
    spread = high / 2 - low / 2

    def bar(x: float) -> str:
        if not math.isfinite(x):
            return "!"
        return BARS[round((x / 2 - low / 2) / spread * 7) if spread else 3]

    return "".join(map(bar, last)).rjust(width)


def slice_line(shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """Name the 2-D slice shown: `slice [0,:,:] of 2x3x4`; empty for up to two axes."""
    if len(shape) <= 2:
        return ""
    chosen = ",".join([*(str(i) for i in index[: len(shape) - 2]), ":", ":"])
    return f"slice [{chosen}] of {shape_text(shape)}"


# Statistics of a tensor ------------------------------------------------------------------


def _pieces(array: Array) -> Iterator[Array]:
    """Yield all entries as float64, `PIECE` at a time, whatever the memory layout."""
    if array.size:
        flags: Any = ["external_loop", "buffered"]
        yield from np.nditer(
            array, flags, op_dtypes=[np.dtype(np.float64)], casting="unsafe", buffersize=PIECE
        )


class _Scan(Struct):
    """One pass over a tensor; `smallest` is the smallest magnitude that is not 0."""

    finite: int = 0
    nans: int = 0
    infs: int = 0
    negative_infs: int = 0
    low: float = math.inf
    high: float = -math.inf
    smallest: float = math.inf
    nonzeros: int = 0
    negative: bool = False
    integral: bool = True
    _sums: tuple[float, ...] = ()

    @classmethod
    def of(cls, array: Array) -> _Scan:
        scan = cls()
        sums = []
        for piece in _pieces(array):
            finite = piece
            if not (usable := np.isfinite(piece)).all():
                nans = int(np.isnan(piece).sum())
                scan.nans += nans
                scan.infs += int(piece.size - usable.sum()) - nans
                scan.negative_infs += int(np.isneginf(piece).sum())
                finite = piece[usable]
            if not finite.size:
                continue
            scan.finite += finite.size
            scan.low = min(scan.low, float(finite.min()))
            scan.high = max(scan.high, float(finite.max()))
            magnitudes = np.abs(finite)
            magnitudes = magnitudes[magnitudes > 0]
            scan.nonzeros += magnitudes.size
            scan.smallest = min(scan.smallest, float(magnitudes.min(initial=math.inf)))
            scan.negative |= bool((finite < 0).any())
            scan.integral = scan.integral and bool((finite == np.rint(finite)).all())
            with np.errstate(over="ignore", invalid="ignore"):
                sums.append(float(finite.sum()))
        scan._sums = tuple(sums)
        return scan

    def mean(self, array: Array) -> float:
        """Return the mean of the finite entries, even if their sum overflows."""
        with contextlib.suppress(OverflowError, ValueError):
            if math.isfinite(mean := math.fsum(self._sums) / self.finite):
                return mean
        with np.errstate(over="ignore"):
            shares = [
                float((piece[np.isfinite(piece)] / self.finite).sum()) for piece in _pieces(array)
            ]
        return min(self.high, max(self.low, math.fsum(shares)))

    @property
    def special_width(self) -> int:
        """The width of the longest of nan, inf and -inf that occurs."""
        return max(3 * bool(self.nans), 3 * bool(self.infs), 4 * bool(self.negative_infs))


# How many digits -------------------------------------------------------------------------


def _exponent(x: float) -> int:
    return math.floor(math.log10(x)) if 0 < x < math.inf else 0


def _fixed(x: float, digits: int) -> str:
    return f"{x:.{digits}f}"


def _scientific(x: float, digits: int) -> str:
    return f"{x:.{digits}e}"


def _fixed_digits(
    array: Array, scan: _Scan, high: float, room: int, roomy: bool, least: int, most: int
) -> int | None:
    """Return the digits after the point, or None if fixed notation does not suit `array`."""
    fit = room - len(f"{high:.0f}.") - scan.negative
    # At least one digit: without it they would be taken for integers.
    least, most = (max(1, n - 1 - _exponent(high)) for n in (least, _ROOMY if roomy else most))
    most = min(most, fit)
    if most < min(least, 2):
        return None
    digits = _enough_digits(array, scan, least, most, roomy, _fixed)
    for candidate in (digits, most):
        if 4 * _lost(array, scan, candidate) <= scan.nonzeros:
            return candidate
    return None


def _lost(array: Array, scan: _Scan, digits: int) -> int:
    """Count the nonzero entries that would be written as 0 with `digits`."""
    half = 0.5 * 10.0**-digits
    if scan.smallest >= half:
        return 0
    return sum(int(((piece != 0) & (np.abs(piece) < half)).sum()) for piece in _pieces(array))


def _enough_digits(
    array: Array,
    scan: _Scan,
    least: int,
    most: int,
    roomy: bool,
    write: Callable[[float, int], str],
) -> int:
    """Return the fewest digits after the point, from `least` to `most`, that suit `array`.

    Few values: enough to write all exactly, or else the fewest that distinguish most of them. Many
    values: enough to give the distance from lowest to highest 3 digits. With `roomy`, `most`,
    unless fewer are exact.
    """
    if most <= least:
        return most
    if array.size > _FEW:
        if roomy:
            return most
        # Halved: the distance from -1e308 to 1e308 overflows.
        spread = scan.high / 2 - scan.low / 2
        wanted = 2 - _exponent(spread)
        if write is _scientific:
            wanted += _exponent(max(abs(scan.low), abs(scan.high)))
        return min(most, max(least, wanted)) if spread else least
    finite = array[np.isfinite(array)]
    close = float(np.finfo(finite.dtype).eps) if finite.dtype.kind == "f" else 0.0
    values = [float(x) for x in np.unique(finite)]
    best, distinct = most if roomy else least, 0
    for digits in range(least, most + 1):
        texts = [write(x, digits) for x in values]
        if all(abs(float(t) - x) <= close * abs(x) for t, x in zip(texts, values, strict=True)):
            return digits
        if not roomy and len(set(texts)) > distinct:
            best, distinct = digits, len(set(texts))
    return best

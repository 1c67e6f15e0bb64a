"""Numbers as text, so that a person can compare them.

One tensor has one format, or else 0.5 and 5e-05 side by side look alike. A number that is not
zero never looks like zero, because "is this gradient 0?" is what people come to find out.

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
from numpy.typing import NDArray

from miniflow.ops.base import shape_text

Array = NDArray[Any]

PIECE = 65_536
# Entries of an array that are written out in a sentence.
WRITTEN_OUT = 4
BARS = "▁▂▃▄▅▆▇█"

# From here on a float's integers are more easily read in scientific notation.
_BIG = 1e6
_SMALL = 1e-3
# Significant digits: what is shown, what is shown to tell entries apart, what room can add.
_LEAST, _MOST, _ROOMY = 4, 6, 10
# So many different values are compared as text; more would cost more than they are worth.
_FEW = 256


class NumberFormat(Struct, frozen=True):
    """How every entry of one tensor is written: a notation, digits after the point, a width."""

    notation: str
    digits: int
    width: int
    exponent_digits: int = 2

    @classmethod
    def of(cls, array: Array, width: int | None = None) -> NumberFormat:
        """Choose the format of `array`.

        Integers are written as integers. Else the largest entry decides between fixed and
        scientific notation, unless a quarter of the others would be lost in fixed notation.
        There are 4 significant digits, or up to 6 where entries would look equal or be cut.
        With `width`, as many digits as fit in it, up to 10; below 8 it may be exceeded.
        """
        array = np.asarray(array)
        seen = _Scan.of(array)
        room = 1 << 30 if width is None else width
        high = max(abs(seen.low), abs(seen.high))
        if not seen.finite:
            return cls("integer", 0, seen.special_width)
        if seen.integral and high < _BIG:
            return cls("integer", 0, 0)._wide_enough(seen)
        roomy = width is not None
        fixed = _fixed_digits(array, seen, high, room, roomy) if _SMALL <= high < _BIG else None
        if fixed is not None:
            return cls("fixed", fixed, 0)._wide_enough(seen)
        exponents = [abs(_exponent(x)) for x in (high, seen.smallest)]
        exponent_digits = 3 if max(exponents) > 99 else 2
        overhead = seen.negative + len("1.e+") + exponent_digits
        most = min((_ROOMY if roomy else _MOST) - 1, max(0, room - overhead))
        digits = _enough_digits(array, seen, _LEAST - 1, most, roomy, _scientific)
        return cls("scientific", digits, 0, exponent_digits)._wide_enough(seen)

    def fmt(self, number: SupportsFloat) -> str:
        """Return `number` as text, aligned to the right of `width`."""
        return self._text(float(number)).rjust(self.width)

    def _text(self, x: float) -> str:
        x += 0.0  # a zero has no sign
        if not math.isfinite(x):
            return str(x)
        if self.notation == "integer":
            return f"{x:.0f}" if x.is_integer() else scalar(x)
        if self.notation == "fixed":
            text = f"{x:.{self.digits}f}"
            return text if float(text) or not x else f"{x:.0e}"
        mantissa, _, exponent = f"{x:.{self.digits}e}".partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(self.exponent_digits)}"

    def _wide_enough(self, seen: _Scan) -> NumberFormat:
        # The longest is the lowest, the highest or, in an exponent of its own, the smallest.
        numbers = [seen.low, seen.high, seen.smallest if seen.nonzeros else 0.0]
        if seen.negative:
            numbers += [-0.0, -numbers[2]]
        width = max(seen.special_width, *(len(self._text(x)) for x in numbers))
        return NumberFormat(self.notation, self.digits, width, self.exponent_digits)


def scalar(number: SupportsFloat, digits: int = 6) -> str:
    """Return one number with up to `digits` significant digits: 0.2213, 600, -1.5e-07."""
    return f"{float(number) + 0.0:.{digits}g}"  # + 0.0: a zero has no sign


def told_apart(numbers: Sequence[float]) -> list[str]:
    """Return numbers with as many digits as it takes to see which of them differ."""
    texts: list[str] = []
    for digits in (6, 9, 17):
        texts = [scalar(number, digits) for number in numbers]
        if len(set(texts)) == len(set(map(repr, numbers))):
            break
    return texts


class Summary(Struct, frozen=True):
    """What a tensor holds; the lowest, the highest and the mean are of its finite entries."""

    shape: tuple[int, ...]
    min: float
    max: float
    mean: float
    nans: int
    infs: int
    negative_infs: int = 0

    def text(self, between: str = "…") -> str:
        """Return one line: `0.45 … 0.62  mean 0.52`; a histogram may stand `between`."""
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
    """Read `array` once and return what it holds."""
    array = np.asarray(array)
    seen = _Scan.of(array)
    low, high, mean = (
        (seen.low, seen.high, seen.mean(array)) if seen.finite else (math.nan, math.nan, math.nan)
    )
    return Summary(array.shape, low, high, mean, seen.nans, seen.infs, seen.negative_infs)


def described(array: Array) -> str:
    """Return what an array holds, its shape called that: `shape 4x2, values 0 … 1  mean 0.5`.

    A few entries are written out: `shape 3, values 1, -2, 3`.
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
    """Return how the finite entries are spread from lowest to highest, a bar for each bin.

    A bin without entries is blank. A tensor of equal entries is one bar in the middle.
    """
    array = np.asarray(array)
    seen = _Scan.of(array)
    if not seen.finite:
        return " " * bins
    counts = np.zeros(bins, np.int64)
    if seen.low == seen.high:
        counts[bins // 2] = seen.finite
    else:
        # Divided first: the distance from -1e308 to 1e308 is no float.
        scale = max(abs(seen.low), abs(seen.high))
        low, high = seen.low / scale, seen.high / scale
        for piece in _pieces(array):
            finite = piece[np.isfinite(piece)]
            where = ((finite / scale - low) / (high - low) * bins).astype(np.int64)
            counts += np.bincount(where.clip(0, bins - 1), minlength=bins)
    peak = int(counts.max())
    return "".join(BARS[-(-8 * int(n) // peak) - 1] if n else " " for n in counts)


def sparkline(numbers: Sequence[float], width: int) -> str:
    """Return how numbers went, a bar for each of the last `width`: the newest at the right.

    The bars go from the lowest to the highest; equal numbers are bars of half the height. What is
    not finite is `!`.
    """
    last = list(numbers[max(0, len(numbers) - width) :])
    finite = [x for x in last if math.isfinite(x)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    # Halved: the distance from -1e308 to 1e308 is no float.
    spread = high / 2 - low / 2

    def bar(x: float) -> str:
        if not math.isfinite(x):
            return "!"
        return BARS[round((x / 2 - low / 2) / spread * 7) if spread else 3]

    return "".join(map(bar, last)).rjust(width)


def slice_line(shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """Say which 2-D slice is shown, by the `index` into the leading axes; nothing up to 2-D."""
    if len(shape) <= 2:
        return ""
    chosen = ",".join([*(str(i) for i in index[: len(shape) - 2]), ":", ":"])
    return f"slice [{chosen}] of {shape_text(shape)}"


# What a tensor holds ---------------------------------------------------------------------


def _pieces(array: Array) -> Iterator[NDArray[np.float64]]:
    """Yield all entries in float64, `PIECE` at a time, whatever the layout."""
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
        seen = cls()
        sums = []
        for piece in _pieces(array):
            finite = piece
            if not (usable := np.isfinite(piece)).all():
                nans = int(np.isnan(piece).sum())
                seen.nans += nans
                seen.infs += int(piece.size - usable.sum()) - nans
                seen.negative_infs += int(np.isneginf(piece).sum())
                finite = piece[usable]
            if not finite.size:
                continue
            seen.finite += finite.size
            seen.low = min(seen.low, float(finite.min()))
            seen.high = max(seen.high, float(finite.max()))
            magnitudes = np.abs(finite)
            magnitudes = magnitudes[magnitudes > 0]
            seen.nonzeros += magnitudes.size
            seen.smallest = min(seen.smallest, float(magnitudes.min(initial=math.inf)))
            seen.negative |= bool((finite < 0).any())
            seen.integral = seen.integral and bool((finite == np.rint(finite)).all())
            with np.errstate(over="ignore", invalid="ignore"):
                sums.append(float(finite.sum()))
        seen._sums = tuple(sums)
        return seen

    def mean(self, array: Array) -> float:
        """Return the mean of the finite entries, also where their sum is no float."""
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
        """The width of the nan and infinities that there are."""
        return max(3 * bool(self.nans), 3 * bool(self.infs), 4 * bool(self.negative_infs))


# How many digits -------------------------------------------------------------------------


def _exponent(x: float) -> int:
    return math.floor(math.log10(x)) if 0 < x < math.inf else 0


def _fixed(x: float, digits: int) -> str:
    return f"{x:.{digits}f}"


def _scientific(x: float, digits: int) -> str:
    return f"{x:.{digits}e}"


def _fixed_digits(array: Array, seen: _Scan, high: float, room: int, roomy: bool) -> int | None:
    """Return the digits after the point, or None if fixed notation serves `array` badly."""
    fit = room - len(f"{high:.0f}.") - seen.negative
    # One digit at least: without any they would be taken for integers.
    least, most = (max(1, n - 1 - _exponent(high)) for n in (_LEAST, _ROOMY if roomy else _MOST))
    most = min(most, fit)
    if most < min(least, 2):
        return None
    digits = _enough_digits(array, seen, least, most, roomy, _fixed)
    for candidate in (digits, most):
        if 4 * _lost(array, seen, candidate) <= seen.nonzeros:
            return candidate
    return None


def _lost(array: Array, seen: _Scan, digits: int) -> int:
    """Count the entries that are not 0 but would be written so with `digits`."""
    half = 0.5 * 10.0**-digits
    if seen.smallest >= half:
        return 0
    return sum(int(((piece != 0) & (np.abs(piece) < half)).sum()) for piece in _pieces(array))


def _enough_digits(
    array: Array,
    seen: _Scan,
    least: int,
    most: int,
    roomy: bool,
    write: Callable[[float, int], str],
) -> int:
    """Return the fewest digits after the point, from `least` to `most`, that serve `array`.

    Of few values: those that write all of them exactly, or else the fewest that tell most of
    them apart. Of many: those that give the distance from lowest to highest 3 digits. With
    `roomy` there is no need to be brief, unless fewer are exact.
    """
    if most <= least:
        return most
    if array.size > _FEW:
        if roomy:
            return most
        # Halved: the distance from -1e308 to 1e308 is no float.
        spread = seen.high / 2 - seen.low / 2
        wanted = 2 - _exponent(spread)
        if write is _scientific:
            wanted += _exponent(max(abs(seen.low), abs(seen.high)))
        return min(most, max(least, wanted)) if spread else least
    finite = array[np.isfinite(array)]
    close = float(np.finfo(finite.dtype).eps) if finite.dtype.kind == "f" else 0.0
    values = [float(x) for x in np.unique(finite)]
    best, told_apart = most if roomy else least, 0
    for digits in range(least, most + 1):
        texts = [write(x, digits) for x in values]
        if all(abs(float(t) - x) <= close * abs(x) for t, x in zip(texts, values, strict=True)):
            return digits
        if not roomy and len(set(texts)) > told_apart:
            best, told_apart = digits, len(set(texts))
    return best

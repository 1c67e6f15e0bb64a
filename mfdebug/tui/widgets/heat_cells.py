"""The cells of a heatmap as lines: in half blocks, or as shades where there are few colours.

In half blocks a line has two rows of cells: the upper one is the foreground of `▀`, the lower one
its background. Elsewhere a cell is two characters: the sign and the shade of a number if its scale
diverges, else its shade twice. NaN and infinity have signs of their own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style

from mfdebug.config.ascii import RAMP
from mfdebug.core.format.shades import ShadeScale
from mfdebug.tui.widgets.tensor import Line

# From no shade to the strongest. The ASCII forms are for terminals without blocks.
SHADES = " ░▒▓█"
ASCII_SHADES = f" {RAMP}"
# Shades of a colour: more are not distinguishable with 256 colours.
STEPS = 12
UPPER = "▀"
NAN, INFINITE = "!", "∞"

# The shade of a number, or its sign if it is not finite; and those of the two rows of a line.
_Sign = int | str
_Pair = tuple[_Sign, _Sign | None]


class Shading(Struct, frozen=True):
    """How numbers are shaded: by colour in half blocks, by the colours of a panel's `style`.

    Without `half_blocks`, by `SHADES`, or by `ASCII_SHADES` if `ascii_only`.
    """

    style: Callable[[str], Style]
    half_blocks: bool
    ascii_only: bool = False

    @property
    def width(self) -> int:
        """The width of a cell, in columns."""
        return 1 if self.half_blocks else 2

    @property
    def rows(self) -> int:
        """Rows of cells in a line."""
        return 2 if self.half_blocks else 1

    @property
    def shades(self) -> str:
        """The characters of shades, from none to the strongest."""
        return ASCII_SHADES if self.ascii_only else SHADES

    def lines(self, cells: Sequence[Sequence[float]], scale: ShadeScale) -> Iterable[Line]:
        """Yield the lines of some rows of cells."""
        signs = self._signs(cells, scale)
        if not self.half_blocks:
            shaded = {sign: self._shade(sign, scale) for sign in set().union(*signs)}
            yield from ([shaded[sign] for sign in row] for row in signs)
            return
        pairs: list[list[_Pair]] = []
        for upper, lower in zip(signs[::2], [*signs[1::2], *[[]] * (len(signs) % 2)], strict=True):
            # The last row of a vector may be shorter.
            below = [*lower, *[None] * (len(upper) - len(lower))]
            pairs.append(list(zip(upper, below, strict=True)))
        distinct: set[_Pair] = set().union(*pairs)
        colours = {sign: self._colour(sign, scale) for sign in set().union(*distinct)}
        blocks = {pair: self._half_blocks(pair, colours) for pair in distinct}
        yield from ([blocks[pair] for pair in line] for line in pairs)

    def _signs(self, cells: Sequence[Sequence[float]], scale: ShadeScale) -> list[list[_Sign]]:
        """Return the level of each number, or the sign of one that is not finite."""
        numbers = [number for row in cells for number in row]
        steps = STEPS if self.half_blocks else len(self.shades) - 1
        levels = scale.levels(np.array(numbers), steps)
        found: Iterator[_Sign] = (
            level if math.isfinite(number) else _sign(number)
            for number, level in zip(numbers, levels, strict=True)
        )
        return [list(itertools.islice(found, len(row))) for row in cells]

    def _shade(self, sign: _Sign, scale: ShadeScale) -> Segment:
        if isinstance(sign, str):
            return Segment(sign.rjust(2), self.style("heat-alarm"))
        shade = self.shades[abs(sign)]
        if not scale.diverges:
            return Segment(shade * 2, self.style("dim"))
        before = "+" if sign > 0 else "-" if sign < 0 else " "
        return Segment(before + shade, self.style("negative" if sign < 0 else "positive"))

    def _half_blocks(self, pair: _Pair, colours: Mapping[_Sign | None, Color | None]) -> Segment:
        upper, lower = (colours[sign] for sign in pair)
        for sign in pair:
            if isinstance(sign, str):
                background = _style(None, upper or lower)
                return Segment(sign[-1], self.style("heat-alarm") + background)
        if upper == lower:
            return Segment(" ", _style(None, upper))
        return Segment(UPPER, _style(upper, lower))

    def _colour(self, sign: _Sign | None, scale: ShadeScale) -> Color | None:
        if not isinstance(sign, int):
            return None
        name = "heat" if not scale.diverges else f"heat-{'negative' if sign < 0 else 'positive'}"
        none, full = self.style("heat-zero").color, self.style(name).color
        return None if none is None or full is None else _mixed(none, full, abs(sign))

    def sample(self, scale: ShadeScale, count: int) -> Line:
        """Return `count` cells from the smallest to the largest number of a scale."""
        samples = scale.samples(count)
        (line,) = self.lines([samples] * self.rows, scale)
        return line


def _sign(number: float) -> str:
    """Return the sign of a number that is not finite: `!`, `∞` or `-∞`."""
    if math.isnan(number):
        return NAN
    return INFINITE if number > 0 else f"-{INFINITE}"


@lru_cache(4096)
def _style(color: Color | None, background: Color | None) -> Style:
    return Style(color=color, bgcolor=background)


@lru_cache(1024)
def _mixed(none: Color, full: Color, level: int) -> Color:
    """Return the colour of a level: the first one has a quarter of the full colour, to be seen."""
    if not level:
        return none
    part = 1 / 4 + 3 / 4 * (level - 1) / (STEPS - 1)
    return Color.from_triplet(blend_rgb(none.get_truecolor(), full.get_truecolor(), part))

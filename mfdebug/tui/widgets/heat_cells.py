"""The cells of a heatmap as lines: in half blocks, or as shades where there are few colours.

In half blocks a line has two rows of cells: the upper one is the foreground of `▀`, the lower one
its background. Elsewhere a cell is two characters: the sign and the shade of a number if its scale
diverges, else its shade twice. NaN and infinity have signs of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from msgspec import Struct
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style

from mfdebug.core.format.shades import ShadeScale
from mfdebug.tui.widgets.tensor import Line

# From no shade to the strongest. The ASCII forms are for terminals without blocks.
SHADES = " ░▒▓█"
ASCII_SHADES = " .:-=+*#%@"
# Shades of a colour: more are not distinguishable with 256 colours.
STEPS = 12
UPPER = "▀"
NAN, INFINITE = "!", "∞"


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
        if not self.half_blocks:
            yield from ([self._shade(number, scale) for number in row] for row in cells)
            return
        for upper, lower in zip(cells[::2], [*cells[1::2], *[()] * (len(cells) % 2)], strict=True):
            # The last row of a vector may be shorter.
            below = [*lower, *[None] * (len(upper) - len(lower))]
            yield [self._half_blocks(*pair, scale) for pair in zip(upper, below, strict=True)]

    def _shade(self, number: float, scale: ShadeScale) -> Segment:
        if not math.isfinite(number):
            return Segment(_sign(number).rjust(2), self._alarm)
        shades = self.shades
        level = scale.level(number, len(shades) - 1)
        shade = shades[abs(level)]
        if not scale.diverges:
            return Segment(shade * 2, self.style("dim"))
        sign = "+" if level > 0 else "-" if level < 0 else " "
        return Segment(sign + shade, self.style("negative" if level < 0 else "positive"))

    def _half_blocks(self, upper: float, lower: float | None, scale: ShadeScale) -> Segment:
        colours = [
            self._colour(number, scale) if number is not None and math.isfinite(number) else None
            for number in (upper, lower)
        ]
        for number in (upper, lower):
            if number is not None and not math.isfinite(number):
                background = colours[0] or colours[1]
                return Segment(_sign(number)[-1], self._alarm + Style(bgcolor=background))
        if colours[0] == colours[1]:
            return Segment(" ", Style(bgcolor=colours[0]))
        return Segment(UPPER, Style(color=colours[0], bgcolor=colours[1]))

    def _colour(self, number: float, scale: ShadeScale) -> Color | None:
        level = scale.level(number, STEPS)
        name = "heat" if not scale.diverges else f"heat-{'negative' if level < 0 else 'positive'}"
        none, full = self.style("heat-zero").color, self.style(name).color
        return None if none is None or full is None else _mixed(none, full, abs(level))

    @property
    def _alarm(self) -> Style:
        return self.style("heat-alarm")

    def sample(self, scale: ShadeScale, count: int) -> Line:
        """Return `count` cells from the smallest to the largest number of a scale."""
        samples = scale.samples(count)
        if not self.half_blocks:
            return [self._shade(number, scale) for number in samples]
        return [self._half_blocks(number, number, scale) for number in samples]


def _sign(number: float) -> str:
    """Return the sign of a number that is not finite: `!`, `∞` or `-∞`."""
    if math.isnan(number):
        return NAN
    return INFINITE if number > 0 else f"-{INFINITE}"


@lru_cache(1024)
def _mixed(none: Color, full: Color, level: int) -> Color:
    """Return the colour of a level: the first one has a quarter of the full colour, to be seen."""
    if not level:
        return none
    part = 1 / 4 + 3 / 4 * (level - 1) / (STEPS - 1)
    return Color.from_triplet(blend_rgb(none.get_truecolor(), full.get_truecolor(), part))

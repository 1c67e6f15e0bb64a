"""A drawing as text: plain, or with the escapes of a terminal with 16 colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mfdebug.core.circuit.drawing.canvas import Run
from mfdebug.core.explain.list_marks import OVERRIDDEN_MARK

# Select Graphic Rendition (ECMA-48, 8.3.117) by style; a style without a row is not marked.
_COLOURS = {
    "wire": "2",
    "frame": "36",
    "name": "1",
    "value": "32",
    "gradient": "33",
    "waiting": "2",
    "lit-forward": "1;32",
    "lit-backward": "1;31",
    "new-value": "1;7;32",
    "new-gradient": "1;7;31",
    "active": "1;93",
    "chosen": "7",
}


def plain_text(rows: Iterable[Sequence[Run]]) -> str:
    """Return the rows of a drawing as lines without trailing spaces."""
    return "\n".join("".join(text for text, _ in row).rstrip() for row in rows)


def coloured_text(rows: Iterable[Sequence[Run]]) -> str:
    """Return the rows of a drawing as lines with colours."""
    return "\n".join(_coloured(_trimmed(row)) for row in rows)


def _trimmed(row: Sequence[Run]) -> Sequence[Run]:
    last = len(row)
    while last and not row[last - 1][0].strip():
        last -= 1
    return row[:last]


def _coloured(row: Sequence[Run]) -> str:
    return "".join(
        f"\x1b[{colour}m{text}\x1b[0m" if (colour := _COLOURS.get(style)) else text
        for text, style in row
    )


# The signs of numbers, and what they mean.
_SIGNS = {
    "|": "|x| mean of absolute values",
    "|e": "|e-3| thousandths: only the power of ten fits",
    "∙": "∙ not computed",
    "?": "? not known",
    "~": "~ not of these parameters, or of an earlier pass",
    "◐": "◐ contributions are missing",
    OVERRIDDEN_MARK: f"{OVERRIDDEN_MARK} set or scaled by you",
}
_NUMBERS = ("value", "gradient", "waiting", "new-value", "new-gradient")


def legend(rows: Iterable[Sequence[Run]]) -> str:
    """Return one line about what stands where, and about the signs that occur."""
    numbers = " ".join(text for row in rows for text, style in row if style in _NUMBERS)
    found = [words for sign, words in _SIGNS.items() if sign in numbers]
    return "; ".join(["value above each wire, gradient below", *found])

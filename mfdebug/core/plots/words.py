"""Words below a plot, in lines as wide as it is."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

# A space at which no line ends.
JOINT = "\xa0"

# Before words below a chart, as before its numbers: they do not touch what is at the left.
MARGIN = " "


def together(words: str) -> str:
    """Return words that stay in one line, if they fit into one."""
    return words.replace(" ", JOINT)


def wrapped(lines: Iterable[str], width: int) -> list[str]:
    """Return lines of at most `width` characters; what continues a line is indented."""
    parts = (wrap(line, max(8, width), subsequent_indent="  ") for line in lines)
    return [part.replace(JOINT, " ")[:width] for line in parts for part in line]


def joined(lines: Iterable[str], width: int) -> list[str]:
    """Join each line with the next where both fit into one."""
    result: list[str] = []
    for line in lines:
        if result and len(result[-1]) + 3 + len(line) <= width:
            result[-1] += f"   {line}"
        else:
            result.append(line)
    return result

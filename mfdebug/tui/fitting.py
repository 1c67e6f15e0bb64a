"""Text fitted to cells: cut, filled up, or broken into lines; wide characters count as two."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def fit(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells: filled up, or cut with an ellipsis."""
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + "…"
    return set_cell_size(text, width)


def wrap(text: str, width: int) -> list[str]:
    """Break `text` at spaces into lines of at most `width` cells."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and cell_len(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def wrap_terms(text: str, width: int) -> list[str]:
    """Break an equation into lines of at most `width` columns, between its terms if it can be."""
    joined = text.replace(" × ", "\xa0×\xa0")
    return [line.replace("\xa0", " ") for line in wrap(joined, width)]

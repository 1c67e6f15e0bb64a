"""Fit text to a width in cells: truncate, pad or wrap it; wide characters count as two."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size, split_graphemes

# Characters that must not start, and characters that must not end, a line that is broken between
# characters: the marks that Chinese and Japanese typesetting keeps with their neighbours.
_NOT_FIRST = frozenset(",.:;!?)]}%…、。，．：；！？）］｝〉》」』】〕〗〙〛’”")
_NOT_FIRST |= frozenset("・ー々〻ゝゞヽヾ～％‰℃ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ")
_NOT_LAST = frozenset("([{（［｛〈《「『【〔〖〘〚‘“￥＄£＃")

# Here a word that is longer than a line is broken: after a part of a name, but not in a number.
_BREAKS = re.compile(r"[./_·,-](?!\d)")

_BRACKETS = re.compile(r"\([^()]*\)")


def fit(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells: padded, or truncated with an ellipsis."""
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + "…"
    return set_cell_size(text, width)


def fit_end(text: str, width: int) -> str:
    """Return `text` in at most `width` cells: without its beginning, if it is longer.

    A name within scopes loses whole scopes first: `…/attn/c_attn`.
    """
    if cell_len(text) <= width:
        return text
    rest = text
    while (at := rest.find("/")) >= 0:
        rest = rest[at + 1 :]
        if rest and cell_len(rest) + 2 <= width:
            return f"…/{rest}"
    return "…" + _end(text, width - 1) if width > 0 else ""


def fit_middle(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells: padded, or without its middle."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    end = _end(text, max(0, width - 1) // 2)
    return set_cell_size(text, max(0, width - 1 - cell_len(end))) + "…" + end


def _end(text: str, width: int) -> str:
    """Return the longest end of `text` that has at most `width` cells."""
    if text.isascii() and text.isprintable():
        return text[max(0, len(text) - width) :]
    at = len(text)
    for start, _, size in reversed(split_graphemes(text)[0]):
        width -= size
        if width < 0:
            break
        at = start
    return text[at:]


def wrap(text: str, width: int, later: int | None = None) -> list[str]:
    """Break `text` into lines of at most `width` cells, the first one, and `later`, all others.

    Lines break at spaces, between characters of scripts that are written without spaces, and
    within a word that has more cells than a line.
    """
    lines: list[str] = []
    line, used = "", 0
    rest = width if later is None else later
    for word in text.split(" "):
        space = " " if line else ""
        for piece, size in _pieces(word, max(1, min(width, rest))):
            if line and used + len(space) + size > (rest if lines else width):
                lines.append(line)
                line, used = piece, size
            else:
                line, used = line + space + piece, used + len(space) + size
            space = ""
    return [*lines, line] if line else lines


def _pieces(word: str, width: int) -> Iterator[tuple[str, int]]:
    """Yield the unbreakable parts of a word, each with its width in cells."""
    if word.isascii() and len(word) <= width:
        yield word, len(word)
        return
    piece, used = "", 0
    wide_before = False
    for start, end, size in split_graphemes(word)[0]:
        character = word[start:end]
        wide = size > 1
        together = character[0] in _NOT_FIRST or piece[-1:] in _NOT_LAST
        apart = (wide or wide_before) and not together
        if piece and apart:
            yield piece, used
            piece, used = "", 0
        elif piece and used + size > width:
            at = _break_in(piece)
            yield piece[:at], cell_len(piece[:at])
            piece, used = piece[at:], cell_len(piece[at:])
        piece, used = piece + character, used + size
        wide_before = wide
    yield piece, used


def _break_in(piece: str) -> int:
    """Return where to break a piece of a long word: after a part of a name, or at the end."""
    at = max((found.end() for found in _BREAKS.finditer(piece)), default=0)
    return at if at > len(piece) // 2 else len(piece)


def wrap_terms(text: str, width: int, later: int | None = None) -> list[str]:
    """Break an equation into lines as `wrap` does, preferably between its terms.

    Neither a product nor short brackets are broken, if they fit into a line.
    """

    def kept(found: re.Match[str]) -> str:
        short = cell_len(found[0]) <= width // 2
        return found[0].replace(" ", "\xa0") if short else found[0]

    joined = _BRACKETS.sub(kept, text)
    joined = joined.replace(" × ", "\xa0×\xa0")
    # A line may begin with a sign: `= `.
    most = (width if later is None else min(width, later)) - 2
    terms = (
        term if cell_len(term) <= most else term.replace("\xa0", " ") for term in joined.split(" ")
    )
    joined = " ".join(terms)
    return [line.replace("\xa0", " ") for line in wrap(joined, width, later)]

"""The width of text in terminal cells, and text cut to a width.

A wide character (Chinese, Japanese, Korean, most emoji) takes two cells, a combining one none. The
classes are those of Unicode Standard Annex #11, as Python's `unicodedata` has them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

CUT = "…"
_JOINER, _EMOJI_STYLE = "\u200d", "\ufe0f"
# The vowels and final consonants of a Korean syllable in parts, and the skin tones of emoji.
_JOINING = {*range(0x1160, 0x1200), *range(0xD7B0, 0xD7FC), *range(0x1F3FB, 0x1F400)}


def cells(text: str) -> int:
    """Return the number of terminal cells that `text` takes."""
    return len(text) if text.isascii() else sum(size for _, size in _clusters(text))


def cut_end(text: str, width: int) -> str:
    """Return `text` in at most `width` cells; if its end is cut, `…` says so."""
    if cells(text) <= width:
        return text
    kept, room = "", width - 1
    for cluster, size in _clusters(text):
        room -= size
        if room < 0:
            break
        kept += cluster
    return kept + CUT if width > 0 else ""


def cut_start(text: str, width: int) -> str:
    """Return `text` in at most `width` cells; if its start is cut, `…` says so."""
    if cells(text) <= width:
        return text
    kept, room = "", width - 1
    for cluster, size in reversed(_clusters(text)):
        room -= size
        if room < 0:
            break
        kept = cluster + kept
    return CUT + kept if width > 0 else ""


def cut_name(text: str, width: int) -> str:
    """Return a node's or entry's name in at most `width` cells, its scopes cut from the left.

    `encoder/layer3/attention/W[0,1]` becomes `…attention/W[0,1]`: whole scopes if any fit. What
    says that it is a gradient (`∂cost/∂`) stays.
    """
    if cells(text) <= width:
        return text
    sign = re.match(r"∂[^∂]*/∂", text)
    before = sign[0] if sign and cells(sign[0]) + 4 <= width else ""
    name, room = text[len(before) :], width - cells(before)
    for scope in re.finditer("/", name):
        if cells(kept := name[scope.end() :]) < room:
            return f"{before}{CUT}{kept}"
    return before + cut_start(name, room)


def _clusters(text: str) -> list[tuple[str, int]]:
    """Return the characters, each with those that join it, and their widths in cells."""
    found: list[tuple[str, int]] = []
    joined = False
    for character in text:
        size = _size(character)
        if found and (joined or not size):
            before, width = found[-1]
            if character == _EMOJI_STYLE and width == 1 and unicodedata.category(before[0]) == "So":
                width = 2
            found[-1] = before + character, width
        else:
            found.append((character, size))
        joined = character == _JOINER
    return found


@lru_cache(4096)
def _size(character: str) -> int:
    """Return the cells of one character: 0, 1 or 2."""
    category = unicodedata.category(character)
    if category[0] == "M" or category == "Cf" or ord(character) in _JOINING:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

"""Text in cells of a terminal: a wide character takes two, a combining one none."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from miniflow.text.scope_names import split_name

# Terminals disagree on the width of what these join or modify.
_MODIFIERS = re.compile("[\u200c\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")


@lru_cache(4096)
def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width(text: str) -> int:
    """Return the number of cells that a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


@lru_cache(1024)
def is_simple(text: str) -> bool:
    """Whether every character of a text takes one cell."""
    return text.isascii() or all(_width(character) == 1 for character in text)


def clusters(text: str) -> list[str]:
    """Return the characters of a text, each with the combining characters that follow it."""
    found: list[str] = []
    for character in text:
        if found and not _width(character):
            found[-1] += character
        else:
            found.append(character)
    return found


def plain(name: str) -> str:
    """Return a name without the invisible characters that join or modify others."""
    return name if name.isascii() else _MODIFIERS.sub("", name)


def cut(text: str, most: int) -> str:
    """Return a text in at most `most` cells, with `…` in place of an end that does not fit."""
    return text if width(text) <= most else _start(clusters(text), most - 1) + "…"


def cut_start(text: str, most: int) -> str:
    """Return a text in at most `most` cells, with `…` in place of a start that does not fit."""
    if width(text) <= most:
        return text
    kept: list[str] = []
    for cluster in reversed(clusters(text)):
        if sum(map(width, kept)) + width(cluster) >= most:
            break
        kept.insert(0, cluster)
    return "…" + "".join(kept)


def cut_name(name: str, most: int) -> str:
    """Return a name in at most `most` cells: without its first scopes, if it is longer.

    `…/attn/c_attn`, `….weight`. Where not even the last part fits, its start is cut as well.
    """
    if width(name) <= most:
        return name
    parts = split_name(name)
    for first in range(1, len(parts)):
        rest = "".join(parts[first:])
        if width(rest) + 2 <= most:
            return f"…{parts[first - 1][-1]}{rest}"
    return cut_start(name, most)


def _start(found: list[str], most: int) -> str:
    kept = ""
    for cluster in found:
        if width(kept) + width(cluster) > most:
            break
        kept += cluster
    return kept.rstrip()

"""Wires as characters: a cell has arms to its neighbours, each of them light or heavy."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

UP, RIGHT, DOWN, LEFT = 1, 2, 4, 8
ACROSS, ALONG, ALL = LEFT | RIGHT, UP | DOWN, 15
# Four arms of one wire: a joint, where ┼ is always a crossing of two.
JOINT = "•"
_WORDS = {
    "UP": UP,
    "RIGHT": RIGHT,
    "DOWN": DOWN,
    "LEFT": LEFT,
    "VERTICAL": ALONG,
    "HORIZONTAL": ACROSS,
}


class Arms(NamedTuple):
    """The light and the heavy arms of a box-drawing character."""

    light: int
    heavy: int


def _arms(name: str) -> Arms:
    """Return the arms that a character's Unicode name says: `DOWN HEAVY AND RIGHT LIGHT`."""
    parts = [part.split() for part in name.split(" AND ")]
    first = next((word for word in parts[0] if word in ("LIGHT", "HEAVY")), "LIGHT")
    light = heavy = 0
    for part in parts:
        weight = next((word for word in part if word in ("LIGHT", "HEAVY")), first)
        arms = 0
        for word in part:
            arms |= _WORDS.get(word, 0)
        if weight == "HEAVY":
            heavy |= arms
        else:
            light |= arms
    return Arms(light, heavy)


def _table() -> dict[str, Arms]:
    found: dict[str, Arms] = {}
    for code in range(0x2500, 0x2580):
        name = unicodedata.name(chr(code)).removeprefix("BOX DRAWINGS ")
        if not re.search("DASH|DOUBLE|DIAGONAL|SINGLE", name):
            found[chr(code)] = _arms(name)
    return found


# The arms of each character, rounded corners included.
ARMS_OF: Mapping[str, Arms] = _table()
_CHARACTERS: dict[Arms, str] = {arms: sign for sign, arms in ARMS_OF.items() if sign not in "╭╮╯╰"}


@cache
def character(arms: int, heavy: int, joined: bool) -> str:
    """Return the character with these arms, of which some are heavy.

    `joined` says that all arms are of one wire.
    """
    if arms == ALL and joined:
        return JOINT
    return _CHARACTERS[Arms(arms & ~heavy, arms & heavy)]

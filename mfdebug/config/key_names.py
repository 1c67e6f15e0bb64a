"""Names of keys: as written in settings, as used by Textual, and as shown to users.

A setting may be `?`, `J`, `ctrl+j` or `question_mark`. Textual accepts any name, and a wrong one
would be a key that nobody can press; so names are checked here first.
"""

from __future__ import annotations

import re
import string
import unicodedata

from miniflow.errors import nearest

# Textual's names that differ from Unicode's.
_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_SHOWN = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "tab": "Tab",
    "escape": "Esc",
    "enter": "Enter",
    "backspace": "Backspace",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "space": "space",
}
_SPECIAL = {*_SHOWN, "insert", "delete", *(f"f{number}" for number in range(1, 25))}
_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")
# Keys that have one meaning in the whole app, and so cannot be bound.
FIXED = {
    "escape": "it always closes what is open",
    "enter": "it always confirms",
    "ctrl+c": "it always shows how to quit",
}
# A terminal sends the same byte for each of these as for another key.
_SAME_BYTE = {
    "ctrl+m": "Enter",
    "ctrl+i": "Tab",
    "ctrl+h": "Backspace",
    "ctrl+left_square_bracket": "Esc",
}


class KeyNameError(ValueError):
    """A name that is not a key, or a key that cannot be bound; `hint` says what to do."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint


def _of_character(character: str) -> str:
    if character.isalnum():
        return character
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name)


_CHARACTERS = {_of_character(character): character for character in string.punctuation}


def character_of(key: str) -> str:
    """Return the character that a key types, or an empty string."""
    if key == "space":
        return " "
    if len(key) == 1:
        return key
    if key in _CHARACTERS:
        return _CHARACTERS[key]
    try:
        character = unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return ""
    # `tab` and `delete` are names of control characters, too.
    return character if character.isprintable() else ""


def shown(key: str) -> str:
    """Return a key as shown to users: `?`, `→`, `ctrl+j`."""
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, _SHOWN.get(last) or character_of(last) or last])


def written(key: str) -> str:
    """Return a key as written in the settings: `?`, `right`, `ctrl+j`."""
    return key if key == "space" or "+" in key else character_of(key) or key


def read_key(text: str) -> str:
    """Return Textual's name of the key `text`; raise `KeyNameError` if it cannot be bound."""
    key = _named(text)
    if len(key) == 1 and key.isdecimal():
        raise KeyNameError(f"{text!r} cannot be bound: digits are counts, as in 10s")
    if key in FIXED:
        raise KeyNameError(f"{text!r} cannot be bound: {FIXED[key]}")
    if key in _SAME_BYTE:
        raise KeyNameError(f"{text!r} cannot be bound: terminals send it for {_SAME_BYTE[key]}")
    return key


def _named(text: str) -> str:
    if text == " ":
        return "space"
    if len(text) == 1 and text.isprintable():
        return _of_character(text)
    *modifiers, last = text.split("+")
    modifiers = [modifier.lower() for modifier in modifiers]
    for modifier in modifiers:
        if modifier not in _MODIFIERS:
            raise KeyNameError(
                f"{text!r} is not a key: before the + may be {', '.join(_MODIFIERS)}",
                nearest(modifier, _MODIFIERS),
            )
    base = _base(last)
    if not base:
        known = [*sorted(_SPECIAL), *_CHARACTERS]
        raise KeyNameError(
            f"{text!r} is not a key", nearest(last, known) or "as in j, ?, f5, space or ctrl+j"
        )
    if not modifiers:
        return base
    if len(base) == 1 and base.isupper():
        if "ctrl" not in modifiers:
            modifiers.append("shift")
        base = base.lower()
    if modifiers == ["shift"] and (character_of(base) or base == "space"):
        raise KeyNameError(
            f"{text!r} is not a key: terminals send the character that it types",
            f"write {base.upper()!r}" if len(base) == 1 else "write that character",
        )
    return "+".join([*sorted(set(modifiers)), base])


def _base(text: str) -> str:
    """Return Textual's name of a key without modifiers, or an empty string."""
    if len(text) == 1:
        return _of_character(text) if text.isprintable() and text != " " else ""
    lower = text.lower()
    if lower in _SPECIAL or lower in _CHARACTERS:
        return lower
    if not re.fullmatch(r"[a-z0-9_]+", lower):
        return ""
    character = character_of(lower)
    return _of_character(character) if character else ""


_OF_SHOWN = {sign: key for key, sign in _SHOWN.items()} | {"Bksp": "backspace", "/": "slash"}
# The letters that are keys of dialogs.
_LETTERS = ("g", "q")


def key_shown_as(word: str) -> str:
    """Return Textual's name of the key that a dialog's line of keys shows as `word`, or ""."""
    return word if word in _LETTERS else _OF_SHOWN.get(word, "")

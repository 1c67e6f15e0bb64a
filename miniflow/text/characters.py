"""Which characters may be shown: none that is invisible or that reorders others.

The joiners are invisible too, but Persian, the scripts of India and emoji cannot be written without
them. They are allowed where Unicode uses them: by the rules A1, A2 and B of Unicode Standard Annex
#31 (section 2.3), and between two emoji (Unicode Technical Standard #51).
"""

from __future__ import annotations

import unicodedata

NON_JOINER, JOINER = "\u200c", "\u200d"
# Scripts whose letters join, by the first word of their letters' Unicode names.
_CURSIVE = {"ARABIC", "SYRIAC", "NKO", "MANDAIC", "MONGOLIAN", "PHAGS-PA", "MANICHAEAN", "ADLAM"}
_VIRAMA = 9
_EMOJI_ENDS = {"\ufe0f", "\u20e3", *map(chr, range(0x1F3FB, 0x1F400))}


def is_printable(text: str) -> bool:
    """Whether all characters of `text` may be shown."""
    return text.isprintable() or all(is_printable_at(text, i) for i in range(len(text)))


def is_printable_at(text: str, index: int) -> bool:
    """Whether the character at `index` may be shown there."""
    character = text[index]
    if character.isprintable():
        return True
    if character not in (NON_JOINER, JOINER) or not 0 < index < len(text) - 1:
        return False
    before, after = text[index - 1], text[index + 1]
    if _VIRAMA in (unicodedata.combining(before), unicodedata.combining(after)):
        # Bengali and Sinhala put the joiner on either side.
        return _is_letter(before) and _is_letter(after)
    if character == NON_JOINER:
        return _is_cursive(before) and _is_cursive(after)
    return _is_emoji(after) and (_is_emoji(before) or before in _EMOJI_ENDS)


def _is_letter(character: str) -> bool:
    """Whether a character is a letter or a combining mark."""
    return unicodedata.category(character)[0] in "LM"


def _is_cursive(character: str) -> bool:
    script = unicodedata.name(character, "").partition(" ")[0]
    return _is_letter(character) and script in _CURSIVE


def _is_emoji(character: str) -> bool:
    return unicodedata.category(character) == "So"

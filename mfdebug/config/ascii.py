"""Every sign beyond ASCII in one that a plain terminal has: the same columns, as near as can be.

One table serves the screen, where each cell passes through it at the last stage, and the text of
the line modes, where an output that cannot encode a sign asks it.
"""

from __future__ import annotations

import codecs
import unicodedata
from functools import lru_cache

# What the app draws with and writes in, each for one column.
_SIGNS = {
    # mathematics
    "∂": "d",
    "µ": "u",
    "μ": "u",
    "√": "V",
    "∞": "8",
    "×": "x",
    "÷": "/",
    "·": "*",
    "⊙": "*",
    "⊗": "x",
    "⊕": "+",
    "−": "-",
    "±": "+",
    "ᵀ": "'",
    "⁻": "-",
    # what has been computed, where the cursor is, what is chosen
    "✓": "v",
    "◐": "c",
    "●": "@",
    "○": "o",
    "◆": "#",
    "•": "o",
    "∙": "-",
    "▶": ">",
    "▸": ">",
    "▾": "v",
    "▼": "v",
    "▲": "^",
    "›": ">",
    "‹": "<",
    "»": ">",
    "«": "<",
    "…": "~",
    "←": "<",
    "→": ">",
    "↑": "^",
    "↓": "v",
    # heights, from a low one to a full block
    **dict(zip("▁▂▃▄▅▆▇█", ".:-=+*%#", strict=True)),
    "▀": "'",
    **dict.fromkeys("▌▐▎▍▋▊▉▏▕", "|"),
    **dict.fromkeys("░▒▓■", "#"),
    "▔": "-",
    # writing
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("–—", "-"),
    "\xa0": " ",
    "£": "L",
    "‰": "%",
    "℃": "C",
}
UNKNOWN = "?"

# The two dots of each row of a braille sign, from the top.
_BRAILLE_ROWS = (0x09, 0x12, 0x24, 0xC0)
_BRAILLE = range(0x2800, 0x2900)
_BOX = range(0x2500, 0x2580)


@lru_cache(4096)
def in_ascii(cluster: str) -> str:
    """Return one ASCII character for a sign, with all that combines with it.

    A letter with an accent is the letter; a sign that nothing stands for is a question mark.
    """
    sign = cluster[0]
    if sign.isascii():
        return sign
    if (known := _SIGNS.get(sign)) is not None:
        return known
    if ord(sign) in _BRAILLE:
        return _braille(ord(sign) - _BRAILLE.start)
    if ord(sign) in _BOX:
        return _box(unicodedata.name(sign, ""))
    if (greek := unicodedata.name(sign, "")).startswith("GREEK"):
        letter = greek.split()[-1][0]
        return letter if "CAPITAL" in greek else letter.lower()
    plain = unicodedata.normalize("NFKD", sign)[0]
    return plain if plain.isascii() and plain.isprintable() else UNKNOWN


def _braille(dots: int) -> str:
    """Return what looks like a line at the height of the dots."""
    rows = [place for place, mask in enumerate(_BRAILLE_ROWS) if dots & mask]
    if not rows:
        return " "
    if len(rows) > 2:
        return "|" if len(rows) == 4 else ":"
    height = sum(rows) / len(rows)
    return "'" if height < 1 else "." if height > 2 else "-"


def _box(name: str) -> str:
    """Return the line or the corner that a sign of a frame is."""
    across = "HORIZONTAL" in name or "LEFT" in name or "RIGHT" in name
    along = "VERTICAL" in name or "UP" in name or "DOWN" in name
    if across and along:
        return "`" if name.endswith("UP AND RIGHT") and "LIGHT UP" in name else "+"
    if across:
        return "=" if "HEAVY" in name or "DOUBLE" in name else "-"
    return "|"


def _unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    # What combines with a sign before it is left out with it.
    return "".join(in_ascii(sign) for sign in wrong if not unicodedata.combining(sign)), error.end


def register() -> str:
    """Return the name of an error handler for encoders that writes what `in_ascii` returns."""
    name = "mfdebug.ascii"
    codecs.register_error(name, _unencodable)
    return name

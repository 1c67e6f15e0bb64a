"""ASCII replacements for other characters, as similar as possible and of the same width.

One table serves the screen, where it is applied to each cell at the last stage, and the text of
the line modes, where it is the error handler of an output that cannot encode a character.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

# Where something is cut: `~` is what is stale.
CUT = "$"
# From the lightest, by the ink of common fonts: bars and shades. None is a mark, nor the sign of a
# number, which stands before a shade.
RAMP = "_:;/I%HM"
# The characters that the app uses, each one column wide. docs/terminals.md has all of them.
SIGNS = {
    # mathematics
    "∂": "d",
    "µ": "u",
    "μ": "u",
    # Not V, which is Adam's v with a hat: √v̂ would be VV.
    "√": "R",
    "∞": "8",
    # Not x, which is a common name: a product with x would be `x x`.
    "×": "*",
    "÷": "/",
    "·": "*",
    "∗": "*",
    "⊙": "*",
    "⊗": "x",
    "⊕": "&",
    "−": "-",
    "±": "+",
    "∫": "S",
    "≤": "<",
    "‖": "|",
    "⌊": "[",
    "⌋": "]",
    "⌈": "[",
    "⌉": "]",
    "≠": "#",
    "≈": "~",
    "Δ": "D",
    "ᵀ": "'",
    "⁻": "-",
    # marks: computed, cursor, selected; no two that a list or a drawing may have are the same,
    # but for arrows, and the point of a curve, which is a join of wires elsewhere
    "✓": "Y",
    "◐": "c",
    "●": "@",
    "○": "o",
    "◆": "X",
    # Not o, which is a disabled stop.
    "•": "+",
    "∙": ".",
    "▶": ">",
    "◀": "<",
    "▸": ">",
    "◂": "<",
    "▴": "^",
    "▾": "v",
    "▼": "v",
    "▲": "^",
    "›": ">",
    "‹": "<",
    "»": ">",
    "«": "<",
    "…": CUT,
    "←": "<",
    "→": ">",
    "↑": "^",
    "↓": "v",
    # bars, from the lowest to a full block, and shades, from the lightest
    **dict(zip("▁▂▃▄▅▆▇█", RAMP, strict=True)),
    **dict(zip("░▒▓", ":/%", strict=True)),
    "▀": "'",
    **dict.fromkeys("▌▐▎▍▋▊▉▏▕", "|"),
    "▔": "-",
    # punctuation
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("–—", "-"),
    "\xa0": " ",
    "£": "L",
    "‰": "%",
    "℃": "C",
}
# The ends of the thumb of a scrollbar: in ASCII, where they would be letters, it has whole cells.
BAR_ENDS = frozenset("▁▂▃▄▅▆▇")
UNKNOWN = "?"
# Two strokes; `#` is what the user has set, which stands beside such lines.
_HEAVY_UPRIGHT = '"'

# Two characters, where a blank is before the sign: one of them would say something else. Arrows
# have them only where they are no keys.
PAIRS = {"←": ":=", "→": "->", "▶": "=>", "≈": "~=", "≤": "<=", "±": "+-"}
# What reads otherwise between numbers.
_BY_NEIGHBOURS = frozenset("…×")
# What is before an arrow from one number to another: `0.1 → 0.2`.
_NUMBER_BEFORE = re.compile(r"(?:\d|inf|nan)\Z")
# What stands before an arrow that is the name of a key.
_BESIDE_KEYS = ("", " ", "↑", "↓", "→")

# The two dots of each row of a braille character, from the top.
_BRAILLE_ROWS = (0x09, 0x12, 0x24, 0xC0)
_BRAILLE = range(0x2800, 0x2900)
_BOX = range(0x2500, 0x2580)


# Adam's corrected m and v, which are not its m and v.
_HATS = {"m\u0302": "M", "v\u0302": "V"}


@lru_cache(4096)
def in_ascii(cluster: str) -> str:
    """Return one ASCII character for a character with its combining characters.

    An accented letter becomes the letter, but for the hats of Adam; a character without a
    replacement becomes `?`.
    """
    if cluster in _HATS:
        return _HATS[cluster]
    sign = cluster[0]
    if sign.isascii():
        return sign
    if (known := SIGNS.get(sign)) is not None:
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


def is_assignment(text: str, at: int) -> bool:
    """Whether the sign there is an arrow that assigns (`b ← b - lr`), not a key (`← → node`)."""
    if text[at] != "←" or text[at - 1 : at] != " " or text[at + 1 : at + 2] not in (" ", ""):
        return False
    target, value = text[max(0, at - 2) : at - 1], text[at + 2 : at + 3]
    return target not in _BESIDE_KEYS and value != "→"


def is_change(text: str, at: int) -> bool:
    """Whether the sign there is an arrow from one number to another (`0.1 → 0.2`)."""
    number = text[at - 1 : at] == " " and _NUMBER_BEFORE.search(text[max(0, at - 4) : at - 1])
    return bool(number) and text[at] == "→" and text[at + 1 : at + 2] == " "


def _is_pair(text: str, at: int) -> bool:
    """Whether the sign there, with the blank before it, is two characters in ASCII."""
    if text[at] == "←":
        return is_assignment(text, at)
    if text[at] == "→":
        return is_change(text, at)
    return text[at] in PAIRS and text[max(0, at - 1) : at] == " "


def row_in_ascii(cells: Sequence[str], sign: Callable[[str], str]) -> list[str]:
    """Return the ASCII character of each cell of a row; `sign` returns that of one.

    Some depend on their neighbours: `4×2` is 4x2 and `1…12` is 1-12, dots between words take the
    blanks beside them. With the blank before it, an assignment is `:=` and a change `->` (`b < b -
    lr` and `0.1 > 0.2` would be comparisons), and the mark of the present moment is `=>`, which is
    no folded scope.
    """
    found = [cell if cell.isascii() else sign(cell) for cell in cells]
    for at, cell in enumerate(cells):
        if cell in PAIRS:
            first = max(0, at - 4)
            if _is_pair("".join(c[0] for c in cells[first : at + 3]), at - first):
                found[at - 1 : at + 1] = PAIRS[cell]
        elif cell in _BY_NEIGHBOURS:
            before = cells[at - 1] if at else " "
            after = cells[at + 1] if at + 1 < len(cells) else " "
            if cell == "…" and before == after == " ":
                for place in range(max(0, at - 1), min(len(cells), at + 2)):
                    found[place] = "."
            else:
                found[at] = _between(cell, before, after)
    return found


def _between(cell: str, before: str, after: str) -> str:
    """Return the ASCII character of a times sign or of dots, which may stand between numbers."""
    if cell == "×":
        return "x" if after.isdecimal() else "*"
    return "-" if before.isdecimal() and after.isdecimal() else CUT


def _braille(dots: int) -> str:
    """Return a character that looks like a line at the height of the dots."""
    rows = [row for row, mask in enumerate(_BRAILLE_ROWS) if dots & mask]
    if not rows:
        return " "
    if len(rows) > 2:
        return "|" if len(rows) == 4 else ":"
    height = sum(rows) / len(rows)
    return "'" if height < 1 else "." if height > 2 else "-"


def _box(name: str) -> str:
    """Return the line or corner that a box-drawing character shows; a heavy line differs.

    A crossing of two lines is the one in front: `+` would join them.
    """
    across = "HORIZONTAL" in name or "LEFT" in name or "RIGHT" in name
    along = "VERTICAL" in name or "UP" in name or "DOWN" in name
    if "VERTICAL" in name and "HORIZONTAL" in name and "DOUBLE" not in name:
        if "HORIZONTAL HEAVY" in name:
            return "="
        return _HEAVY_UPRIGHT if "HEAVY" in name else "|"
    if across and along:
        return "`" if name.endswith("UP AND RIGHT") and "LIGHT UP" in name else "+"
    if name.endswith("HEAVY LEFT"):
        # Half a cell of a bar.
        return "-"
    if across:
        return "=" if "HEAVY" in name or "DOUBLE" in name else "-"
    return _HEAVY_UPRIGHT if "HEAVY" in name else "|"


def _unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, at = error.object, error.start
    # The marks of rows have one character in lines, which need not keep their columns.
    if text[at] != "▶" and _is_pair(text, at):
        return PAIRS[text[at]], at + 1
    if text[max(0, at - 1) : at + 1] in _HATS:
        return "^", at + 1
    if text[at] in "…×":
        before, after = text[max(0, at - 1) : at] or " ", text[at + 1 : at + 2] or " "
        dots = text[at] == "…" and before.isspace() and after.isspace()
        return "..." if dots else _between(text[at], before, after), at + 1
    wrong = text[at : error.end]
    special = (i for i, sign in enumerate(wrong) if sign in _BY_NEIGHBOURS or sign in PAIRS)
    end = next(special, len(wrong)) or 1
    # Combining characters are dropped.
    found = "".join(in_ascii(sign) for sign in wrong[:end] if not unicodedata.combining(sign))
    return found, at + end


def register() -> str:
    """Register an encoding error handler that writes `in_ascii` of a character; return its name."""
    name = "mfdebug.ascii"
    codecs.register_error(name, _unencodable)
    return name

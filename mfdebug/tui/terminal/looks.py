"""How cells look, and the shortest sequences that change a terminal from one look to another."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from rich.color import ColorType
from textual.strip import Strip

if TYPE_CHECKING:
    from rich.color import ColorSystem
    from rich.style import Style


class Look(NamedTuple):
    """The look of a cell: SGR parameters, and a link (OSC 8).

    A `blank` has only what is visible on a space: its foreground and boldness are unspecified, so
    that the spaces between two words of one style need no change of style.
    """

    attributes: str = ""
    foreground: str = ""
    background: str = ""
    link: str = ""
    blank: bool = False


PLAIN = Look()
BLANK = Look(blank=True)

# The numbers of the colours of xterm's palette (its 256colres.pl), by red, green and blue: up to 8
# bytes less than the three of them. Without 16 to 21, which some schemes of 16 colours replace.
_LEVELS = (0, 95, 135, 175, 215, 255)
_NUMBERS: dict[tuple[int, int, int] | None, int] = {
    **{rgb: n for n, rgb in enumerate(product(_LEVELS, _LEVELS, _LEVELS), 16) if n > 21},
    **{(level, level, level): n for n, level in enumerate(range(8, 248, 10), 232)},
}

# Attributes that are visible on a blank: underlines, blinking, reverse, strike, overline.
_SHOWN_ON_BLANKS = {"4", "5", "6", "7", "9", "21", "53"}
# The codes that turn attributes off: bold or dim, italic, underline, blink, reverse, strike.
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "9": "29"}


@lru_cache(4096)
def look_of(style: Style, colors: ColorSystem) -> Look:
    """Return the look of a style, in the colours that a terminal has."""

    def parameters(foreground: bool) -> str:
        color = style.color if foreground else style.bgcolor
        if color is None:
            return ""
        shown = color.downgrade(colors)
        number = _NUMBERS.get(shown.triplet) if shown.type is ColorType.TRUECOLOR else None
        if number is not None:
            return f"{38 if foreground else 48};5;{number}"
        return ";".join(shown.get_ansi_codes(foreground))

    plain_link = style.link is not None and style.link.isprintable()
    link = f"id={style.link_id};{style.link}" if plain_link else ""
    return _interned(
        Look(
            Strip.render_ansi(style.without_color, colors),
            parameters(foreground=True),
            parameters(foreground=False),
            link,
        )
    )


@lru_cache(4096)
def _interned(look: Look) -> Look:
    """Return the same object for equal looks, so that cells compare fast."""
    return look


@lru_cache(4096)
def shows_as_blank(look: Look) -> Look:
    """Return the look of a space drawn in this look."""
    if look.attributes == "7" and look.foreground and not look.link:
        # A part of a scrollbar. As a background it can be erased.
        return _interned(Look(background=as_background(look.foreground), blank=True))
    if look.link or _SHOWN_ON_BLANKS.intersection(look.attributes.split(";")):
        return look
    return _interned(Look(background=look.background, blank=True))


def as_background(foreground: str) -> str:
    """Return the parameters of a background in the colour of a foreground: 3x is 4x, 9x is 10x."""
    return f"10{foreground[1:]}" if foreground.startswith("9") else f"4{foreground[1:]}"


@lru_cache(4096)
def change(old: Look, new: Look) -> str:
    """Return the sequence that changes the terminal from one look to another."""
    link = f"\x1b]8;{new.link or ';'}\x1b\\" if new.link != old.link else ""
    if new[:3] == old[:3]:
        return link
    if new[:3] == PLAIN[:3]:
        return f"{link}\x1b[m"
    afresh = ["0", *filter(None, new[:3])]
    return f"{link}\x1b[{min(';'.join(_codes(old, new)), ';'.join(afresh), key=len)}m"


def _codes(old: Look, new: Look) -> list[str]:
    """Return the SGR parameters that turn off old attributes and turn on new ones."""
    before, after = (look.attributes.split(";") if look.attributes else [] for look in (old, new))
    removed = [code for code in before if code not in after]
    if any(code not in _OFF for code in removed):
        return ["0", *filter(None, new[:3])]
    off = list(dict.fromkeys(_OFF[code] for code in removed))
    # One code turns off both bold and dim: if one of them stays, it is turned on again.
    on = [code for code in after if code not in before or _OFF.get(code) in off]
    codes = [*off, *on]
    if new.foreground != old.foreground:
        codes.append(new.foreground or "39")
    if new.background != old.background:
        codes.append(new.background or "49")
    return codes


@lru_cache(4096)
def kept(old: Look, blank: Look) -> Look:
    """Return the look of a blank with what cannot be seen on it left as it is in `old`."""
    if blank.link or old.link or blank.attributes:
        return blank
    attributes = [code for code in old.attributes.split(";") if code not in _SHOWN_ON_BLANKS]
    return _interned(Look(";".join(attributes), old.foreground, blank.background))


@lru_cache(4096)
def swapped(look: Look) -> Look | None:
    """Return the look with foreground and background exchanged; None if it has not both."""
    front, back = look.foreground, look.background
    if look.link or not front.startswith("38;") or not back.startswith("48;"):
        return None
    return _interned(Look(look.attributes, f"3{back[1:]}", as_background(front)))


@lru_cache(4096)
def is_filled(look: Look, blank: Look) -> bool:
    """Whether a full block of a look, of half blocks, is the same as a blank."""
    pair = swapped(look)
    plain = not look.attributes and not blank.attributes and not blank.link
    return plain and pair is not None and pair.background == blank.background

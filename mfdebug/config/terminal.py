"""Terminal capabilities, from the environment: characters, colours, dark or light.

Textual reads no terminfo: it sends any sign and 16 colours to whatever is there. What it cannot
know is settled here, before it is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Literal, NamedTuple

Colours = Literal["none", "16", "256", "true"]
Choice = Literal["auto", "dark", "light"]

# Their fonts have neither ✓ nor braille, or their lines only 7 bits, whatever the locale says.
_FEW_SIGNS = ("linux", "vt", "ansi", "cons", "sun", "wy")
_NO_COLOURS = ("vt1", "vt2", "wy")
# Terminals of today that do not say so in their name, as ssh forwards the name alone.
_MANY_COLOURS = ("alacritty", "foot", "ghostty", "kitty", "wezterm", "rio", "contour", "direct")
_COLOUR_SYSTEMS = {"none": "standard", "16": "standard", "256": "256", "true": "truecolor"}
# What COLORFGBG calls a light background: white, bright white.
_LIGHT = ("7", "15")


class Abilities(NamedTuple):
    """The capabilities of a terminal."""

    ascii_only: bool
    colours: Colours
    dark: bool

    @property
    def theme(self) -> str:
        """Textual's name of the initial theme."""
        # With few colours only the terminal's own are distinguishable.
        family = "mfdebug" if self.colours in ("256", "true") else "ansi"
        return f"{family}-{'dark' if self.dark else 'light'}"

    def prepare(self) -> None:
        """Set the environment for Textual, which reads it when it is imported."""
        os.environ["TEXTUAL_COLOR_SYSTEM"] = _COLOUR_SYSTEMS[self.colours]
        if not self.theme.startswith("mfdebug"):
            os.environ["TEXTUAL_THEME"] = self.theme
        if self.colours == "none":
            os.environ["NO_COLOR"] = "1"
        else:
            # Set to nothing it means nothing, but not to Textual.
            os.environ.pop("NO_COLOR", None)
        if self.ascii_only:
            # The keyboard protocol is that of newer terminals, and garbage on the oldest.
            os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")


# The capabilities if nothing is known to be missing.
ANY = Abilities(ascii_only=False, colours="true", dark=True)


def has_screen(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether standard input and output are a terminal that can be drawn on."""
    dumb = environ.get("TERM", "") in ("dumb", "unknown", "")
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb


def abilities(
    environ: Mapping[str, str] = os.environ,
    *,
    theme: Choice = "auto",
    ascii_only: bool | None = None,
    utf8_mode: bool = bool(sys.flags.utf8_mode),
) -> Abilities:
    """Return the capabilities of the terminal; `theme` and `ascii_only` override the environment.

    `utf8_mode` is whether Python speaks UTF-8 though the locale may not.
    """
    term = environ.get("TERM", "").lower()
    if ascii_only is None:
        ascii_only = term.startswith(_FEW_SIGNS) or not _speaks_utf8(environ, utf8_mode)
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    dark = background not in _LIGHT if theme == "auto" else theme == "dark"
    return Abilities(ascii_only, _colours(environ, term), dark)


def _speaks_utf8(environ: Mapping[str, str], utf8_mode: bool) -> bool:
    if utf8_mode and environ.get("PYTHONUTF8", "0") == "0":
        # Python found the locale C or POSIX, and may have changed LC_CTYPE since.
        return False
    names = (environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "").lower()
    return "utf-8" in locale or "utf8" in locale


def _colours(environ: Mapping[str, str], term: str) -> Colours:
    if environ.get("NO_COLOR") or term.startswith(_NO_COLOURS):
        return "none"
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "true"
    many = term.endswith("-256color") or any(name in term for name in _MANY_COLOURS)
    return "256" if many else "16"

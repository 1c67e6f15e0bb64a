"""The terminal's abilities according to the environment: characters, colours, dark or light.

Textual does not read terminfo: it sends any character and 16 colours to every terminal. The
abilities are determined here, before Textual is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

from mfdebug.config.themes import AUTO, DARK, LIGHT, Colours, is_dark, themes_for

# These lack ✓ or braille in their fonts, or have 7-bit lines, whatever the locale says.
_FEW_SIGNS = ("linux", "vt", "ansi", "cons", "sun", "wy")
_NO_COLOURS = ("vt1", "vt2", "wy")
# Terminals with many colours that TERM does not mention; ssh forwards only TERM.
_MANY_COLOURS = ("alacritty", "foot", "ghostty", "kitty", "wezterm", "rio", "contour", "direct")
_COLOUR_SYSTEMS = {"none": "standard", "16": "standard", "256": "256", "true": "truecolor"}
# These give what they erase the present background ("bce"). GNU screen does not, which tmux may
# call itself.
_ERASING = ("xterm", "tmux", "linux", "rxvt", "putty", "konsole", "vte", "mintty", *_MANY_COLOURS)
# The values of COLORFGBG for a light background: white, bright white.
_LIGHT = ("7", "15")


class Abilities(NamedTuple):
    """What a terminal can show."""

    ascii_only: bool
    colours: Colours
    dark: bool
    wanted: str = AUTO
    # Whether what it erases gets the present background.
    erases: bool = False

    @property
    def theme_name(self) -> str:
        """The initial theme, by mfdebug's name."""
        # With few colours, only the terminal's own are distinguishable.
        plain = DARK if self.dark else LIGHT
        return self.wanted if self.wanted in themes_for(self.colours) else plain

    @property
    def theme(self) -> str:
        """The initial theme, by Textual's name."""
        return themes_for(self.colours)[self.theme_name]

    def prepare(self) -> None:
        """Set the environment variables that Textual reads when it is imported."""
        os.environ["TEXTUAL_COLOR_SYSTEM"] = _COLOUR_SYSTEMS[self.colours]
        if self.theme.startswith("ansi"):
            os.environ["TEXTUAL_THEME"] = self.theme
        if self.colours == "none":
            os.environ["NO_COLOR"] = "1"
        else:
            # By convention an empty NO_COLOR has no effect, but Textual heeds it.
            os.environ.pop("NO_COLOR", None)
        if self.ascii_only:
            # Old terminals would print the sequences of the kitty keyboard protocol.
            os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")


# The abilities of a terminal that lacks nothing.
ANY = Abilities(ascii_only=False, colours="true", dark=True)


def has_screen(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether stdin and stdout are a terminal that can be drawn on."""
    dumb = environ.get("TERM", "") in ("dumb", "unknown", "")
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb


def abilities(
    environ: Mapping[str, str] = os.environ,
    *,
    theme: str = AUTO,
    ascii_only: bool | None = None,
    utf8_mode: bool = bool(sys.flags.utf8_mode),
) -> Abilities:
    """Return the terminal's abilities; `theme` and `ascii_only` override the environment.

    `utf8_mode` says whether Python is in UTF-8 mode, independently of the locale.
    """
    term = environ.get("TERM", "").lower()
    if ascii_only is None:
        ascii_only = term.startswith(_FEW_SIGNS) or not _is_utf8(environ, utf8_mode)
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    dark = background not in _LIGHT if theme == AUTO else is_dark(theme)
    erases = any(name in term for name in _ERASING) or bool(environ.get("TMUX"))
    return Abilities(ascii_only, _colours(environ, term), dark, theme, erases)


def _is_utf8(environ: Mapping[str, str], utf8_mode: bool) -> bool:
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

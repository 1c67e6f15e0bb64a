"""The colour themes by the names that settings and the command `theme` use.

Terminals with few colours have two themes of their own colours, a dark and a light one.
"""

from __future__ import annotations

from typing import Literal

Colours = Literal["none", "16", "256", "true"]

AUTO, DARK, LIGHT = "auto", "dark", "light"
# Textual's name of each theme. The first three are mfdebug's own.
MANY_COLOURS = {
    DARK: "mfdebug-dark",
    LIGHT: "mfdebug-light",
    "contrast": "mfdebug-contrast",
    **{
        name: name
        for name in (
            "nord",
            "gruvbox",
            "dracula",
            "monokai",
            "tokyo-night",
            "solarized-dark",
            "solarized-light",
            "catppuccin-latte",
        )
    },
}
FEW_COLOURS = {DARK: "ansi-dark", LIGHT: "ansi-light"}
_LIGHT_THEMES = (LIGHT, "solarized-light", "catppuccin-latte")


def is_dark(name: str) -> bool:
    """Whether a theme has a dark background."""
    return name not in _LIGHT_THEMES


def themes_for(colours: Colours) -> dict[str, str]:
    """Return the themes of a terminal with so many colours: Textual's names by ours."""
    return MANY_COLOURS if colours in ("256", "true") else FEW_COLOURS

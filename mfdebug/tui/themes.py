"""The colours of the app: its own themes keep kinds of numbers distinguishable."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from textual.app import App, ReturnType
from textual.theme import BUILTIN_THEMES, Theme

from mfdebug.config.themes import DARK, LIGHT, Colours, themes_for
from mfdebug.tui.legible import CLEAR_TEXT, TEXT, legible

# Colours of xterm's palette: `mfdebug.tui.terminal.looks` sends their numbers, in fewer bytes. The
# variables are near what Textual and `legible` would make of the colours.
MFDEBUG_DARK = Theme(
    name="mfdebug-dark",
    primary="#5fafff",
    secondary="#87afd7",
    accent="#5fd7ff",
    warning="#ffaf5f",
    error="#ff8787",
    success="#87d787",
    foreground="#e4e4e4",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    boost="#303030",
    dark=True,
    variables={
        "text": "#e4e4e4",
        "text-muted": "#afafaf",
        "text-success": "#afd7af",
        "success-darken-2": "#5faf5f",
        "error-darken-2": "#d75f5f",
    },
)
MFDEBUG_LIGHT = Theme(
    name="mfdebug-light",
    primary="#005faf",
    secondary="#005f87",
    accent="#005faf",
    warning="#af5f00",
    error="#af0000",
    success="#006f00",
    foreground="#1c1c1c",
    background="#ffffff",
    surface="#f4f4f4",
    panel="#e4e4e4",
    boost="#d7d7d7",
    dark=False,
)
# For weak projectors and weak eyes: no text is less than 10 times as bright as its background.
CONTRAST = Theme(
    name="mfdebug-contrast",
    primary="#9fcfff",
    secondary="#d7d7d7",
    accent="#ffff5f",
    warning="#ffd75f",
    error="#ffafaf",
    success="#afffaf",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#303030",
    boost="#444444",
    dark=True,
)


def _bare_scrollbars(theme: Theme) -> Theme:
    """Return a theme in which only the thumb of a scrollbar has a colour of its own.

    Another background takes 22 bytes in each row, whenever a scrollbar appears or disappears.
    """
    names = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active")
    bare = dict.fromkeys(names, theme.background or "")
    return replace(theme, variables={**theme.variables, **bare})


_OWN = {theme.name: theme for theme in (MFDEBUG_DARK, MFDEBUG_LIGHT, CONTRAST)}


@cache
def theme_named(name: str) -> Theme:
    """Return the theme with one of Textual's names; with many colours its text can be read."""
    if name in _FEW_COLOURS:
        return _FEW_COLOURS[name]
    if name in _OWN:
        own = _OWN[name]
        made = _bare_scrollbars(legible(own, CLEAR_TEXT if own is CONTRAST else TEXT))
        return replace(made, variables={**made.variables, **own.variables})
    return legible(BUILTIN_THEMES[name])


# A terminal's own 16 colours are far apart: a bar or a scrollbar in one of them is all that one
# sees. Textual's themes of these colours, with thin grey scrollbars, and an accent that is not the
# colour of positive numbers.
_QUIET = {
    "scrollbar": "ansi_bright_black",
    "scrollbar-hover": "ansi_bright_black",
    "scrollbar-active": "ansi_bright_black",
    "scrollbar-background": "ansi_default",
    "scrollbar-background-hover": "ansi_default",
    "scrollbar-background-active": "ansi_default",
    # A chosen row is reversed instead: `selected_row.py`.
    "chosen": "ansi_default",
    "bar": "ansi_bright_black",
    "divider": "ansi_default",
}


def _quiet(name: str, **colours: Any) -> Theme:
    theme = BUILTIN_THEMES[name]
    return replace(theme, variables={**theme.variables, **_QUIET}, **colours)


_FEW_COLOURS = {
    # Red is too dark on black to be read in most terminals.
    "ansi-dark": _quiet(
        "ansi-dark", accent="ansi_cyan", warning="ansi_yellow", error="ansi_bright_red"
    ),
    "ansi-light": _quiet("ansi-light", accent="ansi_blue", warning="ansi_magenta"),
}


class ThemedApp(App[ReturnType]):
    """An app with the themes that suit its terminal."""

    def use_themes(self, colours: Colours, name: str) -> None:
        """Have the themes for so many colours, and use one, by mfdebug's name of it."""
        # Textual's names of the themes, by mfdebug's.
        self.themes = themes_for(colours)
        self.use_theme(name)
        # Textual has read its own theme of the name before.
        self.stylesheet.set_variables(self.get_css_variables())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return what a theme of Textual's own lacks, if one is set by Textual's name."""
        return {name: _QUIET[name] for name in ("chosen", "bar", "divider")}

    @property
    def theme_name(self) -> str:
        """The present theme, by mfdebug's name if it has one."""
        named = (name for name, theme in self.themes.items() if theme == self.theme)
        return next(named, self.theme)

    def use_theme(self, name: str) -> None:
        """Show everything in the colours of a theme, by mfdebug's name of it."""
        theme = theme_named(self.themes[name])
        # Only now: to find the colours of all of them would delay the first screen.
        self.register_theme(theme)
        self.theme = theme.name

    def action_toggle_theme(self) -> None:
        """Switch between the dark and the light theme."""
        self.use_theme(LIGHT if self.current_theme.dark else DARK)

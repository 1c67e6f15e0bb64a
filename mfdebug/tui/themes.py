"""The dark and the light theme, with colours that keep kinds of numbers distinguishable."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
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
)
LIGHT = Theme(
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

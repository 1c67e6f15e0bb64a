"""Themes whose text can be read: each colour of text is far enough from each ground it is on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from textual.color import BLACK, WHITE, Color
from textual.theme import Theme

# Contrast as WCAG 2.1 defines it: of text (1.4.3, and 1.4.6 for weak eyes), and of bars (1.4.11).
TEXT, CLEAR_TEXT, SIGNS = 4.5, 7.0, 3.0
# Of the line between two panels, which is seen but not read.
DIVIDER = 1.6
# The part of the contrast to the background that the foreground keeps on other grounds: the
# colours of text between the two would have no room else.
KEPT = 0.8
# A chosen row must be seen: it may take more where there is more than enough.
KEPT_CHOSEN, ENOUGH = 0.55, 7.5
# How much of the primary colour the ground of a chosen row has, in a dark and in a light theme.
CHOSEN_DARK, CHOSEN_LIGHT = 0.3, 0.2
# How much of the foreground a ground of text that is typed has (Textual's `Input`), and a boost.
TYPED, BOOST = 0.05, 0.08
_GROUNDS = ("surface", "panel", "boost")
_COLOURS = ("accent", "warning", "error", "success")
_STEPS = 50


def brightness(colour: Color) -> float:
    """Return the relative luminance, 0 to 1, as WCAG 2.1 defines it."""
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: Color, second: Color) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    return _ratio(brightness(first), brightness(second))


def _ratio(first: float, second: float) -> float:
    low, high = sorted((first, second))
    return (high + 0.05) / (low + 0.05)


def legible(theme: Theme, least: float = TEXT) -> Theme:
    """Return the theme with colours of text that have at least this contrast to every ground.

    A colour is changed only as far as it needs. `$chosen` is the ground of a chosen row, `$bar`
    the colour of bars, and `$divider` that of the lines between panels.
    """
    made = theme.to_color_system().generate()
    background = Color.parse(theme.background or made["background"])
    end = WHITE if theme.dark else BLACK

    def colour(name: str) -> Color:
        return background + Color.parse(getattr(theme, name) or made[name])

    foreground = _nearest(colour("foreground"), end, [background], least)
    most = contrast(foreground, background)
    grounds = {
        name: _nearest(colour(name), background, [foreground], KEPT * most) for name in _GROUNDS
    }
    if grounds["boost"] == background:
        # Else a row that is chosen without the focus would look like the others.
        grounds["boost"] = background.blend(foreground, BOOST)
    chosen = _nearest(
        background.blend(colour("primary"), CHOSEN_DARK if theme.dark else CHOSEN_LIGHT),
        background,
        [foreground],
        max(KEPT_CHOSEN * most, min(KEPT * most, ENOUGH)),
    )
    typed = grounds["surface"].blend(foreground, TYPED)
    every = [background, *grounds.values(), typed, chosen]
    foreground = _nearest(foreground, end, every, least)
    muted = _nearest(background, foreground, every, least)
    colours = {name: _nearest(colour(name), end, every, least) for name in _COLOURS}
    bar = _nearest(background, colour("secondary"), [background], SIGNS)
    variables = {
        "chosen": chosen,
        # Textual takes it from here alone where there is a colour for panels.
        "boost": grounds["boost"],
        "bar": _nearest(bar, end, [background], SIGNS),
        "divider": _nearest(grounds["panel"], foreground, [background], DIVIDER),
        **dict.fromkeys(("text-muted", "text-disabled", "foreground-muted"), muted),
        **dict.fromkeys(("block-cursor-background", "block-cursor-blurred-background"), chosen),
        **dict.fromkeys(("block-cursor-foreground", "block-cursor-blurred-foreground"), foreground),
    }
    changed: dict[str, Any] = {
        name: colour.hex
        for name, colour in {**grounds, **colours, "foreground": foreground}.items()
    }
    # Textual would round the colours once more.
    added = {name: colour.hex for name, colour in {**colours, **variables}.items()}
    return replace(theme, variables={**theme.variables, **added}, **changed)


def _nearest(start: Color, end: Color, others: Sequence[Color], least: float) -> Color:
    """Return the first colour on the way from `start` to `end` with this contrast to all others."""
    grounds = [brightness(other) for other in others]
    for step in range(_STEPS):
        mixed = start.blend(end, step / _STEPS, 1) if step else start
        light = brightness(mixed)
        if min(_ratio(light, ground) for ground in grounds) >= least:
            return mixed
    return end

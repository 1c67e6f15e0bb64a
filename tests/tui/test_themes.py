"""The colours of the app: chosen by the command, the settings and the key."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mfdebug.config.terminal import Abilities
from mfdebug.config.themes import AUTO, FEW_COLOURS, MANY_COLOURS, Colours, is_dark, themes_for
from mfdebug.core.commands.completion import complete
from mfdebug.tui.themes import OWN_THEMES
from tests.support.app_driver import ask, opened


async def test_the_command_chooses_and_lists() -> None:
    async with opened() as driver:
        await ask(driver, "theme nord")
        assert driver.app.theme == "nord"
        assert driver.message == "theme nord"
        await ask(driver, "theme")
        assert "theme nord; others: dark, light, contrast, gruvbox" in driver.text
        await driver.press("ctrl+t")
        assert driver.app.theme == "mfdebug-light"
        await ask(driver, "theme")
        assert "theme light; others: dark, contrast" in driver.text
        await ask(driver, "theme nort")
        assert "there is no theme 'nort' here" in driver.message
        assert "did you mean 'nord'?" in driver.message
        assert complete(driver.screen.session, "theme so") == [
            "theme solarized-dark",
            "theme solarized-light",
        ]


async def test_with_few_colours_there_are_two() -> None:
    few = Abilities(ascii_only=False, colours="16", dark=True, wanted="nord")
    async with opened(abilities=few) as driver:
        await ask(driver, "theme")
        assert driver.message == "theme dark; others: light"
        await ask(driver, "theme light")
        assert driver.app.theme == "ansi-light"


@pytest.mark.parametrize("colours", ["none", "16", "256", "true"])
@pytest.mark.parametrize("wanted", [AUTO, *MANY_COLOURS])
async def test_every_name_is_a_theme_or_the_nearest_one(colours: Colours, wanted: str) -> None:
    able = Abilities(ascii_only=False, colours=colours, dark=is_dark(wanted), wanted=wanted)
    assert able.theme_name in themes_for(colours)
    if themes_for(colours) is FEW_COLOURS:
        assert able.theme_name == ("dark" if is_dark(wanted) else "light")


async def test_textual_knows_the_themes_and_which_are_dark() -> None:
    async with opened() as driver:
        known = driver.app.available_themes
        for name, theme in (*MANY_COLOURS.items(), *FEW_COLOURS.items()):
            assert known[theme].dark == is_dark(name), name


def brightness(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, as WCAG 2.1 defines it."""
    parts = [int(part, 16) / 255 for part in re.findall("[0-9a-f]{2}", colour)]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", OWN_THEMES, ids=lambda theme: theme.name)
def test_text_of_the_own_themes_can_be_read(theme: Any) -> None:
    least = 10 if theme.name == "mfdebug-contrast" else 4.5
    ground = brightness(theme.background)
    for colour in (theme.accent, theme.warning, theme.error, theme.success, theme.foreground):
        light, dark = sorted((brightness(colour), ground), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, colour

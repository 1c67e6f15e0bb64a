"""The colours of the app: chosen by the command, the settings and the key."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.color import Color

from mfdebug.config.terminal import Abilities
from mfdebug.config.themes import AUTO, FEW_COLOURS, MANY_COLOURS, Colours, is_dark, themes_for
from mfdebug.core.commands.completion import complete
from mfdebug.tui.legible import contrast
from mfdebug.tui.themes import MFDEBUG_DARK, theme_named
from tests.support.app_driver import ask, opened
from tests.support.sizes import pick


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_it_is_known_which_themes_are_dark() -> None:
    for name, theme in (*MANY_COLOURS.items(), *FEW_COLOURS.items()):
        assert theme_named(theme).dark == is_dark(name), name


@pytest.mark.parametrize("name", MANY_COLOURS)
def test_the_colours_of_text_can_be_read_on_all_grounds(name: str) -> None:
    theme = theme_named(MANY_COLOURS[name])
    made = {**theme.to_color_system().generate(), **theme.variables}
    least = 7 if theme.name == "mfdebug-contrast" else 4.5
    grounds = ("background", "surface", "panel", "boost", "chosen")
    for text in ("accent", "warning", "error", "success", "foreground", "text-muted"):
        for ground in grounds:
            found = contrast(Color.parse(made[text]), Color.parse(made[ground]))
            # Textual rounds each part of a colour.
            assert found >= least - 0.1, (text, ground)
    assert contrast(Color.parse(made["bar"]), Color.parse(made["background"])) >= 2.9
    assert contrast(Color.parse(made["divider"]), Color.parse(made["background"])) >= 1.5
    # What is chosen is seen.
    for ground in ("chosen", "boost"):
        assert made[ground] != made["background"]


@pytest.mark.slow
async def test_every_line_between_panels_is_seen() -> None:
    for name in ("light", "dark"):
        able = Abilities(ascii_only=False, colours="true", dark=name == "dark")
        async with opened(size=(120, 40), abilities=able) as driver:
            await driver.press("question_mark")
            lines = [
                style
                for strip in driver.app.screen._compositor.render_strips()
                for text, style, _ in strip
                if style is not None and text and not text.strip("│▕▏")
            ]
            assert lines
            for style in lines:
                assert style.color is not None
                assert style.bgcolor is not None
                drawn, ground = (Color.from_rich_color(c) for c in (style.color, style.bgcolor))
                assert contrast(drawn, ground) >= 1.5


def test_colours_that_can_be_read_stay() -> None:
    dark, light, clear = (theme_named(MANY_COLOURS[name]) for name in ("dark", "light", "contrast"))
    for name in ("accent", "warning", "error", "success", "foreground", "background", "panel"):
        assert getattr(dark, name).lower() == getattr(MFDEBUG_DARK, name)
    assert light.accent == "#005FAF"
    assert clear.foreground == "#FFFFFF"


# The keys that lead to a screen.
SCREENS = {
    "list": (*"3tnnsss",),
    "numbers": ("tab", "down"),
    "why": ("y", "down"),
    "help": ("escape", "question_mark", "down"),
    "palette": ("escape", "ctrl+p"),
    "prompt": ("escape", "colon", "b", "tab", "tab"),
    "table": ("escape", "escape", "k"),
    "circuit": ("escape", "G"),
    "order": ("G", "K", "s", "s"),
    "picker": ("escape", "O", "down"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", pick([*MANY_COLOURS], ["light", "nord"]))
async def test_all_text_on_every_screen_can_be_read(name: str) -> None:
    able = Abilities(ascii_only=False, colours="true", dark=is_dark(name), wanted=name)
    async with opened(abilities=able) as driver:
        for screen, keys in SCREENS.items():
            await driver.press(*keys)
            for strip in driver.app.screen._compositor.render_strips():
                for text, style, _ in strip:
                    if any(character.isalnum() for character in text):
                        assert style is not None
                        assert read_contrast(style) >= 4.4, (screen, text, style)


def read_contrast(style: Style) -> float:
    """Return the contrast of the text in a style to its ground."""
    assert style.color is not None
    assert style.bgcolor is not None
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))

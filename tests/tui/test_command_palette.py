"""The command palette."""

from __future__ import annotations

import pytest
from textual.events import Key
from textual.widgets import Input as Line

from mfdebug.core.commands.table import COMMANDS
from mfdebug.tui.command_palette import Palette, takes_argument
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.help import HelpScreen
from mfdebug.tui.themes import theme_named
from mfdebug.tui.widgets.prompt import Prompt
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Mul
from tests.support.app_driver import choices, opened


async def test_it_lists_every_command_and_nothing_of_textual() -> None:
    async with opened() as driver:
        listed = await choices(driver)
        usages = [command.usage for command in COMMANDS.values()]
        assert listed[: len(usages)] == usages
        assert listed[-1] == "dark or light"
        assert not any("screenshot" in line.lower() for line in listed)


@pytest.mark.slow
async def test_a_command_that_needs_nothing_is_run() -> None:
    async with opened() as driver:
        for typed, moment in (("step", 1), ("to the end of this phase", 6), ("whole sgd", 21)):
            await choices(driver, typed)
            await driver.press("enter")
            await driver.pilot.pause(0.1)
            assert isinstance(driver.app.screen, DebugScreen)
            assert driver.moment == moment


@pytest.mark.slow
async def test_a_command_that_takes_something_opens_the_prompt() -> None:
    async with opened() as driver:
        for name in ("goto", "break", "print", "why", "save", "watch"):
            await choices(driver, name)
            await driver.press("enter")
            await driver.pilot.pause(0.1)
            prompt = driver.screen.query_one(Prompt)
            assert prompt.display
            assert prompt.has_focus
            assert prompt.value == f"{name} "
            await driver.press("escape")


def test_what_may_stand_alone_takes_no_argument() -> None:
    alone = {name for name, command in COMMANDS.items() if not takes_argument(command)}
    assert {"step", "explain", "check", "quiz", "help", "undo", "stops", "quit"} <= alone
    assert not alone & {"until", "why", "last", "set", "diff", "find", "ignore", "source"}


@pytest.mark.slow
async def test_the_best_comes_first_and_details_are_searched() -> None:
    async with opened() as driver:
        assert (await choices(driver, "undo"))[:2] == [
            "undo",
            COMMANDS["set"].usage,
        ]


async def test_letters_that_fit_in_many_ways_hold_nothing_up() -> None:
    async with opened() as driver:
        assert await choices(driver, "eeeeeeeeeeee") == []


@pytest.mark.slow
async def test_help_and_the_theme_are_reached() -> None:
    async with opened() as driver:
        dark = driver.app.current_theme.dark
        await choices(driver, "dark light")
        await driver.press("enter")
        await driver.pilot.pause(0.1)
        assert driver.app.current_theme.dark is not dark
        await choices(driver, "help")
        await driver.press("enter")
        await driver.pilot.pause(0.1)
        assert isinstance(driver.app.screen, HelpScreen)
        await driver.press("slash")
        await driver.type("ctrl+p")
        assert "find a command" in driver.text


@pytest.mark.slow
async def test_keys_that_come_at_once_choose_what_was_typed() -> None:
    async with opened() as driver:
        await driver.press("s", "s", "s")
        for key in ("ctrl+p", *"previous", "enter"):
            driver.app.post_message(Key(key, key if len(key) == 1 else None))
        # The palette searches in the background: as long as it takes, within the timeout of a test.
        while not isinstance(driver.app.screen, DebugScreen) or driver.moment == 3:
            await driver.pilot.pause(0.05)
        assert driver.moment == 1


@pytest.mark.slow
async def test_escape_leaves_and_the_prompt_makes_room() -> None:
    async with opened() as driver:
        await driver.press("colon", "s", "ctrl+p")
        assert isinstance(driver.app.screen, Palette)
        await driver.press("escape", "s")
        assert driver.moment == 1
        assert not driver.screen.query_one(Prompt).display


@pytest.mark.slow
async def test_hostile_text_is_shown_as_text() -> None:
    x = Input("[@click=app.quit]x[/nope]", value=3.0)
    graph = Graph([x, Mul(x, x, name="[b]y[/b]")], name="[red]g")
    async with opened(graph) as driver:
        listed = await choices(driver, "[/nope]")
        assert listed == []
        driver.app.screen.query_one(Line).value = "[i,j]"
        await driver.pilot.pause(0.1)
        assert "set NODE[i,j] = VALUE | NODE.grad = VALUE | lr = VALUE" in driver.text


@pytest.mark.slow
async def test_the_chosen_line_stands_out_in_every_theme() -> None:
    async with opened() as driver:
        for theme in ("ansi-dark", "ansi-light", "mfdebug-light"):
            driver.app.register_theme(theme_named(theme))
            driver.app.theme = theme
            await choices(driver)
            styles = {}
            for strip in driver.app.screen._compositor.render_strips():
                for segment in strip:
                    if segment.text.strip() in ("step [n]", "back [n]") and segment.style:
                        style = segment.style
                        styles[segment.text.strip()] = (style.color, style.bgcolor)
            assert styles["step [n]"] != styles["back [n]"], theme
            await driver.press("escape")

"""The searchable help."""

from __future__ import annotations

import pytest

from mfdebug.config.bindings import SHIPPED_KEYS
from mfdebug.config.key_names import shown
from mfdebug.core.commands.help import EXAMPLES, FORMS, FUNCTION_MEANINGS, WORD_MEANINGS
from mfdebug.core.commands.table import COMMANDS
from mfdebug.core.explain import list_marks
from mfdebug.core.expressions.parser import FUNCTIONS, WORDS, parse
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.help import HelpScreen, HelpText, sections
from mfdebug.tui.screens.text import TextScreen
from mfdebug.tui.widgets.order_numbers import ABSENT, COMPLETE_MARK, LARGE, MARKS, WRONG
from tests.support.app_driver import opened, whole
from tests.support.sizes import some


@pytest.mark.parametrize("size", some([(60, 20), (80, 24), (120, 40), (200, 50)], 2))
async def test_every_command_is_in_the_help(size: tuple[int, int]) -> None:
    async with opened(size=size) as driver:
        await driver.press("question_mark")
        told = whole(driver)
        for command in COMMANDS.values():
            assert command.usage in told
            assert command.summary in told
        # No line is cut, also of those that are searched for a letter.
        await driver.press("e")
        text = driver.app.screen.query_one(HelpText)
        lines = [text.line(y) for y in range(text.virtual_size.height)]
        assert len(lines) > 100
        assert max(line.cell_length for line in lines) <= text.line_width


async def test_every_key_is_in_the_help() -> None:
    async with opened() as driver:
        heads = {
            key
            for section in sections(SHIPPED_KEYS)
            if section.kind == "keys"
            for entry in section.entries
            for key in entry.head.split()
        }
        assert set(map(shown, driver.screen.active_bindings)) - heads <= {
            # Of Textual's own screen.
            "shift+Tab",
            "super+c",
            "ctrl+PgUp",
            "ctrl+PgDn",
        }


def test_every_function_and_word_of_the_language_has_a_line() -> None:
    assert set(FUNCTION_MEANINGS) == FUNCTIONS
    assert set(WORD_MEANINGS) == WORDS
    names = ("W1", "l1", "x", "my node")
    for example in EXAMPLES:
        expression = example.partition(" if ")[2] or example.partition(" ")[2]
        parse(expression, names)
    for form in list(FORMS)[:5]:
        parse(form, names)


def test_every_mark_of_the_order_has_a_line() -> None:
    signs = {*ABSENT.values(), *MARKS.values(), COMPLETE_MARK, LARGE, WRONG}
    assert signs - {" "} <= set(list_marks.MARKS)


async def test_typing_filters_and_escape_clears_then_closes() -> None:
    async with opened() as driver:
        await driver.press("question_mark")
        await driver.type("finite gradients")
        assert "check [NODE]" in driver.text
        assert "goto" not in driver.text
        await driver.press("escape")
        assert "one moment forward" in driver.text
        await driver.press("escape")
        assert isinstance(driver.app.screen, DebugScreen)


async def test_titles_and_details_are_found_and_what_is_not_found_is_said() -> None:
    async with opened() as driver:
        await driver.press("question_mark")
        await driver.type("LEGEND computed")
        assert whole(driver).startswith("legend of the order ∙ not computed yet")
        assert "not computed yet" in driver.text
        await driver.press("escape")
        assert "Starts a branch" not in whole(driver)
        await driver.type("starts a branch")
        assert "Starts a branch" in driver.text
        assert "set NODE[i,j] = VALUE" in driver.text
        await driver.press("escape")
        await driver.type("[red]zebra")
        assert "nothing found: [red]zebra" in driver.text


async def test_a_question_mark_closes_it_unless_it_is_typed() -> None:
    async with opened() as driver:
        await driver.press("question_mark", "question_mark")
        assert isinstance(driver.app.screen, DebugScreen)
        await driver.press("question_mark", "n", "question_mark", "enter")
        assert isinstance(driver.app.screen, HelpScreen)
        assert "nothing found: n?" in driver.text


async def test_arrows_scroll_while_one_types() -> None:
    async with opened() as driver:
        await driver.press("question_mark")
        text = driver.app.screen.query_one(HelpText)
        await driver.press("down", "down", "up")
        assert text.scroll_offset.y == 1
        await driver.press("pagedown")
        assert text.scroll_offset.y == text.size.height
        await driver.press("s")
        assert text.scroll_offset.y == 0
        assert driver.app.screen_stack[-2].debugger.moment == 0  # type: ignore[attr-defined]


async def test_help_at_the_prompt() -> None:
    async with opened() as driver:
        for keys in ([*"help"], ["question_mark"], [*"hel"]):
            await driver.press("colon", *keys, "enter")
            assert isinstance(driver.app.screen, HelpScreen)
            await driver.press("escape")
        await driver.press("colon")
        await driver.type("help break")
        await driver.press("enter")
        assert isinstance(driver.app.screen, TextScreen)
        assert "All forms" in driver.text

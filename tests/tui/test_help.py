"""The help: topics, a screen each, and the search."""

from __future__ import annotations

import pytest

from mfdebug.config.bindings import SHIPPED_KEYS
from mfdebug.config.key_names import shown
from mfdebug.core.commands.help_topics import EXAMPLES, FORMS, FUNCTION_MEANINGS, TOPICS
from mfdebug.core.commands.legend import MARKS
from mfdebug.core.commands.table import COMMANDS
from mfdebug.core.expressions.parser import FUNCTIONS, WORD_MEANINGS, WORDS, parse
from mfdebug.tui.help_pages import pages
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.help import HelpScreen, TopicList
from mfdebug.tui.screens.text import TextScreen
from mfdebug.tui.widgets import order_numbers
from mfdebug.tui.widgets.help_text import HelpText
from mfdebug.tui.widgets.order_numbers import ABSENT, COMPLETE_MARK, LARGE, WRONG
from tests.support.app_driver import Driver, ask, opened, whole
from tests.support.sizes import pick, some

PAGES = pages(SHIPPED_KEYS)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_a_topic_is_a_screen_and_all_of_them_tell_every_command(
    size: tuple[int, int],
) -> None:
    async with opened(size=size) as driver:
        await driver.press("question_mark")
        seen = driver.app.screen.query_one(TopicList).size.height
        assert all(page.name in driver.text for page in PAGES[:seen])
        # The moment and the first nodes stay visible above.
        assert seen >= 12
        assert "SGD step 0" in driver.text or "step 0" in driver.text
        assert driver.text.split("\n")[2].strip().startswith("X")
        await driver.press("enter")
        told = []
        for k, page in enumerate(PAGES):
            assert f"{page.name}   {k + 1} of {len(PAGES)}" in driver.text
            text = driver.app.screen.query_one(HelpText)
            told.append(whole(driver))
            lines = [text.line(y) for y in range(text.virtual_size.height)]
            assert max(line.cell_length for line in lines) <= text.line_width
            if size == (80, 24):
                assert len(lines) <= text.size.height, page.name
            await driver.press("right")
        for command in COMMANDS.values():
            assert command.usage in " ".join(told)
            assert command.summary in " ".join(told)
        assert f"{PAGES[0].name}   1 of" in driver.text


@pytest.mark.slow
@pytest.mark.parametrize("size", pick([(120, 40), (200, 50)], [(200, 50)]))
async def test_where_it_is_wide_the_list_stays_and_the_text_fills_the_screen(
    size: tuple[int, int],
) -> None:
    async with opened(size=size) as driver:
        await driver.press("question_mark")
        for page in PAGES:
            text = driver.app.screen.query_one(HelpText)
            assert page.sections[0].title in driver.text
            lines = [text.line(y).text for y in range(text.virtual_size.height)]
            assert max(map(len, lines)) <= text.line_width
            # Neither half of it is empty, at the right only where there are two columns.
            rows = driver.text.split("\n")[text.region.y : text.region.bottom]
            # A topic of few lines has no more to show.
            few = sum(bool(line.strip()) for line in lines) / 2 - 1
            filled = sum(bool(row[26:].strip()) for row in rows)
            assert filled >= min(len(rows) / 3, few), page.name
            # The numbers stay visible above.
            assert size[1] / 4 < text.region.y < size[1] / 2
            if size[0] >= 200:
                right = [row[26 + (size[0] - 26) // 2 :] for row in rows]
                filled = sum(bool(row.strip()) for row in right)
                assert filled >= min(len(rows) / 2, few), page.name
            await driver.press("down")


async def test_every_key_is_in_the_help() -> None:
    async with opened() as driver:
        heads = {
            key
            for page in PAGES
            if "keys" in page.name or page.name == "view, circuit"
            for section in page.sections
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
    names = ("W1", "l1", "x", "my node", "scores", "label")
    for example in EXAMPLES:
        expression = example.partition(" if ")[2] or example.partition(" ")[2]
        parse(expression, names)
    for form in list(FORMS)[:5]:
        parse(form, names)


def test_every_mark_of_the_order_has_a_line() -> None:
    signs = {*ABSENT.values(), *order_numbers.MARKS.values(), COMPLETE_MARK, LARGE, WRONG}
    assert signs - {" "} <= set(MARKS)


async def found(driver: Driver, words: str) -> str:
    """Search for words in the help, and return all that is found."""
    await driver.press("slash")
    await driver.type(words)
    told = whole(driver)
    await driver.press("escape")
    return told


@pytest.mark.slow
async def test_a_search_finds_the_words_by_which_people_search() -> None:
    async with opened() as driver:
        await driver.press("question_mark")
        for words in ("histogram", "bold", "colour", "color", "dim", "mark", "◐", "faint"):
            told = await found(driver, words)
            assert told.startswith("legend"), words
        assert "check [NODE]" in await found(driver, "finite differences")
        # Details are searched, and shown.
        assert "Starts a branch" in await found(driver, "starts a BRANCH")
        assert await found(driver, "[red]zebra") == "nothing found: [red]zebra"
        assert isinstance(driver.app.screen, HelpScreen)
        await driver.press("escape")
        assert isinstance(driver.app.screen, DebugScreen)


@pytest.mark.slow
async def test_keys_that_close_it_are_typed_in_a_search() -> None:
    async with opened() as driver:
        for key in ("question_mark", "q", "escape"):
            await driver.press("question_mark", key)
            assert isinstance(driver.app.screen, DebugScreen)
        await driver.press("question_mark", "slash", "q", "question_mark", "slash", "n", "enter")
        assert isinstance(driver.app.screen, HelpScreen)
        assert "nothing found: q?/n" in driver.text
        assert driver.app.screen_stack[-2].debugger.moment == 0  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_topics_are_reached_by_keys_and_by_the_mouse() -> None:
    async with opened() as driver:
        await driver.press("question_mark", "down", "j", "k", "enter")
        assert f"{PAGES[1].name}   2 of" in driver.text
        await driver.press("left", "N")
        assert f"{PAGES[-1].name}   {len(PAGES)} of" in driver.text
        await driver.press("n", "right", "tab", "backspace")
        assert driver.app.screen.query_one(TopicList).display
        await driver.pilot.click(TopicList, offset=(3, 9))
        assert f"{PAGES[9].name}   10 of" in driver.text
    async with opened(size=(60, 20)) as driver:
        await driver.press("question_mark", "enter")
        text = driver.app.screen.query_one(HelpText)
        for _ in PAGES:
            if text.max_scroll_y > 1:
                break
            await driver.press("right")
        await driver.press("down", "down", "up")
        assert text.scroll_offset.y == 1
        await driver.press("pagedown")
        assert text.scroll_offset.y == min(text.size.height, text.max_scroll_y)


@pytest.mark.slow
async def test_help_at_the_prompt() -> None:
    async with opened() as driver:
        for line in ("help", "?", "hel"):
            await ask(driver, line)
            assert isinstance(driver.app.screen, HelpScreen)
            await driver.press("escape")
        await ask(driver, "help until")
        assert isinstance(driver.app.screen, TextScreen)
        assert "keys: u" in driver.text
        await driver.press("escape")
        for topic in some(TOPICS, 6):
            await ask(driver, f"help {topic}")
            assert f" help › {topic} " in driver.text
            await driver.press("escape")
        await ask(driver, "help histogram")
        assert "as high as its share" in driver.text

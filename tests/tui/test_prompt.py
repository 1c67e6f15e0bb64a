"""The prompt: its colon, completions to choose from, and its history."""

from __future__ import annotations

import pytest

from mfdebug.core.commands.completion import completions
from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import load_graph
from mfdebug.tui.widgets.completion_list import ROWS, CompletionList
from miniflow.graph import Graph
from miniflow.node import Input
from tests.support.app_driver import Driver, opened


def rows(driver: Driver) -> list[str]:
    """Return the rows of the list of completions."""
    listed = driver.screen.query_one(CompletionList)
    return [listed.line(y).text.rstrip() for y in range(listed.size.height)]


async def test_a_word_of_a_line_is_described() -> None:
    session = open_session(ComputedDebugger(load_graph("xor")))
    assert completions(session, "unt") == [
        ("until ", "until", "run to a node's next moment"),
    ]
    found = {each.word: each.about for each in completions(session, "print ")}
    assert found["W1"] == "Input 2x2"
    assert found["norm("] == "the root of the sum of the squares"
    assert found["lr"] == "the learning rate"
    assert completions(session, "print norm(W1.grad) / norm(W") == [
        ("print norm(W1.grad) / norm(W1", "W1", "Input 2x2"),
        ("print norm(W1.grad) / norm(W2", "W2", "Input 2x1"),
    ]


async def test_functions_and_names_are_offered_in_every_expression() -> None:
    session = open_session(ComputedDebugger(load_graph("xor")))
    for line in ("print ", "watch cost - ", "break if ", "set W1 = ", "expect norm(", "tbreak if "):
        words = {each.word for each in completions(session, line)}
        assert {"W1", "cost", "norm(", "prev("} <= words, line


@pytest.mark.slow
async def test_tab_lists_what_fits_and_chooses_from_it() -> None:
    async with opened() as driver:
        await driver.type(":until l")
        assert driver.message == ":until l1"  # the first is suggested
        await driver.press("tab")
        assert rows(driver) == ["   l1  Linear 4x2", "   l2  Linear 4x1"]
        await driver.press("tab", "tab")
        assert rows(driver) == ["   l1  Linear 4x2", " ▸ l2  Linear 4x1"]
        assert driver.message == ":until l2"
        await driver.press("shift+tab")
        assert driver.message == ":until l1"
        await driver.press("down", "down")
        assert driver.message.startswith(":until l")
        await driver.press("up", "enter")
        assert driver.debugger.where.node == driver.debugger.graph.index_of("l2")
        assert not driver.screen.query_one(CompletionList).is_open


@pytest.mark.slow
async def test_typing_narrows_the_list_and_escape_closes_it_first() -> None:
    async with opened() as driver:
        await driver.type(":print ")
        await driver.press("tab")
        assert len(rows(driver)) == ROWS
        assert rows(driver)[-1].startswith("   … ")
        await driver.press("n", "o")
        assert rows(driver) == ["   norm(  the root of the sum of the squares"]
        await driver.press("tab")
        assert driver.message == ":print norm("
        await driver.press("escape")
        assert driver.message == ":print norm("  # suggested again: `no` is what was typed
        assert not driver.screen.query_one(CompletionList).is_open
        await driver.press("escape")
        assert ":print" not in driver.text


@pytest.mark.slow
async def test_the_list_scrolls_to_its_end_and_around() -> None:
    async with opened() as driver:
        await driver.type(":print ")
        await driver.press("tab")
        count = len(completions(driver.screen.session, "print "))
        for _ in range(count):
            await driver.press("tab")
            assert sum("▸" in row for row in rows(driver)) == 1
        assert "… " not in rows(driver)[-1]
        await driver.press("tab")
        assert driver.message == ":print"
        await driver.press("shift+tab")
        assert "▸" in rows(driver)[-1]


@pytest.mark.slow
async def test_a_click_takes_a_completion() -> None:
    async with opened() as driver:
        await driver.type(":until l")
        await driver.press("tab")
        await driver.pilot.click(CompletionList, offset=(4, 1))
        await driver.pilot.pause()
        assert driver.message == ":until l2"
        await driver.press("enter")
        assert driver.debugger.where.node == driver.debugger.graph.index_of("l2")


@pytest.mark.slow
async def test_names_from_a_file_are_text() -> None:
    x = Input("[bold]x", value=1.0)
    y = Input("[/x]", value=1.0)
    async with opened(Graph([x, y, x * y])) as driver:
        await driver.type(":show `[")
        await driver.press("tab")
        assert [row.split()[0] for row in rows(driver)] == ["`[bold]x`", "`[/x]`"]

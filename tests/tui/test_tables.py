"""Answers that are tables: a row is chosen by keys or clicked, and leads to what it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.text import TextLines, TextScreen
from tests.support.app_driver import LENGTH, Driver, ask, opened


def chosen(driver: Driver) -> str:
    """The row that is chosen, as its first words."""
    row = driver.app.screen.query_one(TextLines).chosen
    assert row is not None
    return row.cells[0]


def line_of(driver: Driver, words: str) -> int:
    return next(y for y, line in enumerate(driver.text.split("\n")) if words in line)


@pytest.mark.slow
async def test_the_keys_choose_a_row_of_diff_and_enter_goes_to_its_number() -> None:
    async with opened("wx") as driver:
        await ask(driver, "sgd 2")
        await ask(driver, "diff 9 18")
        assert isinstance(driver.app.screen, TextScreen)
        assert "Enter goes there" in driver.text
        seen = [chosen(driver)]
        for key in ("down", "up", "end", "home", "j", "k", "pagedown", "pageup", "down"):
            await driver.press(key)
            seen.append(chosen(driver))
        first, second, last = "∂cost/∂w", "w", "∂cost/∂wanted"
        assert seen == [first, second, first, last, first, second, first, last, first, second]
        await driver.press("enter")
        assert isinstance(driver.app.screen, DebugScreen)
        assert driver.moment == 18
        assert driver.message.startswith("w is shown here")
        node = driver.screen.panels.node
        assert node.node == driver.debugger.graph.by_name["w"]


@pytest.mark.slow
async def test_a_row_leads_back_in_time_and_a_learning_rate_to_its_moment() -> None:
    async with opened("wx") as driver:
        await ask(driver, "sgd 3")
        await ask(driver, "diff 18 9")
        await driver.press("down", "enter")
        assert driver.moment == 9
        for line in ("sgd", "set lr = 0.5", "diff 20@0 20"):
            await ask(driver, line)
        assert chosen(driver) == "learning rate"
        await driver.press("enter")
        assert driver.moment == 20


@pytest.mark.slow
async def test_a_row_of_diff_with_a_file_goes_to_the_node_that_differs(tmp_path: Path) -> None:
    async with opened("xor") as driver:
        await ask(driver, f"save {tmp_path / 'then.json'}")
        await ask(driver, "sgd 2")
        await ask(driver, f"diff {tmp_path / 'then.json'}")
        assert isinstance(driver.app.screen, TextScreen)
        assert "the first node that differs is W1, in its value" in driver.text
        assert chosen(driver).startswith("W1[")
        await driver.press("down", "enter")
        assert driver.screen.panels.node.node == driver.debugger.graph.by_name["b1"]
        assert driver.moment == 2 * LENGTH
        await ask(driver, "diff nosuch.json")
        assert "there is no such file" in driver.text


async def test_a_click_on_a_row_of_check_goes_to_its_entry() -> None:
    async with opened("xor", size=(120, 40)) as driver:
        await ask(driver, "sgd 3")
        await ask(driver, "check")
        y = line_of(driver, "to W1[")
        await driver.pilot.click(offset=(30, line_of(driver, "relative error")))
        assert isinstance(driver.app.screen, TextScreen), "a head leads nowhere"
        await driver.pilot.click(offset=(30, y))
        await driver.pilot.pause()
        assert isinstance(driver.app.screen, DebugScreen)
        assert driver.screen.panels.node.node == driver.debugger.graph.by_name["W1"]
        assert driver.message.startswith("∂cost/∂W1[")


@pytest.mark.slow
async def test_a_stop_leads_to_where_it_was_last_met_or_to_its_node() -> None:
    async with opened("wx") as driver:
        for line in ("break y", "break w update", "sgd", "sgd", "sgd 2"):
            await ask(driver, line)
        met = driver.moment
        await ask(driver, "goto start")
        await ask(driver, "stops")
        await driver.press("enter")
        assert driver.moment in range(1, met + 1)
        assert driver.debugger.graph.nodes[driver.debugger.where.node or 0].label == "y"
    async with opened("wx") as driver:
        await ask(driver, "break w update")
        await ask(driver, "stops")
        assert "never" in driver.text
        await driver.press("enter")
        assert driver.moment == 0
        assert driver.screen.panels.node.node == driver.debugger.graph.by_name["w"]


@pytest.mark.slow
async def test_a_watch_leads_to_its_node_and_a_text_without_rows_scrolls_and_closes() -> None:
    async with opened("xor") as driver:
        for line in ("watch norm(W2.grad)", "watch cost", "watch"):
            await ask(driver, line)
        await driver.press("enter")
        assert driver.screen.panels.node.node == driver.debugger.graph.by_name["W2"]
        await ask(driver, "sgd 3")
        await ask(driver, "explain")
        assert driver.app.screen.query_one(TextLines).chosen is None
        assert "scroll" in driver.text
        await driver.press("down", "enter")
        assert isinstance(driver.app.screen, DebugScreen)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_where_a_table_is_cut_the_chosen_row_is_said_in_words(size: tuple[int, int]) -> None:
    async with opened("xor", size=size) as driver:
        await ask(driver, "sgd 3")
        await ask(driver, "check l1")
        lines = driver.text.split("\n")
        assert all(len(line) <= size[0] for line in lines)
        assert "…" in lines[line_of(driver, "verdict")]
        words = " ".join(driver.text.replace("│", " ").split())
        assert "agrees with the central difference" in words
        await driver.press("down")
        words = " ".join(driver.text.replace("│", " ").split())
        assert "l1 (Linear) to W1[1,0]: agrees" in words
        await driver.pilot.resize_terminal(160, 40)
        await driver.pilot.pause()
        assert "agrees" not in driver.text
        assert "difference" in driver.text


async def test_what_a_chosen_row_says_is_whole_in_a_dialog_that_had_to_be_widened() -> None:
    async with opened("circuit-b") as driver:
        await driver.press("n", "n", "s", "k")
        assert isinstance(driver.app.screen, TextScreen)
        assert "the only entry)" in driver.text

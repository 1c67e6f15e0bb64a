"""Keys of the node panel: it fills the screen, and what is asked about is chosen in it."""

from __future__ import annotations

import re

import pytest

from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.node_panel import NodePanel
from tests.support.app_driver import Driver, opened


def panel_text(driver: Driver) -> str:
    """All lines of the node panel, also those out of view."""
    panel = driver.screen.query_one(NodePanel)
    return "\n".join(panel.line(y).text for y in range(panel.virtual_size.height))


@pytest.mark.slow
async def test_i_gives_the_node_the_whole_screen_and_tab_the_next_panel() -> None:
    async with opened() as driver:
        await driver.press("t", "n", "n", "s", "s", "s", "i")
        assert driver.text.split("\n")[1].startswith("━ node ━")
        assert "order" not in driver.text.split("\n")[1]
        assert "to W2[0,0]  s1ᵀ · ∂cost/∂l2  (2x4)·(4x1) = 2x1" in panel_text(driver)
        assert driver.message == "node: i shows all panels, Tab the next one"
        # Arrows choose an entry here; other keys work as always.
        moment = driver.moment
        await driver.press("down")
        assert "came back to l2[1,0]" in driver.text
        await driver.press("s")
        assert driver.moment == moment + 1
        await driver.press("tab")
        assert driver.text.split("\n")[1].startswith("━ cost by SGD step")
        assert driver.screen.query_one(CostPlot).size.height > 15
        await driver.press("tab")
        assert driver.text.split("\n")[1].startswith("━ order ━━━")
        await driver.press("i")
        assert driver.text.split("\n")[1].startswith("━ order ━━━━━━━━━━━━ value  grad │─ node ─")
        assert driver.screen.query_one(CostPlot).size.height == 1
        await driver.press("n", "s")
        assert driver.screen.query_one(CostPlot).size.height == 9
        await driver.press("S", "tab", "i", "escape")
        assert "│━ node ━" in driver.text


@pytest.mark.slow
async def test_a_narrow_screen_is_never_empty() -> None:
    async with opened(size=(60, 20), commands=["sgd 2"]) as driver:
        for keys in ("i tab tab i", "i i", "i tab escape", "tab i tab tab i", "i escape"):
            for key in keys.split():
                await driver.press(key)
                body = driver.text.split("\n")[1:-2]
                assert sum(bool(line.strip()) for line in body) > 4, (keys, key)


@pytest.mark.slow
async def test_every_line_of_the_node_is_reached_by_keys_at_80x24() -> None:
    async with opened() as driver:
        await driver.press("n", "n", "s", "s", "s")
        seen = set(driver.text.split("\n"))
        while "below: >" in driver.text:
            await driver.press("greater_than_sign")
            seen |= set(driver.text.split("\n"))
        shown = "\n".join(line[32:] for line in seen)
        for line in panel_text(driver).split("\n"):
            assert line.rstrip() in shown
        assert "to b2" in shown
        assert "above: <" in driver.text
        while "above: <" in driver.text:
            await driver.press("less_than_sign")
        # Another node starts at its first line.
        await driver.press("greater_than_sign", "s")
        assert "above: <" not in driver.text


@pytest.mark.slow
async def test_v_chooses_what_is_asked_about_until_the_next_phase() -> None:
    async with opened() as driver:
        await driver.press("t", "n", "n", "s", "s")
        assert "▸ gradient" in driver.text
        await driver.press("v")
        assert "▸ value" in driver.text
        assert driver.message == "y explains s2[0,0]"
        await driver.press("p", "enter")
        assert "s2 =" in driver.text
        await driver.press("escape", "v", "w", "enter")
        assert " 1 s2.grad" in driver.text
        await driver.press("y")
        assert "why ∂cost/∂s2[0,0]" in driver.text
        await driver.press("escape", "v", "N")
        assert "▸ value" in driver.text
    async with opened("circuit-a") as driver:
        await driver.press("s", "s", "v")
        assert driver.message == "! q has no gradient: not computed yet"


@pytest.mark.slow
async def test_capital_v_shows_the_previous_pass() -> None:
    async with opened("wx") as driver:
        await driver.press("t", "n", "n", "n", "V")
        assert "gradient  ∂cost/∂x = 211.2" in driver.text
        assert "previous pass  ∂cost/∂x = 300" in driver.text
        moment = driver.moment
        await driver.press("v")
        assert "previous pass  x = 10" in driver.text
        await driver.press("T")
        assert "previous pass  w = 5" in driver.text
        await driver.press("S")
        assert "no pass before this one" in driver.text
        await driver.press("V")
        assert "previous" not in driver.text.split("next:")[0].split("cost by")[0]
        assert driver.moment < moment


@pytest.mark.slow
async def test_x_explains_the_chosen_entry() -> None:
    async with opened() as driver:
        await driver.press("n", "n", "s", "s", "tab", "end", "x")
        assert "∂cost/∂s2[3,0]" in driver.text


async def test_the_keys_of_the_panel_are_in_the_hints_while_it_has_the_focus() -> None:
    async with opened() as driver:
        await driver.press("s", "s", "tab")
        keys = driver.text.split("\n")[-1]
        assert keys == (
            " ← → ↑ ↓ entry v value/gradient > < scroll i zoom y why Tab next panel ? help"
        )
        await driver.press("tab")
        assert driver.text.split("\n")[-1].startswith(" s step S back")


@pytest.mark.slow
async def test_page_and_edge_keys_move_in_the_tensor() -> None:
    async with opened("digits") as driver:
        await driver.press("s", "s", "tab", "pagedown")
        panel = driver.screen.query_one(NodePanel)
        node = driver.debugger.graph.index_of("l1")
        row = panel.entry_of(node)[0]
        assert 2 <= row < 20
        first, last = map(int, re.findall(r"rows (\d+)-(\d+) of 64", driver.text)[0])
        assert first <= row <= last
        await driver.press("pageup")
        assert panel.entry_of(node) == (0, 0)
        await driver.press("end")
        assert panel.entry_of(node) == (63, 31)
        await driver.press("home")
        assert panel.entry_of(node) == (0, 0)


async def test_v_does_not_say_that_it_shows_a_previous_pass_where_no_node_is_shown() -> None:
    async with opened("wx") as driver:
        await driver.press("t", "s", "V")
        assert "previous pass  " not in driver.text
        assert driver.message.startswith("from the next node on, the previous pass is shown")
        await driver.press("s")
        assert "previous pass  y = 50" in driver.text

"""The mouse: what it presses, and that it never takes the focus away."""

from __future__ import annotations

from mfdebug.tui.widgets.caption import Caption
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.message_line import KeyLine, MessageLine
from mfdebug.tui.widgets.status_line import StatusLine
from tests.support.app_driver import Driver, opened


async def press_hint(driver: Driver, words: str) -> None:
    """Click the hint of the bottom line that has these words."""
    line = driver.text.split("\n")[-1]
    await driver.pilot.click(KeyLine, offset=(line.index(words), 0))
    await driver.pilot.pause()


async def test_a_click_on_a_key_of_the_bottom_line_presses_it() -> None:
    async with opened() as driver:
        await press_hint(driver, "step")
        assert driver.moment == 1
        await press_hint(driver, "phase")
        assert driver.debugger.where.phase == "forward"
        await press_hint(driver, "back")
        assert driver.moment == 5
        await press_hint(driver, "help")
        assert driver.app.screen is not driver.app.screen_stack[1]


async def test_a_click_beside_the_keys_does_nothing() -> None:
    async with opened(size=(200, 50)) as driver:
        await driver.pilot.click(KeyLine, offset=(198, 0))
        assert driver.moment == 0


async def test_the_lead_of_autoplay_is_not_a_key() -> None:
    async with opened("square") as driver:
        await driver.press("P")
        await driver.pilot.click(KeyLine, offset=(2, 0))
        assert driver.screen.autoplay.playing
        await press_hint(driver, "step")
        assert driver.moment >= 1


async def test_no_click_takes_the_focus_away() -> None:
    async with opened(commands=["watch cost", "break if cost > 1", "sgd 3"]) as driver:
        assert driver.screen.panels.order.has_focus
        for widget in (StatusLine, MessageLine, CostPlot, KeyLine, "#stops", "#watches", Caption):
            if driver.screen.query(widget) and driver.screen.query_one(widget).display:
                await driver.pilot.click(widget, offset=(1, 0))
                assert driver.app.focused is not None, widget
                await driver.press("s")

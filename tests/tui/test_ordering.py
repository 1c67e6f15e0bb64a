"""The order being found, on the screen."""

from __future__ import annotations

from tests.support.app_driver import opened, row_of


async def test_the_key_shows_how_the_order_is_found_and_returns() -> None:
    async with opened("circuit-b") as driver:
        await driver.press("K")
        assert "waits" in driver.text
        assert "queue" in row_of(driver, "two")
        assert row_of(driver, "total").split("│")[0].rstrip().endswith("2")
        await driver.press("4", "s")
        assert "order 4 of 9" in driver.text
        assert "▶ w" in driver.text
        assert "larger waited for 1, now for none" in driver.text
        await driver.press("down", "down", "down", "down")
        assert "total waits for xy, larger" in driver.text
        await driver.press("n", "s")
        assert "feed" in driver.text
        assert "waits" not in driver.text
        await driver.press("K", "K")
        assert driver.debugger.moment == 0

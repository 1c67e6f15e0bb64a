"""The app on a program, driven by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mfdebug.opening.programs import open_program
from mfdebug.running.runnable import Runnable
from mfdebug.tui.app import DebuggerApp
from tests.support.app_driver import Driver


@asynccontextmanager
async def opened(path: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driver]:
    running = open_program(Runnable(str(path)), [], memory=2**24, streams="on a terminal")
    try:
        app = DebuggerApp(None, history_memory=0, session=running.session)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield Driver(app, pilot)
    finally:
        running.run.close()


async def done(driver: Driver) -> None:
    """Wait until a run in the background has ended."""
    await driver.screen.runner.finished()
    await driver.pilot.pause()


async def press(driver: Driver, *keys: str) -> None:
    for key in keys:
        await driver.press(key)
        await done(driver)

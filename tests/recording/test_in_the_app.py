"""A recorded run in the app: every key on every program, and from graph to graph."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.recording.debugger import RecordedLines
from mfdebug.tui.app import DebuggerApp
from tests.recording.memory import MemoryRun
from tests.recording.programs import PROGRAMS
from tests.support.app_driver import Driver
from tests.support.sizes import some


@asynccontextmanager
async def opened(run: MemoryRun, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Driver]:
    session = open_session(RecordedLines(run).debugger(0))
    app = DebuggerApp(None, history_memory=0, session=session)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Driver(app, pilot)


async def settled(driver: Driver) -> None:
    for _ in range(200):
        await driver.pilot.pause(0.02)
        if not driver.screen.runner.busy:
            break
    await driver.pilot.pause()


def numbers_of(driver: Driver) -> str:
    return driver.text.replace("! nan", "")  # the legend of the marks


SHOWN = (
    "alternates",
    "batches_of_two_sizes",
    "catches_an_error",
    "overwrites_its_input",
    "text_for_a_value",
    "wrong_shape",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", some(SHOWN, 3))
async def test_a_program_is_stepped_to_its_end_and_back(name: str) -> None:
    async with opened(MemoryRun(name, PROGRAMS[name])) as driver:
        for _ in range(20):
            await driver.press("s")
            await settled(driver)
            assert "nan" not in numbers_of(driver)
        for _ in range(20):
            await driver.press("S")
            await settled(driver)
            assert "nan" not in numbers_of(driver)


async def test_what_is_not_kept_is_said_and_has_a_mark() -> None:
    run = MemoryRun("sparse", PROGRAMS["falling_rate"], kept=lambda number: number != 1)
    async with opened(run) as driver:
        await driver.press("t", "s", "s")
        await settled(driver)
        assert "not kept" in driver.text
        assert "nan" not in numbers_of(driver)
        row = next(line for line in driver.text.split("\n") if "linear1" in line.split("│")[0])
        assert "?" in row


@pytest.mark.slow
async def test_the_screen_is_that_of_the_graph_that_runs() -> None:
    async with opened(MemoryRun("two_graphs", PROGRAMS["two_graphs"])) as driver:
        await driver.press("t", "s")
        await settled(driver)
        assert driver.debugger.graph.name == "two_graphs 2"
        assert "line " in driver.text
        await driver.press("S")
        await settled(driver)
        assert driver.debugger.graph.name == "two_graphs"

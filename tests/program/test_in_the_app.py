"""Programs in the app: their passes on the screen, what they print in its pane."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from mfdebug.program.opening import Running, run_program

from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.screens.text import TextScreen
from tests.program.test_programs import FAILING, NAMES, PROGRAMS, ROOT, alone
from tests.terminal.pty_app import PtyApp
from tests.tui.test_keys import Driver


@contextmanager
def running(path: Path) -> Iterator[Running]:
    streams = sys.stdin, sys.stdout, sys.stderr
    made = run_program(str(path), [], memory=2**24)
    try:
        yield made
    finally:
        made.program.kill()
        sys.stdin, sys.stdout, sys.stderr = streams


@asynccontextmanager
async def opened(path: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driver]:
    with running(path) as (program, console):
        app = DebuggerApp(None, history_memory=0, console=console, began=program.divert)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield Driver(app, pilot)


async def done(driver: Driver) -> None:
    """Wait until a run in the background has ended."""
    for _ in range(100):
        await driver.pilot.pause(0.05)
        if not driver.screen.runner.busy:
            break
    await driver.pilot.pause()


async def test_a_program_opens_at_its_first_pass() -> None:
    async with opened(PROGRAMS / "housing.py") as driver:
        assert driver.moment == 0
        for name in ("X", "W1  *Input   13x10", "l1   Linear  11x10", "cost MSE"):
            assert name in driver.text
        assert "Total number of examples = 44" in driver.text


async def test_keys_step_it_and_what_it_prints_appears_in_order() -> None:
    async with opened(PROGRAMS / "housing.py", (120, 40)) as driver:
        await driver.press("n", "n", "s")
        assert "backward 1 of 10" in driver.text
        for _ in range(4):
            await driver.press("t")
            await done(driver)
        await driver.press("s")
        await done(driver)
        assert "Epoch: 1, Loss: 478.225037320892" in driver.text
        assert "Epoch: 2" not in driver.text
        await driver.press("c")
        await done(driver)
        shown = [line for line in driver.text.split("\n") if "Epoch: " in line]
        assert [line.partition("Epoch: ")[2][:1] for line in shown] == ["1", "2", "3"]
        assert "the program has ended" in driver.text or "the line ends here" in driver.text
        await driver.press("T", "T")
        await done(driver)
        assert "SGD step 9" in driver.text


async def test_o_shows_all_that_was_printed() -> None:
    async with opened(PROGRAMS / "opening_example.py") as driver:
        await driver.press("c")
        await done(driver)
        await driver.press("o")
        assert isinstance(driver.app.screen, TextScreen)
        for line in alone("opening_example"):
            assert line in driver.text


async def test_o_without_a_program_says_so() -> None:
    from tests.tui.test_keys import opened as opened_graph

    async with opened_graph("wx") as driver:
        await driver.press("o")
        assert "no program runs here" in driver.text


async def test_another_graph_gets_a_screen_of_its_own() -> None:
    async with opened(PROGRAMS / "two_graphs.py") as driver:
        assert "first Mul" in driver.text
        await driver.press("n", "n", "n")
        await done(driver)
        assert "the program goes on with another graph" in driver.text
        assert "second MSE" in driver.text
        assert "first" not in driver.text
        await driver.press("t")
        await done(driver)
        assert "update" in driver.text


async def test_a_node_that_raises_is_shown_and_time_goes_back() -> None:
    async with opened(PROGRAMS / "raises_in_a_node.py") as driver:
        for _ in range(3):
            await driver.press("t")
            await done(driver)
        await driver.press("s")
        await done(driver)
        assert "forward of l1 raised ShapeError" in driver.text
        await driver.press("S", "S")
        assert driver.moment < driver.debugger.timeline.start_of(2) + 1


async def test_a_program_that_does_not_come_back_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "loops.py"
    path.write_text(
        "from miniflow import *\nx = Input()\ny = Mul(x, x)\n"
        "forward_pass(y, topological_sort({x: 3.0}))\nwhile True:\n    pass\n"
    )
    async with opened(path) as driver:
        await driver.press("c")
        await driver.pilot.pause(0.6)
        assert driver.screen.runner.busy
        await driver.press("escape")
        await done(driver)
        assert not driver.screen.runner.busy
        await driver.press("S")
        assert driver.moment >= 0


@pytest.mark.parametrize("name", NAMES)
async def test_every_program_runs_to_its_end_and_back(name: str) -> None:
    async with opened(PROGRAMS / f"{name}.py") as driver:
        await driver.press("n", "n", "c")
        await done(driver)
        assert "ends here" in driver.text
        if name not in FAILING and alone(name):
            assert alone(name)[-1][:40].strip() in driver.text
        end = driver.moment
        await driver.press("S")
        await done(driver)
        assert driver.moment == end - 1


# One in each spelling, and one that fails.
ON_A_TERMINAL = ["housing", "adds_neurons", "opening_example", "raises_in_a_node"]


@pytest.mark.parametrize("name", ON_A_TERMINAL)
def test_a_program_runs_in_a_real_terminal(name: str) -> None:
    command = [sys.executable, "-m", "mfdebug", str(PROGRAMS / f"{name}.py")]
    # Kernels that BLAS chooses by the processor differ in the last bit.
    blas = {key: value for key, value in os.environ.items() if key.startswith("OPENBLAS")}
    environment = {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **blas}
    with PtyApp(command, columns=80, rows=24, env=environment) as app:
        app.wait_for("press s to begin")
        app.press("n", "n", "c")
        app.wait_for("ends here")
        if name not in FAILING and alone(name):
            assert alone(name)[-1][:40].strip() in app.text
        app.press("S")
        app.press("q")
        assert app.wait() == (1 if name in FAILING else 0)
        assert app.not_restored() == []

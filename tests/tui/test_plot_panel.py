"""The plots beside the numbers: they follow the moment, go to steps, and never hold up a key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfdebug.core.landscape.landscape import Landscape
from mfdebug.core.landscape.survey import Surveyor
from mfdebug.core.landscape.views import view_named
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.prepared import FEW_NODES
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.plot_panel import PlotPanel
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops import Add
from tests.support.app_driver import Driver, ask, opened
from tests.support.sizes import pick
from tests.tui.demo_show import played


def panel(driver: Driver) -> PlotPanel:
    return driver.screen.panels.plot


def plotted(driver: Driver) -> list[str]:
    """The lines of the plot, with its title."""
    region = panel(driver).region
    lines = driver.text.split("\n")[region.y : region.bottom]
    return [line[region.x :].rstrip() for line in lines]


def title(driver: Driver) -> str:
    words = plotted(driver)[0].strip("─━ ")
    return re.sub(r"[─━ ]+[DA] hides it$", "", words)


async def computed(driver: Driver) -> None:
    """Wait until the plot of the present moment is computed."""
    while panel(driver).computing:
        await driver.pilot.pause(0.01)
    await driver.pilot.pause()


def present(driver: Driver) -> tuple[float, ...]:
    landscape = panel(driver)._result
    assert isinstance(landscape, Landscape)
    return landscape.present.at


async def test_a_key_shows_the_landscape_in_place_of_the_cost_and_hides_it() -> None:
    async with opened("wx", commands=["sgd 3"]) as driver:
        assert driver.screen.query_one(CostPlot).display
        await driver.press("D")
        assert title(driver) == "cost against w"
        assert not driver.screen.query_one(CostPlot).display
        assert any("slope at 3.536: 307.2" in line for line in plotted(driver))
        await driver.press("D")
        assert not panel(driver).display
        assert driver.screen.query_one(CostPlot).display


@pytest.mark.slow
async def test_it_moves_with_the_moment_in_the_frame_of_the_key() -> None:
    async with opened("wx", commands=["landscape"]) as driver:
        assert present(driver) == (5.0,)
        await driver.pilot.press("t")
        assert present(driver) == pytest.approx((4.4,))
        await driver.pilot.press("t")
        assert present(driver) == pytest.approx((3.92,))
        assert any("slope at 3.92: 384" in line for line in plotted(driver))
        await driver.pilot.press("T")
        assert present(driver) == pytest.approx((4.4,))
        await ask(driver, "set w = 1")
        assert present(driver) == (1.0,)
        assert not panel(driver).computing


@pytest.mark.slow
async def test_nothing_is_computed_again_while_the_parameters_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = []
    original = Surveyor.survey

    def survey(self: Surveyor, view: object) -> Iterator[object]:
        begun.append(self.debugger.moment)
        return original(self, view)  # type: ignore[arg-type]

    monkeypatch.setattr(Surveyor, "survey", survey)
    async with opened("xor", commands=["landscape b1[0]"]) as driver:
        await driver.press("s")
        await computed(driver)
        begun.clear()
        await driver.press("s", "s", "s", "n", "n", "S", "S")
        await computed(driver)
        assert begun == []
        await driver.press("t")
        assert len(begun) == 1


@pytest.mark.slow
async def test_a_click_on_a_mark_goes_to_its_step_and_keys_walk_along_the_path() -> None:
    async with opened("wx", commands=["sgd 3", "landscape"]) as driver:
        marks = {step: cell for cell, step in panel(driver)._drawing.steps.items()}
        x, y = marks[1]
        await driver.pilot.click(PlotPanel, offset=(x, y + 1))
        await driver.pilot.pause()
        assert driver.moment == driver.debugger.cursor.cost_moment(1)
        assert present(driver) == pytest.approx((4.4,))
        driver.screen.panels.focus_panel(panel(driver))
        await driver.press("left")
        assert driver.debugger.sgd_step == 0
        await driver.press("end")
        assert driver.debugger.sgd_step == 2
        await driver.press("home")
        assert driver.moment == driver.debugger.cursor.cost_moment(0)
        # Blank cells lead nowhere.
        await driver.pilot.click(PlotPanel, offset=(20, 2))
        assert driver.moment == driver.debugger.cursor.cost_moment(0)


@pytest.mark.slow
async def test_keys_are_read_between_slices_and_end_them(monkeypatch: pytest.MonkeyPatch) -> None:
    slices = []

    def endless(self: Surveyor, view: object) -> Iterator[str]:
        moment = self.debugger.moment
        while True:
            slices.append(moment)
            yield "an endless path"

    monkeypatch.setattr(Surveyor, "survey", endless)
    async with opened("xor", commands=["landscape"]) as driver:
        assert "computing: an endless path" in title(driver)
        for _ in range(pick(3, 1)):
            before = driver.moment
            count = len(slices)
            while len(slices) == count:
                await driver.pilot.pause(0.01)
            await driver.press("t")
            assert driver.moment > before
            # The slices of the moment before are given up, and those of this one begin.
            assert slices[-1] == driver.moment
        await driver.press("D")
        assert not panel(driver).computing
        count = len(slices)
        await driver.press("t")
        assert len(slices) == count


@pytest.mark.slow
async def test_the_answers_follow_the_cursor() -> None:
    async with opened("xor", commands=["answers"]) as driver:
        await computed(driver)
        flat = plotted(driver)
        assert title(driver) == "s2 over X[:,0] and X[:,1]"
        assert sum(line.count("▒") for line in flat) > 250
        await ask(driver, "sgd 1000")
        await computed(driver)
        learned = plotted(driver)
        assert sum(line.count("█") for line in learned) > 80
        assert sum(line.count("▒") for line in learned) < 100
        # The targets stand on it.
        assert "1" in learned[2] + learned[3]
        await driver.press("A")
        assert not panel(driver).display


@pytest.mark.slow
async def test_one_plot_replaces_the_other() -> None:
    async with opened("linear-regression", commands=["sgd 4"]) as driver:
        await driver.press("D")
        await computed(driver)
        assert title(driver) == "cost against W and b"
        await driver.press("A")
        await computed(driver)
        assert title(driver) == "line over X"
        await ask(driver, "landscape W")
        await computed(driver)
        assert title(driver) == "cost against W"
        await ask(driver, "landscape off")
        assert not panel(driver).display


@pytest.mark.slow
async def test_the_whole_screen_and_back() -> None:
    async with opened("wx", commands=["sgd 3", "landscape"]) as driver:
        driver.screen.panels.focus_panel(panel(driver))
        await driver.press("i")
        assert panel(driver).size.width == 80
        assert panel(driver).size.height == 21
        await driver.press("i")
        assert panel(driver).size.width < 80
        await driver.press("i", "D")
        assert panel(driver).size.height < 21


@pytest.mark.slow
@pytest.mark.parametrize(("size", "keys"), [((80, 24), "G D"), ((60, 20), "D"), ((80, 24), "i D")])
async def test_without_room_it_takes_the_whole_screen(size: tuple[int, int], keys: str) -> None:
    async with opened("wx", size=size, commands=["sgd 3"]) as driver:
        await driver.press(*keys.split())
        assert driver.screen.panels.zoomed == "plot"
        assert title(driver) == "cost against w"
        await driver.press("D")
        assert driver.screen.panels.zoomed == ""
        assert not panel(driver).display


@pytest.mark.slow
async def test_what_cannot_be_shown_is_said() -> None:
    async with opened("square") as driver:
        await driver.press("D")
        assert "landscape: nothing is trained here" in driver.message
        await driver.press("A")
        assert "compares no prediction with a target" in driver.message
        assert not panel(driver).display
    async with opened("wx", commands=["landscape", "set lr = 1e200"]) as driver:
        await driver.press("3", "t")
        assert "infinite or NaN" in " ".join(plotted(driver))
        await driver.press("3", "T")
        assert present(driver) == (5.0,)


async def test_a_line_of_a_demo_shows_a_plot_and_going_back_hides_it(tmp_path: Path) -> None:
    script = tmp_path / "plots.demo"
    script.write_text(
        '# mfdebug demo 1\n# graph "wx"\n# title Plots\n\n'
        "say Three steps.\nsgd 3\npause\n\nsay The parabola.\nlandscape\npause\n\n"
        "say And one more step.\nsgd\nlandscape off\nanswers\npause\n",
        encoding="utf-8",
    )
    async with played(script) as show:
        screen = show.app.screen
        assert isinstance(screen, DebugScreen)
        plot = screen.panels.plot
        await show.press("space")
        assert not plot.display
        await show.press("space")
        assert "cost against w" in show.text
        assert "slope at 3.536" in show.text
        await show.press("space")
        assert "y over x" in show.text
        await show.press("B")
        assert "cost against w" in show.text
        await show.press("B")
        assert not plot.display


def test_a_large_graph_that_is_compiled_in_a_thread_has_the_same_landscape() -> None:
    x = Input("x", value=2.0, trainable=True)
    chain: Node = x
    for _ in range(FEW_NODES):
        chain = Add(chain, x)
    debugger = ComputedDebugger(Graph.of(chain))
    *_, last = Surveyor(debugger).survey(view_named(debugger, ""))
    assert isinstance(last, Landscape)
    assert last.slope == FEW_NODES + 1


@pytest.mark.slow
@pytest.mark.parametrize("zoomed", [False, True])
async def test_the_focus_stays_on_a_panel_that_is_there(zoomed: bool) -> None:
    async with opened("xor", commands=["sgd 5"]) as driver:
        driver.screen.set_focus(driver.screen.panels.cost)
        await driver.press("D")
        assert driver.screen.focused is driver.screen.panels.plot
        if zoomed:
            await driver.press("i")
        await driver.press("D")
        assert driver.screen.focused in driver.screen.panels.ring
        assert driver.screen.focused is not driver.screen.panels.node

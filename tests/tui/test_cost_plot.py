"""The cost curve in the app: it grows, keeps the curves of other branches, and is clicked."""

from __future__ import annotations

import pytest

from mfdebug.tui.widgets.cost_plot import CostPlot
from tests.support.app_driver import LENGTH, Driver, ask, opened

# The keys of the plots beside the curve, at the end of its title.
NOTE = "D landscape"


def title(driver: Driver) -> str:
    """The title line of the curve, without the rule around it."""
    plot = driver.screen.query_one(CostPlot)
    line = driver.text.split("\n")[plot.region.y]
    return line[plot.region.x :].strip("─━ ").removesuffix(NOTE).strip("─━ ")


def plotted(driver: Driver) -> list[str]:
    """The lines of the plot under its title."""
    region = driver.screen.query_one(CostPlot).region
    lines = driver.text.split("\n")[region.y + 1 : region.bottom]
    return [line[region.x :] for line in lines]


async def click(driver: Driver, column: int, row: int) -> None:
    """Click a cell of the plot; the title is row 0."""
    await driver.pilot.click(CostPlot, offset=(column, row))
    await driver.pilot.pause()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("graph", "size", "rows"), [("xor", (80, 24), 1), ("wx", (80, 24), 9), ("xor", (80, 30), 9)]
)
async def test_on_a_low_screen_it_yields_to_what_tensors_send_back(
    graph: str, size: tuple[int, int], rows: int
) -> None:
    async with opened(graph, size=size, commands=["sgd 5", "next"]) as driver:
        plot = driver.screen.query_one(CostPlot)
        there = plot.size.height
        await driver.press("n", "s", "s")
        assert driver.debugger.where.phase == "backward"
        assert plot.size.height == rows
        if rows == 1:
            assert title(driver) == "cost 0.250683 ∙ curve after backward"
        await driver.press("n", "s")
        assert driver.debugger.where.phase == "update"
        assert plot.size.height == there > 1


async def test_until_it_has_two_points_it_is_one_line() -> None:
    async with opened() as driver:
        plot = driver.screen.query_one(CostPlot)
        assert not plot.display
        await driver.press("s")
        assert title(driver) == "cost not computed ∙ a curve from step 1 on"
        assert plot.size.height == 1
        await driver.press("t")
        assert title(driver) == "cost 0.251349 ∙ a curve from SGD step 1 on"
        assert plot.size.height == 1
        node = driver.screen.query_one("#node").size.height
        await driver.press("t")
        # It gives way to the key of the plot that can take its place.
        assert title(driver) == "cost   ◆ step 1: 0.251009"
        assert "── D landscape ─" in driver.text
        assert plot.size.height == 9
        assert driver.screen.query_one("#node").size.height == node - 8


@pytest.mark.slow
async def test_other_branches_stay_as_dashed_curves_with_a_legend() -> None:
    async with opened(commands=["sgd 20", "goto sgd 5", "set lr = 9", "sgd 6"]) as driver:
        assert title(driver) == "cost   ◆ step 10: 0.250134   ⠒ ⠒ branch 0"
        plot = driver.screen.query_one(CostPlot)
        branch = plot.get_component_rich_style("cost--branch")
        dashes = [
            segment.text
            for y in range(1, plot.size.height)
            for segment in plot.line(y)
            if segment.style == branch and "\u2800" < segment.text[0] < "\u2900"
        ]
        assert len(dashes) > 5
        assert all(len(dash) <= 2 for dash in dashes)
        await ask(driver, "set lr = 3")
        # What has no cost of its own yet has no curve.
        assert title(driver).endswith("⠒ ⠒ branch 0")
        await driver.press("z")
        await ask(driver, "goto sgd 8")
        await ask(driver, "set lr = 3")
        assert title(driver).endswith("⠒ ⠒ 3 branches")
        await driver.press("z", "z")
        # Back on branch 0, whose costs are known up to where it was left.
        assert len(driver.debugger.cursor.costs) == 20
        await ask(driver, "goto sgd 2")
        assert "⠒ ⠒" in title(driver)


@pytest.mark.slow
async def test_a_click_on_the_curve_goes_to_the_cost_of_its_step() -> None:
    async with opened(commands=["sgd 20"]) as driver:
        plot = driver.screen.query_one(CostPlot)
        left = min(plotted(driver)[1].find(axis) for axis in "│┤" if axis in plotted(driver)[1]) + 1
        await click(driver, left, 3)
        cost = driver.debugger.cursor.cost_moment(0)
        assert driver.moment == cost == 6
        assert title(driver).endswith("◆ step 0: 0.251349")
        right = plot.size.width - 2
        await click(driver, right, 6)
        assert driver.moment == 19 * LENGTH + cost
        await click(driver, (left + right) // 2, 1)
        assert driver.debugger.sgd_step in (9, 10)
        assert driver.debugger.where.node == driver.debugger.graph.cost
        assert driver.app.focused is driver.screen.query_one(CostPlot)
        # The title, the labels and the frame stand for no step.
        before = driver.moment
        for column, row in ((left, 0), (left - 1, 3), (1, 8)):
            await click(driver, column, row)
            assert driver.moment == before


async def test_a_click_beyond_the_curve_goes_to_its_last_step_and_runs_nothing() -> None:
    async with opened(commands=["sgd 20", "goto sgd 5", "set lr = 9", "sgd 2"]) as driver:
        plot = driver.screen.query_one(CostPlot)
        await click(driver, plot.size.width - 2, 2)
        assert driver.debugger.sgd_step == 6
        assert len(driver.debugger.cursor.costs) == 7


@pytest.mark.slow
async def test_the_curve_grows_while_a_run_goes_on_and_the_bar_with_it() -> None:
    async with opened(waits=False) as driver:
        await driver.press("colon")
        await driver.type("sgd 90000000")
        await driver.press("enter")
        titles: set[str] = set()
        while len(titles) < 3:
            await driver.pilot.pause(0.02)
            if driver.screen.query_one(CostPlot).display and "◆" in driver.text:
                titles.add(title(driver))
        assert "» sgd 90000000  ──────" in driver.text
        assert " 0 %  SGD step " in driver.text
        assert driver.message.endswith("any key stops")
        # The axis reaches to the aim, so that the end of the run is seen.
        assert plotted(driver)[-1].endswith("100M")
        await driver.press("x")
        while driver.screen.runner.busy:
            await driver.pilot.pause(0.02)
        await driver.pilot.pause()
        assert driver.message.startswith("● stopped at moment ")
        step = driver.debugger.sgd_step
        assert f"◆ step {step}: " in title(driver)
        assert len(driver.debugger.cursor.costs) == step + 1
        assert not plotted(driver)[-1].endswith("100M")


@pytest.mark.slow
async def test_a_run_to_a_stop_says_what_is_known_and_its_curve_ends_where_it_stops() -> None:
    async with opened(commands=["break if sgd_step == 9990", "sgd 2"], waits=False) as driver:
        seen: set[str] = set()
        await driver.press("c")
        while driver.screen.runner.busy:
            seen.add(driver.message)
            await driver.pilot.pause(0.02)
        await driver.pilot.pause()
        assert all("%" not in message and "━" not in message for message in seen)
        assert driver.message.startswith("● stop 1: sgd_step == 9990")
        assert len(driver.debugger.cursor.costs) == driver.debugger.cursor.costs_reached


@pytest.mark.slow
async def test_nothing_is_redrawn_while_the_cost_stays() -> None:
    async with opened(commands=["sgd 5", "step 8"]) as driver:
        plot = driver.screen.query_one(CostPlot)
        before = [plot.line(y) for y in range(plot.size.height)]
        await driver.press("s", "s", "s")
        assert all(plot.line(y) is line for y, line in enumerate(before))


@pytest.mark.parametrize(("name", "offered"), [("xor", True), ("edge", False)])
async def test_its_title_offers_the_answers_where_there_are_any(name: str, offered: bool) -> None:
    async with opened(name, (120, 40), commands=["sgd 2"]) as driver:
        assert "D landscape" in driver.text
        assert ("A answers" in driver.text) is offered


@pytest.mark.slow
async def test_the_title_counts_the_branches_that_have_a_curve() -> None:
    async with opened("xor", (120, 40), commands=["sgd 3"]) as driver:
        for edit in ("set W1[0,0] = 3", "set b2 = 1"):
            await ask(driver, edit)
        assert "branch" not in title(driver)
        await driver.press("z", "z")
        assert "branch" not in title(driver)
        await ask(driver, "set b2 = 1")
        await driver.press("t", "z")
        assert "⠒ ⠒ branch 3" in title(driver)


@pytest.mark.slow
async def test_the_curve_is_taller_where_all_nodes_are_numbers() -> None:
    rows = {}
    for graph in ("parabola", "edge"):
        async with opened(graph, (120, 40)) as driver:
            await driver.press("t", "t")
            room = driver.screen.panels.query_one("#right").size.height
            rows[graph] = driver.screen.panels.cost.size.height / room
    assert rows["edge"] < 0.31
    assert 0.4 < rows["parabola"] < 0.46

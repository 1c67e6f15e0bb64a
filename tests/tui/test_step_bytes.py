"""How many bytes a step takes, of the networks whose panels change most at each step."""

from __future__ import annotations

import statistics
from itertools import product

import pytest
from rich.console import Console

from mfdebug.config.terminal import abilities
from mfdebug.opening.shipped import shipped
from mfdebug.tui.export.frames import whole_screen
from mfdebug.tui.terminal.cells import CellUpdate
from mfdebug.tui.terminal.pacing import QUERY
from mfdebug.tui.terminal.pen import Terminal
from tests.support.app_driver import Driver, opened
from tests.support.sizes import pick, quick

MOST = 1200


async def bytes_of_steps(driver: Driver, colours: str, steps: int) -> list[int]:
    console = Console(color_system="256" if colours == "256" else "truecolor", force_terminal=True)
    terminal = Terminal(erases=True)
    found = []
    for _ in range(steps + 1):
        update = CellUpdate(whole_screen(driver.app), terminal, driver.app.size)
        found.append(len((update.render_segments(console) + QUERY).encode()))
        await driver.press("s")
    # The first one is the whole screen.
    return found[1:]


@pytest.mark.parametrize("colours", quick(["256", "true"], 1))
@pytest.mark.parametrize(
    ("graph", "shown"),
    pick(
        [*product([graph.name for graph in shipped()], ("", "G"))],
        [("transformer", ""), ("edge", "G")],
    ),
)
async def test_a_step_at_80x24_takes_little(graph: str, shown: str, colours: str) -> None:
    variables = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    if colours == "true":
        variables["COLORTERM"] = "truecolor"
    async with opened(graph, abilities=abilities(variables)) as driver:
        await driver.press(*shown)
        steps = await bytes_of_steps(driver, colours, 24)
        assert statistics.median(steps) <= MOST

"""No text touches a scrollbar: the column before it is blank, in every view and size."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.node_panel import NodePanel
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add, Mul, Sum
from tests.support.app_driver import Driver, opened
from tests.support.screen_text import screen_text
from tests.support.sizes import some


def touched(driver: Driver) -> list[str]:
    """Return the rows in which a scrollbar is touched, with the view that it belongs to."""
    rows = screen_text(driver.app).split("\n")
    found = []
    for view in driver.app.screen.query(LinesView):
        if not (view.show_vertical_scrollbar and view.display and view.region.height):
            continue
        inside = view.region.shrink(view.styles.border.spacing)
        bar = inside.right - view.scrollbar_size_vertical
        found += [
            f"{view}: {row}"
            for row in rows[view.region.y : view.region.bottom]
            if row[bar - 1 : bar].strip()
        ]
    return found


def shown(driver: Driver) -> list[LinesView]:
    return [view for view in driver.app.screen.query(LinesView) if view.show_vertical_scrollbar]


def long() -> Graph:
    """More nodes than rows, with long numbers, names and sums."""
    nodes = [
        Input(f"parameter{i}", value=[-1.23456789e-5 * (i + 1)] * 9, trainable=True)
        for i in range(30)
    ]
    scaled = [Mul(node, nodes[0], name=f"m{i}") for i, node in enumerate(nodes)]
    return Graph.of(Sum(Add(*scaled, name="total"), name="cost"))


SIZES = [(80, 24), (76, 20), (60, 20), (100, 24), (130, 22), (170, 20)]


@pytest.mark.slow
@pytest.mark.parametrize(("graph", "size"), some(product(["xor", "digits", "long"], SIZES), 3))
async def test_no_text_touches_a_scrollbar(graph: str, size: tuple[int, int]) -> None:
    bars = 0
    # Longer at the right than any row has room for.
    watches = [f"watch cost * {i}.123456789 + {i}" for i in range(12)]
    stops = [f"break if cost > {i}.123456789 + {i}" for i in range(12)]
    async with opened(
        long() if graph == "long" else graph, size=size, commands=[*watches, *stops, "disable all"]
    ) as driver:
        for keys in ("t", "n", "n", "s s", "tab", "s s s", "pagedown", "s s", "n", "s"):
            await driver.press(*keys.split())
            assert touched(driver) == []
            bars += len(shown(driver))
        for keys in ("question_mark", "pagedown", "escape escape", "x", "escape", "y", "down"):
            await driver.press(*keys.split())
            assert touched(driver) == []
            bars += len(shown(driver))
    assert bars > 5


async def test_the_node_panel_is_not_laid_out_for_its_scrollbar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened(long()) as driver:
        panel = driver.app.screen.query_one(NodePanel)
        layouts = 0
        refresh_layout = type(driver.screen)._refresh_layout

        def counted(*arguments: Any, **given: Any) -> None:
            nonlocal layouts
            layouts += 1
            refresh_layout(*arguments, **given)

        await driver.press("t", "end")
        bars = []
        monkeypatch.setattr(type(driver.screen), "_refresh_layout", counted)
        for key in ("up", "down", "home", "end"):
            await driver.press(key)
            scrolls = panel.max_scroll_y > 0
            bar = panel.region.right - 1
            rows = screen_text(driver.app).split("\n")[panel.region.y : panel.region.bottom]
            assert scrolls or not any(row[bar : bar + 1].strip() for row in rows)
            bars.append(scrolls)
        assert layouts == 0
    # Both kinds of node were shown.
    assert len(set(bars)) == 2


@pytest.mark.slow
async def test_a_shorter_node_is_shown_from_its_first_line() -> None:
    async with opened(long()) as driver:
        panel = driver.app.screen.query_one(NodePanel)
        await driver.press("t", "end", "up", "tab", "greater_than_sign")
        assert panel.scroll_offset.y > 0
        await driver.press("tab", "up")
        assert (panel.scroll_offset.y, panel.max_scroll_y) == (0, 0)

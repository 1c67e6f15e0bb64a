"""With the terminal's own 16 colours: what is selected is seen, and nothing is a bar of colour."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.style import Style

from mfdebug.config.ascii import BAR_ENDS
from mfdebug.config.terminal import Abilities
from mfdebug.config.themes import Colours
from mfdebug.tui.export.frames import frame_of, whole_screen
from mfdebug.tui.screens.picker import PickerScreen
from mfdebug.tui.terminal.cells import CellUpdate
from mfdebug.tui.terminal.pen import Terminal
from mfdebug.tui.widgets.caption import Caption
from tests.support.app_driver import Driver, opened
from tests.support.sizes import quick

# The keys that lead to a screen, and a text that is selected there.
SCREENS = {
    "start": ((), "X"),
    "list": ((*"3tnnsss",), "l2"),
    "numbers": ((*"3tnnsss", "tab", "down"), "-0.0599"),
    "why": ((*"3tnnsss", "y"), " ∂cost/∂s2[0,0] = 0.258343 "),
    "terms": ((*"3tnnsssvy",), "0.357688"),
    "table": (("s", "s", "k"), "l1 (Linear)"),
    "topics": (("question_mark", "down"), "more keys"),
    "completions": (("colon", "b", "tab", "tab"), "back"),
}
# More cells than this in one row are a bar: a number with its name has fewer.
MOST = 30


def solid_cells(driver: Driver) -> list[list[str]]:
    """Return for each row the texts in reverse, or on a ground that is not the terminal's own."""
    rows = []
    for strip in driver.app.screen._compositor.render_strips():
        solid = []
        for text, style, _ in strip:
            look = style or Style.null()
            ground = look.bgcolor is not None and not look.bgcolor.is_default
            if look.reverse or ground:
                solid.append(text)
        rows.append(solid)
    return rows


@pytest.mark.parametrize("name", quick(SCREENS, 2))
async def test_no_row_is_a_bar_and_what_is_selected_is_seen(name: str) -> None:
    keys, selected = SCREENS[name]
    able = Abilities(ascii_only=False, colours="16", dark=len(name) % 2 == 0)
    async with opened(abilities=able) as driver:
        await driver.press(*keys)
        rows = solid_cells(driver)
        assert max(sum(map(len, row)) for row in rows) <= MOST
        assert any(selected in text for row in rows for text in row), rows


async def test_of_a_new_number_only_the_number_is_underlined() -> None:
    able = Abilities(ascii_only=False, colours="16", dark=True)
    async with opened(abilities=able) as driver:
        await driver.press("n", "s", "s")
        width = driver.screen.panels.order.size.width
        lines = [
            text
            for strip in driver.app.screen._compositor.render_strips()
            for text, style, _ in strip.crop(0, width)
            if style is not None and style.underline
        ]
        assert lines == [".4578"]


async def test_in_ascii_a_scrollbar_has_no_letters() -> None:
    able = Abilities(ascii_only=True, colours="16", dark=True)
    async with opened("vanishing", abilities=able) as driver:
        await driver.press("n", "n", *"sss")
        for part in whole_screen(driver.app).strips:
            narrow = [strip.text for strip in part if strip.cell_length == 1]
            if BAR_ENDS.intersection(narrow):
                break
        else:
            raise AssertionError("no scrollbar ends within a cell")
        update = CellUpdate(
            whole_screen(driver.app), Terminal(erases=False), driver.app.size, ascii_only=True
        )
        update.render_segments(driver.app.console)
        right = [row[79] for row in update.terminal.rows.values()]
        assert {cell[0] for cell in right if cell} <= {" ", "-"}
        rows = frame_of(driver.app, ascii_only=True).rows
        assert {row[-1].cells[-1] for row in rows} <= {" ", "-"}


def tallest(driver: Driver) -> int:
    """Return the most rows below each other that are solid in one column."""
    most, heights = 0, [0] * driver.app.size.width
    for strip in driver.app.screen._compositor.render_strips():
        solid = [
            style is not None and style.reverse
            for text, style, _ in strip
            for _ in range(cell_len(text))
        ]
        heights = [height + 1 if full else 0 for height, full in zip(heights, solid, strict=True)]
        most = max(most, *heights)
    return most


@pytest.mark.slow
@pytest.mark.parametrize("colours", ["16", "none"])
async def test_a_chosen_box_is_no_brick(colours: Colours) -> None:
    able = Abilities(ascii_only=False, colours=colours, dark=True)
    async with opened("circuit-b", abilities=able) as driver:
        await driver.press("G", "n", "s", "s", "right", "right")
        assert tallest(driver) == 1
        words = [text for row in solid_cells(driver) for text in row]
        assert [word.strip() for word in words if not word.strip("- ").isdigit()] == ["×"]


@pytest.mark.slow
async def test_a_number_in_reverse_has_no_colour() -> None:
    able = Abilities(ascii_only=False, colours="16", dark=True)
    async with opened(abilities=able) as driver:
        await driver.press("t", "n", "n", "s", "s", "tab", "down")
        for strip in driver.app.screen._compositor.render_strips():
            for _, style, _ in strip:
                if style is not None and style.reverse and "@mouse.down" not in style.meta:
                    assert style.color is None or style.color.is_default


async def test_the_row_of_the_picker_has_a_mark() -> None:
    async with opened(None) as driver:
        assert isinstance(driver.app.screen, PickerScreen)
        marked = [line for line in driver.text.split("\n") if line.lstrip().startswith("▸")]
        assert [line[:40].strip() for line in marked] == ["▸ From 5 to 2"]
        await driver.press("down")
        marked = [line for line in driver.text.split("\n") if line.lstrip().startswith("▸")]
        assert [line[:13].strip() for line in marked] == ["▸ The chain"]


async def test_a_caption_has_a_line_beside_it() -> None:
    able = Abilities(ascii_only=False, colours="16", dark=True)
    async with opened(abilities=able) as driver:
        await driver.press("colon")
        await driver.type("say look at s1")
        await driver.press("enter")
        caption = driver.screen.query_one(Caption)
        assert caption.line(0).text.startswith(" ▌ look at s1")
        assert max(sum(map(len, row)) for row in solid_cells(driver)) <= MOST

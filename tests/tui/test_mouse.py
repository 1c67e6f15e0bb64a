"""The mouse: what it presses, and that it never takes the focus away."""

from __future__ import annotations

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.widget import Widget
from textual.widgets import Input

from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.help import TopicList
from mfdebug.tui.screens.why import WhyScreen
from mfdebug.tui.widgets.caption import Caption
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.key_words import KeyWords
from mfdebug.tui.widgets.message_line import KeyLine, MessageLine
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.status_line import StatusLine
from mfdebug.tui.widgets.why_lines import TermList
from tests.support.app_driver import Driver, ask, opened
from tests.support.sizes import pick, some


async def press_hint(driver: Driver, words: str) -> None:
    """Click the hint of the bottom line that has these words."""
    line = driver.text.split("\n")[-1]
    await driver.pilot.click(KeyLine, offset=(line.index(words), 0))
    await driver.pilot.pause()


@pytest.mark.slow
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


@pytest.mark.slow
async def test_no_click_takes_the_focus_away() -> None:
    async with opened(commands=["watch cost", "break if cost > 1", "sgd 3"]) as driver:
        assert driver.screen.panels.order.has_focus
        for widget in (StatusLine, MessageLine, CostPlot, KeyLine, "#stops", "#watches", Caption):
            if driver.screen.query(widget) and driver.screen.query_one(widget).display:
                await driver.pilot.click(widget, offset=(1, 0))
                assert driver.app.focused is not None, widget
                await driver.press("s")


async def click_on(driver: Driver, text: str, within: type[Widget], *, times: int = 1) -> None:
    """Click the first place in a widget at which the screen has this text."""
    area = driver.app.screen.query_one(within).region
    rows = driver.text.split("\n")
    for y in range(area.y, area.bottom):
        if (x := rows[y].find(text, area.x, area.right)) >= 0:
            await driver.pilot.click(offset=(x + len(text) // 2, y), times=times)
            await driver.pilot.pause()
            return
    raise AssertionError(f"{text!r} is not in {within.__name__}:\n{driver.text}")


@pytest.mark.slow
async def test_a_click_on_a_number_chooses_it_and_whether_value_or_gradient_is_asked() -> None:
    async with opened() as driver:
        await driver.press(*"3tnnsss")
        panel = driver.screen.panels.node
        node = driver.screen.panels.shown.selection
        assert node.number == "l2.grad[0,0]"
        await click_on(driver, "-0.0662", NodePanel)
        assert panel.has_focus
        assert driver.screen.panels.shown.selection.number == "l2.grad[2,0]"
        await click_on(driver, "0.0790", NodePanel)
        assert driver.screen.panels.shown.selection.number == "l2[1,0]"
        assert isinstance(driver.app.screen, DebugScreen)
        await click_on(driver, "0.0588", NodePanel, times=2)
        assert isinstance(driver.app.screen, WhyScreen)
        assert "why ∂cost/∂l2[3,0]" in driver.text


@pytest.mark.slow
async def test_enter_asks_why_of_the_entry_and_a_click_on_words_chooses_nothing() -> None:
    async with opened() as driver:
        await driver.press(*"3tnnsss", "tab", "down")
        await click_on(driver, "came back", NodePanel)
        assert driver.screen.panels.shown.selection.number == "l2.grad[1,0]"
        await driver.press("enter")
        assert isinstance(driver.app.screen, WhyScreen)
        assert "why ∂cost/∂l2[1,0]" in driver.text


@pytest.mark.parametrize("size", some([(80, 24), (120, 40), (200, 50)], 2))
async def test_every_number_of_a_window_is_chosen_where_it_is_seen(size: tuple[int, int]) -> None:
    async with opened("digits", size=size) as driver:
        await driver.press("n", "n")
        await ask(driver, "show W1")
        panel = driver.screen.panels.node
        places = panel.spans
        assert len({place.position for place in places}) > 10
        value = driver.debugger.state.value(driver.debugger.graph.by_name["W1"])
        seen = {place.line: place for place in places if place.label == "value"}
        for place in (*places[:2], *seen.values(), places[-1]):
            y = panel.region.y + place.line - panel.scroll_offset.y
            if place.line < panel.size.height:
                await driver.pilot.click(offset=(panel.region.x + 1 + place.end - 1, y))
                await driver.pilot.pause()
                entry = panel.entry_of(driver.screen.panels.shown.selection.shown)
                assert entry == divmod(place.position, value.shape[1])
                break


@pytest.mark.slow
async def test_a_click_on_a_title_gives_the_focus_and_two_the_whole_screen() -> None:
    async with opened() as driver:
        panels = driver.screen.panels
        await driver.press("3", "t")
        await driver.pilot.click("#node-title", offset=(4, 0))
        assert panels.node.has_focus
        assert "━ node ━" in driver.text
        assert "entry" in driver.text.split("\n")[-1]
        await driver.pilot.click("#cost", offset=(4, 0))
        assert panels.cost.has_focus
        assert "━ cost   ◆" in driver.text
        await driver.pilot.click("#order-title", offset=(4, 0))
        assert panels.order.has_focus
        assert "─ cost   ◆" in driver.text
        await driver.pilot.click("#node-title", offset=(4, 0), times=2)
        assert panels.zoomed == "node"
        await driver.pilot.click("#node-title", offset=(4, 0), times=2)
        assert panels.zoomed == ""


@pytest.mark.slow
async def test_tab_goes_round_the_panels_and_each_names_its_keys() -> None:
    async with opened() as driver:
        panels = driver.screen.panels
        await driver.press("tab")
        assert panels.node.has_focus
        # There is no curve yet.
        await driver.press("tab")
        assert panels.order.has_focus
        await driver.press("3", "t", "tab", "tab")
        assert panels.cost.has_focus
        assert driver.text.split("\n")[-1].startswith(" ← → SGD step Home End first, last")
        assert "━ cost   ◆" in driver.text
        await driver.press("left")
        assert driver.debugger.sgd_step == 1
        await driver.press("home")
        assert driver.debugger.sgd_step == 0
        await driver.press("end", "right")
        assert driver.debugger.sgd_step == 2
        assert panels.cost.has_focus
        await driver.press("tab")
        assert panels.order.has_focus
        await driver.press("0", "escape")
        await ask(driver, "goto 0")
        await driver.press("s")
        assert driver.app.focused is not None


async def scroll(driver: Driver, widget: Widget, by: int) -> None:
    """Turn the wheel over a widget."""
    x, y = widget.region.center[0], widget.region.y + 2
    kind = MouseScrollDown if by > 0 else MouseScrollUp
    for _ in range(abs(by)):
        event = kind(None, int(x), y, 0, by, 0, False, False, False, int(x), y)
        driver.app.screen._forward_event(event)
        await driver.pilot.pause()


@pytest.mark.slow
async def test_the_wheel_scrolls_what_is_under_it() -> None:
    async with opened("digits", size=(80, 24)) as driver:
        await driver.press("t", "n", "n", "s")
        panel = driver.screen.panels.node
        assert panel.max_scroll_y
        top = driver.screen.panels.order.scroll_offset.y
        await scroll(driver, panel, 2)
        assert panel.scroll_offset.y > 0
        assert driver.screen.panels.order.scroll_offset.y == top
        assert driver.screen.panels.order.has_focus
        await scroll(driver, panel, -4)
        assert panel.scroll_offset.y == 0
        await driver.press("question_mark")
        topics = driver.app.screen.query_one(TopicList)
        await scroll(driver, topics, 2)
        assert topics.scroll_offset.y > 0


@pytest.mark.slow
async def test_terms_and_numbers_of_why_are_clicked() -> None:
    async with opened() as driver:
        await driver.press(*"3tnnsssvy")
        await click_on(driver, "-0.336656", TermList)
        assert "Enter  s1[0,1] = 0.501719" in driver.text
        area = driver.app.screen.query_one("#why-leads").region
        row = driver.text.split("\n")[area.y]
        await driver.pilot.click(offset=(row.index("W2[1,0]"), area.y))
        await driver.pilot.pause()
        assert "why l2[0,0] › W2[1,0]" in driver.text
        await driver.press("backspace")
        await click_on(driver, "-0.336656", TermList, times=2)
        assert "why l2[0,0] › s1[0,1]" in driver.text
        await click_on(driver, "Bksp", KeyWords)
        assert "why l2[0,0]" in driver.text
        assert "› s1" not in driver.text
        await click_on(driver, "Esc", KeyWords)
        assert isinstance(driver.app.screen, DebugScreen)


@pytest.mark.slow
async def test_the_keys_that_a_dialog_names_are_clicked() -> None:
    async with opened() as driver:
        await driver.press("question_mark")
        await click_on(driver, "Enter opens", KeyWords)
        assert "help › keys   1 of" in driver.text
        await click_on(driver, "→", KeyWords)
        assert "2 of" in driver.text
        await click_on(driver, "←", KeyWords)
        await click_on(driver, "/ find", KeyWords)
        assert driver.app.focused is not None
        await click_on(driver, "Esc ends", KeyWords)
        await click_on(driver, "Esc closes", KeyWords)
        assert isinstance(driver.app.screen, DebugScreen)
        await driver.press("s", "s", "k")
        await click_on(driver, "↓", KeyWords)
        await click_on(driver, "Enter goes", KeyWords)
        assert isinstance(driver.app.screen, DebugScreen)
        assert "W1" in driver.message
    async with opened(None) as driver:
        await click_on(driver, "↓", KeyWords)
        await click_on(driver, "Enter", KeyWords)
        assert "The chain rule" in driver.text


SCREENS = {
    "main": (),
    "run": ("3", "t", "n", "n", "s", "s", "s"),
    "prompt": ("colon", "b", "tab", "tab"),
    "help": ("question_mark",),
    "topic": ("question_mark", "enter"),
    "search": ("question_mark", "slash", "g"),
    "why": (*"3tnnsssvy",),
    "table": ("s", "s", "k"),
    "text": ("s", "x"),
    "zoomed": ("3", "t", "i"),
}


SIZES = [(80, 24), (120, 40)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "size"),
    # Each screen in one size, the next in the other; with `--long` in both.
    [
        pytest.param(keys, size, id=f"{name}-{size[0]}")
        for i, (name, keys) in enumerate(some(SCREENS.items(), 5))
        for k, size in enumerate(SIZES)
        if pick(True, i % 2 == k)
    ],
)
async def test_after_a_click_anywhere_the_keys_still_work(
    keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    async with opened(size=size, commands=["watch cost", "break if cost > 9"]) as driver:
        await driver.press(*keys)
        screen = driver.app.screen
        typing = driver.app.focused if isinstance(driver.app.focused, Input) else None
        for widget in screen.query("*"):
            if driver.app.screen is not screen or not widget.region.area or not widget.display:
                continue
            x, y = widget.region.offset
            await driver.pilot.click(offset=(min(x + 1, size[0] - 1), min(y, size[1] - 1)))
            if isinstance(screen, DebugScreen) and driver.app.screen is screen:
                assert driver.app.focused is not None, widget
            elif typing is not None and typing.display and driver.app.screen is screen:
                assert driver.app.focused is typing, widget
        for _ in range(4):
            await driver.press("escape")
        driver.screen.show_moment()
        before = driver.moment
        await driver.press("s" if before == 0 else "S")
        assert driver.moment != before

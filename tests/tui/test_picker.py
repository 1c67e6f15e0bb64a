"""The list of demos and graphs: searched, opened from a graph, and what follows a demo."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from textual.widgets import OptionList

from mfdebug.config.settings import Settings
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.store import SessionStore
from mfdebug.opening.graphs import open_graph
from mfdebug.opening.shipped import DEMOS, folder
from mfdebug.tui.screens.demo import DemoScreen
from mfdebug.tui.screens.picker import Filter, PickerScreen
from tests.support.app_driver import Driver, opened


def listed(driver: Driver) -> list[str]:
    """Return the rows of the list that is shown."""
    shown = driver.app.screen.query_one(OptionList)
    top, bottom = shown.region.y, shown.region.bottom
    lines = driver.text.split("\n")[top:bottom]
    return [line[:38].strip(" ▸") for line in lines if line[:38].strip()]


@pytest.mark.slow
async def test_without_a_graph_one_is_picked() -> None:
    async with opened(None) as driver:
        assert isinstance(driver.app.screen, PickerScreen)
        assert "There is one number to learn" in driver.text
        # Below the demos.
        await driver.press(*["down"] * len(DEMOS), "enter")
        assert driver.debugger.graph.name == "wx"


@pytest.mark.slow
async def test_a_demo_can_be_picked_too() -> None:
    async with opened(None) as driver:
        await driver.press("down", "enter")
        await driver.press("space")
        assert "f = (x + y) × z" in driver.text
        assert "1/13" in driver.text


@pytest.mark.slow
async def test_a_model_of_another_library_is_opened_and_says_its_cost() -> None:
    async with opened(None) as driver:
        await driver.press(*"counts letters", "enter")
        assert "The cost is the model's output" in driver.text
        await driver.press("space")
        assert "tokens" in driver.text


@pytest.mark.slow
async def test_a_recorded_run_is_opened_saved_and_left_for_a_graph(tmp_path: Path) -> None:
    store = SessionStore(check_known, tmp_path)
    async with opened(None, store=store) as driver:
        await driver.press(*"recorded runs", "enter")
        assert driver.debugger.graph.name == "gpt_with_a_nan"
        await driver.press("s", "s", "O", *"wx", "enter")
        assert driver.debugger.graph.name == "wx"
        await driver.press("O")
        assert listed(driver)[:2] == ["recent", "gpt-with-a-nan.mfrun"]
        await driver.press("enter", "R")
        assert (driver.debugger.graph.name, driver.moment) == ("gpt_with_a_nan", 2)


async def test_a_run_file_that_is_damaged_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.mfrun").write_text("not a run")
    async with opened(None, (120, 24)) as driver:
        await driver.press(*"mine", "enter")
        assert isinstance(driver.app.screen, PickerScreen)
        assert driver.text.split("\n")[-1].startswith(" mine.mfrun: ")


async def test_what_is_typed_narrows_the_list() -> None:
    async with opened(None) as driver:
        await driver.press(*"nan")
        assert listed(driver) == [
            "demos",
            "Where did NaN come from?",
            "Where does PyTorch turn NaN?",
            "what can go wrong",
            "log-nan",
            "log-safe",
            "models of other libraries",
            "nanogpt.onnx",
            "nanogpt.pt2",
            "recorded runs of programs",
            "gpt-with-a-nan.mfrun",
        ]
        await driver.press("pageup", "down", "down", "down")
        assert "The same regression as log-nan" in driver.text
        await driver.press(*"xyz")
        assert listed(driver) == []
        assert "nothing matches" in driver.text
        await driver.press("enter", "escape")
        assert isinstance(driver.app.screen, PickerScreen)
        assert listed(driver)[:2] == ["demos", "From 5 to 2"]
        await driver.press("escape")
        assert not driver.app.is_running


async def test_q_quits_while_nothing_is_typed() -> None:
    async with opened(None) as driver:
        await driver.press(*"eq")
        assert driver.app.screen.query_one(Filter).value == "eq"
        await driver.press("backspace", "backspace", "q")
        assert not driver.app.is_running


async def test_a_click_opens() -> None:
    async with opened(None) as driver:
        await driver.press(*"xor")
        rows = [line[:40].strip() for line in driver.text.split("\n")]
        row = len(rows) - 1 - rows[::-1].index("xor")
        await driver.pilot.click(offset=(5, row))
        await driver.pilot.pause()
        assert driver.debugger.graph.name == "xor"


@pytest.mark.slow
async def test_a_file_that_is_damaged_is_refused_and_another_one_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "damaged.json").write_text('{"miniflow": 1, "nodes": 3}')
    async with opened(None, (120, 24)) as driver:
        await driver.press(*"damaged")
        await driver.press("enter")
        assert "damaged.json: $.nodes" in driver.text.split("\n")[-1]
        await driver.press(*"wx")
        await driver.press("enter")
        assert driver.debugger.graph.name == "wx"


@pytest.mark.slow
async def test_from_a_graph_to_another_and_back_without_losing_the_session(tmp_path: Path) -> None:
    store = SessionStore(check_known, tmp_path)
    graph, origin = open_graph("wx")
    async with opened(graph, origin=origin, store=store) as driver:
        await driver.press("s", "s", "O")
        assert "q returns" in driver.text
        # The numbers of the moment stay visible above the dialog.
        assert driver.text.split("\n")[0].startswith(" wx")
        assert "moment 2" in driver.text
        assert driver.text.split("\n")[3].split()[:2] == ["w*", "Input"]
        await driver.press("q")
        assert driver.moment == 2
        await driver.press("O", *"xor", "down", "enter")
        assert driver.debugger.graph.name == "xor"
        await driver.press("O")
        assert listed(driver)[:2] == ["recent", "wx"]
        await driver.press("enter")
        assert "left at moment 2: R resumes there" in driver.message
        await driver.press("R")
        assert (driver.debugger.graph.name, driver.moment) == ("wx", 2)


@pytest.mark.slow
async def test_at_the_end_of_a_demo_the_next_one_is_a_key_away(tmp_path: Path) -> None:
    async with opened(None, settings=Settings()) as driver:
        await driver.press(*"three", "enter")
        screen = driver.app.screen
        assert isinstance(screen, DemoScreen)
        while screen.playback.next_beat is not None:
            await driver.press("space")
            await driver.pilot.pause(0.02)
        await driver.press("space")
        words = " ".join(driver.text.split())
        assert "space plays “Three gates and their rules”, q quits, B goes back" in words
        await driver.press("space")
        assert isinstance(driver.app.screen, DemoScreen)
        assert driver.app.screen.playback.demo.name == "gates"
        assert driver.text.split("\n")[-1].startswith(" 0/")


@pytest.mark.slow
async def test_files_of_the_folder_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(folder() / "wx.json", tmp_path / "mine.json")
    monkeypatch.chdir(tmp_path)
    async with opened(None) as driver:
        await driver.press(*"mine.")
        assert listed(driver) == ["in this folder", "mine.json"]
        await driver.press("enter")
        assert driver.debugger.graph.name == "wx"

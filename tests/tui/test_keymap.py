"""Keys that settings have changed: pressed, and named wherever the app names a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.binding import Binding

from mfdebug.config.bindings import BOUND, OF_TEXTUAL, PLACES, Keys
from mfdebug.config.key_names import FIXED
from mfdebug.config.settings import Settings
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.demo import read_demo
from mfdebug.core.session.store import SessionStore
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import open_graph
from mfdebug.opening.shipped import shipped_demos
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.command_palette import Palette
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.demo import DemoScreen
from mfdebug.tui.screens.feed import FeedScreen
from mfdebug.tui.screens.help import HelpScreen
from mfdebug.tui.screens.picker import PickerScreen
from mfdebug.tui.screens.text import TextScreen
from mfdebug.tui.screens.why import WhyScreen
from mfdebug.tui.widgets.circuit import CircuitView
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.prompt import Prompt
from mfdebug.tui.widgets.quiz_panel import QuizPanel
from tests.support.app_driver import LENGTH, Driver, choices, opened, whole

KEYS = {
    "step": ("j", "space"),
    "back": ("J",),
    "next": ("s",),
    "sgd": ("f2",),
    "help": ("f1",),
    "prompt": ("semicolon",),
    "quit": ("Q",),
    "log": ("question_mark",),
    "palette": ("t",),
    "watch": (),
    "theme": ("f9",),
    "order-down": ("d",),
    "diff": ("H",),
}


@asynccontextmanager
async def changed(graph: str | None = "xor", **keys: tuple[str, ...]) -> AsyncIterator[Driver]:
    by_id = {name.replace("_", "-"): value for name, value in keys.items()} or KEYS
    Keys(by_id).check()
    async with opened(graph, settings=Settings(keys=by_id)) as driver:
        yield driver


PLACED = {
    "screen": DebugScreen,
    "app": DebuggerApp,
    "order": OrderTree,
    "circuit": CircuitView,
    "entries": NodePanel,
    "cost": CostPlot,
    "prompt": Prompt,
    "quiz": QuizPanel,
    "why": WhyScreen,
    "text": TextScreen,
    "help": HelpScreen,
    "picker": PickerScreen,
    "feed": FeedScreen,
    "demo": DemoScreen,
}


def test_every_binding_of_the_app_has_an_id_that_settings_know() -> None:
    assert set(PLACED) == set(PLACES)
    for place, holder in PLACED.items():
        ids = {binding.id for binding in holder.BINDINGS if isinstance(binding, Binding)}
        assert ids == {binding.id for binding in BOUND.values() if binding.place == place}
        assert len(ids) == len(holder.BINDINGS)


async def test_no_key_does_anything_that_no_table_names() -> None:
    async with opened() as driver:
        for keys in ("", "tab", "tab colon", "question_mark", "x", "ctrl+p", "s y"):
            await driver.press(*keys.split())
            screen = driver.app.screen
            for key, active in screen.active_bindings.items():
                known = active.binding.id in BOUND or key in ("tab", *FIXED, *OF_TEXTUAL)
                # Textual's lists scroll, its text fields are edited; its palette has its own keys.
                assert known or active.node is screen.focused or isinstance(screen, Palette), key
            if keys not in ("", "tab"):
                await driver.press("escape")
                assert isinstance(driver.app.screen, DebugScreen)
        # Nor in the app beneath all of them.
        assert {binding.id for _, binding in driver.app._bindings} <= set(BOUND)


async def test_the_key_that_leaves_from_everywhere_can_be_another_one() -> None:
    async with changed(leave=("f10",)) as driver:
        await driver.press("colon", "ctrl+q")
        assert driver.app.return_code is None
        await driver.press("f10")
        assert driver.app.return_code == 0


CHANGED = [("j", 1), ("j space J", 1), ("s", 1), ("s s", 6), ("f2", LENGTH), ("3 f2", 3 * LENGTH)]


@pytest.mark.slow
async def test_changed_keys_do_what_they_are_for() -> None:
    async with changed() as driver:
        for keys, moment in CHANGED:
            await driver.screen.run_line("goto start")
            await driver.press(*keys.split())
            assert driver.moment == moment, keys


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("J", "! this is the start (j continues)"),
        ("z", "! nothing to undo (e changes a number)"),
        ("Z", "! nothing to redo (Z reapplies what z reverted)"),
        ("c", "! no stop is set: this would run forever (b sets one, f2 runs SGD steps)"),
    ],
)
async def test_a_hint_names_the_keys_that_are_in_force(keys: str, message: str) -> None:
    async with changed() as driver:
        await driver.press(*keys.split())
        assert driver.message == message


@pytest.mark.slow
async def test_help_of_a_command_names_the_keys_that_are_in_force() -> None:
    async with changed() as driver:
        await driver.press("semicolon", *"help", "space", *"step", "enter")
        assert "keys: j" in driver.text


@pytest.mark.slow
async def test_the_keys_that_ship_are_free_then() -> None:
    async with changed() as driver:
        dark = driver.app.current_theme.dark
        for key in ("S", "n", "right", "w", "colon", "q", "ctrl+t"):
            await driver.press(key)
            assert driver.moment == 0
            assert driver.app.return_code is None
            assert not driver.screen.query_one(Prompt).display
            assert driver.app.current_theme.dark is dark
            if len(key) == 1:
                assert driver.message == f"! no key '{key}'; f1 lists the keys"


@pytest.mark.slow
async def test_keys_of_the_app_and_of_widgets_are_changed_too() -> None:
    async with changed() as driver:
        tree = driver.screen.query_one(OrderTree)
        before = tree.selected
        await driver.press("d")
        assert tree.selected == before + 1
        dark = driver.app.current_theme.dark
        await driver.press("f9")
        assert driver.app.current_theme.dark is not dark
        await driver.press("Q")
        assert driver.app.return_code == 0


@pytest.mark.slow
async def test_the_screen_names_the_keys_in_force() -> None:
    async with changed() as driver:
        assert "press j to begin" in driver.text
        assert "j steps on, J back" in driver.text
        assert driver.text.split("\n")[-1].startswith(
            " j step J back s phase f2 SGD step c continue"
        )
        assert driver.text.split("\n")[-1].endswith("f1 help")
        await driver.press("4")
        assert driver.message == "4 times: j steps, s phases, f2 SGD steps; Esc clears it"
        await driver.press("escape", "question_mark")
        assert driver.message == "! no costs yet: f2 runs an SGD step"
        await driver.press("ctrl+c")
        assert [note.message for note in driver.app._notifications] == [
            "Q quits, Esc stops a running command"
        ]


@pytest.mark.slow
async def test_a_session_that_was_left_names_the_keys_that_go_on() -> None:
    opened_graph = open_graph("xor")
    settings = Settings(keys={"step": ("j",), "resume": ("f5",)})
    for _ in range(2):
        async with opened(
            opened_graph.graph,
            origin=opened_graph.origin,
            store=SessionStore(check_known),
            settings=settings,
        ) as driver:
            greeting = driver.message
            await driver.press("j", "j")
            await driver.pilot.pause(0.4)
    assert greeting == "this graph was left at moment 2: f5 resumes there, j starts over"


@pytest.mark.slow
async def test_the_help_shows_them_and_opens_and_closes_by_its_key() -> None:
    async with changed() as driver:
        await driver.press("f1")
        await driver.press("enter")
        told = whole(driver)
        assert "j space one moment forward" in told
        assert "10j 500f2 ten steps" in told
        await driver.press("slash")
        await driver.pilot.pause()
        told = whole(driver)
        assert "commands, at the prompt (;)" in told
        assert "one moment forward (j space)" in told
        assert "watch an expression at every moment (" not in told
        await driver.press("escape")
        await driver.press("f1")
        assert isinstance(driver.app.screen, DebugScreen)


@pytest.mark.slow
async def test_the_palette_shows_them_and_opens_by_its_key() -> None:
    async with changed() as driver:
        await driver.press("t")
        await driver.pilot.pause(0.1)
        assert "j space ∙ one moment forward" in driver.text
    async with opened(settings=Settings(keys={"play": ("f7",), "follow": ()})) as driver:
        assert "start or stop autoplay" in await choices(driver, "stop autop")
        assert "key f7" in driver.text
        await driver.press("escape", "escape")
        await choices(driver, "current node")
        await driver.press("enter")
        await driver.pilot.pause(0.1)
        assert isinstance(driver.app.screen, DebugScreen)


async def test_what_is_typed_at_the_prompt_is_no_key() -> None:
    async with changed() as driver:
        await driver.press("semicolon")
        await driver.type("step 2")
        await driver.press("enter")
        assert driver.moment == 2


@pytest.mark.slow
async def test_keys_at_the_prompt_stay_as_they_ship() -> None:
    async with changed() as driver:
        for line, moment in (("3s", 3), ("t", LENGTH), ("S", LENGTH - 1)):
            await driver.press("semicolon", *line, "enter")
            assert driver.moment == moment


@pytest.mark.slow
async def test_two_keys_change_places() -> None:
    async with changed(step=("n",), next=("s",)) as driver:
        await driver.press("s", "s")
        assert driver.moment == 6
        await driver.press("n")
        assert driver.moment == 7


@pytest.mark.slow
async def test_dialogs_are_changed_and_escape_always_closes() -> None:
    async with changed(why_close=("f3",), text_close=("f4",)) as driver:
        for key in ("f3", "escape"):
            await driver.press("j", "t", "y")
            assert isinstance(driver.app.screen, WhyScreen)
            await driver.press("q", key)
            assert isinstance(driver.app.screen, DebugScreen)
        await driver.press("x")
        assert isinstance(driver.app.screen, TextScreen)
        await driver.press("space")
        assert isinstance(driver.app.screen, TextScreen)
        await driver.press("f4")
        assert isinstance(driver.app.screen, DebugScreen)


async def test_the_keys_of_a_demo_go_before_those_of_the_screen() -> None:
    (shipped,) = (demo for demo in shipped_demos() if demo.name == "five-to-two")
    demo = read_demo(shipped.path, check_known)
    keys = {"step": ("j", "space"), "demo-back": ("H",), "help": ("f1",)}
    async with opened(demo.graph, demo=demo, settings=Settings(keys=keys)) as driver:
        screen = driver.app.screen
        assert isinstance(screen, DemoScreen)
        actions = {key: found.binding.action for key, found in screen.active_bindings.items()}
        assert actions["space"] == "on"
        assert actions["H"] == "beat_back"
        assert actions["j"] == "command('step {n}', False)"
        assert actions["f1"] == "command('help', True)"
        assert not {"s", "B", "question_mark"} & actions.keys()


@pytest.mark.slow
async def test_the_list_of_graphs_is_changed() -> None:
    async with changed(None, quit=("f3",), picker_down=("f4",)) as driver:
        assert "f3 quits" in driver.text
        await driver.press("f4", "enter")
        debugger: Debugger = driver.debugger
        assert debugger.graph.name == "circuit-a"

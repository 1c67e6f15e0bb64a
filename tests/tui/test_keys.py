"""Every key, pressed in the app on a shipped graph."""

from __future__ import annotations

import asyncio

import pytest
from textual.events import Key

from mfdebug.config.terminal import Abilities
from mfdebug.core.breakpoints.parser import RULE_NAMES
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.text import TextScreen
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Mul
from tests.support.app_driver import LENGTH, opened
from tests.support.sizes import some

MOVES = [
    ("s", 1),
    ("right", 1),
    ("space", 1),
    ("s s s S", 2),
    ("s s s left", 2),
    ("n", 1),
    ("n n", 6),
    ("n n n", 17),
    ("n n n n", LENGTH),
    ("n n n N", 6),
    ("t", LENGTH),
    ("s s t", LENGTH),
    ("3 t", 3 * LENGTH),
    ("3 t T", 2 * LENGTH),
    ("3 t 2 T", LENGTH),
    ("1 0 s", 10),
    ("1 0 s 4 S", 6),
    ("2 n", 6),
    ("5 escape s", 1),
    ("S", 0),
]


async def test_keys_that_move_in_time() -> None:
    async with opened() as driver:
        for keys, moment in MOVES:
            await driver.screen.run_line("goto start")
            await driver.press(*keys.split())
            assert driver.moment == moment, keys


@pytest.mark.slow
async def test_u_runs_to_the_node_under_the_cursor() -> None:
    async with opened() as driver:
        await driver.press(*["down"] * 5)
        await driver.press("u")
        where = driver.debugger.where
        assert (where.phase, driver.debugger.graph.nodes[where.node or 0].label) == (
            "forward",
            "s1",
        )
        await driver.press("u")
        assert driver.debugger.where.phase == "backward"


@pytest.mark.slow
async def test_g_asks_where_to_go() -> None:
    async with opened() as driver:
        await driver.press("g")
        await driver.type("sgd 2")
        await driver.press("enter")
        assert driver.moment == 2 * LENGTH + 1


@pytest.mark.slow
async def test_e_edits_the_entry_and_z_takes_it_back() -> None:
    async with opened("circuit-a") as driver:
        await driver.press("n", "n", "n", "home", "e")
        await driver.type("9")
        await driver.press("enter")
        assert (
            float(driver.debugger.state.value(driver.debugger.graph.index_of("f"))) == (9 + 5) * -4
        )
        assert driver.message == "x = 9; f -12 to -56"
        await driver.press("z")
        assert float(driver.debugger.state.value(driver.debugger.graph.index_of("f"))) == -12
        await driver.press("Z")
        assert float(driver.debugger.state.value(driver.debugger.graph.index_of("f"))) == -56


async def test_e_overrides_a_computed_number_and_the_sign_says_so() -> None:
    async with opened() as driver:
        await driver.press("s", "s", "s", "e")
        assert ":set s1[0,0] = 0.5" in driver.text
        await driver.type("0")
        await driver.press("enter")
        assert driver.message == "s1[0,0] = 0 from now on, in every pass"
        s1 = driver.debugger.graph.index_of("s1")
        assert driver.debugger.state.value(s1)[0, 0] == 0
        row = next(line for line in driver.text.splitlines() if "s1   Sigmoid" in line)
        assert "≠" in row
        assert "set by you: s1[0,0] = 0 (moment 3);" in driver.text
        await driver.press("z")
        assert "≠" not in driver.text.partition("tensor: mean")[0]
        # In the backward pass it is the gradient.
        await driver.press("n", "s", "s", "s", "e")
        assert ":set l2.grad[0,0] = 0.0625" in driver.text
        await driver.type("-1")
        await driver.press("enter")
        assert "l2.grad[0,0] = -1 from now on, in every pass; what" in driver.text
        row = next(line for line in driver.text.splitlines() if "l2   Linear" in line)
        assert "≠" in row
        assert "≠ by you" in driver.text


@pytest.mark.slow
async def test_p_prints_and_the_prompt_keeps_a_history() -> None:
    async with opened("wx") as driver:
        await driver.press("t", "p", "end")
        await driver.type("*2")
        await driver.press("enter")
        assert driver.message == "w*2 = 8.8"
        await driver.press("colon", "up", "enter")
        assert driver.message == "w*2 = 8.8"
        # A shortened command shows its answer too.
        await driver.type(":pri w")
        await driver.press("enter")
        assert driver.message == "w = 4.4"
        # What p begins with is replaced by what is typed.
        await driver.press("p")
        await driver.type("cost")
        await driver.press("enter")
        assert driver.message == "cost = 900"


@pytest.mark.slow
async def test_tab_completes_at_the_prompt() -> None:
    async with opened("diabetes") as driver:
        await driver.press("colon")
        await driver.type("unt")
        await driver.press("tab")
        await driver.type("co")
        await driver.press("tab", "enter")
        assert driver.debugger.where.node == driver.debugger.graph.cost


async def test_an_error_is_one_line_that_says_what_to_do() -> None:
    async with opened() as driver:
        await driver.press("colon")
        await driver.type("untli s1")
        await driver.press("enter")
        assert driver.message == "! there is no command 'untli' (did you mean 'until'?)"
        await driver.press("s")
        assert driver.message == "next: forward of l1 (Linear)"


@pytest.mark.slow
async def test_x_explains_and_escape_returns() -> None:
    async with opened("circuit-a") as driver:
        await driver.press("n", "n", "s", "x")
        assert isinstance(driver.app.screen, TextScreen)
        assert "to q: upstream × local = ∂f/∂f × z = 1 × (-4) = -4" in driver.text
        await driver.press("escape")
        assert isinstance(driver.app.screen, DebugScreen)


async def test_l_draws_the_cost_on_a_log_scale() -> None:
    async with opened() as driver:
        await driver.press("3", "t", "l")
        assert driver.screen.query_one(CostPlot).logarithmic
        assert "log scale" in driver.text


@pytest.mark.slow
async def test_tab_goes_to_the_panel_where_arrows_choose_the_entry() -> None:
    async with opened() as driver:
        await driver.press("s", "s", "tab")
        # The heavier title is that of the focus.
        assert "━ node" in driver.text
        await driver.press("down", "right")
        panel = driver.screen.query_one(NodePanel)
        assert panel.entry_of(driver.debugger.graph.index_of("l1")) == (1, 1)
        assert driver.moment == 2
        await driver.press("tab", "right")
        assert driver.moment == 3
        assert "━ order" in driver.text


@pytest.mark.slow
async def test_arrows_choose_a_node_and_f_follows_again_and_enter_opens_its_edges() -> None:
    async with opened() as driver:
        await driver.press("s", "s", "home")
        assert driver.screen.query_one(NodePanel).node == driver.debugger.graph.index_of("X")
        await driver.press("f")
        assert driver.screen.query_one(NodePanel).node == driver.debugger.graph.index_of("l1")
        await driver.press("enter")
        for edge in ("├ inbound X 4x2", "├ inbound W1 2x2", "├ inbound b1 2", "└ outbound s1"):
            assert edge in driver.text
        await driver.press("enter")
        assert "inbound X" not in driver.text


@pytest.mark.slow
async def test_scopes_fold() -> None:
    async with opened("vanishing") as driver:
        await driver.press("down", "down", "down")
        assert "▸ layer1/" in driver.text
        await driver.press("enter")
        assert "▾ layer1/" in driver.text
        await driver.press("enter")
        assert "▸ layer1/" in driver.text
        tree = driver.screen.query_one(OrderTree)
        tree.select(driver.debugger.graph.index_of("layer1/z"))
        tree.show()
        await driver.pilot.pause()
        assert "▾ layer1/" in driver.text


@pytest.mark.slow
async def test_p_plays_and_stops() -> None:
    async with opened() as driver:
        await driver.press("P")
        assert driver.text.split("\n")[-1].startswith(" ▶ 1/s ")
        await driver.press("plus", "plus", "plus")
        assert driver.text.split("\n")[-1].startswith(" ▶ 8/s ")
        await driver.pilot.pause(0.6)
        await driver.press("P")
        assert driver.text.split("\n")[-1].startswith(" s step")
        reached = driver.moment
        assert reached > 1
        await driver.pilot.pause(0.4)
        assert driver.moment == reached


@pytest.mark.slow
async def test_playing_stops_where_the_line_ends() -> None:
    async with opened("square") as driver:
        await driver.press("plus", "plus", "plus", "P")
        await driver.pilot.pause(1.0)
        assert driver.debugger.cursor.at_end
        assert driver.message.startswith("end of the run")


@pytest.mark.slow
async def test_a_long_run_reports_and_stops_at_a_key() -> None:
    async with opened("digits") as driver:
        await driver.press(*"999999")
        # The pilot would wait for the run to let the machine rest.
        driver.app.post_message(Key("t", "t"))
        while "any key stops" not in driver.message:
            await asyncio.sleep(0.01)
        driver.app.post_message(Key("s", "s"))
        while not driver.message.startswith("● stopped at moment"):
            await asyncio.sleep(0.01)
        stopped = driver.moment
        await driver.press("s")
        assert driver.moment == stopped + 1


@pytest.mark.slow
async def test_an_input_without_a_value_is_asked_for() -> None:
    x, y = Input("x"), Input("y", value=3.0)
    async with opened(Graph([x, y, Mul(x, y, name="xy")])) as driver:
        assert "x has no value" in driver.text
        await driver.type("four")
        await driver.press("enter")
        assert "that is not a number or a list" in driver.text
        await driver.press(*["backspace"] * 4)
        await driver.type("4")
        await driver.press("enter")
        await driver.press("s", "s")
        assert float(driver.debugger.state.value(driver.debugger.graph.index_of("xy"))) == 12


async def test_ctrl_c_is_not_in_the_way_and_q_leaves() -> None:
    async with opened() as driver:
        await driver.press("s", "ctrl+c", "s")
        assert driver.moment == 2
        await driver.press("q")
        assert driver.app.return_code == 0


async def test_commands_given_to_begin_with_are_run() -> None:
    async with opened(commands=["sgd 2", "until s1 backward"]) as driver:
        assert driver.debugger.where.phase == "backward"
        assert driver.debugger.sgd_step == 2


@pytest.mark.slow
@pytest.mark.parametrize("size", some([(60, 20), (80, 24), (120, 40), (200, 50)], 2))
async def test_the_first_screen_says_what_to_press(size: tuple[int, int]) -> None:
    async with opened(size=size) as driver:
        assert "press s to begin" in driver.text
        assert "? help" in driver.text


async def test_not_computed_is_never_shown_as_0() -> None:
    async with opened("circuit-b") as driver:
        await driver.press("n", "n", "home")
        assert "gradient  not computed yet" in driver.text
        await driver.press("n", *["down"] * 3)
        assert "∂f/∂w = 0" in driver.text


async def test_hostile_names_are_shown_as_text() -> None:
    x = Input("[@click=app.quit]x[/nope]", value=3.0)
    graph = Graph([x, Mul(x, x, name="[b]y[/b]")], name="[red]g")
    async with opened(graph) as driver:
        await driver.press("s", "s", "x")
        assert "[b]y[/b]" in driver.text


@pytest.mark.slow
async def test_first_commands_wait_for_one_another() -> None:
    async with opened("digits", commands=["sgd 400", "set lr = 0.5", "until r1"]) as driver:
        for _ in range(100):
            await driver.pilot.pause(0.1)
            if driver.debugger.state.learning_rate == 0.5:
                break
        await driver.pilot.pause(0.1)
        assert driver.debugger.state.learning_rate == 0.5
        assert driver.debugger.sgd_step == 400
        assert driver.debugger.graph.nodes[driver.debugger.where.node or 0].label == "r1"


async def test_playing_stops_behind_a_dialog() -> None:
    async with opened() as driver:
        await driver.press("plus", "plus", "plus", "P", "x")
        moment = driver.app.screen_stack[-2].debugger.moment  # type: ignore[attr-defined]
        await driver.pilot.pause(0.5)
        await driver.press("escape")
        assert driver.moment == moment


@pytest.mark.slow
async def test_ctrl_t_changes_the_theme_which_every_line_follows() -> None:
    async with opened() as driver:
        dark = driver.app.current_theme.dark
        await driver.press("s", "s", "ctrl+t")
        assert driver.app.current_theme.dark is not dark
        await driver.pilot.pause()
        ground = driver.app.current_theme.background
        for strip in driver.app.screen._compositor.render_strips():
            for segment in strip:
                color = segment.style.bgcolor if segment.style else None
                assert color is None or sum(color.get_truecolor()) > 300, (segment.text, ground)


@pytest.mark.slow
async def test_with_few_colours_the_themes_are_those_of_the_terminal() -> None:
    few = Abilities(ascii_only=False, colours="16", dark=True)
    async with opened(abilities=few) as driver:
        assert driver.app.theme == "ansi-dark"
        await driver.press("ctrl+t")
        assert driver.app.theme == "ansi-light"
        await driver.press("ctrl+t")
        assert driver.app.theme == "ansi-dark"


@pytest.mark.slow
async def test_a_cost_that_diverges_on_a_log_scale_does_not_end_the_app() -> None:
    async with opened("wx", commands=["set lr = 0.02"]) as driver:
        await driver.press("l", *"4t", *"4t", *"400t")
        await driver.pilot.pause(0.5)
        assert "cost, finite to step" in driver.text
        await driver.press("l")
        assert driver.moment > 0


@pytest.mark.slow
@pytest.mark.parametrize("opening", ["x", "y"])
async def test_a_colon_goes_from_a_frame_to_the_prompt(opening: str) -> None:
    async with opened(commands=["sgd"]) as driver:
        await driver.press(opening)
        assert not isinstance(driver.app.screen, DebugScreen)
        await driver.press("colon")
        await driver.type("break health")
        await driver.press("enter")
        assert "nan" in driver.text
        assert len(driver.screen.session.stops) == len(RULE_NAMES)


@pytest.mark.slow
async def test_a_count_is_never_cut() -> None:
    async with opened() as driver:
        await driver.press(*"100000000")
        assert driver.message.startswith("100000000 times: ")
        await driver.press("escape", *"1000000000000", "t")
        assert driver.message == (
            "! 1000000000000 is too large: at most 999999999999 (usage: sgd [n])"
        )
        await driver.press(*"7" * 30, "s")
        assert "is too large: at most 999999999999" in driver.message
        assert driver.moment == 0

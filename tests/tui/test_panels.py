"""The watches and the stops on the screen, and what is wrong with a node in the order tree."""

from __future__ import annotations

import pytest

from mfdebug.core.format.numbers import BARS
from mfdebug.core.timeline.state import Contribution, State
from mfdebug.opening.runs import open_run
from mfdebug.opening.shipped import find_run
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.stop_list import StopList
from mfdebug.tui.widgets.watch_list import WatchList
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add, Mul
from tests.support.app_driver import Driver, ask, left, opened, right, row_of
from tests.support.sizes import some


def titled(driver: Driver, title: str) -> list[str]:
    """The rows under a title of the left column."""
    lines = left(driver)
    begin = next(i for i, line in enumerate(lines) if line.startswith(f"─ {title} "))
    end = begin + 1
    # A long message takes several lines below the column.
    while end < len(lines) - 2 and not lines[end].startswith(("─ ", " ● ")):
        end += 1
    return [line for line in lines[begin + 1 : end] if line]


def bars(row: str) -> str:
    return "".join(character for character in row if character in BARS)


# Watches ---------------------------------------------------------------------------------


@pytest.mark.slow
async def test_w_watches_and_the_trend_grows_with_the_steps() -> None:
    async with opened() as driver:
        assert "watches" not in driver.text
        await driver.press("w")
        await driver.type("cost")
        await driver.press("enter")
        assert titled(driver, "watches") == [" 1 cost not computed yet"]
        await driver.press("t")
        (first,) = titled(driver, "watches")
        assert "0.251349" in first
        assert bars(first) == "▄"
        await driver.press("t", "t")
        (third,) = titled(driver, "watches")
        assert bars(third)[0] == "█"
        assert bars(third)[-1] == "▁"
        assert len(bars(third)) == 3
        assert third.endswith("▁")
        await driver.press("T")
        assert len(bars(titled(driver, "watches")[0])) == 2


@pytest.mark.slow
async def test_stepping_within_a_pass_is_no_trend() -> None:
    async with opened(commands=["watch cost", "sgd"]) as driver:
        await driver.press("n", "n", "s", "s", "s")
        (row,) = titled(driver, "watches")
        assert len(bars(row)) == 2


@pytest.mark.slow
async def test_unwatch_hides_the_panel() -> None:
    async with opened(commands=["watch cost", "watch W1"]) as driver:
        await ask(driver, "unwatch 1")
        assert len(titled(driver, "watches")) == 1
        await ask(driver, "unwatch all")
        assert "watches" not in driver.text
        assert not driver.screen.query_one(WatchList).display


async def test_what_is_stale_says_so() -> None:
    async with opened(commands=["watch cost", "sgd", "step 2"]) as driver:
        (row,) = titled(driver, "watches")
        assert "0.251349 stale" in row


async def test_a_watch_that_is_no_number_has_no_trend() -> None:
    async with opened(commands=["watch W2", "watch cost > 0", "sgd", "sgd"]) as driver:
        array, truth = titled(driver, "watches")
        assert array.startswith(" 1 W2 ")
        assert "[[" in array
        assert truth.split()[-1] == "true"
        assert not bars(array + truth)


@pytest.mark.slow
async def test_a_number_that_is_not_finite_is_shown_as_such() -> None:
    async with opened("log-nan", commands=["watch cost", *["sgd"] * 10]) as driver:
        (row,) = titled(driver, "watches")
        assert " nan " in row
        assert row.endswith("!")


@pytest.mark.slow
@pytest.mark.parametrize("size", some([(60, 20), (80, 24), (110, 30), (200, 50)], 2))
async def test_rows_fit_their_column(size: tuple[int, int]) -> None:
    lines = ["watch norm(W1.grad) + norm(W2.grad)", "watch W1", "break l1 if norm(W1.grad) > 1000"]
    async with opened(size=size, commands=[*lines, "break health", "sgd"]) as driver:
        for panel in (driver.screen.query_one(WatchList), driver.screen.query_one(StopList)):
            for y in range(2):
                width = panel.size.width - 1
                assert panel.row(y, width).cell_length == width


@pytest.mark.slow
async def test_many_watches_scroll_within_a_third_of_the_column() -> None:
    watches = [f"watch W1 * {i}" for i in range(20)]
    async with opened(commands=watches) as driver:
        column = driver.screen.query_one("#left").size.height
        assert driver.screen.query_one(WatchList).size.height <= column / 3
        assert driver.screen.query_one(OrderTree).size.height >= column / 3


# Stops -----------------------------------------------------------------------------------


@pytest.mark.slow
async def test_b_sets_a_stop_that_shows_in_tree_and_panel() -> None:
    async with opened() as driver:
        assert "stops" not in driver.text
        await driver.press(*["down"] * 4, "b", "enter")
        assert titled(driver, "stops") == ["  1 l1                         0"]
        assert row_of(driver, "l1").startswith("●  l1")
        await driver.press("c")
        assert driver.message.startswith("● stop 1: forward of l1: l1 (shape 4x2, values ")
        assert titled(driver, "stops") == ["● 1 l1                         1"]
        assert row_of(driver, "l1").startswith("●▶ l1")
        await driver.press("s")
        assert titled(driver, "stops") == ["  1 l1                         1"]
        await driver.press("c")
        assert titled(driver, "stops") == ["● 1 l1                         2"]
        await driver.press("S")
        assert titled(driver, "stops") == ["  1 l1                         2"]


@pytest.mark.slow
async def test_a_stop_that_is_off_says_so() -> None:
    async with opened(commands=["break l1", "sgd"]) as driver:
        await ask(driver, "disable 1")
        assert titled(driver, "stops") == ["  1 l1                   off   1"]
        assert row_of(driver, "l1").startswith("○▶ l1")
        row = driver.screen.query_one(StopList).row(0, 31)
        dim = driver.screen.query_one(StopList).get_component_rich_style("list--dim")
        assert {segment.style for segment in row} == {dim}
        await ask(driver, "break l1 update if cost > 9")
        await ask(driver, "break l1 backward")
        assert row_of(driver, "l1").startswith("●▶ l1")
        await ask(driver, "delete all")
        assert row_of(driver, "l1").startswith(" ▶ l1")
        assert "stops" not in driver.text


async def test_a_stop_says_what_it_does_besides() -> None:
    async with opened(commands=["tbreak s1", "break l2", "ignore 2 3"]) as driver:
        once, passing = titled(driver, "stops")
        assert once.split() == ["1", "s1", "once", "0"]
        assert passing.split() == ["2", "l2", "passes", "3", "0"]


async def test_a_folded_scope_shows_the_stops_in_it() -> None:
    async with opened("vanishing", commands=["break layer1/z"]) as driver:
        tree = driver.screen.query_one(OrderTree)
        assert left(driver)[5].startswith("●   ▸ layer1/ ")
        assert left(driver)[6].startswith("    ▸ layer2/ ")
        tree.select(driver.debugger.graph.index_of("layer1/W"))
        tree.show()
        await driver.pilot.pause()
        assert left(driver)[5].startswith("    ▾ layer1/")
        assert any(line.startswith("●    z ") for line in left(driver))


async def test_of_many_stops_the_one_that_was_met_is_in_view() -> None:
    lines = ["set lr = 0.01", "break health", "continue"]
    async with opened("wx", size=(80, 20), commands=lines) as driver:
        column = driver.screen.query_one("#left").size.height
        assert driver.screen.query_one(StopList).size.height <= column / 3
        (met,) = [line for line in titled(driver, "stops") if line.startswith("●")]
        assert "update-ratio" in met


@pytest.mark.slow
async def test_going_back_to_a_stop_marks_it() -> None:
    async with opened(commands=["break s2 forward", "sgd 2", "sgd 2", "step 3"]) as driver:
        assert not any(line.startswith("●") for line in titled(driver, "stops"))
        await driver.press("C")
        assert titled(driver, "stops")[0].startswith("● 1 s2 forward")


# Health ----------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_node_is_marked_with_the_rule_that_it_breaks() -> None:
    async with opened("dead-relu", commands=["sgd 3"]) as driver:
        assert "dead" not in row_of(driver, "r1")
        await ask(driver, "break dead")
        assert " dead" in row_of(driver, "r1")
        await ask(driver, "break unchanged")
        assert "unchanged" in row_of(driver, "W1")
        # The value of this pass is not computed yet: nothing is said about the one before.
        await driver.press("s")
        assert "dead" not in row_of(driver, "r1")
        assert "unchanged" not in row_of(driver, "W1")
        await ask(driver, "disable all")
        await driver.press("t")
        assert "dead" not in row_of(driver, "r1")


@pytest.mark.slow
async def test_the_word_stands_where_the_shape_was_if_there_is_no_other_room() -> None:
    async with opened("vanishing", commands=["break vanishing 1e-6", "next 3"]) as driver:
        await ask(driver, "disable 1")
        await driver.press("n")
        driver.screen.panels.order.select(driver.debugger.graph.index_of("layer1/z"))
        driver.screen.show_moment()
        await driver.pilot.pause()
        assert "     z  Line… 2x2  .7500  8e-9" in driver.text
        await ask(driver, "enable 1")
        assert "     z  vanishing  .7500  8e-9" in driver.text


async def test_the_update_of_this_moment_is_judged() -> None:
    async with opened("wx", commands=["set lr = 0.01", "break update-ratio", "sgd 20"]) as driver:
        assert "● stop 1: update-ratio: w" in driver.text
        assert "ratio" in row_of(driver, "w")
        await driver.press("S")
        assert "ratio" not in row_of(driver, "w")


async def test_nan_is_marked_without_a_stop() -> None:
    async with opened("log-nan", commands=["sgd 10"]) as driver:
        assert row_of(driver, "w").split()[-2:] == ["!nan", "!nan"]
        # A number that is not of this pass is stale first of all.
        assert row_of(driver, "z").split()[-2:] == ["~10.61", "!nan"]


@pytest.mark.slow
async def test_a_theme_colours_the_panels_too() -> None:
    async with opened(commands=["watch cost", "break l1", "sgd"]) as driver:
        panel = driver.screen.query_one(StopList)
        before = panel.row(0, 31)
        await driver.press("ctrl+t")
        assert panel.row(0, 31) != before


async def test_a_run_that_continues_another_says_so() -> None:
    graph = used_often(1)
    graph.train(1200)
    async with opened(graph) as driver:
        assert "It continues a run after 1,200 SGD steps." in driver.text


def used_often(count: int) -> Graph:
    """One node in every place of an op."""
    x = Input("x", value=2.0, trainable=True)
    return Graph.of(Add(*[x] * count, name="f"))


@pytest.mark.slow
async def test_a_node_with_many_edges_takes_a_few_lines_of_the_panel() -> None:
    for moment in (3, 4):
        heights = []
        for count in (60, 240):
            async with opened(used_often(count)) as driver:
                await driver.press(*"s" * moment)
                panel = driver.app.screen.query_one(NodePanel)
                heights.append(panel.virtual_size.height)
                lines = ["".join(part.text for part in line) for line in panel._compose_lines()]
                assert any(" more" in line for line in lines)
        # The longer numbers of the larger one may break a line.
        assert 0 <= heights[1] - heights[0] <= 1
        assert heights[1] < 60


@pytest.mark.slow
async def test_rows_of_edges_look_at_their_own_edge_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = 0
    plain = State.contribution

    def counting(self: State, consumer: int, input_index: int) -> Contribution | None:
        nonlocal looked
        looked += 1
        return plain(self, consumer, input_index)

    monkeypatch.setattr(State, "contribution", counting)
    for count in (100, 300):
        async with opened(used_often(count)) as driver:
            await driver.press(*"sss")
            tree = driver.app.screen.query_one(OrderTree)
            tree.focus()
            await driver.press("home", "enter")
            assert len(tree._rows) > count
            looked = 0
            await driver.press("down")
            # The rows that are seen, and perhaps all edges once for the panel.
            assert 0 < looked < count + 50


@pytest.mark.slow
async def test_edges_between_the_same_two_nodes_are_told_apart_in_tree_panel_and_walk() -> None:
    async with opened("square", commands=["until x backward"]) as driver:
        panel = [line[1:] for line in right(driver)]
        came = [" ".join(line.split()) for line in panel if line.startswith("  from y")]
        assert came == ["from y (input 1) ∂y/∂y × x 3", "from y (input 2) ∂y/∂y × x 3"]
        await driver.press("enter")
        edges = [
            line.split("outbound ")[1].strip() for line in left(driver) if "outbound y" in line
        ]
        assert edges == ["y (input 1) sent 3", "y (input 2) sent 3"]
        await ask(driver, "why grad x")
        terms = [line for line in driver.text.split("\n") if "∂y/∂y·x = 1 × 3 " in line]
        assert ["input 1 of y" in terms[0], "input 2 of y" in terms[1]] == [True, True]


@pytest.mark.slow
async def test_of_a_sink_of_several_entries_gradients_are_called_those_of_its_sum() -> None:
    x = Input("x", value=[1.0, 2.0], trainable=True)
    graph = Graph.of(Mul(x, Input("y", value=[3.0, 4.0]), name="q"))
    async with opened(graph, size=(120, 30)) as driver:
        for _ in range(2 * driver.screen.debugger.timeline.length):
            await driver.press("s")
            assert "∂q/" not in driver.text
        await driver.press("y", "enter")
        assert "∂q/" not in driver.text


async def test_the_title_names_the_previous_pass_where_there_is_one() -> None:
    async with opened("wx") as driver:
        await driver.press("n", "n")
        assert "previous" not in driver.text
        await driver.press("t", "n", "n")
        assert "V previous pass" in driver.text
        await driver.press("V")
        assert "V hides the previous" in driver.text
        assert "previous pass  cost = 900" in driver.text


@pytest.mark.slow
async def test_after_the_live_table_the_focus_is_where_it_was() -> None:
    run = find_run("gpt-with-a-nan.mfrun")
    assert run is not None
    app = DebuggerApp(None, history_memory=0, session=open_run(str(run)))
    async with app.run_test(size=(80, 24)) as pilot:
        driver = Driver(app, pilot)
        await driver.type(":goto sgd 2")
        await driver.press("enter")
        panels = driver.screen.panels
        for name in ("order", "cost"):
            panel = panels.query_one(f"#{name}")
            driver.screen.set_focus(panel)
            driver.screen.runner.modules.refresh()
            panels.show_modules(running=True)
            await pilot.pause()
            assert "of the running program" in driver.text
            # What is hidden loses the focus, to the curve if Textual finds nothing nearer.
            driver.screen.set_focus(panels.cost)
            panels.show_modules(running=False)
            await pilot.pause()
            assert driver.screen.focused is panel


@pytest.mark.slow
async def test_a_title_that_was_hidden_is_drawn_to_its_whole_width() -> None:
    # Here the list and the node take turns.
    async with opened(size=(60, 20), commands=["sgd 1"]) as driver:
        title = driver.text.splitlines()[1]
        assert title.partition("update")[2] == " " + 6 * "━"
        await driver.press("tab", "tab")
        assert driver.text.splitlines()[1] == title

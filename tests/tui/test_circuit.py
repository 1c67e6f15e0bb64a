"""The circuit on the main screen: where it stands, what its keys and clicks do."""

from __future__ import annotations

import numpy as np
import pytest
from textual.events import (
    MouseEvent,
    MouseScrollDown,
    MouseScrollLeft,
    MouseScrollRight,
    MouseScrollUp,
)

from mfdebug.config.ascii import UNKNOWN, in_ascii
from mfdebug.core.circuit.boxes import Kind
from mfdebug.core.circuit.circuit import Circuit
from mfdebug.tui.widgets.circuit import MEANING, MOST_AT_ONCE, CircuitView
from mfdebug.tui.widgets.panel_title import PanelTitle
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.ops.activation import ReLU, Sigmoid, Tanh
from miniflow.ops.arithmetic import Mul
from tests.support.app_driver import Driver, opened
from tests.support.sizes import pick


def view(driver: Driver) -> CircuitView:
    return driver.screen.panels.circuit


def circuit(driver: Driver) -> Circuit:
    found = view(driver).circuit
    assert found is not None
    return found


def drawn(driver: Driver) -> str:
    """The text of the circuit on the screen."""
    region = view(driver).region
    rows = driver.text.split("\n")[region.y : region.bottom]
    return "\n".join(row[region.x : region.right] for row in rows)


def title(driver: Driver) -> str:
    region = driver.screen.query_one("#circuit-title", PanelTitle).region
    return driver.text.split("\n")[region.y][region.x : region.right]


def shown(driver: Driver) -> str:
    """The name of the node that the panel shows."""
    node = driver.screen.panels.node.node
    return "" if node is None else driver.debugger.graph.nodes[node].label


def listed(driver: Driver) -> str:
    """The name of the node under the cursor of the list."""
    return driver.debugger.graph.nodes[driver.screen.panels.order.selected].label


async def wheel(driver: Driver, *turns: type[MouseEvent]) -> None:
    for turn in turns:
        await driver.pilot._post_mouse_events([turn], CircuitView, button=0)
    await driver.pilot.pause()


async def click(driver: Driver, name: str) -> None:
    """Click the box of a node, where it is on the screen."""
    node = driver.debugger.graph.by_name[name]
    box = circuit(driver).box_of(node)
    assert box is not None
    x, y = view(driver)._at
    await driver.pilot.click(CircuitView, offset=(box.x + 1 - x, box.row - y))
    await driver.pilot.pause()


@pytest.mark.slow
async def test_g_replaces_the_list_and_the_node_stays_below() -> None:
    async with opened("circuit-b") as driver:
        assert "order" in driver.text.split("\n")[1]
        await driver.press("G")
        assert title(driver).startswith("━ circuit ━")
        assert MEANING in title(driver)
        assert "order" not in driver.text
        await driver.press("n", "n", "s", "s")
        text = driver.text.split("\n")
        assert " total = xy + larger" in text[18]
        assert "to xy  ∂f/∂total × 1 = 2 × 1 = 2" in text[19]
        assert "larger ◀━━━━━━━┫   ┃" in drawn(driver)
        await driver.press("G")
        assert text != driver.text.split("\n")
        assert driver.text.split("\n")[1].startswith("━ order ━")
        assert driver.screen.panels.order.has_focus


@pytest.mark.slow
@pytest.mark.parametrize("width", [116, 120, 195])
async def test_it_stands_beside_the_list_by_itself_where_both_fit(width: int) -> None:
    async with opened("xor", size=(width, 40)) as driver:
        assert "order" in driver.text.split("\n")[1]
        assert view(driver).size.width >= 80
        assert circuit(driver).plan == "whole"
        node = driver.screen.panels.node.region
        assert node.x == view(driver).region.x
        assert node.y > view(driver).region.bottom
        # What has been hidden stays hidden.
        await driver.press("G")
        assert not view(driver).region.height
        await driver.press("s", "s")
        assert not view(driver).region.height
        await driver.press("G")
        assert view(driver).has_focus
        assert view(driver).region.height == circuit(driver).height


@pytest.mark.slow
async def test_beside_the_list_a_graph_that_is_too_wide_is_scrolled_to_the_moment() -> None:
    async with opened("log-nan", size=(120, 40)) as driver:
        assert circuit(driver).plan == "scrolled"
        assert "52 columns ▸" in title(driver)
        assert "order" in driver.text.split("\n")[1]
        await driver.press("n", "n", "s", "s")
        assert "◂ 52 columns" in title(driver)
        assert "fit─4×1 ◀━┫mean┣" in drawn(driver)


async def test_a_graph_whose_rows_do_not_fit_waits_for_its_key() -> None:
    async with opened("log-nan", size=(120, 20)) as driver:
        assert not view(driver).region.height
        await driver.press("G")
        assert view(driver).region.height
        assert "order" in driver.text.split("\n")[1]


@pytest.mark.slow
async def test_a_tall_circuit_leaves_a_few_lines_to_the_curve() -> None:
    async with opened("transformer", size=(120, 36)) as driver:
        await driver.press("t", "t")
        assert driver.screen.panels.node.region.height >= 8
        assert driver.screen.panels.cost.region.height == 5
        assert driver.screen.panels.cost.is_curve


@pytest.mark.slow
async def test_it_scrolls_only_when_the_active_box_would_leave() -> None:
    async with opened("log-nan") as driver:
        await driver.press("G", "n")
        assert "55 columns ▸" in title(driver)
        seen = []
        while driver.debugger.where.phase != "update":
            await driver.press("s")
            node = driver.debugger.where.node
            box = None if node is None else circuit(driver).box_of(node)
            if box is not None:
                x, _ = view(driver)._at
                assert x <= box.x
                assert box.right <= x + view(driver).size.width
                seen.append(x)
        assert len(set(seen)) <= 4
        assert {0, circuit(driver).width - 80} <= set(seen)
        assert "55 columns" in title(driver)


@pytest.mark.slow
async def test_the_wheel_scrolls_and_the_title_says_what_lies_beyond() -> None:
    async with opened("log-nan") as driver:
        await driver.press("G")
        await wheel(driver, MouseScrollDown)
        assert "◂ 8 columns  47 columns ▸" in title(driver)
        await wheel(driver, MouseScrollUp)
        assert "◂" not in title(driver)
        await wheel(driver, MouseScrollRight, MouseScrollRight, MouseScrollLeft)
        assert "◂ 8 columns" in title(driver)
        # A moment without a box leaves it there; one whose box is out of view goes to it.
        await driver.press("n")
        assert "◂ 8 columns" in title(driver)
        await driver.press("s")
        assert "◂" not in title(driver)


@pytest.mark.slow
async def test_arrows_walk_along_the_wires_and_the_list_follows() -> None:
    async with opened("circuit-b") as driver:
        await driver.press("G", "n", "n", "s")
        assert shown(driver) == "f"
        walked = []
        for key in ["left", "left", "left", "down", "right", "right", "right"]:
            await driver.press(key)
            assert listed(driver) == shown(driver)
            walked.append(shown(driver))
        assert walked == ["total", "xy", "x", "y", "xy", "total", "f"]
        assert driver.moment == 6
        await driver.press("f")
        assert shown(driver) == "f"


@pytest.mark.parametrize("graph", ["circuit-b", "xor", "vanishing"])
async def test_every_box_is_reached_by_arrows(graph: str) -> None:
    async with opened(graph) as driver:
        await driver.press("G", "n", "s")
        here = circuit(driver)
        start = here.box_of(driver.screen.panels.shown.selection.shown)
        assert start is not None
        reached, todo = {start}, [start]
        while todo:
            box = todo.pop()
            beside = {here.neighbour(box, way) for way in ("left", "right", "up", "down")}
            todo += beside - reached
            reached |= beside
        assert reached == set(here.boxes)


async def test_at_a_moment_without_a_node_an_arrow_begins_to_walk() -> None:
    async with opened("circuit-b") as driver:
        await driver.press("G", "right")
        assert shown(driver) in driver.debugger.graph.by_name
        await driver.press("right")
        assert shown(driver) == "xy"


@pytest.mark.slow
async def test_enter_opens_a_fold_and_backspace_closes_it() -> None:
    async with opened("vanishing") as driver:
        await driver.press("G", "n", "s")
        assert "layer1…12 ×12" in drawn(driver)
        await driver.press("enter")
        assert "layer1…12 ×12" not in drawn(driver)
        node = driver.debugger.where.node
        assert node is not None
        box = circuit(driver).box_of(node)
        assert box is not None
        assert box.kind is Kind.SCOPE
        await driver.press("enter")
        box = circuit(driver).box_of(node)
        assert box is not None
        assert box.kind is Kind.OP
        await driver.press("enter")
        assert driver.message.endswith("is not folded")
        await driver.press("backspace", "backspace")
        assert "layer1…12 ×12" in drawn(driver)
        await driver.press("backspace")
        assert driver.message == f"! no fold around {shown(driver)} is open"


@pytest.mark.slow
async def test_the_list_and_the_circuit_fold_together() -> None:
    async with opened("vanishing", size=(120, 50)) as driver:
        order = driver.screen.panels.order
        view(driver).focus()
        await driver.press("n", "s")
        # What is opened or closed in the circuit is so in the list.
        await driver.press("enter")
        assert circuit(driver).opened == order.opened == {"layer1…12/ ×12", "layer1/"}
        await driver.press("backspace", "backspace")
        assert circuit(driver).opened == order.opened == frozenset()
        assert "▸ layer1…12/ ×12" in driver.text
        # And what is opened or folded in the list is so in the circuit.
        order.focus()
        assert "layer1…12 ×12" in drawn(driver)
        await driver.press("enter")
        assert circuit(driver).opened == order.opened == {"layer1…12/ ×12"}
        assert "layer1…12 ×12" not in drawn(driver)
        await driver.press("enter")
        assert "layer1…12 ×12" in drawn(driver)


@pytest.mark.slow
async def test_what_was_folded_in_the_list_is_folded_when_the_circuit_comes() -> None:
    async with opened("transformer") as driver:
        await driver.press("home")
        while "block/" not in listed(driver):
            await driver.press("down")
        await driver.press("enter", "G")
        assert "block/" not in circuit(driver).opened
        assert "out/" in circuit(driver).opened


@pytest.mark.slow
async def test_a_fold_that_no_longer_fits_stays_on_the_screen() -> None:
    async with opened("batchnorm", size=(120, 40)) as driver:
        assert view(driver).display
        view(driver).focus()
        await driver.press("n", "s", "enter", "enter")
        assert driver.screen.panels.shows_circuit


@pytest.mark.slow
async def test_what_was_opened_stays_open_at_another_size() -> None:
    async with opened("vanishing") as driver:
        await driver.press("G", "n", "s", "enter")
        before = circuit(driver).opened
        await driver.pilot.resize_terminal(130, 40)
        await driver.pilot.pause()
        assert circuit(driver).opened == before


@pytest.mark.slow
async def test_a_click_chooses_a_box_and_opens_a_fold() -> None:
    async with opened("circuit-b") as driver:
        await driver.press("G", "n", "s")
        for name in ("larger", "x", "f"):
            await click(driver, name)
            assert (shown(driver), listed(driver)) == (name, name)
        # Between the boxes there is nothing to choose.
        await driver.pilot.click(CircuitView, offset=(2, 0))
        assert shown(driver) == "f"
        assert view(driver).has_focus
    async with opened("vanishing") as driver:
        await driver.press("G", "n", "s")
        await click(driver, "layer3/W")
        assert "×12" not in drawn(driver)


@pytest.mark.slow
async def test_tab_goes_round_what_is_shown() -> None:
    async with opened("xor", size=(120, 40)) as driver:
        focused = []
        for _ in range(4):
            await driver.press("tab")
            assert driver.app.focused is not None
            focused.append(driver.app.focused.id)
        assert focused == ["circuit", "node", "order", "circuit"]
        # The prompt gives the focus back.
        await driver.press("colon", "escape")
        assert view(driver).has_focus
    async with opened("xor") as driver:
        await driver.press("G", "tab", "tab")
        assert view(driver).has_focus


@pytest.mark.slow
async def test_i_gives_the_circuit_the_whole_screen() -> None:
    async with opened("sigmoid-neuron") as driver:
        await driver.press("G", "n", "i")
        assert view(driver).size.height == 20
        assert driver.message == "circuit: i shows all panels, Tab the next one"
        await driver.press("s")
        assert "━" in drawn(driver)
        await driver.press("i")
        assert view(driver).size.height == 17
        assert view(driver).has_focus


async def test_a_chosen_box_is_marked_and_the_active_one_stays_heavy() -> None:
    async with opened("circuit-b") as driver:
        await driver.press("G", "n", "s", "s")
        chosen = view(driver).get_component_rich_style("circuit--chosen")
        assert chosen.bgcolor is not None

        def marked() -> str:
            lines = [view(driver).line(y) for y in range(view(driver).size.height)]
            return "".join(
                segment.text
                for line in lines
                for segment in line
                if segment.style is not None and segment.style.bgcolor == chosen.bgcolor
            )

        assert not marked()
        await driver.press("right")
        assert "+" in marked()
        assert "┏" in drawn(driver)


def long_chain(nodes: int) -> Graph:
    """Nodes in a row that do not fold: no two neighbours have the same op."""
    rng = np.random.default_rng(0)
    node: Node = Input("x", value=0.5)
    for k in range(nodes):
        node = (Sigmoid, ReLU, Tanh)[int(rng.integers(3))](node, name=f"n{k}")
    return Graph.of(Mul(node, node, name="cost"))


@pytest.mark.slow
async def test_a_large_graph_is_drawn_around_the_present_node() -> None:
    async with opened(long_chain(MOST_AT_ONCE + 50)) as driver:
        await driver.press("G")
        await driver.app.workers.wait_for_complete()
        await driver.press("n", "s")
        first = drawn(driver)
        assert "┏" in first
        await driver.press("s")
        assert drawn(driver) != first
        await driver.press("left", "left")
        assert shown(driver) != driver.debugger.graph.nodes[driver.debugger.where.node or 0].label


SIZES = [(60, 20), (80, 24), (116, 30), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_whatever_the_size_boxes_and_node_are_in_view(size: tuple[int, int]) -> None:
    graphs = ["sigmoid-neuron", "vanishing"]
    for graph in pick(graphs, [graphs[SIZES.index(size) % 2]]):
        async with opened(graph, size=size) as driver:
            if not view(driver).region.height:
                await driver.press("G")
            await driver.press("n", "s", "s")
            assert "┏" in drawn(driver)
            assert driver.screen.panels.node.region.height >= 2


@pytest.mark.slow
async def test_every_sign_has_an_ascii_form() -> None:
    for graph in ("diamond", "log-nan", "vanishing"):
        async with opened(graph) as driver:
            await driver.press("G", "n", "n", "s", "s", "s")
            signs = set(title(driver) + drawn(driver)) - {"?"}
            assert "━" in signs
            assert not {sign for sign in signs if in_ascii(sign) == UNKNOWN}

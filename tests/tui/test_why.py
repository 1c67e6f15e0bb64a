"""The walk through causes: from a number to the numbers that it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from mfdebug.tui.screens.why import WhyScreen
from mfdebug.tui.widgets.node_panel import NodePanel
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Conv, Mul, Sum
from tests.support.app_driver import Driver, ask, opened
from tests.support.sizes import some


def trail(driver: Driver) -> str:
    """The way so far, as it is shown."""
    line = next(line for line in driver.text.split("\n") if "│  why" in line)
    return line.partition("│  why ")[2].partition("│")[0].strip()


def leads(driver: Driver) -> str:
    return next(line for line in driver.text.split("\n") if "│  Enter  " in line)


async def test_from_the_cost_to_the_weight_that_caused_it() -> None:
    async with opened(commands=["sgd", "next 2"]) as driver:
        asked = driver.moment
        await driver.press("y")
        assert isinstance(driver.app.screen, WhyScreen)
        assert trail(driver) == "cost"
        assert "cost = Σ(t - s2)^2 / m" in driver.text
        assert "0.0732633   0.197428   (t[2,0] - s2[2,0])^2/m = (1 - 0.458656)^2/4" in driver.text
        await driver.press(*["enter"] * 5)
        assert trail(driver) == "cost › s2[2,0] › l2[2,0] › s1[2,1] › l1[2,1] › W1[0,1]"
        assert "= 0.79913" in driver.text
        assert "last updated at moment 18" in driver.text
        # By its update and gradient to the cost of that step.
        assert "W1[0,1] ← W1[0,1] - lr × ∂cost/∂W1[0,1]" in driver.text
        assert "Enter  ∂cost/∂W1[0,1] at 18" in driver.text
        await driver.press(*["enter"] * 6)
        assert trail(driver).endswith("∂cost/∂cost")
        assert "nothing leads further back" in driver.text
        await driver.press("enter")
        assert trail(driver).endswith("∂cost/∂cost")
        # Escape returns to where it was asked.
        await driver.press("escape")
        assert driver.moment == asked
        assert driver.screen.query_one(NodePanel).node == driver.debugger.where.node
        assert "f goes back" not in driver.text


async def test_from_a_weight_back_by_what_it_was_before_to_where_it_began() -> None:
    async with opened("wx", commands=["sgd 2"]) as driver:
        await driver.type(":why w")
        await driver.press("enter", "up", "enter")
        assert trail(driver) == "w › w at 17"
        await driver.press("up", "enter")
        assert trail(driver) == "w › w at 17 › w at 8"
        assert "its starting value" in driver.text
        assert "nothing leads further back" in driver.text


@pytest.mark.slow
async def test_g_goes_to_the_number_at_its_moment() -> None:
    async with opened(commands=["sgd", "next 2"]) as driver:
        await driver.press("y", *["enter"] * 6, "g")
        assert driver.moment == 18
        panel = driver.screen.query_one(NodePanel)
        assert panel.node == driver.debugger.graph.by_name["W1"]
        assert panel.entry_of(panel.node) == (0, 1)
        await driver.press("y")
        assert trail(driver).endswith("W1[0,1]")


@pytest.mark.slow
async def test_from_a_gradient_back_to_the_cost() -> None:
    async with opened(commands=["sgd"]) as driver:
        await driver.press("colon")
        await driver.type("why grad W1[1,1]")
        await driver.press("enter")
        assert trail(driver) == "∂cost/∂W1[1,1]"
        await driver.press(*["enter"] * 5)
        assert trail(driver).endswith("∂cost/∂s2[1,0] › ∂cost/∂cost")


@pytest.mark.slow
async def test_backspace_returns_to_the_term_that_was_chosen() -> None:
    async with opened(commands=["sgd", "next 2"]) as driver:
        await driver.press("y", "up", "enter", "enter")
        assert trail(driver) == "cost › s2[1,0] › l2[1,0]"
        await driver.press("backspace", "backspace", "backspace")
        assert trail(driver) == "cost"
        assert "s2[1,0] = 0.511832" in leads(driver)

        await driver.press("escape")
        await assert_left_and_right_choose_the_factor(driver)
        await driver.press("escape")
        await assert_arrows_stay_within_the_terms(driver)


async def assert_left_and_right_choose_the_factor(driver: Driver) -> None:
    await driver.press("y", *["enter"] * 4)
    assert "X[2,0] = 1" in leads(driver)
    await driver.press("left", "enter")
    assert trail(driver).endswith("l1[2,1] › X[2,0]")
    assert "fed from the data, row 2" in driver.text


async def assert_arrows_stay_within_the_terms(driver: Driver) -> None:
    await driver.press("y", "up", "pageup")
    assert "s2[0,0]" in leads(driver)
    await driver.press("pagedown", "down")
    assert "s2[3,0]" in leads(driver)


@pytest.mark.slow
async def test_what_is_not_computed_is_refused_in_the_strip() -> None:
    async with opened() as driver:
        await driver.press("y")
        assert not isinstance(driver.app.screen, WhyScreen)
        assert "is not fed yet" in driver.text


@pytest.mark.slow
async def test_a_stop_for_nan_shows_the_entry_and_y_walks_to_its_cause() -> None:
    async with opened("log-nan", commands=["break nan", "continue"]) as driver:
        assert "stop 1: nan: if_0[3,0] = nan, made by Mul" in driver.text
        panel = driver.screen.query_one(NodePanel)
        assert panel.entry_of(panel.node or 0) == (3, 0)
        await driver.press("y")
        assert trail(driver) == "if_0[3,0]"
        assert "= 0 × (-inf)" in driver.text
        await driver.press("enter")
        assert trail(driver) == "if_0[3,0] › log_q[3,0]"
        await driver.press("enter")
        assert trail(driver) == "if_0[3,0] › log_q[3,0] › q[3,0]"


@pytest.mark.slow
@pytest.mark.parametrize("size", some([(60, 20), (120, 40), (80, 24)], 2))
async def test_a_thousand_terms_scroll_and_the_rest_is_summed(size: tuple[int, int]) -> None:
    async with opened("digits", size=size, commands=["sgd", "next 3"]) as driver:
        await driver.press("colon")
        await driver.type("why grad W1[10,3]")
        await driver.press("enter")
        assert "X[38,10] = 1" in driver.text
        assert "∂cost/∂l1[38,3]" in leads(driver)
        assert "sum so far" in driver.text
        # To a number that is no sum, which has no list of terms, and back.
        await driver.press("enter")
        assert "sum so far" not in driver.text
        await driver.press("backspace")
        assert "sum so far" in driver.text
        await driver.press(*["pagedown"] * 7)
        assert "Enter " in driver.text
        row = driver.app.screen.query_one("#why-terms").region
        assert row.bottom <= size[1] - 3


@pytest.mark.slow
async def test_odd_names_are_no_markup() -> None:
    odd = "[red]x[/] \x1b[31m"
    x, w = Input(odd, value=2.0), Input("w", value=3.0)
    graph = Graph([x, w, Mul(x, w, name="y")])
    async with opened(graph, commands=["next 2"]) as driver:
        await driver.press("y")
        assert "[red]x[/]" in driver.text
        await driver.press("enter")
        assert "[red]x[/]" in trail(driver)


@pytest.mark.slow
async def test_a_key_goes_to_where_a_stale_number_was_made() -> None:
    async with opened(commands=["sgd", "step"]) as driver:
        for line, moment in (("why cost", 6), ("why grad l2[1,0]", 9)):
            driver.debugger.move(22)
            await driver.press("colon")
            await driver.type(line)
            await driver.press("enter")
            assert f"g goes to moment {moment}, which computed it" in driver.text
            await driver.press("g")
            assert not isinstance(driver.app.screen, WhyScreen)
            assert driver.moment == moment
            await driver.press("y", "g")
            assert not isinstance(driver.app.screen, WhyScreen)
            assert driver.moment == moment


@pytest.mark.parametrize("size", some([(80, 24), (120, 40)], 1))
async def test_the_window_and_the_kernel_that_met_are_shown(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    x, kernels = Input("x", value=rng.normal(size=(1, 2, 5, 5))), rng.normal(size=(1, 2, 3, 3))
    cost = Sum(Conv(x, Input("W", value=kernels), name="y"), name="cost")
    async with opened(Graph.of(cost), size=size, commands=["until y forward"]) as driver:
        await driver.press("y")
        assert "y[0,0,0,0] = Σₖₙⱼ x[0,k,n,j]·W[0,k,n,j]" in driver.text
        assert "x[0,0,0:3,0:3] ⊙ W[0,0,0:3,0:3], together" in driver.text
        # Of a taller screen also those of the other channel.
        assert ("x[0,1,0:3,0:3] ⊙ " in driver.text) == (size[1] == 40)
        rows = driver.app.screen.query_one("#why-terms").region
        assert rows.height >= 3
        assert rows.bottom <= size[1] - 3


@pytest.mark.slow
@pytest.mark.parametrize("size", some([(80, 24), (120, 40)], 1))
async def test_a_sum_that_does_not_fit_is_not_shown_in_part(size: tuple[int, int]) -> None:
    async with opened("transformer", size=size, commands=["goto cost 0"]) as driver:
        await driver.press("colon")
        await driver.type("why block/attention/mix[1,4,0]")
        await driver.press("enter")
        rows = [line.strip(" │") for line in driver.text.split("\n")]
        whole = next(number for number, row in enumerate(rows) if row.startswith("= 0.932718"))
        # The line before is the formula, or the end of the whole sum.
        assert not rows[whole - 1].rstrip("│ ").endswith("+")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
@pytest.mark.parametrize("name", ["mix[0,0,0]", "q.grad[3,2,0]"])
async def test_the_keys_and_the_numbers_to_follow_are_always_seen(
    name: str, size: tuple[int, int]
) -> None:
    async with opened("transformer", size=size, commands=["next 3"]) as driver:
        await ask(driver, f"why block/attention/{name}")
        for _ in range(9):
            lines = [line for line in driver.text.split("\n") if line.count("│") == 2]
            assert "Esc" in lines[-1]
            assert " = " in lines[-3]
            assert any("sum so far" in line for line in lines)
            await driver.press("right")

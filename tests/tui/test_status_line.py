"""The status line: what fits of the moment, the batch, the cost and the learning rate."""

from __future__ import annotations

import pytest

from tests.support.app_driver import Driver, opened
from tests.support.sizes import some


def status(driver: Driver) -> str:
    return " ".join(driver.text.split("\n")[0].split())


@pytest.mark.parametrize(
    ("width", "batch"),
    [
        (80, "epoch 1 13/28"),
        (100, "epoch 1 13/28"),
        (120, "epoch 1 batch 13 of 28"),
        (160, "epoch 1 batch 13 of 28 rows 189 993 1018 … of 1797"),
    ],
)
async def test_the_batch_of_the_present_step_is_said_as_far_as_there_is_room(
    width: int, batch: str
) -> None:
    async with opened("digits", (width, 24)) as driver:
        assert "epoch" not in status(driver)
        await driver.press("4", "0", "t", "n", "n", "s")
        assert f" {batch} cost " in status(driver)
        data, table = driver.debugger.plan, driver.debugger.graph.data
        assert table is not None
        assert data.batches is not None
        rows = data.batches.rows_of(40)
        assert rows is not None
        assert (driver.debugger.state.value(0) == table.feeds["X"][rows]).all()
        if "rows" in batch:
            assert " ".join(map(str, rows[:3])) in batch


@pytest.mark.slow
async def test_every_moment_of_a_step_says_the_same_batch() -> None:
    async with opened("digits") as driver:
        await driver.press("2", "8", "t")
        assert "epoch 0 28/28" in status(driver)
        for _ in range(driver.debugger.timeline.length):
            await driver.press("s")
            assert "epoch 1 1/28" in status(driver)


@pytest.mark.slow
async def test_a_graph_that_always_takes_all_rows_says_nothing_of_batches() -> None:
    for name in ("xor", "linear-regression", "circuit-a"):
        async with opened(name, (200, 50), commands=["step"]) as driver:
            assert "epoch" not in status(driver)
            assert " rows " not in status(driver)


async def test_rows_that_are_drawn_have_no_epoch() -> None:
    async with opened("diabetes", (200, 24), commands=["step"]) as driver:
        assert " of 442, drawn cost " in status(driver)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "vanishing", "batchnorm", "valley-momentum"])
async def test_words_are_shortened_before_the_name_is_cut(name: str) -> None:
    async with opened(name, commands=["step"]) as driver:
        for keys in ("s", "n", "n", "t"):
            await driver.press(keys)
            assert status(driver).startswith(f"{name} ")
            assert f" {driver.moment} " in status(driver)
    async with opened(name, (60, 20), commands=["step"]) as driver:
        # There is no room for both here.
        assert status(driver)[:4] == name[:4]


@pytest.mark.slow
@pytest.mark.parametrize("graph", ["wx", "xor", "linear-regression", "valley-momentum"])
async def test_what_is_at_the_right_is_never_cut(graph: str) -> None:
    async with opened(graph, (80, 24), commands=["sgd 1000"]) as driver:
        rate = f"{driver.debugger.state.learning_rate:g}"
        for width in some(range(70, 124), 10):
            await driver.pilot.resize_terminal(width, 24)
            await driver.pilot.pause()
            assert status(driver).endswith(f" lr {rate}"), width

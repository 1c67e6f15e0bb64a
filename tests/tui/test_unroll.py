"""The key of `unroll` in the app: a layer as its own nodes, at the same moment, and back."""

from __future__ import annotations

import pytest

from tests.support.app_driver import ask, opened, row_of
from tests.support.recurrent_layers import sequences


@pytest.mark.slow
async def test_the_key_opens_a_layer_and_closes_it() -> None:
    async with opened(sequences("LSTM", 3), size=(100, 40)) as driver:
        await ask(driver, "goto sgd 2")
        await ask(driver, "until layer forward")
        assert "layer" in row_of(driver, "layer")
        before = driver.debugger.state.value(driver.debugger.graph.by_name["layer"]).tobytes()
        await driver.press("U")
        assert driver.message == "layer is unrolled: 54 nodes in layer/"
        assert "step 2 forward 55/58" in driver.text
        assert "layer = stack(layer/t0/h, layer/t1/h, layer/t2/h)" in driver.text
        assert "t0…2/ ×3" in driver.text
        node = driver.debugger.graph.by_name["layer"]
        assert driver.debugger.where.node == node
        assert driver.debugger.state.value(node).tobytes() == before
        # Any of its nodes closes it.
        await driver.press("S")
        assert "layer/t2/h = layer/t2/output × layer/t2/squashed" in driver.text
        await driver.press("U")
        assert driver.message == "layer is one node again"
        assert "layer = o ⊙ tanh(c), c = f ⊙ c[t-1] + i ⊙ g" in driver.text
        assert "3 steps of 4 sequences" in driver.text


async def test_another_node_is_no_layer() -> None:
    async with opened("xor") as driver:
        await driver.press("s", "U")
        assert driver.message.startswith("! unroll: X is not a recurrent layer")

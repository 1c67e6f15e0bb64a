"""A key that cannot do anything now says why, and what to do instead."""

from __future__ import annotations

import pytest

from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Mul
from tests.support.app_driver import opened

START = "! this is the start (s continues)"
END = "! end of the run (nothing is trained here); S goes back"


def with_a_node_aside() -> Graph:
    """Return a graph with nodes that the cost does not depend on."""
    x, w = Input("x", value=3.0), Input("w", value=2.0, trainable=True)
    y = Input("y", value=1.0)
    cost = Mul(x, w, name="cost")
    return Graph([x, w, y, cost, Mul(x, y, name="aside")], cost=cost)


# Each begins at the start, with the cursor where it is there; what stays stands last.
CASES = [
    # Where nothing lies behind.
    ("wx", "S", START),
    ("wx", "left", START),
    ("wx", "N", START),
    ("wx", "T", START),
    ("wx", "5 T", START),
    ("wx", "C", START),
    ("wx", "L", START),
    # Where nothing lies ahead.
    ("diamond", "n n n s", END),
    ("diamond", "n n n space", END),
    ("diamond", "n n n n", END),
    ("diamond", "n n n t", END),
    ("diamond", "n n n c", f"{END}, C runs back"),
    ("diamond", "n n n P", END),
    ("diamond", "n n n u", "! x has no further moment ahead (end of the run; S goes back)"),
    # Where no stop is.
    (
        "wx",
        "c",
        "! no stop is set: this would run forever (b sets one, t runs SGD steps)",
    ),
    ("wx", "s C", "● no stop was met; this is the start"),
    (
        "diamond",
        "c",
        "● no stop was met; end of the run (nothing is trained here); C runs back",
    ),
    # What has not been computed, or never changed.
    ("wx", "y", "! x is not fed yet (run: step)"),
    ("wx", "s down down y", "! y is not computed yet (run: until y forward)"),
    (
        "diamond",
        "s end L",
        "! nothing has changed y yet: it is not computed (run: until y forward)",
    ),
    (
        "wx",
        "s s home down L",
        "! nothing before forward of y (Mul) changed w (it has its initial value)",
    ),
    (
        "diamond",
        "n n L",
        "! nothing before forward of y (Mul) changed y (it was first computed here)",
    ),
    # What there is nothing of.
    ("wx", "z", "! nothing to undo (e changes a number)"),
    ("wx", "Z", "! nothing to redo (Z reapplies what z reverted)"),
    ("wx", "R", "! no saved session of this graph (s starts a new one)"),
    ("wx", "l", "! no costs yet: t runs an SGD step"),
    ("diamond", "s l", "! nothing is trained: no costs"),
    (
        "diamond",
        "n n s e",
        "! this number cannot be set: select another, or the value",
    ),
    # What changes nothing that is seen.
    ("wx", "f", "the start has no node"),
    ("wx", "s f", "the feed has no node"),
    ("wx", "s s f", "this is the present node"),
    ("wx", "P", "plays 1 moment a second; P starts and stops, + - change it"),
    (
        "wx",
        "minus minus",
        "plays 0.5 moments a second, the slowest; P starts and stops, + - change it",
    ),
    ("wx", "t l", "costs on a log scale; l changes it"),
    # Once more.
    ("wx", "t l", "costs on a linear scale; l changes it"),
    # What is no key.
    ("wx", "j", "! no key 'j'; ? lists the keys"),
    ("wx", "é", "! no key 'é'; ? lists the keys"),
    ("wx", "0", "! no key '0'; ? lists the keys"),
    ("wx", "left_square_bracket", "! no key '['; ? lists the keys"),
    ("wx", "tab j", "! no key 'j'; ? lists the keys"),
]


@pytest.mark.slow
@pytest.mark.parametrize("graph", ["wx", "diamond"])
async def test_a_key_says_why_not(graph: str) -> None:
    async with opened(graph) as driver:
        for keys, message in [case[1:] for case in CASES if case[0] == graph]:
            await driver.screen.run_line("goto start")
            await driver.press("home", "f")
            await driver.press(*keys.split())
            assert driver.message == message, keys
            # What is switched on is switched off.
            await driver.press(*{"P", "tab"} & {*keys.split()})


async def test_k_on_what_the_cost_does_not_depend_on() -> None:
    async with opened(with_a_node_aside()) as driver:
        await driver.press("end", "k")
        words = "! the cost does not depend on aside: nothing to check (check alone checks all)"
        assert driver.message == words


@pytest.mark.slow
async def test_an_input_that_has_no_moment_of_its_own() -> None:
    async with opened(with_a_node_aside()) as driver:
        await driver.press("down", "down", "u")
        words = "! y has no further moment ahead (the feed sets its value)"
        assert driver.message == words


@pytest.mark.slow
async def test_a_key_that_is_none_forgets_the_count() -> None:
    async with opened() as driver:
        await driver.press("5", "j", "s")
        assert driver.moment == 1


async def test_keys_without_a_character_that_do_nothing_say_so() -> None:
    async with opened() as driver:
        for key in ("f7", "ctrl+y", "insert", "delete"):
            await driver.press(key)
            assert driver.message == f"! no key {key}; ? lists the keys"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("graph", "offered"), [("xor", "DA"), ("batchnorm", "D"), ("parabola", "D"), ("circuit-a", "")]
)
async def test_a_key_that_no_moment_can_use_is_not_offered(graph: str, offered: str) -> None:
    async with opened(graph, size=(260, 40)) as driver:
        keys = driver.text.split("\n")[-1]
        assert [key in keys for key in ("D landscape", "A answers")] == [
            "D" in offered,
            "A" in offered,
        ]

"""The quiz in the app: the question comes before the moment is shown."""

from __future__ import annotations

from mfdebug.tui.widgets.prompt import Prompt
from tests.support.app_driver import opened


async def test_a_step_is_asked_about_before_it_is_shown() -> None:
    async with opened() as driver:
        await driver.press("s", "s")
        await driver.type(":quiz")
        await driver.press("enter", "s")
        assert "? positive, negative or 0: s1[2,1] = σ(l1)?" in driver.text
        assert driver.moment == 2
        await driver.type("+")
        await driver.press("enter")
        assert driver.moment == 3
        assert driver.message == "right: s1[2,1] = σ(0.8) = 0.689974  1 of 1 right"


async def test_who_has_no_answer_goes_on_and_who_leaves_stays() -> None:
    async with opened() as driver:
        await driver.press("s", "s")
        await driver.type(":quiz")
        await driver.press("enter", "s", "escape")
        assert driver.moment == 2
        await driver.press("s", "enter")
        assert driver.moment == 3
        assert not driver.screen.query_one(Prompt).display


async def test_what_is_no_answer_is_said_and_asked_again() -> None:
    async with opened() as driver:
        await driver.press("s", "s")
        await driver.type(":quiz")
        await driver.press("enter", "s")
        await driver.type("perhaps")
        await driver.press("enter")
        assert driver.moment == 2
        assert "'perhaps' is not a valid answer" in driver.text
        prompt = driver.screen.query_one(Prompt)
        assert prompt.display
        assert prompt.value == "answer "
        await driver.press("escape")
        assert driver.moment == 2


async def test_a_count_does_not_pass_a_question_by() -> None:
    async with opened() as driver:
        await driver.type(":quiz")
        # Nothing is asked about the feed; the next moment is asked about.
        await driver.press("enter", "6", "s")
        assert driver.moment == 1
        assert " ? " in driver.text
        assert "(the quiz asks before each step)" in driver.text
        await driver.press("enter", "1", "s")
        assert driver.moment == 2
        assert driver.screen.query_one(Prompt).display
        await driver.press("escape")
        await driver.type(":quiz off")
        await driver.press("enter", "6", "s")
        assert driver.moment == 8


async def test_find_shows_one_node_after_the_other() -> None:
    async with opened() as driver:
        await driver.press("slash")
        await driver.type("sigmoid")
        await driver.press("enter")
        assert driver.message == "2 nodes: s1, s2   m next, M previous"
        assert "s1 = σ(l1)" in driver.text
        await driver.press("slash")
        await driver.type("sigmoid")
        await driver.press("enter")
        assert "s2 = σ(l2)" in driver.text


async def test_a_command_that_does_not_move_keeps_the_node_that_is_looked_at() -> None:
    async with opened() as driver:
        await driver.press("s", "s", "up", "up", "up")
        assert "│ t  " in driver.text
        await driver.press("w")
        await driver.type("cost")
        await driver.press("enter")
        assert "│ t  " in driver.text

"""Questions of a demo: answered by the user, or by the script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.demo_show import played

ANSWERING = """# mfdebug demo 1
# graph "wx"
# title A question

say What is 5 times 10?
step
quiz on
answer 50
quiz off
pause

say That was y.
pause
"""
ASKING = """# mfdebug demo 1
# graph "wx"
# title Questions

say The gradient comes next.
step 7
ask Where will w land? w - lr * w.grad
pause

say Which way?
ask Which way did it go? up | *down
pause
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "reply"),
    [("50", "right:"), ("30", "not so: it is 50."), ("", "right:"), (None, "right:")],
)
async def test_a_question_is_answered_by_the_user_or_by_the_script(
    tmp_path: Path, typed: str | None, reply: str
) -> None:
    path = tmp_path / "answering.demo"
    path.write_text(ANSWERING)
    async with played(path) as show:
        await show.press("space")
        # In the quiz's panel, which hides the node's.
        assert "━ quiz ━" in show.text
        assert "─ node" not in show.text
        assert show.moment == 1
        if typed is None:
            await show.press("escape")
        else:
            await show.press(*typed, "enter")
        assert show.moment == 2
        assert show.foot.startswith(" 1/2 ")
        assert reply in show.text
        assert "─ node" in show.text
        await show.press("B")
        assert show.moment == 0


@pytest.mark.slow
async def test_the_keys_of_a_demo_work_while_a_question_waits(tmp_path: Path) -> None:
    path = tmp_path / "answering.demo"
    path.write_text(ANSWERING)
    async with played(path) as show:
        await show.press("space", "space")
        assert show.moment == 2
        assert show.foot.startswith(" 1/2 ")
        await show.press("B", "space", "B")
        assert show.moment == 0
        assert "━ quiz ━" not in show.text


@pytest.mark.slow
async def test_the_keys_of_a_question_go_with_it_also_in_a_rest(tmp_path: Path) -> None:
    path = tmp_path / "resting.demo"
    path.write_text(f"{ASKING}\nsay A rest.\nstep\nwait 30s\nstep\npause\n")
    async with played(path) as show:
        await show.press("space", "space", "space")
        assert "A rest." in show.text
        assert "hint" not in show.foot
        assert "s step S back" in show.foot


async def test_a_demo_that_plays_by_itself_answers_itself(tmp_path: Path) -> None:
    path = tmp_path / "answering.demo"
    path.write_text(ANSWERING)
    async with played(path) as show:
        await show.press("P")
        assert show.moment == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "reply"),
    [("4.4", "right: 4.4"), ("5.6", "not so; the answer is 4.4"), ("", "the answer is 4.4")],
)
async def test_what_a_script_asks_is_answered_in_the_panel(
    tmp_path: Path, typed: str, reply: str
) -> None:
    path = tmp_path / "asking.demo"
    path.write_text(ASKING)
    async with played(path) as show:
        await show.press("space")
        assert "Where will w land?" in show.text
        assert "type the answer; space continues without one" in show.text
        assert show.foot.startswith(" 1/2  Enter answer space next beat B beat back Esc close")
        assert "─ node" not in show.text
        assert "4.4" not in show.text
        await show.press(*typed, "enter")
        assert reply in show.text
        assert "─ node" in show.text
        assert show.foot.startswith(" 1/2  space next beat")


@pytest.mark.slow
async def test_a_choice_is_a_letter_and_space_enters_what_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "asking.demo"
    path.write_text(ASKING)
    async with played(path) as show:
        await show.press("space", "space")
        assert show.foot.startswith(" 2/2 ")
        assert "a  up" in show.text
        assert "b  down" in show.text
        await show.press("a", "space")
        assert "not so; the answer is down" in show.text
        assert show.foot.startswith(" 2/2  space next beat")
        await show.press("B")
        # The beat is shown as it was, with its question answered.
        assert show.foot.startswith(" 1/2 ")
        await show.press("space", "1")
        assert "type a letter, a to b" in show.text
        await show.press("escape")
        assert "─ node" in show.text
        await show.press("B", "space", "B")
        assert show.foot.startswith(" 1/2 ")
        assert "─ node" in show.text


@pytest.mark.slow
async def test_a_question_stays_while_a_demo_plays_by_itself_until_a_key(tmp_path: Path) -> None:
    path = tmp_path / "asking.demo"
    path.write_text(ASKING)
    async with played(path) as show:
        await show.press("P")
        assert "Where will w land?" in show.text
        assert show.foot.startswith(" ▶ 1/2 ")
        await show.press(*"4.4", "enter")
        assert "right: 4.4" in show.text
        assert show.foot.startswith(" 1/2  space next beat")

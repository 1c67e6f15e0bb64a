"""The quiz in the app: the question comes before the moment is shown, and hides the answer."""

from __future__ import annotations

import re

import pytest

from mfdebug.config.settings import Settings
from mfdebug.opening.shipped import shipped
from mfdebug.tui.widgets.help_text import HelpText
from mfdebug.tui.widgets.prompt import Prompt
from tests.support.app_driver import Driver, ask, left, opened, right, row_of
from tests.support.sizes import pick, some

ASKED = "What does f send to two?"


async def asked_in(driver: Driver) -> None:
    """Open the question about what f of circuit-b sends to two."""
    await ask(driver, "goto 5")
    await ask(driver, "quiz")
    await driver.press("s")
    assert ASKED in driver.text


@pytest.mark.slow
async def test_a_step_is_asked_about_before_it_is_shown() -> None:
    async with opened("circuit-b") as driver:
        await asked_in(driver)
        assert driver.moment == 5
        assert [line.strip() for line in right(driver)[2:6]] == [
            "f = two × total",
            "two = 2, total = -10.",
            "A gradient of 1 arrives at f.",
            "",
        ]
        assert driver.message == "? type the answer   no answer yet"
        await driver.press("minus", "1", "0", "enter")
        assert driver.moment == 6
        assert driver.message == "right: 1 × (-10) = -10  1 of 1 right"
        assert "two × total" in driver.text


@pytest.mark.slow
async def test_a_wrong_answer_is_diagnosed_and_the_moment_shown() -> None:
    async with opened("circuit-b") as driver:
        await asked_in(driver)
        await driver.press("2", "enter")
        assert driver.moment == 6
        lines = [line.strip() for line in driver.text.split("\n")[-4:-1]]
        assert " ".join(lines).split("not so: ")[1] == (
            "2 is two's own value. A multiply gate swaps: 1 × (-10) = -10. This "
            "gate comes again at xy.  0 of 1 right"
        )
        assert "ends on" in driver.text


@pytest.mark.slow
async def test_enter_alone_skips_and_escape_leaves_the_question_open() -> None:
    async with opened("circuit-b") as driver:
        await asked_in(driver)
        await driver.press("escape")
        assert driver.moment == 5
        assert driver.message == "the question is still open: s asks it again   no answer yet"
        assert ASKED not in driver.text
        await driver.press("s", "7", "backspace", "enter")
        assert driver.moment == 6
        assert driver.message == "skipped: 1 × (-10) = -10  no answer yet"


async def test_a_hint_is_a_key_and_so_is_the_help() -> None:
    async with opened("circuit-b") as driver:
        await asked_in(driver)
        assert "multiply gate" not in driver.text
        await driver.press("h")
        assert "hint: A multiply gate swaps: each" in driver.text
        await driver.press("question_mark")
        assert driver.app.screen.query(HelpText)
        await driver.press("escape", "minus", "1", "0", "enter")
        assert driver.moment == 6
        quiz = driver.screen.session.quiz
        assert quiz is not None
        assert quiz.score.answers[-1].hinted


async def test_the_hint_has_the_key_in_force() -> None:
    async with opened("circuit-b", settings=Settings(keys={"quiz-hint": ("f2",)})) as driver:
        await asked_in(driver)
        assert " f2 hint Enter answer, or skip" in driver.text
        await driver.press("h")
        assert "type a number, as in" in driver.text
        await driver.press("f2")
        assert "hint: A multiply gate" in driver.text


@pytest.mark.slow
async def test_only_the_characters_of_an_answer_are_taken() -> None:
    """No other key steps, stops or closes while a question is open."""
    async with opened("circuit-b") as driver:
        await asked_in(driver)
        await driver.press("s", "t", "c", "G", "y", "x", "tab", "colon", "space")
        assert driver.moment == 5
        assert not driver.screen.query_one(Prompt).display
        assert "type a number, as in 0.5" in " ".join(right(driver))
        await driver.press("1", "z")
        assert "answer  1▏" in driver.text
        await driver.press("slash", "slash", "enter")
        assert "'1//' is not a valid answer" in driver.text
        assert driver.moment == 5


@pytest.mark.slow
async def test_a_choice_is_a_letter_or_a_click() -> None:
    async with opened("circuit-b") as driver:
        await ask(driver, "goto 2")
        await ask(driver, "quiz on number+")
        await driver.press("s")
        assert "Forward: which of these can be computed" in driver.text
        # The chosen row does not tell.
        larger = driver.debugger.graph.index_of("larger")
        assert driver.screen.panels.shown.selection.shown != larger
        assert "answer  ▏   a letter, a to c" in driver.text
        await driver.press("a")
        assert "▸ a  f" in driver.text
        await driver.press("b", "d")
        assert "type a letter, a to c" in driver.text
        rows = driver.text.split("\n")
        y = next(y for y, row in enumerate(rows) if "c  larger" in row)
        await driver.pilot.click(offset=(rows[y].index("c  larger"), y))
        assert "▸ c  larger" in driver.text
        await driver.press("enter")
        assert driver.message.startswith("right: z and w are there")


@pytest.mark.slow
async def test_a_click_elsewhere_leaves_the_answer_where_it_is_typed() -> None:
    async with opened("circuit-b") as driver:
        await asked_in(driver)
        await driver.pilot.click("#order", offset=(5, 3))
        await driver.press("minus", "1", "0", "enter")
        assert driver.message.startswith("right: ")


@pytest.mark.slow
async def test_a_count_does_not_pass_a_question_by() -> None:
    async with opened("circuit-b") as driver:
        await ask(driver, "quiz")
        assert driver.message == "the quiz is on: it asks before each step; s asks"
        # Nothing is asked about the feed; the next moment is asked about.
        await driver.press("6", "s")
        assert driver.moment == 1
        assert "What is xy?" in driver.text
        await driver.press("enter", "1", "s")
        assert driver.moment == 2
        await driver.press("escape")
        await ask(driver, "quiz off")
        # The summary.
        await driver.press("escape", "6", "s")
        assert driver.moment == 8


@pytest.mark.slow
async def test_the_score_is_shown_always_and_a_summary_at_the_end() -> None:
    async with opened("circuit-b") as driver:
        await asked_in(driver)
        await driver.press("2", "enter", "s")
        assert driver.message == "? type the answer   0 of 1 right"
        await driver.press("escape")
        await ask(driver, "quiz off")
        text = driver.text
        assert "no more questions; 0 of 1 right" in text
        assert "right  wrong  skipped  hints" in text
        assert "mfdebug demo gates" in " ".join(text.split())


@pytest.mark.slow
async def test_the_circuit_hides_what_is_asked_for_too() -> None:
    async with opened("circuit-b") as driver:
        await driver.press("G")
        await ask(driver, "goto 8")
        await ask(driver, "quiz")
        await driver.press("s")
        assert "What does xy send to y?" in driver.text
        rows = driver.text.split("\n")
        (y,) = (y for y, row in enumerate(rows) if row.startswith(" y ─"))
        assert rows[y + 1].strip().startswith("?")
        await driver.press("6", "enter")
        rows = driver.text.split("\n")
        (y,) = (y for y, row in enumerate(rows) if row.startswith(" y "))
        assert rows[y + 1].split()[0].startswith("6")


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"size": (60, 20)}, {"size": (200, 50)}], ids=str)
async def test_every_size_has_room_for_a_question(options: dict[str, tuple[int, int]]) -> None:
    async with opened("circuit-b", **options) as driver:
        await asked_in(driver)
        assert "A gradient of 1 arrives at f." in driver.text
        assert "answer  ▏" in driver.text


@pytest.mark.slow
async def test_the_list_does_not_give_away_the_order_that_is_asked_for() -> None:
    async with opened("xor") as driver:
        await ask(driver, "goto 2")
        await ask(driver, "quiz")
        await driver.press("s")
        assert "which of these can be computed" in driver.text
        names = [line[3:].split()[0] for line in left(driver)[2:13]]
        assert names == ["X", "t", "W1*", "b1*", "l1", "?", "W2*", "b2*", "?", "?", "?"]
        choices = [line.strip() for line in right(driver)]
        assert {"a  cost", "b  s2", "c  l2", "d  s1"} <= set(choices)
        await driver.press("d", "enter")
        assert row_of(driver, "s1")


async def test_the_score_is_not_broken_over_two_lines() -> None:
    async with opened("wx") as driver:
        for words in range(60, 84):
            said = f"{'not ' * (words // 4)}{'x' * (words % 4 + 1)}."
            driver.screen.say(f"{said}  2 of 15 right", "answer")
            await driver.pilot.pause()
            assert "2 of 15 right" in driver.text


# What the screen must not show ---------------------------------------------------------------

# The most questions of a graph whose screens are looked at.
MOST = pick(7, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", some([graph.name for graph in shipped()], 12))
async def test_no_screen_with_a_question_shows_the_answer_or_the_rule(name: str) -> None:
    """Of any shipped graph: what is needed is there, and what is asked for is hidden."""
    async with opened(name) as driver:
        await ask(driver, "quiz")
        debugger, quiz = driver.debugger, driver.screen.session.quiz
        assert quiz is not None
        seen = 0
        end = debugger.timeline.clamp(debugger.timeline.length)
        while seen < MOST and driver.moment < end:
            question = quiz.ask(debugger)
            if question is None:
                driver.screen.session.run("step")
                continue
            seen += 1
            await driver.screen.step_in_quiz(1)
            await driver.pilot.pause()
            panel = driver.screen.panels.quiz
            lines = [panel.line(y).text.strip() for y in range(panel.virtual_size.height)]
            shown = " ".join(" ".join(lines).split())
            for given in (*question.given, question.ask):
                assert " ".join(given.split()) in shown, (question, shown)
            for choice in question.listed:
                assert " ".join(choice.split()) in shown
            text = driver.text
            # Neither the op's sentence, nor its local derivative, nor what comes next.
            flat = " ".join(text.split())
            assert question.hint[:40] not in flat
            assert "next:" not in flat
            assert "upstream × local" not in flat
            assert (
                not driver.screen.query_one("#node").display
                or not driver.screen.query_one("#node").size.height
            )
            for node, cell in question.hides:
                label = debugger.graph.nodes[node].label
                # Within a scope, indented, another node may have this name as its last part.
                left = [row.split("│")[0] for row in text.split("\n")]
                rows = [row for row in left if re.match(rf".[ ▶] {re.escape(label)}[ *]", row)]
                assert all("?" in row for row in rows), (question, rows)
                if cell != "shape" and question.number is not None:
                    answer = question.answer.lstrip("-")
                    cells = [word.lstrip("-~⊕◐") for row in rows for word in row.split()[1:]]
                    given = " ".join(question.given)
                    assert answer not in cells or answer in given, (question, rows)
            assert driver.screen.session.run(f"answer {question.answer}").data["right"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "key", ["left", "right", "up", "down", "ctrl+p", "tab", "home", "pagedown"]
)
async def test_no_other_key_moves_on_while_it_asks(key: str) -> None:
    async with opened("circuit-b") as driver:
        await asked_in(driver)
        await driver.press("1", key)
        assert driver.moment == 5
        assert ASKED in driver.text
        assert "answer  1" in driver.text
        await driver.press("backspace", "minus", "1", "0", "enter")
        assert driver.message == "right: 1 × (-10) = -10  1 of 1 right"


@pytest.mark.slow
async def test_a_title_that_is_clicked_twice_does_not_hide_the_question() -> None:
    async with opened("circuit-b", size=(100, 30)) as driver:
        await asked_in(driver)
        await driver.pilot.click("#order-title", times=2)
        await driver.pilot.pause()
        assert ASKED in driver.text
        await driver.press("minus", "1", "0", "enter")
        assert driver.moment == 6

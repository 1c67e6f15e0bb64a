"""The course in the app: five graphs played to the end by keys, each with its summary."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from mfdebug.core.session.course import Course
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.screens.course import CourseScreen
from mfdebug.tui.screens.text import TextScreen
from tests.support.quiz_truth import typed
from tests.support.screen_text import screen_text
from tests.support.sizes import some

KEYS = {"-": "minus", ".": "full_stop", "+": "plus"}


async def answer(pilot: Pilot[int], text: str) -> None:
    await pilot.press(*(KEYS.get(character, character) for character in text), "enter")
    await pilot.pause()


def app_of(course: Course) -> DebuggerApp:
    return DebuggerApp(None, history_memory=2**24, course=course)


@pytest.mark.slow
@pytest.mark.parametrize(
    "graph", some(["circuit-a", "circuit-b", "diamond", "linear-regression", "softmax"], 2)
)
async def test_a_graph_is_played_to_its_end(graph: str, tmp_path: Path) -> None:
    """The second answer is wrong, the third question is skipped, all others are answered right."""
    course = Course([graph, "square"], tmp_path / "quiz.json")
    app = app_of(course)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        asked = 0
        while isinstance(screen := app.screen, CourseScreen):
            question = screen.question
            assert question is not None
            asked += 1
            shown = " ".join(screen_text(app).split())
            assert f"{graph}, 1 of 2" in shown
            if asked == 2:
                wrong = question.mistakes[0].answer
                text = wrong if isinstance(wrong, str) else f"{wrong:.6g}"
                await answer(pilot, typed(question, text) if question.choices else text)
                assert "not so: " in screen_text(app)
            elif asked == 3:
                await answer(pilot, "")
                assert "skipped: " in screen_text(app)
            else:
                await answer(pilot, typed(question, question.answer))
                assert "right: " in screen_text(app)
            # What comes next is said where the answer is judged.
            assert screen_text(app).split("\n")[-1].startswith(" s next question")
            await pilot.press("s")
            await pilot.pause()
        assert isinstance(app.screen, TextScreen)
        text = screen_text(app)
        score = f"{graph}: {asked - 2} of {asked - 1} right"
        assert score in text
        assert "right  wrong  skipped  hints" in text
        assert "confused most (1 ×): " in text
        assert "Enter continues with square, graph 2 of 2" in text
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, CourseScreen)
        assert "y = x × x" in screen_text(app)
    assert Course([graph, "square"], tmp_path / "quiz.json").current == "square"


@pytest.mark.slow
async def test_it_resumes_at_the_question_and_with_the_score(tmp_path: Path) -> None:
    path = tmp_path / "quiz.json"
    for expected, text in (("What is q?", "3"), ("What is f?", "-12")):
        app = app_of(Course(["circuit-a"], path))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert expected in screen_text(app)
            await answer(pilot, text)
            assert "right: " in screen_text(app)
            await pilot.press("q")
    assert Course(["circuit-a"], path).round_of("circuit-a").score == "number+ number+"


@pytest.mark.slow
async def test_the_end_of_the_course_shows_all_graphs_and_quits(tmp_path: Path) -> None:
    app = app_of(Course(["square"], tmp_path / "quiz.json"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await answer(pilot, "9")
        await pilot.press("s")
        await pilot.pause()
        await answer(pilot, "6")
        await pilot.press("s")
        await pilot.pause()
        text = screen_text(app)
        assert "All graphs:" in text
        assert "end of the course; Esc quits" in text
        await pilot.press("escape")
        await pilot.pause()
    assert app.return_code == 0


async def test_what_cannot_be_saved_is_said_and_the_quiz_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = app_of(Course(["square"], tmp_path / "file" / "quiz.json", restart=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await answer(pilot, "9")
        assert "cannot save the progress" in screen_text(app)
        await pilot.press("s")
        await pilot.pause()
        assert "What does y send to x in all?" in screen_text(app)

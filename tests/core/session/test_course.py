"""The course of the quiz: it goes from graph to graph, saves every answer, and resumes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.course import Course, Lesson
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import open_graph
from mfdebug.opening.shipped import COURSE, names
from miniflow.errors import MiniflowError

GRAPHS = ("circuit-a", "wx")


def lesson_of(course: Course) -> Lesson:
    graph = course.current
    assert graph is not None
    opened = open_graph(graph)
    session = open_session(ComputedDebugger(opened.graph), origin=opened.origin)
    return Lesson(course, graph, session)


def answer_all(lesson: Lesson) -> int:
    found = 0
    while (question := lesson.next_question()) is not None:
        lesson.session.run(f"answer {question.answer}")
        lesson.keep()
        found += 1
    lesson.finish()
    return found


def test_the_graphs_of_the_course_ship() -> None:
    assert {*COURSE} <= {*names()}


def test_it_ends_when_all_graphs_are_done(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "quiz.json"
    course = Course(GRAPHS, path)
    assert (course.current, course.place, course.resumed) == ("circuit-a", "1 of 2", False)
    assert answer_all(lesson_of(course)) == 4
    assert (course.current, course.place) == ("wx", "2 of 2")
    assert answer_all(lesson_of(course)) == 10
    assert (course.current, course.place) == (None, "2 of 2")
    assert Course(GRAPHS, path).current is None
    assert Course(GRAPHS, path, restart=True).current == "circuit-a"


def test_it_resumes_after_every_answer(tmp_path: Path) -> None:
    path = tmp_path / "quiz.json"
    told = []
    for _ in range(4):
        # As in a new process, each time.
        lesson = lesson_of(Course(GRAPHS, path))
        question = lesson.next_question()
        assert question is not None
        told.append(question.ask)
        lesson.session.run(f"answer {question.answer}")
        lesson.keep()
    whole = lesson_of(Course(GRAPHS, tmp_path / "other.json"))
    expected = []
    while (question := whole.next_question()) is not None:
        expected.append(question.ask)
        whole.session.run(f"answer {question.answer}")
    assert told == expected
    resumed = Course(GRAPHS, path)
    assert resumed.resumed
    assert lesson_of(resumed).quiz.score.text == "4 of 4 right, 4 in a row"


def test_what_was_wrong_comes_again_after_resuming_and_in_the_next_graphs(tmp_path: Path) -> None:
    path = tmp_path / "quiz.json"
    graphs = ("circuit-b", "wx")
    wrong = ""
    while not wrong:
        lesson = lesson_of(Course(graphs, path))
        question = lesson.next_question()
        assert question is not None
        sends = question.concept == "what a Mul sends"
        told = lesson.session.run("answer 2" if sends else f"answer {question.answer}").text
        lesson.keep()
        wrong = question.concept if sends else ""
    assert "comes again at xy" in told
    lesson = lesson_of(Course(graphs, path))
    while (question := lesson.next_question()) is not None and question.concept != wrong:
        lesson.session.run(f"answer {question.answer}")
    assert question is not None
    assert question.node == lesson.session.debugger.graph.index_of("xy")
    lesson.session.run("answer 77")
    answer_all(lesson)
    assert lesson_of(Course(graphs, path)).quiz.owed == (wrong,)


def test_another_seed_starts_anew_and_the_same_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "quiz.json"
    answer_all(lesson_of(Course(GRAPHS, path, seed=3)))
    assert Course(GRAPHS, path).current == "wx"
    assert Course(GRAPHS, path, seed=3).current == "wx"
    assert Course(GRAPHS, path, seed=4).current == "circuit-a"


def test_it_can_start_at_a_graph(tmp_path: Path) -> None:
    course = Course(COURSE, tmp_path / "quiz.json")
    course.start_at("diamond")
    assert course.current == "diamond"
    with pytest.raises(MiniflowError, match="'diamont' is not in the course"):
        course.start_at("diamont")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b'{"format": 2}', b'{"seed": -1}', b'{"seed": "x"}',
        b'{"rounds": {"wx": {"moment": -5}}}', b'{"rounds": {"wx": {"moment": 99999999999}}}',
        b'{"rounds": {"wx": {"score": "number+ nonsense"}}}',
        b'{"rounds": {"wx": {"score": "number+:no-such"}}}', b"\xff\xfe\x00",
    ],
)  # fmt: skip
def test_a_damaged_progress_is_refused_and_can_be_left_behind(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "quiz.json"
    path.write_bytes(content)
    with pytest.raises(MiniflowError) as caught:
        Course(GRAPHS, path)
    assert "quiz.json" in str(caught.value)
    assert "mfdebug quiz --restart" in str(caught.value)
    assert path.read_bytes() == content
    course = Course(GRAPHS, path, restart=True)
    course.save()
    assert json.loads(path.read_bytes())["format"] == 1


def test_a_moment_beyond_the_end_is_the_end(tmp_path: Path) -> None:
    path = tmp_path / "quiz.json"
    path.write_text('{"rounds": {"circuit-a": {"moment": 500}}}')
    assert lesson_of(Course(GRAPHS, path)).next_question() is None


def test_what_cannot_be_saved_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    course = Course(GRAPHS, tmp_path / "file" / "quiz.json", restart=True)
    course.save()
    assert course.problem.startswith("cannot save the progress: ")

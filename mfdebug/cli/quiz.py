"""`mfdebug quiz`: the course of the quiz over the shipped graphs, in the app or line by line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from mfdebug.cli.exit_status import OK
from mfdebug.cli.parsed_options import abilities_of, write_ascii
from mfdebug.config.settings import Settings
from mfdebug.config.terminal import has_screen
from mfdebug.core.format.table import text_lines
from mfdebug.core.quiz.question import Question
from mfdebug.core.session.course import RESTART, Course, Lesson
from mfdebug.loading import loaded
from mfdebug.opening.sessions import session_of
from mfdebug.opening.shipped import COURSE
from miniflow.errors import MiniflowError

PROMPT = "answer: "
HELP = "an empty line skips, a line `h` is a hint, `q` ends"


def run_quiz(options: argparse.Namespace, settings: Settings) -> int:
    """Run the course as the options say; return the exit status.

    Raises `MiniflowError` if the progress cannot be read, or a graph is not in the course.
    """
    course = Course(COURSE, restart=options.restart, seed=options.seed)
    if options.graph is not None:
        course.start_at(options.graph)
    if course.current is None:
        _write([f"the course is done; {RESTART}", *text_lines(course.summary)])
        return OK
    if not options.plain and has_screen():
        able = abilities_of(settings)
        from mfdebug.tui.app import run_course

        return run_course(course, settings=settings, abilities=able)
    loaded()
    write_ascii(options, settings)
    PlainCourse(course, settings.history_bytes).run()
    return OK


class PlainCourse:
    """The course line by line, for screen readers, dumb terminals and pipes."""

    def __init__(self, course: Course, history_memory: int) -> None:
        self._course = course
        self._history_memory = history_memory
        self._lines = _typed() if sys.stdin.isatty() else _piped()

    def run(self) -> None:
        """Ask about one graph after the other, until the end of the course or of the input."""
        course = self._course
        while (graph := course.current) is not None:
            lesson = Lesson(course, graph, session_of(graph, self._history_memory))
            moment = lesson.session.debugger.moment
            where = f" from moment {moment}" if moment else ""
            _say(f"graph {course.place}: {graph}{where}")
            if not self._ask_all(lesson):
                _say(f"left at {graph}, {lesson.quiz.score.text}; mfdebug quiz resumes")
                return
            lesson.finish()
            _say(f"{graph}: {lesson.quiz.score.text}")
            _write(text_lines(lesson.quiz.score.summary))
        _write(text_lines(course.summary))

    def _ask_all(self, lesson: Lesson) -> bool:
        """Ask all questions about a graph; return whether the input lasted."""
        while (question := lesson.next_question()) is not None:
            if not self._ask(lesson, question):
                return False
            lesson.keep()
            if self._course.problem:
                _say(self._course.problem)
                self._course.problem = ""
        return True

    def _ask(self, lesson: Lesson, question: Question) -> bool:
        """Ask until there is an answer; return False at the end of the input."""
        session = lesson.session
        for line in (*question.given, question.ask, *question.listed):
            _say(line)
        for typed in self._lines:
            if typed == "q":
                return False
            if typed == "?":
                _say(f"{question.form}; {HELP}")
                continue
            line = {"h": "hint", "": "skip"}.get(typed, f"answer {typed}")
            try:
                told = session.run(line)
            except MiniflowError as error:
                _say(str(error))
                continue
            _say(told.text.partition("\n")[0])
            if line != "hint":
                return True
        return False


def _typed() -> Iterator[str]:
    while True:
        try:
            yield input(PROMPT).strip()
        except (EOFError, KeyboardInterrupt):
            _say("")
            return


def _piped() -> Iterator[str]:
    for line in sys.stdin:
        yield line.strip()


def _write(lines: list[str]) -> None:
    for line in lines:
        _say(line)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    # A reader at the other end of a pipe waits for it.
    sys.stdout.flush()

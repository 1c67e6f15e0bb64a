"""The screen of the quiz's course: a step runs to the next question, a graph ends in a table."""

from __future__ import annotations

from collections.abc import Callable

from mfdebug.core.session.course import Course, Lesson
from mfdebug.core.session.reply import Reply, Target
from mfdebug.core.session.session import Session
from mfdebug.tui.keys import KeyHint, keys_of
from mfdebug.tui.presentation import Presentation
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.on_demand import text_screen


class CourseScreen(DebugScreen):
    """The debugger's screen on a graph of the course; `go_on` shows the next graph."""

    def __init__(
        self, session: Session, course: Course, graph: str, go_on: Callable[[], None],
        presentation: Presentation,
    ) -> None:  # fmt: skip
        self.lesson = Lesson(course, graph, session)
        self.course = course
        self._go_on = go_on
        place = f"quiz, graph {course.place}: {graph}"
        super().__init__(session, greeting=place, presentation=presentation)

    async def on_mount(self) -> None:
        """Ask the first question."""
        self.call_after_refresh(self.step_in_quiz, 1)

    @property
    def score(self) -> str:
        """The score of this graph, and where the course is."""
        return f"{super().score}   {self.lesson.graph}, {self.course.place}"

    def hints(self) -> list[KeyHint]:
        """Return the key hints: a step runs to the next question."""
        return [
            hint._replace(words="next question") if hint.id == "step" else hint
            for hint in super().hints()
        ]

    async def step_in_quiz(self, count: int) -> None:
        """Run to the next question and ask it; at the end show the summary."""
        # Also if the user has ended the quiz and begun another.
        self.session.quiz = self.lesson.quiz
        question = self.lesson.next_question()
        self.follow()
        self.show_moment()
        if question is not None:
            self.open_question(question)
        else:
            self._finish()

    def answered(self, line: str, reply: Reply) -> None:
        """Show the reply to a command, and save what was reached."""
        super().answered(line, reply)
        if self.session.debugger is self.debugger and self.session.quiz is self.lesson.quiz:
            self.lesson.keep()
            if self.course.problem:
                self.say(self.course.problem, "error")

    def _finish(self) -> None:
        self.lesson.finish()
        coming, score = self.course.current, self.lesson.quiz.score
        parts = list(score.summary) or ["nothing was asked"]
        if coming is None:
            parts += ["", "All graphs:", *self.course.summary]
            last = f"end of the course; {keys_of(self).name('text-close')} quits"
        else:
            enter = keys_of(self).name("text-open")
            last = f"{enter} continues with {coming}, graph {self.course.place}"
        title = f"{self.lesson.graph}: {score.text}"
        self.app.push_screen(text_screen(title, [*parts, "", last]), self._finished)

    def _finished(self, _target: Target | None) -> None:
        if self.course.current is None:
            self.app.exit()
        else:
            self._go_on()

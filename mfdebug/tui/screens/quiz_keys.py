"""The quiz on the main screen: a question is open in place of the node panel until it is answered.

Nothing else on the screen gives the answer away: what is asked for is concealed in order and
circuit, and the line that says what comes next says the score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input as TextInput

from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.keys import keys_of
from mfdebug.tui.screens.prompt_keys import PromptKeys
from miniflow.errors import MiniflowError

if TYPE_CHECKING:
    from mfdebug.core.quiz.question import Question
    from mfdebug.tui.widgets.quiz_panel import QuizPanel

ASKING = "asking"


class QuizKeys(PromptKeys):
    """A screen on which the quiz asks before each step."""

    debugger: Debugger

    def show_moment(self) -> None:
        """Update every panel to the present moment."""
        raise NotImplementedError

    def follow(self) -> None:
        """Show the node of the present moment."""
        raise NotImplementedError

    def show_keys(self) -> None:
        """Show the key hints."""
        raise NotImplementedError

    async def step_in_quiz(self, count: int) -> None:
        """Step `count` moments, but stop at the first that the quiz asks about, and ask."""
        for _ in range(count):
            if question := self.session.question:
                self.open_question(question)
                return
            before = self.debugger.moment
            await self.run_line("step")
            if self.debugger.moment == before or self.message.tone == "stop":
                return

    @property
    def question(self) -> Question | None:
        """The open question."""
        return self.panels.quiz.question if self.has_class(ASKING) else None

    @property
    def score(self) -> str:
        """The score in words."""
        return "" if self.session.quiz is None else self.session.quiz.score.text

    def open_question(self, question: Question) -> None:
        """Show a question in place of the node panel, and take the answer."""
        self.autoplay.stop()
        if self.panels.zoomed:
            self.panels.zoom("")
        self.panels.ask(question)
        self.debugger.state.concealed = question.hides
        self.show_asked(question)
        self.add_class(ASKING)
        self.set_focus(self.panels.quiz)
        self.show_moment()
        self.say_score()

    def show_asked(self, question: Question) -> None:
        """Show the node that is asked about in list and circuit, unless that is the answer."""
        if question.kind != "order":
            self.panels.shown.show(question.node)

    def say_score(self) -> None:
        """Show the score in the message line, which would say what comes next."""
        self.say(f"type the answer   {self.score}", "ask")
        self.show_keys()

    def close_question(self) -> None:
        """Show the node panel again."""
        self.debugger.state.concealed = frozenset()
        self.remove_class(ASKING)
        self.panels.focus_shown()
        self.show_moment()
        self.show_keys()

    def close_stale_question(self) -> None:
        """Close the question if it is no longer about the next moment."""
        question = self.question
        if question is not None and self.session.question != question:
            self.close_question()

    def on_descendant_focus(self) -> None:
        """Keep the focus where the answer is typed, also if a panel is clicked."""
        if self.question is None or isinstance(self.focused, TextInput):
            return
        if self.focused is not self.panels.quiz:
            self.call_later(self.set_focus, self.panels.quiz)

    async def on_quiz_panel_answered(self, event: QuizPanel.Answered) -> None:
        """Judge the answer; without one, skip the question."""
        if self.question is not None:
            await self.take_answer(event.text)

    def on_quiz_panel_hint_asked(self) -> None:
        """Show the hint."""
        if self.question is not None:
            self.give_hint()

    def on_quiz_panel_left(self) -> None:
        """Close the question without an answer."""
        self.leave_question()

    async def take_answer(self, text: str) -> None:
        """Judge an answer to the open question; without one, skip it."""
        if self.session.quiz is None:
            return
        if text:
            try:
                self.session.quiz.check(self.debugger, text)
            except MiniflowError as error:
                self.panels.quiz.show_problem(str(error))
                return
        self.close_question()
        await self.run_line(f"answer {text}" if text else "skip")

    def give_hint(self) -> None:
        """Show the hint of the open question."""
        self.panels.quiz.show_hint(self.session.run("hint").data["hint"])
        self.say_score()

    def leave_question(self) -> None:
        """Close the question without an answer."""
        self.follow()
        self.close_question()
        step = keys_of(self).name("step")
        self.say(f"the question is still open: {step} asks it again   {self.score}")

"""The questions of a demo: typed in the quiz's panel, which hides what would answer them.

There are two kinds. `ask` ends a beat; its question stays open until it is answered or the demo
continues. `answer`, after `quiz on`, is a question about the next moment within a beat; it waits.
"""

from __future__ import annotations

import asyncio

from mfdebug.core.quiz.question import Question
from mfdebug.core.quiz.scripted import answer_words, verdict
from mfdebug.tui.keys import KeyHint, keys_of
from mfdebug.tui.screens.debug import DebugScreen
from miniflow.errors import MiniflowError

ANSWER = "answer "
HINTS_ASKED = [
    ("quiz-enter", "answer"),
    ("demo-on", "next beat"),
    ("demo-back", "beat back"),
    ("quiz-leave", "close"),
    ("quit", "quit"),
    ("help", "help"),
]


class DemoQuestions(DebugScreen):
    """The debugger's screen, on which a script asks."""

    # The open question of an `ask`, and the answer that an `answer` waits for.
    _asked: Question | None = None
    _awaited: asyncio.Future[str] | None = None

    def ask(self, question: Question) -> None:
        """Open the question of an `ask`."""
        self._asked = question
        self.open_question(question)

    def show_asked(self, question: Question) -> None:
        """Leave the node that the script shows."""
        if self._asked is None:
            super().show_asked(question)

    async def answered_by_user(self, line: str) -> str:
        """Let the user answer what a line of the script answers; return the line to run.

        Without an answer it is the script's.
        """
        question = self.session.question if line.startswith(ANSWER) else None
        if question is None:
            return line
        self._awaited = asyncio.get_running_loop().create_future()
        self.open_question(question)
        typed = await self._awaited
        self._awaited = None
        self.close_question()
        return f"{ANSWER}{typed}" if typed else line

    def drop_question(self) -> None:
        """Close the question without an answer."""
        self._asked = None
        if self._awaited is not None:
            if not self._awaited.done():
                self._awaited.set_result("")
        elif self.question is not None:
            self.close_question()

    def say_score(self) -> None:
        """Say that an answer is expected; what the script asks is not scored."""
        if self._asked is None:
            super().say_score()
            return
        on = keys_of(self).name("demo-on")
        self.say(f"type the answer; {on} continues without one", "ask")
        self.show_keys()

    def close_stale_question(self) -> None:
        """Close the question if it is no longer about the present moment."""
        if self._asked is None and self._awaited is None:
            super().close_stale_question()
        elif self._asked is None:
            if self.session.question != self.question:
                self.drop_question()
        elif self._asked.moment != self.debugger.moment:
            self.drop_question()

    async def take_answer(self, text: str) -> None:
        """Judge the answer, or hand it to the script that waits for it."""
        asked, awaited = self._asked, self._awaited
        try:
            if asked is not None:
                words = verdict(asked, text) if text else answer_words(asked)
                self.drop_question()
                self.say(words)
            elif awaited is not None and not awaited.done():
                if text and self.session.quiz is not None:
                    self.session.quiz.check(self.debugger, text)
                awaited.set_result(text)
            else:
                await super().take_answer(text)
        except MiniflowError as error:
            self.panels.quiz.show_problem(str(error))

    def give_hint(self) -> None:
        """Give the hint of a question of the quiz; a script has none."""
        if self._asked is None:
            super().give_hint()

    def leave_question(self) -> None:
        """Close the question without an answer."""
        if self._asked is None and self._awaited is None:
            super().leave_question()
        else:
            self.drop_question()

    def hints(self) -> list[KeyHint]:
        """Return the key hints; those of an open question of the script."""
        if self._asked is None:
            return super().hints()
        keys = keys_of(self)
        return [KeyHint(bound, keys.name(bound), words) for bound, words in HINTS_ASKED]

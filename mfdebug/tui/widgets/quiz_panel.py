"""The quiz's panel, in place of the node panel while a question is open: it takes the answer.

An answer is typed without a prompt. Only the characters of an answer are taken, so that the other
keys can be a hint, the help, or leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click, Key, Paste
from textual.message import Message
from textual.strip import Strip

from mfdebug.config.bindings import at
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.terminal.text_fitting import fit, wrap
from mfdebug.tui.widgets.lines import LinesView

if TYPE_CHECKING:
    from mfdebug.core.quiz.question import Question

# The most characters of an answer.
MOST = 24
CURSOR = "▏"
# Of the further lines of a choice: below its first word.
CHOICE_INDENT = 5
# The keys of the screen that work while a question is open.
PASSED = ("help", "quit")


class QuizPanel(LinesView, can_focus=True):
    """The open question, its hint, and the answer that is being typed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "quiz--title",
        "quiz--given",
        "quiz--ask",
        "quiz--choice",
        "quiz--hint",
        "quiz--answer",
        "quiz--problem",
    }
    DEFAULT_CSS = """
    QuizPanel {
        background: $background;
        overflow-x: hidden;
        display: none;
        height: 1fr;
        & > .quiz--title { color: $text-muted; }
        & > .quiz--given { color: $text; }
        & > .quiz--ask { color: $accent; text-style: bold; }
        & > .quiz--choice { color: $text; }
        & > .quiz--hint { color: $text-muted; text-style: italic; }
        & > .quiz--answer { color: $text; text-style: bold; }
        & > .quiz--problem { color: $text-error; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("quiz")

    class Answered(Message):
        """An answer was entered; an empty one skips the question."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class HintAsked(Message):
        """The user asks for a hint."""

    class Left(Message):
        """The user leaves the question open."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.question: Question | None = None
        self._typed = self._hint = self._problem = ""
        # The choice in each line of the content that has one.
        self._choice_at: dict[int, int] = {}

    @property
    def typed(self) -> str:
        """What has been typed so far."""
        return self._typed

    def open(self, question: Question) -> None:
        """Show a question, with an empty answer."""
        self.question = question
        self._typed = self._hint = self._problem = ""
        self.show()

    def show_hint(self, words: str) -> None:
        """Show the hint, too."""
        self._hint = words
        self.show()

    def show_problem(self, words: str) -> None:
        """Show why an answer cannot be one, and take another."""
        self._typed, self._problem = "", words
        self.show()

    # Keys --------------------------------------------------------------------------------

    async def on_key(self, event: Key) -> None:
        """Take the characters of an answer; leave no key to the screen that could move on."""
        keys = keys_of(self)
        passed = {key for bound in (*at("quiz"), *at("app")) for key in keys.of(bound.id)}
        passed.update(*map(keys.of, PASSED))
        if event.key in passed:
            return
        event.stop()
        event.prevent_default()
        if event.is_printable:
            self._type(event.character or "")

    def on_paste(self, event: Paste) -> None:
        """Take an answer that is pasted."""
        event.stop()
        self._type(event.text.strip())

    def _type(self, text: str) -> None:
        if self.question is None:
            return
        allowed = self.question.typed_characters
        taken = "".join(c.lower() if allowed == allowed.lower() else c for c in text)
        taken = "".join(c for c in taken if c in allowed)
        if not taken:
            self._problem = f"type {self.question.form}"
        else:
            single = bool(self.question.choices) or self.question.kind == "sign"
            self._typed = taken[-1] if single else (self._typed + taken)[:MOST]
            self._problem = ""
        self.show()

    def action_erase(self) -> None:
        """Delete the last character of the answer."""
        self._typed = self._typed[:-1]
        self.show()

    def action_enter(self) -> None:
        """Enter the answer; an empty one skips the question."""
        self.post_message(self.Answered(self._typed))

    def action_hint(self) -> None:
        """Ask for a hint."""
        self.post_message(self.HintAsked())

    def action_leave(self) -> None:
        """Leave the question open."""
        self.post_message(self.Left())

    def on_click(self, event: Click) -> None:
        """Choose the choice that was clicked; clicked twice, enter it."""
        y = event.y + self.scroll_offset.y
        if self.question is None or y not in self._choice_at:
            return
        self._typed = self.question.letter(self._choice_at[y])
        self.show()
        if event.chain > 1:
            self.action_enter()

    # Showing -----------------------------------------------------------------------------

    def show(self) -> None:
        """Show the question with what is typed."""
        self.update_lines(self._question_lines())

    def on_resize(self) -> None:
        """Wrap the question to the new width."""
        self.show()

    def _question_lines(self) -> Iterable[Strip]:
        self._choice_at = {}
        question = self.question
        if question is None:
            return []
        # A blank before the text, and one before a scrollbar.
        width = max(20, self.size.width - 3)
        lines: list[Strip] = []

        def add(text: str, style: str, indent: int = 0) -> None:
            for part in wrap(text, width - indent):
                lines.append(self._strip(f"{' ' * indent}{part}", style, width))

        focus = "━" if self.has_focus else "─"
        title = f"{focus} quiz ".ljust(self.size.width, focus)
        lines.append(Strip([Segment(title, self._style("title"))]))
        for given in question.given:
            add(given, "given")
        lines.append(self._strip("", "given", width))
        add(question.ask, "ask")
        for number, choice in enumerate(question.listed):
            self._choice_at[len(lines)] = number
            chosen = bool(self._typed) and self._typed == question.letter(number)
            mark, style = ("▸", "answer") if chosen else (" ", "choice")
            first, *rest = wrap(choice, width - CHOICE_INDENT)
            lines.append(self._strip(f"{mark} {first}", style, width))
            lines += [self._strip(f"{' ' * CHOICE_INDENT}{part}", style, width) for part in rest]
        lines.append(self._strip("", "given", width))
        words = f"answer  {self._typed}{CURSOR}"
        form = f"   {question.form}"
        fits = not self._typed and cell_len(words + form) <= width
        segments = [Segment(f" {words}", self._style("answer"))]
        if fits:
            segments.append(Segment(form, self._style("hint")))
        lines.append(Strip(segments))
        if not (self._typed or self._problem or fits):
            add(question.form, "hint", 8)
        if self._problem:
            add(self._problem, "problem")
        if self._hint:
            lines.append(self._strip("", "given", width))
            add(f"hint: {self._hint}", "hint")
        return lines

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"quiz--{name}")

    def _strip(self, text: str, style: str, width: int) -> Strip:
        shown = fit(text, width) if cell_len(text) > width else text
        return Strip([Segment(f" {shown}", self._style(style))])

    def on_focus(self) -> None:
        """Draw the title in bold lines."""
        self.show()

    def on_blur(self) -> None:
        """Draw the title in thin lines."""
        self.show()

"""The command prompt, in place of the message line, with completion and history."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.events import Key
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widgets import Input
from textual.widgets.input import Selection

from mfdebug.core.commands.completion import Completion
from mfdebug.tui.keys import bindings_at
from mfdebug.tui.widgets.completion_list import CompletionList
from miniflow.text.characters import JOINER, NON_JOINER

Complete = Callable[[str], list[Completion]]


class CommandSuggester(Suggester):
    """Completes the last word of a command line: a command, then nodes and other words."""

    def __init__(self, complete: Complete) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first completion of a word that has begun."""
        found = self._complete(value) if value and value[-1].isalnum() else []
        return found[0].line if found else None


class Prompt(Input):
    """A line to type a command into, after a colon.

    Enter runs it, Escape closes, Tab completes, up and down recall or choose a completion.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"prompt--sign"}
    DEFAULT_CSS = """
    Prompt {
        & > .prompt--sign { color: $accent; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("prompt")

    class Entered(Message):
        """A line was entered."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    class Left(Message):
        """The prompt was closed without a line."""

    def __init__(self, complete: Complete, completions: CompletionList, *, id: str) -> None:  # noqa: A002
        """`completions` shows what fits."""
        super().__init__(
            id=id,
            compact=True,
            placeholder="a command, as in: until l1 backward   Tab completes, Esc closes",
            suggester=CommandSuggester(complete),
            select_on_focus=False,
        )
        self.completions = completions
        self._complete = complete
        self._history: list[str] = []
        self._recalled = 0
        # What was typed before a completion was chosen, and the line that choosing it made.
        self._typed = self._chosen = ""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the colon into the padding."""
        strips = super().render_lines(crop)
        if crop.x == 0 and crop.y == 0 and strips:
            sign = self.get_component_rich_style("prompt--sign")
            strips[0] = Strip.join([Strip([Segment(" :", sign)]), strips[0].crop(2)])
        return strips

    def open(self, text: str = "", replaced: int = 0) -> None:
        """Show the prompt with `text` in it, its last `replaced` characters selected."""
        self.display = True
        self._recalled = len(self._history)
        self._write(text)
        self.screen.set_focus(self)
        if replaced:
            self.selection = Selection(len(text) - replaced, len(text))

    def close(self) -> None:
        """Hide the prompt and the completions."""
        self.display = False
        self.completions.close()

    def _write(self, text: str) -> None:
        self.value = text
        self.cursor_position = len(text)

    def on_key(self, event: Key) -> None:
        """At a space, keep the selected text instead of replacing it; also accept joiners."""
        if event.key == "space" and not self.selection.is_empty:
            event.prevent_default()
            self._write(self.value.rstrip() + " ")
        elif event.character in (JOINER, NON_JOINER):
            event.stop()
            self.insert_text_at_cursor(event.character)

    def on_input_changed(self, event: Input.Changed) -> None:
        """While completions are listed, list those of what is typed."""
        event.stop()
        if self.completions.is_open and event.value != self._chosen:
            self._list(self._complete(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Post the line that was entered."""
        event.stop()
        line = self.value.strip()
        if line and self._history[-1:] != [line]:
            self._history.append(line)
        self.post_message(self.Entered(line) if line else self.Left())

    def action_leave(self) -> None:
        """Close the completions and restore what was typed; without any, close the prompt."""
        if self.completions.is_open:
            self.completions.close()
            self._write(self._typed)
        else:
            self.post_message(self.Left())

    def action_complete(self, by: int) -> None:
        """Complete the common prefix of all completions; then list them, and choose among them."""
        if self.completions.is_open:
            self._choose(by)
            return
        found = self._complete(self.value)
        common = _common_prefix([completion.line for completion in found])
        if len(common) > len(self.value):
            self._write(common)
        if len(found) > 1:
            self._list(found)

    def _list(self, found: list[Completion]) -> None:
        self._typed = self._chosen = self.value
        self.completions.show(found)

    def _choose(self, by: int) -> None:
        """Write the completion below or above the chosen one, or what was typed between them."""
        chosen = self.completions.move(by)
        self._chosen = self._typed if chosen is None else chosen.line
        self._write(self._chosen)

    def action_recall(self, by: int) -> None:
        """Choose another completion; without a list of them, recall an earlier or later line."""
        if self.completions.is_open:
            self._choose(by)
            return
        position = self._recalled + by
        if 0 <= position <= len(self._history):
            self._recalled = position
            self._write(self._history[position] if position < len(self._history) else "")


def _common_prefix(texts: list[str]) -> str:
    if not texts:
        return ""
    first, last = min(texts), max(texts)
    for i, character in enumerate(first):
        if i >= len(last) or last[i] != character:
            return first[:i]
    return first

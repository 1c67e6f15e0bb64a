"""The command prompt, in place of the message line, with completion and history."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType
from textual.events import Key
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input
from textual.widgets.input import Selection

from mfdebug.tui.keys import bindings_at
from miniflow.text.characters import JOINER, NON_JOINER


class CommandSuggester(Suggester):
    """Completes the last word of a command line: a command, then nodes and other words."""

    def __init__(self, complete: Callable[[str], list[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first completion of the line."""
        found = self._complete(value)
        return found[0] if found and value else None


class Prompt(Input):
    """The input line; Enter runs it, Escape closes, Tab completes, up and down recall."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("prompt")

    class Entered(Message):
        """A line was entered."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    class Left(Message):
        """The prompt was closed without a line."""

    def __init__(self, complete: Callable[[str], list[str]], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(
            id=id,
            compact=True,
            placeholder="a command, as in: until l1 backward   Tab completes, Esc closes",
            suggester=CommandSuggester(complete),
            select_on_focus=False,
        )
        self._complete = complete
        self._history: list[str] = []
        self._recalled = 0

    def open(self, text: str = "", replaced: int = 0) -> None:
        """Show the prompt with `text` in it, its last `replaced` characters selected."""
        self._recalled = len(self._history)
        self.value = text
        self.cursor_position = len(text)
        self.display = True
        self.screen.set_focus(self)
        if replaced:
            self.selection = Selection(len(text) - replaced, len(text))

    def on_key(self, event: Key) -> None:
        """At a space, keep the selected text instead of replacing it; also accept joiners."""
        if event.key == "space" and not self.selection.is_empty:
            event.prevent_default()
            self.value = self.value.rstrip() + " "
            self.cursor_position = len(self.value)
        elif event.character in (JOINER, NON_JOINER):
            event.stop()
            self.insert_text_at_cursor(event.character)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Post the line that was entered."""
        event.stop()
        line = self.value.strip()
        if line and self._history[-1:] != [line]:
            self._history.append(line)
        self.post_message(self.Entered(line) if line else self.Left())

    def action_leave(self) -> None:
        """Close without a line."""
        self.post_message(self.Left())

    def action_complete(self) -> None:
        """Complete the common prefix of all completions."""
        found = self._complete(self.value)
        if found:
            common = _common_prefix(found)
            if len(common) > len(self.value):
                self.value = common
                self.cursor_position = len(common)

    def action_recall(self, by: int) -> None:
        """Recall an earlier or later line."""
        position = self._recalled + by
        if 0 <= position <= len(self._history):
            self._recalled = position
            self.value = self._history[position] if position < len(self._history) else ""
            self.cursor_position = len(self.value)


def _common_prefix(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    for i, character in enumerate(first):
        if i >= len(last) or last[i] != character:
            return first[:i]
    return first

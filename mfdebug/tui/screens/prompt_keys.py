"""The keys of the main screen that open the prompt: a line is typed, completed, searched with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input as TextInput

from mfdebug.core.session.session import Session
from mfdebug.tui.autoplay import Autoplay
from mfdebug.tui.finder import Finder
from mfdebug.tui.screens.panel_keys import PanelKeys
from miniflow.errors import MiniflowError

if TYPE_CHECKING:
    from mfdebug.tui.widgets.completion_list import CompletionList
    from mfdebug.tui.widgets.prompt import Prompt


class PromptKeys(PanelKeys):
    """A screen with a prompt, which is mounted right after the first frame."""

    session: Session
    autoplay: Autoplay
    finder: Finder
    _prompt: Prompt | None = None

    async def run_line(self, line: str) -> None:
        """Run a command line and show its reply."""
        raise NotImplementedError

    def cast(self, pressed: str) -> None:
        """Display a typed line, if keys are displayed."""
        raise NotImplementedError

    def prompt(self) -> Prompt:
        """Return the prompt; mount it at the first call."""
        if self._prompt is None:
            from mfdebug.core.commands.completion import completions
            from mfdebug.tui.widgets.completion_list import CompletionList
            from mfdebug.tui.widgets.prompt import Prompt

            listed = CompletionList(id="completions")
            self._prompt = Prompt(lambda line: completions(self.session, line), listed, id="prompt")
            self._prompt.display = False
            self.mount(listed, self._prompt, before="#keys")
        return self._prompt

    def action_prompt(self, text: str, replaced: int = 0) -> None:
        """Open the prompt with `text`, whose last `replaced` characters are selected."""
        self.autoplay.stop()
        self.message.display = False
        self.prompt().open(text, replaced)

    def close_prompt(self) -> None:
        """Hide the prompt, and show the message line again."""
        self.prompt().close()
        self.message.display = True
        self.panels.focus_shown()

    def on_input_changed(self, event: TextInput.Changed) -> None:
        """Go to the first match while a search is typed."""
        if event.input is self._prompt and event.input.display:
            self._show_found(self.finder.typed(event.value))

    def _show_found(self, changed: bool) -> None:
        if changed:
            self.panels.show_node()

    def action_find_next(self, by: int) -> None:
        """Go to the next or the previous match of the last search."""
        try:
            self.finder.next(by)
        except MiniflowError as error:
            self.say(str(error), "error")
        else:
            self._show_found(True)

    async def on_prompt_entered(self, event: Prompt.Entered) -> None:
        """Run the line that was entered."""
        await self.entered(event.line)

    async def entered(self, line: str) -> None:
        """Run a line that was entered at the prompt."""
        self.close_prompt()
        self.cast(f":{line}")
        if self.finder.repeats(line):
            self.action_find_next(1)
            return
        await self.run_line(line)

    def on_prompt_left(self) -> None:
        """Close the prompt without a line."""
        self.left()

    def left(self) -> None:
        """Close the prompt without a line, and return from a search."""
        self._show_found(self.finder.cancel())
        self.close_prompt()

    def on_completion_list_clicked(self, event: CompletionList.Clicked) -> None:
        """Take the completion that was clicked."""
        self.prompt().open(event.completion.line)

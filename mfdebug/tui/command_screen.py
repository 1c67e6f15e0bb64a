"""A screen that runs command lines, as the command palette knows it."""

from __future__ import annotations

from mfdebug.tui.terminal.first_frame import FirstFrameScreen


class CommandScreen(FirstFrameScreen):
    """A screen that runs command lines."""

    def action_prompt(self, text: str, replaced: int = 0) -> None:
        """Open the prompt with the beginning of a line."""
        raise NotImplementedError

    async def action_command(self, template: str, asks: bool) -> None:
        """Run the line of a key, or ask for the rest of it."""
        raise NotImplementedError

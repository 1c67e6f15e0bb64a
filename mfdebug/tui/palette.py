"""The command palette: Textual's own, filled from the table of commands and nothing else.

Textual's matcher tries all ways in which the letters typed may be spread over a text, which takes
very long for some, and reads the text as markup. Here a command is found by the words it is told
in, as in the help, and is shown as text.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import NamedTuple, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.screen import Screen
from textual.types import IgnoreReturnCallbackType

from mfdebug.config.bindings import at
from mfdebug.core.commands.command import Argument, Command
from mfdebug.core.commands.table import COMMANDS
from mfdebug.tui.keys import keys_of

# What keys of the screen and the app do, but not from the palette.
NOT_HERE = {"calm", "prompt", "palette", "suspend", "redraw", "how-to-leave"}


class CommandScreen(Screen[None]):
    """A screen that runs command lines."""

    def action_prompt(self, text: str, replaced: int = 0) -> None:
        """Open the prompt with the beginning of a line."""
        raise NotImplementedError

    async def action_command(self, template: str, asks: bool) -> None:
        """Run the line of a key, or ask for the rest of it."""
        raise NotImplementedError


class Choice(NamedTuple):
    """A line of the palette: what it is called, what it does, and how it is run."""

    name: str
    words: str
    details: str
    run: IgnoreReturnCallbackType

    def score(self, query: str) -> float:
        """Return how well all the words of `query` are found in it: 0 if one is not."""
        name = self.name.casefold()
        texts = (name, self.words.casefold(), self.details.casefold())
        whole = " ".join(query.casefold().split())
        if name.startswith(whole):
            return 1.0
        ranks = [
            max((0.8 / 2**i for i, text in enumerate(texts) if word in text), default=0.0)
            for word in whole.split()
        ]
        return min(ranks, default=0.0)


def takes_argument(command: Command) -> bool:
    """Return whether a command is to be completed at the prompt: not if it may stand alone."""
    asked_for = any(key.asks for key in command.keys) and command.argument is not Argument.COMMAND
    return command.required or asked_for


class CommandProvider(Provider):
    """Finds commands, and the few keys of the screen that are none."""

    def _choices(self) -> list[Choice]:
        screen = cast("CommandScreen", self.screen)
        choices = [_of_command(screen, command) for command in COMMANDS.values()]
        for node, place in ((screen, "screen"), (screen.app, "app")):
            for one in at(place):
                if one.command or one.id in NOT_HERE:
                    continue
                run = partial(screen.app.run_action, one.action, node)
                shown = keys_of(screen).shown(one.id)
                choices.append(Choice(one.words, f"key {shown}" if shown else "", "", run))
        return choices

    async def discover(self) -> Hits:
        """Yield everything, before anything is typed."""
        for choice in self._choices():
            name, words = _shown(choice)
            yield DiscoveryHit(name, choice.run, choice.name, cast("str", words))

    async def search(self, query: str) -> Hits:
        """Yield what has all the words typed in it."""
        for choice in self._choices():
            if score := choice.score(query):
                name, words = _shown(choice)
                yield Hit(score, name, choice.run, choice.name, cast("str", words))


def _shown(choice: Choice) -> tuple[Content, Content]:
    """Return name and words as content: Textual reads text as markup here, as in `NODE[i,j]`."""
    return Content(choice.name), Content(choice.words)


def _of_command(screen: CommandScreen, command: Command) -> Choice:
    shown = keys_of(screen).of_command(command.name)
    keys = f"{shown} ∙ " if shown else ""
    run: IgnoreReturnCallbackType
    if takes_argument(command):
        run = partial(screen.action_prompt, f"{command.name} ")
    else:
        alone = [key.line for key in command.keys if not key.asks and "{node}" not in key.line]
        run = partial(screen.action_command, alone[0] if alone else command.name, False)
    return Choice(command.usage, f"{keys}{command.summary}", command.details, run)


class Palette(CommandPalette):
    """Textual's palette, in the look of the prompt and without characters few terminals have."""

    DEFAULT_CSS = """
    Palette {
        & > Vertical { margin-top: 1; width: 90%; max-width: 100; background: $panel; }
        & #--input { border: none; background: $panel; padding: 0 2 1 2; }
        & #--input.--list-visible { border: none; }
        & SearchIcon { display: none; }
        & CommandInput, & CommandInput:focus { border: none; height: 1; }
        & #--results { background: $panel; }
        & CommandList, & CommandList:focus {
            border: none; background: $panel; scrollbar-size: 1 1; max-height: 80vh;
        }
        /* An option list loses `reverse` (Textual 8.2.8, Widget.get_visual_style). */
        & CommandList:nocolor > .option-list--option-highlighted { text-style: bold underline; }
    }
    """

    def __init__(self) -> None:
        super().__init__([CommandProvider], placeholder="what do you want to do?")

    def _action_command_list(self, action: str) -> None:
        # Right after a letter was typed the list is not laid out: it has no pages (Textual 8.2.8).
        with contextlib.suppress(KeyError):
            super()._action_command_list(action)

"""The command palette: Textual's own, filled only from the table of commands.

Textual's fuzzy matcher tries every way to spread the typed letters over a text, which takes very
long for some, and parses the text as markup. Here a command is found by the words of its
description, as in the help, and is shown as plain text.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import NamedTuple, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.types import IgnoreReturnCallbackType

from mfdebug.config.bindings import at
from mfdebug.core.commands.command import Argument, Command
from mfdebug.core.commands.table import COMMANDS
from mfdebug.tui.command_screen import CommandScreen
from mfdebug.tui.keys import keys_of

# Key bindings of the screen and the app that the palette omits.
EXCLUDED = {"calm", "prompt", "palette", "suspend", "redraw", "how-to-leave"}


class Choice(NamedTuple):
    """A line of the palette: its name, its description, and the callback that runs it."""

    name: str
    words: str
    details: str
    run: IgnoreReturnCallbackType

    def score(self, query: str) -> float:
        """Return how well the line matches all words of `query`; 0 if it lacks one."""
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
    """Return whether a command must be completed at the prompt because it needs an argument."""
    asked_for = any(key.asks for key in command.keys) and command.argument is not Argument.COMMAND
    return command.required or asked_for


class CommandProvider(Provider):
    """Finds commands, and the key bindings that are not commands."""

    def _choices(self) -> list[Choice]:
        screen = cast("CommandScreen", self.screen)
        choices = [_of_command(screen, command) for command in COMMANDS.values()]
        for node, group in ((screen, "screen"), (screen.app, "app")):
            for bound in at(group):
                if bound.command or bound.id in EXCLUDED:
                    continue
                run = partial(screen.app.run_action, bound.action, node)
                shown = keys_of(screen).shown(bound.id)
                choices.append(Choice(bound.words, f"key {shown}" if shown else "", "", run))
        return choices

    async def discover(self) -> Hits:
        """Yield all choices, before anything is typed."""
        for choice in self._choices():
            name, words = _shown(choice)
            yield DiscoveryHit(name, choice.run, choice.name, cast("str", words))

    async def search(self, query: str) -> Hits:
        """Yield the choices that match all typed words."""
        for choice in self._choices():
            if score := choice.score(query):
                name, words = _shown(choice)
                yield Hit(score, name, choice.run, choice.name, cast("str", words))


def _shown(choice: Choice) -> tuple[Content, Content]:
    """Return name and words as content: Textual would parse a string such as `NODE[i,j]`."""
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
    """Textual's palette, styled as the prompt and without characters that few terminals have."""

    DEFAULT_CSS = """
    Palette {
        background: transparent;
        & > Vertical { margin-top: 1; width: 90%; max-width: 100; background: $panel; }
        & #--input { border: none; background: $panel; padding: 0 2 1 2; }
        & #--input.--list-visible { border: none; }
        & SearchIcon { display: none; }
        & > .command-palette--help-text { color: $text-muted; text-style: none; }
        &:ansi > .command-palette--help-text { text-style: dim; }
        & CommandInput, & CommandInput:focus { border: none; height: 1; }
        & #--results { background: $panel; }
        & CommandList, & CommandList:focus {
            border: none; background: $panel; scrollbar-size: 1 1; max-height: 80vh;
        }
    }
    """

    def __init__(self) -> None:
        super().__init__([CommandProvider], placeholder="what do you want to do?")

    def _action_command_list(self, action: str) -> None:
        # Right after a letter is typed the list has no layout, so it has no pages (Textual 8.2.8).
        with contextlib.suppress(KeyError):
            super()._action_command_list(action)

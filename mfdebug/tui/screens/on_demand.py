"""The screens that the first screen does not need: each is imported when it is opened.

Together they take a tenth of the time to the first screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfdebug.config.bindings import Keys
    from mfdebug.core.explain.why import Cause
    from mfdebug.core.format.table import Part
    from mfdebug.core.timeline.debugger import Debugger
    from mfdebug.opening.choices import Choice
    from mfdebug.tui.command_palette import Palette
    from mfdebug.tui.screens.feed import FeedScreen
    from mfdebug.tui.screens.help import HelpScreen
    from mfdebug.tui.screens.picker import PickerScreen
    from mfdebug.tui.screens.text import TextScreen
    from mfdebug.tui.screens.why import WhyScreen


def help_screen(keys: Keys, *, topic: str = "", search: str = "") -> HelpScreen:
    """Return the help: its contents, a topic, or what has the words that are searched for."""
    from mfdebug.tui.screens.help import HelpScreen

    return HelpScreen(keys, topic=topic, search=search)


def why_screen(debugger: Debugger, cause: Cause) -> WhyScreen:
    """Return the causes of a number."""
    from mfdebug.tui.screens.why import WhyScreen

    return WhyScreen(debugger, cause)


def text_screen(title: str, parts: list[Part], *, from_end: bool = False) -> TextScreen:
    """Return lines and tables to scroll, from their end if wanted, and to choose a row from."""
    from mfdebug.tui.screens.text import TextScreen

    return TextScreen(title, parts, from_end=from_end)


def palette() -> Palette:
    """Return the command palette."""
    from mfdebug.tui.command_palette import Palette

    return Palette()


def picker_screen(choices: Sequence[Choice], problem: str, *, over: bool) -> PickerScreen:
    """Return the list of what can be opened."""
    from mfdebug.tui.screens.picker import PickerScreen

    return PickerScreen(choices, problem, over=over)


def feed_screen(name: str, shape: tuple[int | None, ...] | None, problem: str) -> FeedScreen:
    """Return the question for the value of an input."""
    from mfdebug.tui.screens.feed import FeedScreen

    return FeedScreen(name, shape, problem)

"""The app under test: opened on a graph, driven by keys, read as text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.command import CommandList
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input as TextInput

from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import load_graph
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.widgets.help_text import HelpText
from miniflow.graph import Graph
from tests.support.screen_text import screen_text


class Driver:
    """The app under test: what it shows, where it is, what one presses."""

    def __init__(self, app: DebuggerApp, pilot: Pilot[int], *, waits: bool = False) -> None:
        """With `waits`, each key waits for the end of the command that it runs."""
        self.app = app
        self.pilot = pilot
        self._waits = waits

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()
        if self._waits:
            await self.finished()

    async def finished(self) -> None:
        """Wait for a command that has gone to the background, as any may on a busy machine."""
        screen = self.app.screen
        if isinstance(screen, DebugScreen) and screen.runner.busy:
            await screen.runner.finished()
            await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a text: where it goes into an input all of it at once, as when it is pasted."""
        if text.startswith(":"):
            await self.press("colon")
            text = text[1:]
        if isinstance(self.app.focused, TextInput):
            self.app.focused.post_message(Paste(text))
            await self.pilot.pause()
            return
        names = {" ": "space", "=": "equals_sign", "[": "left_square_bracket", ",": "comma"}
        names |= {"]": "right_square_bracket", ".": "full_stop", "-": "minus", ":": "colon"}
        await self.press(*(names.get(character, character) for character in text))

    @property
    def screen(self) -> DebugScreen:
        assert isinstance(self.app.screen, DebugScreen)
        return self.app.screen

    @property
    def debugger(self) -> Debugger:
        return self.screen.debugger

    @property
    def moment(self) -> int:
        return self.debugger.moment

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def message(self) -> str:
        """The line above the keys."""
        return self.text.split("\n")[-2].strip()


@asynccontextmanager
async def opened(
    graph: str | Graph | None = "xor",
    size: tuple[int, int] = (80, 24),
    *,
    waits: bool = True,
    **options: Any,
) -> AsyncIterator[Driver]:
    loaded = load_graph(graph) if isinstance(graph, str) else graph
    app = DebuggerApp(loaded, history_memory=2**24, **options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Driver(app, pilot, waits=waits)


LENGTH = 21  # of an SGD step of xor: 1 feed, 5 forward, 11 backward, 4 updates


def whole(driver: Driver) -> str:
    """Return all lines of the help, also those below the screen, as one line."""
    text = driver.app.screen.query_one(HelpText)
    lines = [text.line(y).text for y in range(text.virtual_size.height)]
    return " ".join(" ".join(lines).split())


async def choices(driver: Driver, typed: str = "") -> list[str]:
    """Open the palette, type into it, and return what it lists."""
    await driver.press("ctrl+p")
    await driver.type(typed)
    await driver.pilot.pause(0.1)
    listed = driver.app.screen.query_one(CommandList)
    return [str(option.prompt).split("\n")[0] for option in listed.options]


async def ask(driver: Driver, line: str) -> None:
    await driver.press("colon")
    await driver.type(line)
    await driver.press("enter")


def left_width(driver: Driver) -> int:
    """The width of the left column."""
    return driver.screen.query_one("#left").size.width


def left(driver: Driver) -> list[str]:
    """The lines of the left column."""
    width = left_width(driver)
    return [line[:width].rstrip() for line in driver.text.split("\n")]


def right(driver: Driver) -> list[str]:
    """The lines of the right column."""
    width = left_width(driver) + 1
    return [line[width:].rstrip() for line in driver.text.split("\n")]


def row_of(driver: Driver, name: str) -> str:
    """The row of a node in the order tree."""
    found = (f"{name} ", f"{name}* ")
    return next(line for line in left(driver)[2:] if line[3:].lstrip().startswith(found))

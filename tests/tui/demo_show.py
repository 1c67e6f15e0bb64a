"""A demo that is played in the app, key by key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from mfdebug.config.settings import Settings
from mfdebug.core.commands.interpreter import check_known
from mfdebug.core.session.demo import read_demo
from mfdebug.opening.graphs import open_graph
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.screens.demo import DemoScreen
from tests.support.paths import ROOT
from tests.support.screen_text import screen_text

THREE = ROOT / "tests" / "demos" / "three-beats.demo"


class Show:
    """A demo that is played."""

    def __init__(self, app: DebuggerApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def foot(self) -> str:
        return self.text.split("\n")[-1]

    @property
    def moment(self) -> int:
        return next(s for s in self.app.screen_stack if isinstance(s, DemoScreen)).debugger.moment

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        # What a key has set going, but not a rest of the script.
        for _ in range(3):
            await self.pilot.pause(0.02)


@asynccontextmanager
async def played(path: Path = THREE, **settings: bool) -> AsyncIterator[Show]:
    demo = read_demo(path, check_known)
    opened = open_graph(demo.graph)
    app = DebuggerApp(
        opened.graph,
        history_memory=2**24,
        origin=opened.origin,
        demo=demo,
        settings=Settings(**settings),
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        yield Show(app, pilot)

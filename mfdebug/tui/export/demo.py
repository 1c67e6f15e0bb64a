"""Export a demo: the app runs headless, and a writer takes its frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from mfdebug.config.settings import Settings
from mfdebug.config.terminal import Abilities
from mfdebug.core.commands.demo import seconds_of
from mfdebug.core.session.demo import WAIT, Beat, Demo
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.export.writers import WRITERS, Writer
from mfdebug.tui.screens.demo import SILENT, DemoScreen
from mfdebug.tui.terminal.cells import CellApp
from miniflow.files.paths import check_ordinary

SIZE = (100, 30)
# Seconds between two keys of a beat in a recording, so that each frame is visible.
KEY_SECONDS = 0.7


def export(
    demo: Demo,
    session: Session,
    path: Path,
    *,
    size: tuple[int, int] | None,
    settings: Settings,
    abilities: Abilities,
) -> list[Path]:
    """Write a demo, on a session at its start, as FILE.svg, .txt, .cast or .gif; return the files.

    Pictures are numbered by beat, unless there is only one. `size` is the screen's in columns and
    rows. Raises `MiniflowError` if a line of the demo fails or a file cannot be written.
    """
    if path.suffix not in WRITERS:
        raise DebuggerError(f"its name must end in one of {', '.join(WRITERS)}", where=str(path))
    check_ordinary(path, str(path))
    writer = WRITERS[path.suffix](demo)
    app = DebuggerApp(
        None,
        history_memory=settings.history_bytes,
        session=session,
        abilities=abilities,
        settings=settings,
        demo=demo,
    )
    problems: list[str] = []

    async def play(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, DemoScreen)
        writer.frame(app)
        for beat in demo.beats:
            await _play_beat(pilot, app, screen, beat, writer)
            if screen.problem:
                problems.append(screen.problem)
                break
        app.exit()

    app.run(headless=True, size=size or SIZE, auto_pilot=play)
    if problems:
        raise DebuggerError(problems[0], where=demo.name)
    return writer.write(path)


async def _play_beat(
    pilot: Pilot[Any], app: CellApp[Any], screen: DemoScreen, beat: Beat, writer: Writer
) -> None:
    screen.begin_beat()
    for number, line in beat.lines:
        word, _, rest = line.partition(" ")
        if word == WAIT:
            writer.pause(seconds_of(rest.strip()))
        elif not await screen.show_line(number, line):
            break
        else:
            await pilot.pause()
            writer.frame(app)
            writer.pause(0.0 if line.startswith(SILENT) else KEY_SECONDS)
    screen.end_beat()
    await pilot.pause()
    writer.frame(app)
    writer.end_beat(app, beat)

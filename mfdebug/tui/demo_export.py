"""Export a demo as a picture per beat, as text, or as one recording (asciicast 2).

The app runs headless. A recording has the frames that a terminal would receive, each as the cells
that differ from the frame before.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from textual._compositor import LayoutUpdate
from textual.geometry import Size
from textual.pilot import Pilot

from mfdebug.config.ascii import register
from mfdebug.config.settings import Settings
from mfdebug.config.terminal import Abilities
from mfdebug.core.commands.demo import seconds_of
from mfdebug.core.session.demo import WAIT, Beat, Demo
from mfdebug.core.session.script import write_whole
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.opening.graphs import Opened
from mfdebug.tui.app import DebuggerApp
from mfdebug.tui.screens.demo import SILENT, DemoScreen
from mfdebug.tui.terminal.cells import CellApp, CellUpdate, Terminal
from miniflow.files.paths import check_ordinary

SIZE = (100, 30)
# Seconds between two keys of a beat in a recording, so that each frame is visible.
KEY_SECONDS = 0.7


def export(
    demo: Demo,
    opened: Opened,
    path: Path,
    *,
    size: tuple[int, int] | None,
    settings: Settings,
    abilities: Abilities,
) -> list[Path]:
    """Write a demo as FILE.svg, FILE.txt or FILE.cast; return the written files.

    Pictures are numbered by beat, unless there is only one. `size` is the screen's in columns and
    rows. Raises `MiniflowError` if a line of the demo fails or a file cannot be written.
    """
    if path.suffix not in WRITERS:
        raise DebuggerError(f"its name must end in one of {', '.join(WRITERS)}", where=str(path))
    check_ordinary(path, str(path))
    writer = WRITERS[path.suffix](demo)
    app = DebuggerApp(
        opened.graph,
        history_memory=settings.history_bytes,
        origin=opened.origin,
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


class Writer:
    """Collects the frames of a demo; `write` writes them."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo

    def frame(self, app: CellApp[Any]) -> None:
        """Record the present frame."""

    def pause(self, seconds: float) -> None:
        """Record a pause."""

    def end_beat(self, app: CellApp[Any], beat: Beat) -> None:
        """Record the last frame of a beat."""

    def write(self, path: Path) -> list[Path]:
        """Write the files and return their paths."""
        raise NotImplementedError


class Pictures(Writer):
    """One SVG picture per beat."""

    def __init__(self, demo: Demo) -> None:
        super().__init__(demo)
        self._pictures: list[str] = []

    def end_beat(self, app: CellApp[Any], beat: Beat) -> None:
        """Take a picture of the beat's last frame."""
        self._pictures.append(app.export_screenshot(title=f"mfdebug: {self.demo.title}"))

    def write(self, path: Path) -> list[Path]:
        """Write FILE-01.svg and so on, or FILE.svg if there is only one."""
        digits = max(2, len(str(len(self._pictures))))
        paths = [
            path.with_stem(f"{path.stem}-{number:0{digits}}") if len(self._pictures) > 1 else path
            for number in range(1, len(self._pictures) + 1)
        ]
        for file, picture in zip(paths, self._pictures, strict=True):
            write_whole(file, picture)
        return paths


class Texts(Writer):
    """The screen of each beat as text, one below the other."""

    def __init__(self, demo: Demo) -> None:
        super().__init__(demo)
        self._screens: list[str] = []

    def end_beat(self, app: CellApp[Any], beat: Beat) -> None:
        """Record the text of the screen."""
        strips = app.screen._compositor.render_strips()
        shown = "\n".join(strip.text.rstrip() for strip in strips)
        if app.ascii_only:
            shown = shown.encode("ascii", register()).decode()
        heading = f"beat {len(self._screens) + 1} of {len(self.demo.beats)}"
        self._screens.append(f"{heading}\n\n{shown}\n")

    def write(self, path: Path) -> list[Path]:
        """Write the file."""
        write_whole(path, "\n".join(self._screens))
        return [path]


class Recording(Writer):
    """The bytes that a terminal would receive, with their times: asciicast, version 2."""

    def __init__(self, demo: Demo) -> None:
        super().__init__(demo)
        self._terminal = Terminal()
        self._now = 0.0
        self._events: list[tuple[float, str]] = []
        self._size = Size(0, 0)

    def frame(self, app: CellApp[Any]) -> None:
        """Record the difference from the frame before."""
        if not self._events:
            self._events.append((0.0, "\x1b[?25l\x1b[2J"))
            self._size = app.size
        whole = app.screen._compositor.render_update(
            full=True, screen_stack=app._background_screens
        )
        assert isinstance(whole, LayoutUpdate)
        update = CellUpdate(whole, self._terminal, app.size, ascii_only=app.ascii_only)
        if text := update.render_segments(app.console):
            self._events.append((self._now, text))

    def pause(self, seconds: float) -> None:
        """Advance the time."""
        self._now += seconds

    def end_beat(self, app: CellApp[Any], beat: Beat) -> None:
        """Advance by the time it takes to read the beat."""
        self._now += beat.seconds

    def write(self, path: Path) -> list[Path]:
        """Write the file: a header, then one event per line."""
        header = {
            "version": 2,
            "width": self._size.width,
            "height": self._size.height,
            "title": f"mfdebug: {self.demo.title}",
            "env": {"TERM": "xterm-256color"},
        }
        events = [*self._events, (self._now, "\x1b[0m\x1b[?25h")]
        rows = [header, *([round(at, 3), "o", text] for at, text in events)]
        write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return [path]


WRITERS: dict[str, type[Writer]] = {".svg": Pictures, ".txt": Texts, ".cast": Recording}

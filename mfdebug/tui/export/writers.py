"""What an exported demo becomes: a picture per beat, text, a recording or an animation."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.geometry import Size

from mfdebug.config.ascii import register
from mfdebug.core.session.demo import Beat, Demo
from mfdebug.core.session.script import write_whole
from mfdebug.core.timeline.debugger import DebuggerError
from mfdebug.pictures.svg import svg
from mfdebug.tui.export.frames import frame_of, whole_screen
from mfdebug.tui.terminal.cells import CellApp, CellUpdate
from mfdebug.tui.terminal.pen import Terminal

if TYPE_CHECKING:
    from mfdebug.pictures.cells import Frame


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
        frame = frame_of(app, ascii_only=app.ascii_only)
        self._pictures.append(svg(frame, f"mfdebug: {self.demo.title}"))

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


class Film(Writer):
    """A writer with a clock: each frame is at the time that the demo has reached."""

    def __init__(self, demo: Demo) -> None:
        super().__init__(demo)
        self.now = 0.0

    def pause(self, seconds: float) -> None:
        """Advance the time."""
        self.now += seconds

    def end_beat(self, app: CellApp[Any], beat: Beat) -> None:
        """Advance by the time it takes to read the beat."""
        self.now += beat.seconds


class Recording(Film):
    """The bytes that a terminal would receive, with their times: asciicast, version 2."""

    def __init__(self, demo: Demo) -> None:
        super().__init__(demo)
        self._terminal = Terminal()
        self._events: list[tuple[float, str]] = []
        self._size = Size(0, 0)

    def frame(self, app: CellApp[Any]) -> None:
        """Record the difference from the frame before."""
        if not self._events:
            self._events.append((0.0, "\x1b[?25l\x1b[2J"))
            self._size = app.size
        update = CellUpdate(whole_screen(app), self._terminal, app.size, ascii_only=app.ascii_only)
        if text := update.render_segments(app.console):
            self._events.append((self.now, text))

    def write(self, path: Path) -> list[Path]:
        """Write the file: a header, then one event per line."""
        header = {
            "version": 2,
            "width": self._size.width,
            "height": self._size.height,
            "title": f"mfdebug: {self.demo.title}",
            "env": {"TERM": "xterm-256color"},
        }
        events = [*self._events, (self.now, "\x1b[0m\x1b[?25h")]
        rows = [header, *([round(at, 3), "o", text] for at, text in events)]
        write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return [path]


class Animation(Film):
    """The frames in time, as a GIF.

    A GIF of other pixels may show the same frames, for instance where a newer Pillow draws them;
    its comment has a digest of their cells.
    """

    def __init__(self, demo: Demo) -> None:
        super().__init__(demo)
        self._frames: list[tuple[float, Frame]] = []

    def frame(self, app: CellApp[Any]) -> None:
        """Record the frame; of several at one time the last is seen."""
        shown = frame_of(app, ascii_only=app.ascii_only)
        if self._frames and self._frames[-1][0] == self.now:
            self._frames.pop()
        if not self._frames or self._frames[-1][1] != shown:
            self._frames.append((self.now, shown))

    def write(self, path: Path) -> list[Path]:
        """Write the file."""
        try:
            from mfdebug.pictures.gif import Timed, gif  # Pillow is an extra
        except ImportError:
            raise DebuggerError(
                "an animation is drawn by Pillow, which is not installed",
                where=str(path),
                hint="pip install 'mfdebug[pictures]', or write a .cast or .svg",
            ) from None
        ends = [*(at for at, _ in self._frames[1:]), self.now]
        frames = [
            Timed(frame, end - at) for (at, frame), end in zip(self._frames, ends, strict=True)
        ]
        digest = sha256(repr(frames).encode()).hexdigest()
        write_whole(path, gif(frames, f"cells {digest}"))
        return [path]


WRITERS: dict[str, type[Writer]] = {
    ".svg": Pictures,
    ".txt": Texts,
    ".cast": Recording,
    ".gif": Animation,
}

"""The message line above the keys: what comes next, or the reply to the last command.

A reply or an error stays until the next key. `KeyLine` below it lists keys.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.strip import Strip

from mfdebug.core.explain.names import name_moment
from mfdebug.core.format.hints import GO_BACK, GO_ON
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.keys import KeyHint, keys_of, with_keys
from mfdebug.tui.presentation import KeyCast
from mfdebug.tui.terminal.text_fitting import fit, wrap
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.selected_row import REVERSED, has_few_colours

# The most lines of a message; a screen of 20 lines has no room for more.
MAX_LINES = 3
NO_BREAK = "\xa0"

Tone = Literal["next", "answer", "ask", "stop", "error", "busy"]
PREFIXES: dict[Tone, str] = {"error": " ! ", "busy": " » ", "stop": " ● ", "ask": " ? "}


class MessageLine(LinesView):
    """A message of one to `MAX_LINES` lines."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "message--next",
        "message--answer",
        "message--ask",
        "message--stop",
        "message--error",
        "message--busy",
    }
    DEFAULT_CSS = """
    MessageLine {
        height: 1;
        background: $background;
        & > .message--next { color: $text-muted; }
        & > .message--answer { color: $text; text-style: bold; }
        & > .message--ask { color: $accent; text-style: bold; }
        & > .message--stop { color: $warning; text-style: bold; }
        & > .message--error { color: $text-error; text-style: bold; }
        & > .message--busy { color: $warning; text-style: bold; }
    }
    """

    def __init__(self, debugger: Debugger, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.debugger = debugger
        self._text = ""
        self._tone: Tone = "next"

    def say(self, text: str, tone: Tone) -> None:
        """Show a reply, an error, or the progress of a run."""
        self._text, self._tone = with_keys(text, keys_of(self)), tone
        self.draw()

    def show(self) -> None:
        """Show what comes next."""
        self.say(self._next(), "next")

    def on_resize(self) -> None:
        """Fit the line to the screen."""
        self.draw()

    def draw(self) -> None:
        """Draw the message in the present width and colours."""
        prefix = PREFIXES.get(self._tone, " ")
        width = self.size.width or 80
        lines = _wrapped(self._text, self.room(self._tone)) or [""]
        if self._tone in ("next", "busy"):
            lines = [self._text]
        elif len(lines) > MAX_LINES:
            lines = [*lines[: MAX_LINES - 1], f"{lines[MAX_LINES - 1]}…"]
        if self.styles.height is None or self.styles.height.value != len(lines):
            self.styles.height = len(lines)
        style: Style = self.get_component_rich_style(f"message--{self._tone}")
        self.update_lines(
            Strip([Segment(fit(f"{prefix if not i else ' ' * len(prefix)}{line}", width), style)])
            for i, line in enumerate(lines)
        )

    def room(self, tone: Tone) -> int:
        """Return the columns that a message in this tone has in a line."""
        return (self.size.width or 80) - len(PREFIXES.get(tone, " "))

    @property
    def tone(self) -> Tone:
        """The kind of the shown message."""
        return self._tone

    def _next(self) -> str:
        cursor = self.debugger.cursor
        coming = cursor.coming()
        if coming is None and not cursor.at_end:
            # What comes next is unknown until the program continues.
            return f"this pass ends here; {GO_ON}"
        if coming is None:
            return f"end of the run ({cursor.ending}); {GO_BACK}"
        if coming.number == 1:
            step = keys_of(self).name("step")
            runs_on = cursor.passes_run is not None and not cursor.ending
            live = f"; {keys_of(self).name('continue')} runs it, live" if runs_on else ""
            return f"press {step} to begin: the feed gives every input its value{live}"
        if coming.phase == "start":
            return "next: the start of the run"
        words = name_moment(self.debugger, coming)
        if coming.phase == "feed":
            words = f"SGD step {coming.sgd_step} begins with the feed"
        return f"next: {words}"


def _wrapped(text: str, width: int) -> list[str]:
    """Break a message into lines, but not in what it ends on after two blanks: the score."""
    said, gap, end = text.rpartition("  ")
    if not gap or cell_len(end) > width // 2:
        return wrap(text, width)
    lines = wrap(f"{said}{gap}{end.replace(' ', NO_BREAK)}", width)
    return [*lines[:-1], lines[-1].replace(NO_BREAK, " ")]


# From this width on, there is more space between keys.
WIDE = 110


class KeyLine(LinesView):
    """The bottom line: the most useful keys, which a click presses too."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key", "keys--words"}
    DEFAULT_CSS = """
    KeyLine {
        height: 1;
        background: $panel;
        & > .keys--key { color: $accent; text-style: bold; }
        & > .keys--words { color: $text-muted; }
    }
    """

    def __init__(self, keys: list[KeyHint], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._keys = keys
        self._lead = ""
        self._cast: KeyCast | None = None
        # Where each of the keys that are seen ends, in cells from the left.
        self._ends: list[tuple[int, KeyHint]] = []

    def use(self, keys: list[KeyHint], lead: str = "") -> None:
        """Show other keys, after the highlighted text `lead`."""
        if (keys, lead) != (self._keys, self._lead):
            self._keys, self._lead = keys, lead
            self.show()

    def cast(self, keys: KeyCast) -> None:
        """Show the pressed keys, at the right."""
        self._cast = keys
        self.show()

    def on_resize(self) -> None:
        """Fit the line to the screen."""
        self.show()

    def on_click(self, event: Click) -> None:
        """Press the key that was clicked."""
        start = cell_len(f" {self._lead} ") if self._lead else 0
        for end, hint in self._ends:
            if start <= event.x < end:
                self.app.simulate_key(keys_of(self).of(hint.id)[0])
                return
            start = end

    def show(self) -> None:
        """Show as many keys as fit, and always the last one, help."""
        key = self.get_component_rich_style("keys--key")
        words = self.get_component_rich_style("keys--words")
        *most, last = self._keys
        gap = " " if self.size.width >= WIDE else ""
        pressed = "" if self._cast is None else self._cast.text(self.size.width // 3)
        pressed = f" {pressed} " if pressed else ""
        lead = f" {self._lead} " if self._lead else ""
        taken = cell_len(last.key) + len(last.words) + 2 + cell_len(lead)
        room = self.size.width - taken - (cell_len(pressed) + 1 if pressed else 0)
        segments: list[Segment] = [Segment(lead, self._reversed(key))] if lead else []
        fitting = []
        for hint in most:
            room -= cell_len(hint.key) + len(hint.words) + 2 + len(gap)
            if room < 0:
                break
            fitting.append((hint, gap))
        self._ends = []
        for hint, space in (*fitting, (last, "")):
            segments += [Segment(f" {hint.key}", key), Segment(f" {hint.words}{space}", words)]
            self._ends.append((sum(segment.cell_length for segment in segments), hint))
        if pressed:
            used = sum(segment.cell_length for segment in segments)
            segments.append(Segment(" " * (self.size.width - used - cell_len(pressed)), words))
            segments.append(Segment(pressed, self._reversed(key)))
        self.update_lines([Strip(segments)])

    def _reversed(self, style: Style) -> Style:
        return style + (REVERSED if has_few_colours(self.app) else Style(reverse=True))

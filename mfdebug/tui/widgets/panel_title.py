"""The title line of a panel, in bold lines while the panel has the focus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from textual.events import Click
from textual.message import Message
from textual.widgets import Static


class PanelTitle(Static):
    """`─ order ── value ─ grad ─`, above the panel with the id `panel`; a note may end it."""

    DEFAULT_CSS = """
    PanelTitle { height: 1; color: $text-muted; }
    """

    class Clicked(Message):
        """A title was clicked, or clicked twice."""

        def __init__(self, panel: str, *, twice: bool) -> None:
            super().__init__()
            self.panel, self.twice = panel, twice

    def __init__(self, panel: str) -> None:
        super().__init__("", id=f"{panel}-title", markup=False)
        self._panel = panel
        self._drawn = ""
        self._focused: str | None = None
        self._headings: Sequence[tuple[int, str]] = ()
        self._notes: Sequence[str] = ()

    def on_resize(self) -> None:
        """Draw the line to its new width: while the panel was hidden, it had none."""
        self.draw(self._focused, self._headings, self._notes)

    def on_click(self, event: Click) -> None:
        """Report the click."""
        self.post_message(self.Clicked(self._panel, twice=event.chain > 1))

    @property
    def panel(self) -> str:
        """The id of the panel."""
        return self._panel

    def draw(
        self,
        focused: str | None,
        headings: Sequence[tuple[int, str]] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Draw the line to its width; `focused` is the id of the focused widget.

        `headings` are words over columns of the panel, each with its position; the first of the
        notes for which there is room stands at the end.
        """
        self._focused, self._headings, self._notes = focused, headings, notes
        width, bold = self.size.width, focused == self._panel
        line = title_line(self._panel, notes, width, headings, focused=bold)
        if line != self._drawn:
            self._drawn = line
            self.update(line, layout=False)


def title_line(
    words: str,
    notes: Iterable[str],
    width: int,
    headings: Iterable[tuple[int, str]] = (),
    *,
    focused: bool,
) -> str:
    """Return a title line of `width` cells, in bold lines with the focus.

    It has its words, the headings at their positions, and the first of the notes that fits.
    """
    mark = "━" if focused else "─"
    line = f"{mark} {words} "
    for at, heading in headings:
        if len(line) <= at <= width - len(heading):
            line = f"{f'{line.ljust(at - 1, mark)} '[:at]}{heading} "
    room = width - cell_len(line)
    ends = (f" {note} {mark}" for note in notes if note)
    end = next((end for end in ends if cell_len(end) <= room), "")
    return f"{line}{mark * (room - cell_len(end))}{end}"

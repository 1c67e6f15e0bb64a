"""A titled list below the order tree: mounted when it has rows, and visible only while it has."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.geometry import Size
from textual.strip import Strip
from textual.widgets import Static

from mfdebug.tui.widgets.lines import LinesView


class _Rows(LinesView, can_focus=False):
    """The rows, fitted to the width beside the scrollbar."""

    def __init__(self, owner: SideList) -> None:
        super().__init__()
        self._owner = owner

    def line(self, y: int) -> Strip:
        return self._owner.row(y, self.line_width)

    def set_count(self, count: int) -> None:
        self.reload(Size(self.line_width, count))

    def on_resize(self) -> None:
        self.set_count(self._extent.height)


class SideList(Vertical):
    """Rows below a title line; hidden without rows, and scrollable when there are many."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "list--plain",
        "list--dim",
        "list--trend",
        "list--met",
        "list--wrong",
    }
    DEFAULT_CSS = """
    SideList {
        max-height: 33%;
        display: none;
        & > Static { height: 1; color: $text-muted; }
        & > LinesView { height: 1fr; background: $background; overflow-x: hidden; }
        & > .list--plain { color: $text; }
        & > .list--dim { color: $text-muted; }
        & > .list--trend { color: $secondary; }
        & > .list--met { color: $warning; text-style: bold; }
        & > .list--wrong { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, words: str, over_last: str = "", *, id: str | None = None) -> None:  # noqa: A002
        """`words` is the title; `over_last` is the heading of the last column."""
        super().__init__(id=id)
        self._words = words
        self._over_last = over_last
        self._title = Static("", markup=False)
        self._rows = _Rows(self)

    def compose(self) -> ComposeResult:
        """The title above the rows."""
        yield self._title
        yield self._rows

    def on_mount(self) -> None:
        """Show the rows that it was mounted for."""
        self.show()

    @property
    def wanted(self) -> bool:
        """Whether there is a row to show."""
        raise NotImplementedError

    def show(self) -> None:
        """Show the rows of the present moment."""
        raise NotImplementedError

    def row(self, y: int, width: int) -> Strip:
        """Return row `y`, `width` cells wide."""
        raise NotImplementedError

    def show_rows(self, count: int, revealed: int | None = None) -> None:
        """Show `count` rows, and scroll row `revealed` into view."""
        self.display = count > 0
        if count:
            self.styles.height = count + 1
        self._rows.set_count(count)
        if revealed is not None:
            self._rows.reveal(revealed)

    def on_resize(self) -> None:
        """Draw the title line to its new width."""
        room = self.size.width - len(self._words) - 3
        end = f" {self._over_last} ─" if self._over_last else ""
        line = "─" * max(0, room - len(end)) + end
        self._title.update(f"─ {self._words} {line}", layout=False)

"""The list of demos and graphs: the first screen without a graph, a dialog over an open one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Key
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from mfdebug.opening.choices import Choice
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.screens.dialog import Dialog
from mfdebug.tui.widgets.key_words import KeyWords

MARKED, UNMARKED = "▸ ", "  "


class Filter(Input):
    """What is searched for; while it is empty the key that quits is not a letter of it."""

    def on_key(self, event: Key) -> None:
        """Leave at the key that quits."""
        if not self.value and event.key in keys_of(self).of("quit"):
            event.stop()
            event.prevent_default()
            self.screen.dismiss(None)


class PickerScreen(Dialog[Choice | None]):
    """Everything that can be opened, with a description; what is typed narrows the list.

    `problem` is why the last choice could not be opened. `over` says whether a graph is open: then
    the list covers the lower part of its screen, and leaving it returns to the graph.
    """

    DEFAULT_CSS = """
    PickerScreen {
        align: center bottom;
        #picker-box { background: $background; }
        #picker-title { height: 1; background: $panel; color: $accent; text-style: bold; }
        #picker-body { height: 1fr; }
        #picker-side { width: 46; max-width: 50%; padding: 1 1 0 1; }
        #picker-list {
            text-wrap: nowrap;
            text-overflow: ellipsis;
            height: 1fr;
            border: none;
            padding: 0;
            background: $background;
            margin-top: 1;
        }
        #picker-filter { margin: 0 1; }
        #picker-about { width: 1fr; padding: 1 2; border-left: solid $divider; }
        #picker-name { color: $accent; text-style: bold; margin-bottom: 1; }
        #picker-description { width: 1fr; max-width: 90; }
        #picker-keys { height: 1; background: $panel; color: $text-muted; }
        #picker-keys.error { color: $error; }
        /* Over an open graph: its lower part, so that the numbers above stay visible. */
        &.over #picker-box { height: 60%; min-height: 14; border-top: solid $accent; }
        &.over #picker-title { display: none; }
        &.over #picker-side { padding: 0 1; }
        &.over #picker-about { padding: 0 2; }
        &.over #picker-filter { margin: 0 0 0 1; }
        &.over #picker-list { margin-top: 0; }
        &.over #picker-name { margin-bottom: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("picker")
    AUTO_FOCUS = "#picker-filter"

    def __init__(self, choices: Sequence[Choice], problem: str = "", *, over: bool = False) -> None:
        super().__init__(classes="over" if over else None)
        self._choices = choices
        self._problem = problem
        self._leaves = "returns" if over else "quits"
        # The choice of each row of the list; None for a heading.
        self._rows: list[Choice | None] = []
        # The row that is drawn with the mark of the cursor.
        self._marked: int | None = None

    def compose(self) -> ComposeResult:
        """The filter, the list, the description, the keys."""
        with Vertical(id="picker-box"):
            yield Static(
                " mfdebug: step through backpropagation, one node at a time",
                id="picker-title",
                markup=False,
            )
            with Horizontal(id="picker-body"):
                with Vertical(id="picker-side"):
                    yield Filter(placeholder="type to search", id="picker-filter", compact=True)
                    yield OptionList(id="picker-list", markup=False)
                with Vertical(id="picker-about"):
                    yield Static("", id="picker-name", markup=False)
                    with VerticalScroll(can_focus=False):
                        yield Static("", id="picker-description", markup=False)
            yield KeyWords(id="picker-keys")

    def on_mount(self) -> None:
        """List everything, or what was typed before the screen appeared."""
        self._list()
        keys = f" ↑ ↓ choose   Enter opens   {keys_of(self).name('quit')} {self._leaves}"
        line = self.query_one(KeyWords)
        line.set_class(bool(self._problem), "error")
        line.use(f" {self._problem}" if self._problem else keys)

    def _list(self) -> None:
        """List the choices that match, in their groups, and select the first."""
        typed = self.query_one(Input).value
        matching = [choice for choice in self._choices if choice.matches(typed)]
        options = self.query_one(OptionList)
        self._rows = list(_rows(matching))
        names = groupby(matching, key=lambda choice: choice.group)
        shown: list[Option] = []
        for group, members in names:
            shown.append(Option(group, disabled=True))
            shown += [Option(f"{UNMARKED}{choice.name}") for choice in members]
        self._marked = None
        options.clear_options()
        options.add_options(shown)
        if matching:
            options.highlighted = 1
        else:
            self._describe("nothing matches", "Backspace widens the search.")

    def _describe(self, heading: str, text: str) -> None:
        self.query_one("#picker-name", Static).update(heading)
        self.query_one("#picker-description", Static).update(text)

    @property
    def _chosen(self) -> Choice | None:
        row = self.query_one(OptionList).highlighted
        return None if row is None or row >= len(self._rows) else self._rows[row]

    def on_input_changed(self) -> None:
        """Narrow the list."""
        self._list()

    def on_input_submitted(self) -> None:
        """Open the selected demo or graph."""
        if self._chosen is not None:
            self.dismiss(self._chosen)

    def on_option_list_option_highlighted(self) -> None:
        """Describe the demo or graph under the cursor."""
        if (chosen := self._chosen) is not None:
            self._mark()
            self._describe(chosen.heading, chosen.text)

    def _mark(self) -> None:
        """Draw the mark of the row under the cursor: few terminals show it by colour."""
        options = self.query_one(OptionList)
        for row, mark in ((self._marked, UNMARKED), (options.highlighted, MARKED)):
            choice = None if row is None else self._rows[row]
            if row is not None and choice is not None:
                options.replace_option_prompt_at_index(row, f"{mark}{choice.name}")
        self._marked = options.highlighted

    def on_option_list_option_selected(self) -> None:
        """Open the demo or graph that was clicked."""
        self.on_input_submitted()

    def action_move(self, by: int) -> None:
        """Move the cursor by a number of rows, up to the first or the last."""
        options = self.query_one(OptionList)
        rows = [number for number, choice in enumerate(self._rows) if choice is not None]
        if rows and options.highlighted in rows:
            position = rows.index(options.highlighted) + by
            options.highlighted = rows[min(max(position, 0), len(rows) - 1)]

    def action_leave(self) -> None:
        """Clear what is typed; without any, leave."""
        typed = self.query_one(Input)
        if typed.value:
            typed.value = ""
        else:
            self.dismiss(None)


def _rows(choices: Sequence[Choice]) -> Iterator[Choice | None]:
    """Yield a row for each choice, and before each group one for its heading."""
    for _, members in groupby(choices, key=lambda choice: choice.group):
        yield None
        yield from members

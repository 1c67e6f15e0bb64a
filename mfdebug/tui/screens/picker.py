"""The first screen without a graph: choose one that ships, and read what it teaches."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from mfdebug.shipped import shipped
from mfdebug.tui.keys import bindings_at, keys_of


class PickerScreen(Screen[Path | None]):
    """A list of the shipped graphs, with the description of the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("picker")

    def __init__(self) -> None:
        super().__init__()
        self._graphs = shipped()

    def compose(self) -> ComposeResult:
        """The list, the description, the keys."""
        yield Static(
            " mfdebug: step through backpropagation, one node at a time",
            id="picker-title",
            markup=False,
        )
        with Horizontal(id="picker-body"):
            yield OptionList(
                *(Option(graph.name) for graph in self._graphs), id="picker-list", markup=False
            )
            with Vertical(id="picker-side"):
                yield Static("", id="picker-name", markup=False)
                with VerticalScroll(can_focus=False):
                    yield Static("", id="picker-description", markup=False)
        yield Static(
            f" ↑ ↓ choose   Enter opens   {keys_of(self).name('picker-leave')} leaves"
            "   own graph: mfdebug FILE",
            id="picker-keys",
            markup=False,
        )

    def on_mount(self) -> None:
        """Begin with the first graph."""
        self.query_one(OptionList).highlighted = 0
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Describe the graph under the cursor."""
        graph = self._graphs[event.option_index]
        self.query_one("#picker-name", Static).update(graph.name)
        self.query_one("#picker-description", Static).update(graph.description)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the graph."""
        self.dismiss(self._graphs[event.option_index].path)

    def action_move(self, by: int) -> None:
        """Move in the list."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if by > 0 else options.action_cursor_up()

    def action_leave(self) -> None:
        """Leave the app."""
        self.dismiss(None)

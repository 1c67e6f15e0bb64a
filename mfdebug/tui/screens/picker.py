"""The first screen when no graph is given: it offers the shipped demos and graphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from mfdebug.opening.shipped import shipped, shipped_demos
from mfdebug.tui.keys import bindings_at, keys_of


class _Choice(NamedTuple):
    label: str
    heading: str
    text: str
    path: Path


class PickerScreen(Screen[Path | None]):
    """A list of the shipped demos and graphs, with a description of the selected one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("picker")

    def __init__(self) -> None:
        super().__init__()
        graphs = [
            _Choice(graph.name, graph.name, graph.description, graph.path) for graph in shipped()
        ]
        self._choices: dict[str, list[_Choice]] = {"demos": [], "graphs": graphs}
        for demo in shipped_demos():
            text = f"{demo.opening}\n\nFrom the command line: mfdebug demo {demo.name}"
            self._choices["demos"].append(_Choice(demo.title, demo.title, text, demo.path))
        self._by_id = {
            str(choice.path): choice for group in self._choices.values() for choice in group
        }

    def compose(self) -> ComposeResult:
        """The list, the description, the keys."""
        yield Static(
            " mfdebug: step through backpropagation, one node at a time",
            id="picker-title",
            markup=False,
        )
        with Horizontal(id="picker-body"):
            yield OptionList(*self._options(), id="picker-list", markup=False)
            with Vertical(id="picker-side"):
                yield Static("", id="picker-name", markup=False)
                with VerticalScroll(can_focus=False):
                    yield Static("", id="picker-description", markup=False)
        yield Static(
            f" ↑ ↓ choose   Enter opens   {keys_of(self).name('picker-leave')} quits"
            "   own graph: mfdebug FILE",
            id="picker-keys",
            markup=False,
        )

    def _options(self) -> Iterator[Option | None]:
        for group, choices in self._choices.items():
            if group == "graphs":
                yield None
            yield Option(group, disabled=True)
            for choice in choices:
                yield Option(f" {choice.label}", id=str(choice.path))

    def on_mount(self) -> None:
        """Select the first demo."""
        self.query_one(OptionList).highlighted = 1
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Describe the demo or graph under the cursor."""
        chosen = self._by_id[event.option_id or ""]
        self.query_one("#picker-name", Static).update(chosen.heading)
        self.query_one("#picker-description", Static).update(chosen.text)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the selected demo or graph."""
        self.dismiss(self._by_id[event.option_id or ""].path)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if by > 0 else options.action_cursor_up()

    def action_leave(self) -> None:
        """Quit the app."""
        self.dismiss(None)

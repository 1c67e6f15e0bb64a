"""A dialog that asks for the value of an input without value and data."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from mfdebug.tui.keys import bindings_at
from mfdebug.tui.screens.dialog import Dialog
from mfdebug.tui.widgets.key_words import KeyWords
from miniflow.ops.base import shape_text


class FeedScreen(Dialog[Any]):
    """Asks for the value of an input; dismissed with the value, or with None if the user quits."""

    DEFAULT_CSS = """
    FeedScreen {
        #feed-value { margin-top: 1; }
        #feed-problem { color: $text-error; height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("feed")

    def __init__(self, name: str, shape: tuple[int | None, ...] | None, problem: str = "") -> None:
        super().__init__()
        self._node = name
        self._shape = shape
        self._problem = problem

    def compose(self) -> ComposeResult:
        """The question, the answer, and an error message."""
        shape = "" if self._shape is None else f" of shape {shape_text(self._shape)}"
        with Vertical(id="dialog"):
            yield Static(f"{self._node} has no value", id="dialog-title", markup=False)
            yield Static(
                f"Type a number or a list{shape}, as in 3 or [[1, 2], [3, 4]]", markup=False
            )
            yield Input(id="feed-value", compact=True)
            yield Static(self._problem, id="feed-problem", markup=False)
            yield KeyWords("Enter feeds it   Esc quits", id="dialog-keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Accept the answer if it is a number or a list."""
        try:
            value = json.loads(event.value)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, int | float | list) and not isinstance(value, bool):
            self.dismiss(value)
        else:
            self.query_one("#feed-problem", Static).update("that is not a number or a list")

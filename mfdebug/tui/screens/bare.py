"""The screen below the app's first one, which is never shown."""

from __future__ import annotations

from textual.screen import Screen
from textual.widget import Widget


class BareScreen(Screen[None]):
    """A screen without the widgets for tooltips and notifications that Textual adds."""

    def _extend_compose(self, widgets: list[Widget]) -> None:
        """Add nothing."""

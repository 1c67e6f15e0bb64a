"""The text of an app's screen, for golden tests: the one place that knows how Textual keeps it."""

from __future__ import annotations

from typing import Any

from textual._compositor import visible_screen_stack
from textual.app import App


def screen_text(app: App[Any]) -> str:
    """Return what the screen shows, line by line, without blanks at the ends of lines."""
    # What a dialog leaves of the screens below it is rendered with it.
    visible_screen_stack.set(app._background_screens)
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())

"""The line of a dialog that names its keys, each of which a click presses."""

from __future__ import annotations

from rich.cells import cell_len
from textual.events import Click
from textual.widgets import Static

from mfdebug.config.key_names import key_shown_as


class KeyWords(Static):
    """`↑ ↓ choose   Enter goes there   Esc closes`: keys, each with what it does."""

    DEFAULT_CSS = """
    KeyWords { height: 1; text-wrap: nowrap; }
    """

    def __init__(self, text: str = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(text, id=id, markup=False)
        self._text = text
        # Where what is said of each key ends, in cells from the left.
        self._ends: list[tuple[int, str]] = _ends(text)

    def use(self, text: str) -> None:
        """Show other keys."""
        if text != self._text:
            self._text, self._ends = text, _ends(text)
            self.update(text)

    def on_click(self, event: Click) -> None:
        """Press the key whose name, or what it does, was clicked."""
        x = event.get_content_offset_capture(self).x
        for end, key in self._ends:
            if x < end:
                if key:
                    self.app.simulate_key(key)
                return


def _ends(text: str) -> list[tuple[int, str]]:
    """Return where each key's part of a text ends; words belong to the key before them."""
    found: list[tuple[int, str]] = []
    key, at = "", 0
    for word in text.split(" "):
        # Arrows may be written together.
        parts = list(word) if word and all(key_shown_as(sign) for sign in word) else [word]
        for part in parts:
            key = key_shown_as(part) or key
            at += cell_len(part)
            found.append((at, key))
        at += 1
        if not word:
            found.append((at, ""))
    return found

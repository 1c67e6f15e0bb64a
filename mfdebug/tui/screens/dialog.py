"""What all dialogs have in common: they are over the debugger's screen, and leave it readable.

Nothing is dimmed, since the numbers behind a dialog are what it is about. The caption of a demo
stays uncovered: it says why the demo has opened the dialog.
"""

from __future__ import annotations

from textual.containers import Vertical
from textual.geometry import Size
from textual.screen import ModalScreen, ScreenResultType

from mfdebug.tui.widgets.caption import Caption

# The lines below a caption: what comes next, and the keys.
BELOW_CAPTION = 2


class Dialog(ModalScreen[ScreenResultType]):
    """A dialog; `room` is the part of the screen that it may cover."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: transparent;
        #dialog {
            width: 90%;
            max-width: 100;
            height: auto;
            max-height: 90%;
            padding: 0 2;
            background: $panel;
            border: round $accent;
        }
        #dialog-title { color: $accent; text-style: bold; margin-bottom: 1; }
        #dialog-text { background: $panel; }
        #dialog-words { margin-top: 1; }
        #dialog-keys { color: $text-muted; margin-top: 1; }
    }
    """

    def on_mount(self) -> None:
        """Leave the caption uncovered."""
        self.make_room()

    def make_room(self) -> None:
        """Leave the caption uncovered, which may be another one than before."""
        for box in self.query_children(Vertical):
            # Not a padding of the screen, which would hide what is below.
            box.styles.margin = (0, 0, self.app.size.height - self.room.height, 0)

    @property
    def room(self) -> Size:
        """The size of the screen, without the caption and the lines below it."""
        width, height = self.app.size
        for screen in self.app.screen_stack:
            for caption in screen.query(Caption):
                rows = caption.styles.height
                if caption.display and rows is not None:
                    return Size(width, height - int(rows.value) - BELOW_CAPTION)
        return Size(width, height)

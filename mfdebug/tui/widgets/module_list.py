"""The modules of a running program, in place of the panels of a moment until it pauses."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.strip import Strip

from mfdebug.core.commands.live_modules import LiveModules
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.lines import LinesView

# What is wrong with a module, not only unusual.
WRONG = ("NaN", "inf", "exploding", "vanishing")


class ModuleList(LinesView):
    """A title line with pass and cost, then a row for each module, as many as fit."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "modules--plain",
        "modules--title",
        "modules--met",
        "modules--wrong",
    }
    DEFAULT_CSS = """
    ModuleList {
        display: none;
        background: $background;
        & > .modules--plain { color: $text; }
        & > .modules--title { color: $text-muted; }
        & > .modules--met { color: $warning; text-style: bold; }
        & > .modules--wrong { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self, modules: LiveModules, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._modules = modules

    def show(self) -> None:
        """Show the rows that were read last."""
        width, height = self.line_width, self.size.height
        if not width or not height or not self._modules.rows:
            return
        table = self._modules.table(height - 1)
        labels = [row.cells[3] for row in table.rows]
        what = table.columns[0].head
        title = f"─ {what}s of the running program ∙ {self._modules.words} "
        texts = [title + "─" * max(0, width - len(title)), *table.lines(width)]
        styles = ["title", "title", *map(_style, labels)]
        styles += ["title"] * (len(texts) - len(styles))
        self.update_lines(
            Strip([Segment(fit(text, width), self.get_component_rich_style(f"modules--{style}"))])
            for text, style in zip(texts, styles, strict=True)
        )

    def on_resize(self) -> None:
        """Fit the rows to the new size."""
        self.show()


def _style(label: str) -> str:
    if not label:
        return "plain"
    return "wrong" if label.startswith(WRONG) else "met"

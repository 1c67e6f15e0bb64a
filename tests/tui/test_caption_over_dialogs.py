"""A caption of a demo is as readable under a dialog, that a line of the demo opens, as before."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.style import Style
from textual.app import App

from mfdebug.tui.screens.dialog import Dialog
from mfdebug.tui.themes import theme_named
from mfdebug.tui.widgets.caption import Caption
from tests.support.sizes import pick
from tests.tui.demo_show import Show, played

DEMO = """# mfdebug demo 1
# graph "xor"
# title Dialogs

say The caption that explains, at full strength.
2 steps
pause

LINE
say The caption that the dialog is about.
pause
"""


def caption_cells(app: App[int], caption: Caption) -> list[tuple[str, Style | None]]:
    """Return what is on the screen where the caption is, with the styles."""
    area = caption.region
    strips = app.screen._compositor.render_strips()[area.y : area.bottom]
    return [(text, style and Style(color=style.color, bgcolor=style.bgcolor, bold=style.bold))
            for strip in strips for text, style, _ in strip.simplify()]  # fmt: skip


async def shown_at(show: Show, line: str, tmp_path: Path) -> None:
    caption = next(c for screen in show.app.screen_stack for c in screen.query(Caption))
    await show.press("space")
    await show.press("space")
    assert isinstance(show.app.screen, Dialog), line
    assert "The caption that the dialog is about." in show.text
    over = caption_cells(show.app, caption)
    show.app.pop_screen()
    await show.settle()
    assert over == caption_cells(show.app, caption)


THEMES = ["mfdebug-dark", "ansi-light"]
LINES = ["why l1[0,0]", "help", "help legend", "check", "explain"]


@pytest.mark.parametrize(
    ("line", "theme"),
    # Each dialog in one theme, the next in the other; with `--long` in both.
    [
        (line, theme)
        for i, line in enumerate(LINES)
        for k, theme in enumerate(THEMES)
        if pick(True, i % 2 == k)
    ],
)
async def test_no_dialog_dims_or_covers_the_caption(line: str, theme: str, tmp_path: Path) -> None:
    path = tmp_path / "dialogs.demo"
    path.write_text(DEMO.replace("2 steps", "step\nstep").replace("LINE", line), "utf-8")
    async with played(path) as show:
        show.app.register_theme(theme_named(theme))
        show.app.theme = theme
        await shown_at(show, line, tmp_path)

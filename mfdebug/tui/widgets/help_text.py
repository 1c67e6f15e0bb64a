"""The text of the help: pages side by side in as many columns as there is width for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from mfdebug.tui.help_pages import Entry, Page, Section
from mfdebug.tui.terminal.text_fitting import wrap
from mfdebug.tui.widgets.lines import LinesView

INDENT = 2
GAP = 2
# The most cells of the first column; a longer head has its own line.
MAX_HEAD = 26
# From this width on, whole sentences have room beside the heads.
ROOMY = 70
# A column of text is at least this wide: from twice that there are two.
COLUMN = 72
BETWEEN = 3

Block = list[Strip]


class HelpText(LinesView, can_focus=False):
    """Pages, or the entries that were found."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"help--title", "help--head", "help--dim", "help--now"}
    DEFAULT_CSS = """
    HelpText {
        background: $background;
        overflow-x: hidden;
        & > .help--title { color: $accent; text-style: bold; }
        & > .help--now { color: $accent; text-style: bold reverse; }
        &:ansi > .help--now { color: ansi_default; }
        & > .help--head { color: $text; text-style: bold; }
        & > .help--dim { color: $text-muted; }
    }
    """

    # The most lines of a page that are seen at once; None before it is known.
    room: int | None = None

    def show_page(self, pages: Sequence[Page], now: int, *, alone: bool) -> None:
        """Show page `now`; unless `alone`, with the pages around it, as many as there is room for.

        The pages are packed in their order, so each is always at the same place.
        """
        columns, width = self._columns
        height = max(1, self.size.height if self.room is None else self.room)
        if alone:
            self._show_columns([self._page(pages[now], width, height)], width)
            return
        packs = []
        for details in (True, False):
            # Without the details of the entries there may be room for another page.
            room = height if details else 0
            blocks = [self._page(page, width, room, chosen=page is pages[now]) for page in pages]
            packs.append(_pack_with(blocks, now, columns, height))
        fullest = max(packs, key=lambda pack: sum(len(block) for col in pack for block in col))
        self._show_columns([_stacked(column) for column in fullest], width)

    def show_found(self, sections: Iterable[Section]) -> None:
        """Show sections with all details, in two columns if they are long."""
        columns, width = self._columns
        blocks = [list(self._section(section, width, details=True)) for section in sections]
        total = sum(len(block) + 1 for block in blocks)
        spread: list[list[Block]] = [[]]
        used = 0
        for block in blocks:
            if used > total / 2 and len(spread) < columns and total > self.size.height:
                spread.append([])
                used = -total
            spread[-1].append(block)
            used += len(block) + 1
        self._show_columns([_stacked(column) for column in spread], width)

    @property
    def _columns(self) -> tuple[int, int]:
        """The number of columns, and the width of each; a cell is left for the scrollbar."""
        width = max(20, self.outer_size.width - 2)
        columns = 2 if width >= 2 * COLUMN + BETWEEN else 1
        return columns, (width - BETWEEN * (columns - 1)) // columns

    def _show_columns(self, columns: list[Block], width: int) -> None:
        gap = Segment(" " * BETWEEN)
        lines = []
        for parts in itertools.zip_longest(*columns, fillvalue=Strip.blank(0)):
            segments: list[Segment] = []
            for k, part in enumerate(parts):
                last = k == len(parts) - 1
                segments += part if last else [*part.adjust_cell_length(width), gap]
            lines.append(Strip(segments))
        self.update_lines(lines)

    def _page(self, page: Page, width: int, height: int, *, chosen: bool = False) -> Block:
        """Return a page, with the details of its entries if they fit into the height."""
        for details in (True, False):
            block = _stacked(
                list(self._section(section, width, details=details, chosen=chosen))
                for section in page.sections
            )
            if len(block) <= height:
                break
        return block

    def _section(
        self, section: Section, width: int, *, details: bool, chosen: bool = False
    ) -> Iterator[Strip]:
        style = self.get_component_rich_style
        title = style("help--now" if chosen else "help--title")
        for part in wrap(section.title, width - 2):
            yield Strip([Segment(" "), Segment(part, title)])
        heads = [cell_len(entry.head) for entry in section.entries]
        column = max((head for head in heads if head <= MAX_HEAD), default=0)
        for entry in section.entries:
            yield from self._entry(entry, width, min(column, width // 3), details=details)

    def _entry(self, entry: Entry, width: int, column: int, *, details: bool) -> Iterator[Strip]:
        style = self.get_component_rich_style
        left = 1 + INDENT + column + GAP
        head = wrap(entry.head, width - 1 - INDENT)
        beside = cell_len(entry.head) <= column
        for part in head[: len(head) - beside]:
            yield Strip([Segment(" " * (1 + INDENT)), Segment(part, style("help--head"))])
        for i, part in enumerate(wrap(entry.words, width - left)):
            text = entry.head if beside and i == 0 else ""
            text += " " * (column - cell_len(text) + GAP)
            indent = Segment(" " * (1 + INDENT))
            yield Strip([indent, Segment(text, style("help--head")), Segment(part)])
        if details and entry.details:
            indent_of = left if width >= ROOMY else 1 + 2 * INDENT
            for part in wrap(entry.details, width - indent_of):
                yield Strip([Segment(" " * indent_of), Segment(part, style("help--dim"))])


def _stacked(blocks: Iterable[Block]) -> Block:
    """Return blocks one below the other, with a blank line between."""
    lines: Block = []
    for block in blocks:
        lines += [Strip.blank(0), *block] if lines else block
    return lines


def _pack_with(blocks: Sequence[Block], now: int, columns: int, height: int) -> list[list[Block]]:
    """Return the screen that block `now` is on; blocks before it fill what is left of its room."""
    first = end = 0
    found: list[list[Block]] = []
    for pack in _packs(blocks, columns, height):
        first, end, found = end, end + sum(map(len, pack)), pack
        if now < end:
            break
    while first and len(wider := list(_packs(blocks[first - 1 : end], columns, height))) == 1:
        first, found = first - 1, wider[0]
    return found


def _packs(blocks: Sequence[Block], columns: int, height: int) -> Iterator[list[list[Block]]]:
    """Yield screens of columns of whole blocks, in order, each column as full as it gets."""
    pack: list[list[Block]] = [[]]
    for block in blocks:
        used = sum(len(other) + 1 for other in pack[-1])
        if pack[-1] and used + len(block) > height:
            if len(pack) == columns:
                yield pack
                pack = []
            pack.append([])
        pack[-1].append(block)
    yield pack

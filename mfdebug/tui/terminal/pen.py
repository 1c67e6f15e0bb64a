"""Draws the cells of a terminal that differ from what it shows, with few bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len

from mfdebug.tui.terminal.looks import PLAIN, Look, change, is_filled, kept, shows_as_blank, swapped
from miniflow.text.characters import JOINER

# A cell is its character, with combining characters, and its look. The second cell of a wide
# character has the same text after a NUL: it differs from another cell exactly when the first
# does, so no difference starts or ends in the middle of a wide character.
Cell = tuple[str, Look]

# Terminals disagree on the width of a cluster with one of these: one draws a single emoji, another
# each character by itself.
_OF_ANY_WIDTH = frozenset({JOINER, "\ufe0f"})
# Up to this many unchanged cells are sent again, instead of moving the cursor ("\x1b[12C").
_MOVE = 4
# From this many blanks on they are erased: to the end of the line ("\x1b[K"), or some of them
# ("\x1b[9X"), after which the cursor has to be moved if more follows ("\x1b[9C").
_ERASE_LINE, _ERASE_LAST, _ERASE = 4, 5, 10
_UPPER, _LOWER, _FULL = "▀▄█"
# A colour of 256 takes 11 bytes, one in 24 bits 19, a move of the cursor 4 to 8. So what has such a
# colour is drawn look by look.
_LONG_COLOUR = "38;"
# Neighbouring cells of a row: the column of the first one, the row, the cells.
Piece = tuple[int, int, list[Cell]]


class Terminal:
    """What the terminal shows, row by row; it is not `known` before a full update.

    `width` is its columns, 0 if they are not known; `erases` says whether what it erases gets the
    present background.
    """

    def __init__(self, *, erases: bool = False) -> None:
        self.rows: dict[int, list[Cell | None]] = {}
        self.known = False
        self.width = 0
        self.erases = erases

    def row(self, y: int, width: int) -> list[Cell | None]:
        """Return the cells of a row, at least `width` of them; None is an unknown cell."""
        row = self.rows.setdefault(y, [])
        if len(row) < width:
            row.extend([None] * (width - len(row)))
        return row


class Pen:
    """Draws the cells that differ, with as few cursor moves and style changes as possible."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.look = PLAIN
        self.x = self.y = -1
        self.out: list[str] = []

    def draw_all(self, pieces: Sequence[Piece]) -> None:
        """Draw pieces of rows: first what has the commonest look, then the others look by look."""
        runs = [
            (x, y, cells, run, look)
            for x, y, cells in pieces
            for run, look in self._runs(x, y, cells)
        ]
        apart = self._apart([look for *_, look in runs])
        # Half blocks stay: two looks of them may be one, with its colours exchanged.
        apart -= {look for x, _, cells, run, look in runs if cells[run.start - x][0] == _UPPER}
        later: dict[Look, list[tuple[int, int, list[Cell], range]]] = {look: [] for look in apart}
        for x, y, cells, run, look in runs:
            if look in apart:
                later[look].append((x, y, cells, run))
            else:
                self._draw(x, y, cells, run)
        while later:
            # The one that is nearest to the present look: it may differ by its weight alone.
            wanted = min(sorted(later), key=lambda look: len(change(self.look, self._drawn(look))))
            for x, y, cells, run in later.pop(wanted):
                self._draw(x, y, cells, run)

    def _apart(self, looks: Sequence[Look]) -> set[Look]:
        """Return which of these looks, in the order of their cells, are drawn after the others."""
        turns: Counter[Look] = Counter()
        last = self.look
        for look in looks:
            turns[look] += look is not last
            last = look
        ranked = [look for look, _ in turns.most_common()]
        stays = next((look for look in ranked if not look.blank), PLAIN)
        return {
            look
            for look in ranked
            if (look.blank and look.background not in ("", stays.background))
            or (look is not stays and look.foreground.startswith(_LONG_COLOUR))
        }

    def _runs(self, x: int, y: int, cells: list[Cell]) -> list[tuple[range, Look]]:
        """Return the columns of neighbouring cells that differ and have one look, and their look.

        Blanks that need no other look are of the run before them.
        """
        shown = self.terminal.row(y, x + len(cells))
        found: list[tuple[range, Look]] = []
        if shown[x : x + len(cells)] == cells:
            return found
        start = end = -1
        look = PLAIN
        for at, cell in enumerate(cells, x):
            if shown[at] == cell:
                continue
            new = cell[1]
            if at != end or (new is not look and not (new.blank and shows_as_blank(look) == new)):
                if start >= 0:
                    found.append((range(start, end), look))
                start, look = at, new
            end = at + 1
        found.append((range(start, end), look))
        return found

    def draw(self, x: int, y: int, cells: list[Cell]) -> None:
        """Draw neighbouring cells of a row, from column `x` on."""
        self.draw_all([(x, y, cells)])

    def _draw(self, x: int, y: int, cells: list[Cell], run: range) -> None:
        """Draw a run of `cells`, the first of which is in column `x`."""
        terminal, out = self.terminal, self.out
        shown = terminal.row(y, x + len(cells))
        for at in run:
            cell = cells[at - x]
            if shown[at] == cell:
                # Erased with the blanks before it.
                continue
            text, look = cell
            if look.blank and terminal.erases and self._erase(x, at, y, cells, shown):
                continue
            shown[at] = cell
            if text[0] == "\0":
                # The cursor moved past it with the first cell of the character.
                self.x += 1
                continue
            if at != self.x or y != self.y:
                self.go(at, y, cells[max(0, self.x - x) : at - x])
            if look is self.look and text.isascii():
                out.append(text)
                self.x += 1
            else:
                self.put(cell)

    def _erase(self, x: int, at: int, y: int, cells: list[Cell], shown: list[Cell | None]) -> bool:
        """Erase the blanks from column `at` on, if they are so many that this is shorter."""
        blank, most = cells[at - x], x + len(cells)
        end = at + 1
        while end < most and cells[end - x] == blank:
            end += 1
        last = end
        while shown[last - 1] == blank:
            last -= 1
        to_end = end == self.terminal.width
        follows = last == end < most and shown[end] != cells[end - x]
        least = _ERASE_LINE if to_end else _ERASE if follows else _ERASE_LAST
        if at == self.terminal.width - 1:
            # A scrollbar: erasing leaves the cursor in its column, one move below the next cell.
            least = 1
        if last - at < least:
            return False
        self.go(at, y, cells[max(0, self.x - x) : at - x])
        self._use(blank[1])
        self.out.append("\x1b[K" if to_end else f"\x1b[{last - at}X")
        shown[at:end] = [blank] * (end - at)
        return True

    def go(self, x: int, y: int, between: list[Cell]) -> None:
        """Move to a cell, by sending the cells `between` again where that is shorter."""
        if y == self.y and x == self.x:
            return
        ahead = x - self.x if y == self.y else 0
        if 0 < ahead == len(between) <= _MOVE and all(
            self.suits(look) and text.isascii() for text, look in between
        ):
            for cell in between:
                self.put(cell)
        elif ahead > 0 and self.x >= 0:
            self.out.append(_moved(ahead, "C"))
        else:
            self.out.append(self._jump(x, y))
        self.x, self.y = x, y

    def _jump(self, x: int, y: int) -> str:
        """Return the shortest move to a cell that is not further on in the present row."""
        whole = f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H"
        # After the last column the terminal may be about to wrap.
        if self.y < 0 or not 0 <= self.x < self.terminal.width:
            return whole
        down = _moved(y - self.y, "B", "\v") if y > self.y else _moved(self.y - y, "A")
        sideways = _moved(x - self.x, "C") if x > self.x else _moved(self.x - x, "D", "\b")
        # A carriage return is a single byte, too.
        relative = down + min(sideways, "\r" + _moved(x, "C"), key=len)
        return relative if len(relative) < len(whole) else whole

    def suits(self, look: Look) -> bool:
        """Whether a cell of this look needs no change of style; a blank has no foreground."""
        return look is self.look or (look.blank and shows_as_blank(self.look) == look)

    def put(self, cell: Cell) -> None:
        """Draw a cell at the cursor."""
        text, look = cell
        self.x += 1
        if not self.suits(look):
            text, look = self._as_blocks(text, look)
            self._use(look)
        if text.isascii() or _OF_ANY_WIDTH.isdisjoint(text):
            self.out.append(text)
            return
        # Blanks erase what a narrow drawing would leave; the cursor is then at an unknown column.
        self.out.append(f"{' ' * cell_len(text)}\x1b[{self.y + 1};{self.x}H{text}")
        self.y = -1

    def _use(self, look: Look) -> None:
        if not self.suits(look):
            look = self._drawn(look)
            self.out.append(change(self.look, look))
            self.look = look

    def _drawn(self, look: Look) -> Look:
        """Return the look in which a cell is drawn now."""
        return kept(self.look, look) if look.blank else look

    def _as_blocks(self, text: str, look: Look) -> tuple[str, Look]:
        """Return what looks like a half block, or a blank among them, and changes fewer colours."""
        if text == _UPPER and (other := swapped(look)) is not None:
            if other != look:
                cheaper = len(change(self.look, other)) < len(change(self.look, look))
                return (_LOWER, other) if cheaper else (text, look)
            # With 256 colours, or fewer, both halves may have the same one.
            text, look = " ", shows_as_blank(look)
        after_block = bool(self.out) and self.out[-1] in (_UPPER, _LOWER, _FULL)
        if text == " " and look.blank and after_block and is_filled(self.look, look):
            return _FULL, self.look
        return text, look

    def text(self) -> str:
        """Return what is to be sent, with which the terminal has its plain look again."""
        self.out.append(change(self.look, PLAIN))
        return "".join(self.out)


def _moved(cells: int, direction: str, control: str = "") -> str:
    """Return a move of the cursor by so many cells; `control` is a character that moves by one.

    A vertical tab moves as a line feed does (ECMA-48, DEC STD 070), which the line discipline of a
    terminal would send as a carriage return and a line feed.
    """
    if not cells:
        return ""
    if control and cells <= 3:
        return control * cells
    return f"\x1b[{cells if cells > 1 else ''}{direction}"

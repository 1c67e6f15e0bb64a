"""The help screen: keys, commands, forms of expressions and marks, filtered by typing.

It is generated from the table of commands, the key bindings and the grammar of expressions, so it
cannot be out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key, Resize
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Input, Static

from mfdebug.config.bindings import PLACES, Bound, Keys, at
from mfdebug.core.commands.command import Command
from mfdebug.core.commands.help import (
    EXAMPLES,
    FORMS,
    FUNCTION_MEANINGS,
    WORD_MEANINGS,
)
from mfdebug.core.commands.table import GROUPS
from mfdebug.tui.keys import bindings_at, keys_of
from mfdebug.tui.terminal.text_fitting import wrap
from mfdebug.tui.widgets.lines import LinesView

# The groups of commands that have a section of keys; all other keys are under `SCREEN`.
KEY_GROUPS = ("move", "stop", "look", "change")
SCREEN = "this screen"
MARKS = {
    "✓": "the value is computed",
    "∂": "the gradient is computed",
    "◐": "the gradient is partial: not every consumer has sent its contribution",
    "⊕": "every consumer has sent its contribution; the node's own backward is still ahead",
    "∙": "not computed yet",
    "?": "unknown: not recorded in a program's run, or not a number",
    "~": "stale: of the SGD step before this one, or of parameters before their update",
    "*": "trained: the update changes it",
    "!": "it contains NaN or infinity",
    "●": "a stop is set here",
    "○": "a stop is set here, but disabled",
    "▶": "the node of the present moment",
    "▾ ▸": "a scope, open or folded; Enter changes it",
    "◆": "the present SGD step on the cost curve; a click on the curve goes to another one",
    "⠒ ⠒": "the cost of another branch, which an edit has left, as far as it was computed",
    "epoch 2 3/28": "the SGD step is the 3rd of 28 in epoch 2, counted from 0; a step is a batch",
}
INDENT = 2
GAP = 2
# The most cells of the first column; a longer head has its own line.
MAX_HEAD = 24
# Below this width there is no room for whole sentences beside the first column.
ROOMY = 70


@dataclass(frozen=True)
class Entry:
    """An entry of the help: a key, a command or a form, its description, and details."""

    head: str
    words: str
    details: str = ""


@dataclass(frozen=True)
class Section:
    """Entries under a title, whose first word is their kind.

    `column` is the width, in cells, of the column of heads, the same for all sections of a kind.
    """

    title: str
    entries: tuple[Entry, ...]
    column: int = 0

    @property
    def kind(self) -> str:
        """The first word of the title, which sections of one kind share."""
        return self.title.split()[0]

    def filtered(self, wanted: Iterable[str]) -> Section:
        """Return this section with only the entries that, with the title, have all wanted words."""
        title = self.title.casefold()
        missing = [word for word in wanted if word not in title]
        kept = [
            entry
            for entry in self.entries
            if all(word in _plain(entry).casefold() for word in missing)
        ]
        return replace(self, entries=tuple(kept))


def _plain(entry: Entry) -> str:
    return f"{entry.head} {entry.words} {entry.details}"


def sections(keys: Keys) -> list[Section]:
    """Return the whole help, with the keys in force."""
    prompt = keys.name("prompt")
    commands = [
        Section(
            f"commands, at the prompt ({prompt}) - {name}",
            tuple(_command_entry(command, keys) for command in group),
        )
        for name, group in GROUPS.items()
    ]
    calls = tuple(Entry(f"{name}(x)", words) for name, words in FUNCTION_MEANINGS.items())
    return _aligned(
        [
            *_key_sections(keys),
            *commands,
            Section("expressions (EXPR)", _pairs(FORMS)),
            Section("expressions - words", _pairs(WORD_MEANINGS)),
            Section("expressions - functions", calls),
            Section("expressions - examples", _pairs(EXAMPLES)),
            Section("marks", _pairs(MARKS)),
        ]
    )


def _aligned(unaligned: list[Section]) -> list[Section]:
    columns: dict[str, int] = {}
    for section in unaligned:
        heads = [cell_len(entry.head) for entry in section.entries]
        fitting = [head for head in heads if head <= MAX_HEAD]
        columns[section.kind] = max(columns.get(section.kind, 0), *fitting)
    return [replace(section, column=columns[section.kind]) for section in unaligned]


def _pairs(meanings: dict[str, str]) -> tuple[Entry, ...]:
    return tuple(Entry(head, words) for head, words in meanings.items())


def _command_entry(command: Command, keys: Keys) -> Entry:
    shown = keys.of_command(command.name)
    words = f"{command.summary}  ({shown})" if shown else command.summary
    return Entry(command.usage, words, command.details)


def _key_sections(keys: Keys) -> list[Section]:
    groups: dict[str, list[Bound]] = {name: [] for name in (*KEY_GROUPS, SCREEN)}
    for bound in (*at("screen"), *at("app")):
        groups[bound.group if bound.group in KEY_GROUPS else SCREEN].append(bound)
    found = {name: _key_entries(group, keys) for name, group in groups.items()}
    counted = f"10{keys.name('step')} 500{keys.name('sgd')}"
    found["move"] += (Entry(counted, "ten steps, 500 SGD steps: type a count first"),)
    if not (keys.is_changed("step") or keys.is_changed("back")):
        found["move"] += (Entry("s S", "lowercase goes forward, UPPERCASE goes back"),)
    found[PLACES["order"]] = _key_entries(at("order"), keys)
    panel = f"{PLACES['entries']} ({keys.name('panel')})"
    found[panel] = _key_entries(at("entries"), keys)
    return [Section(f"keys - {name}", entries) for name, entries in found.items()]


def _key_entries(bound: Iterable[Bound], keys: Keys) -> tuple[Entry, ...]:
    """Return an entry per binding that has keys, with all its keys."""
    return tuple(Entry(keys.shown(b.id), b.words) for b in bound if keys.of(b.id))


class HelpText(LinesView):
    """The lines that match the filter."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"help--title", "help--head", "help--dim"}
    DEFAULT_CSS = """
    HelpText {
        background: $background;
        overflow-x: hidden;
        & > .help--title { color: $accent; text-style: bold; }
        & > .help--head { color: $text; text-style: bold; }
        & > .help--dim { color: $text-muted; }
    }
    """

    def show(self, shown: list[Section], *, details: bool) -> None:
        """Show the given sections, with or without the details of each entry."""
        # A column is reserved for the scrollbar, so that lines do not move when it appears.
        width = max(20, self.outer_size.width - 2)
        lines: list[Strip] = []
        for section in shown:
            if lines:
                lines.append(Strip.blank(0))
            lines += self._section(section, width, details=details)
        self.update_lines(lines)

    def _section(self, section: Section, width: int, *, details: bool) -> Iterator[Strip]:
        style = self.get_component_rich_style
        for part in wrap(section.title, width):
            yield Strip([Segment(f" {part}", style("help--title"))])
        column = min(section.column, width // 3)
        left = 1 + INDENT + column + GAP
        for entry in section.entries:
            head = wrap(entry.head, width - 1 - INDENT)
            words = wrap(entry.words, width - left)
            beside = cell_len(entry.head) <= column
            for part in head[: len(head) - beside]:
                yield Strip([Segment(" " * (1 + INDENT)), Segment(part, style("help--head"))])
            for i, part in enumerate(words):
                text = entry.head if beside and i == 0 else ""
                text += " " * (column - cell_len(text) + GAP)
                yield Strip(
                    [
                        Segment(" " * (1 + INDENT)),
                        Segment(text, style("help--head")),
                        Segment(part),
                    ]
                )
            if details and entry.details:
                indent = left if width >= ROOMY else 1 + 2 * INDENT
                for part in wrap(entry.details, width - indent):
                    yield Strip([Segment(" " * indent), Segment(part, style("help--dim"))])


class Filter(Input):
    """The input for the wanted words."""

    def on_key(self, event: Key) -> None:
        """Close the help at the key that opens it, while nothing is typed yet."""
        if event.key in keys_of(self).of("help") and not self.value:
            event.stop()
            event.prevent_default()
            self.screen.dismiss(None)


class HelpScreen(ModalScreen[None]):
    """The help, as large as the screen."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center top;
        background: $background;
        & > Vertical { width: 100%; max-width: 104; height: 100%; }
        #help-head { height: 1; background: $panel; }
        #help-title { width: 7; color: $accent; text-style: bold; }
        #help-filter { width: 1fr; background: $panel; color: $text; }
        #help-text { height: 1fr; }
        #help-keys { height: 1; background: $panel; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("help")

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._sections = sections(keys)

    def compose(self) -> ComposeResult:
        """A title, the filter, the lines, and how to close."""
        with Vertical():
            with Horizontal(id="help-head"):
                yield Static(" help", id="help-title", markup=False)
                yield Filter(
                    placeholder="type to find: gradient, undo, norm …",
                    id="help-filter",
                    compact=True,
                )
            text = HelpText(id="help-text")
            text.can_focus = False
            yield text
            yield Static("", id="help-keys", markup=False)

    def on_mount(self) -> None:
        """Focus the filter."""
        self.query_one(Filter).focus()

    def on_resize(self, _event: Resize) -> None:
        """Wrap the lines to the new width."""
        self.call_after_refresh(self._show)

    def on_input_changed(self) -> None:
        """Show the entries that match."""
        self._show()
        self.query_one(HelpText).scroll_to(y=0, animate=False)

    def _show(self) -> None:
        typed = self.query_one(Filter).value
        wanted = typed.casefold().split()
        filtered = [section.filtered(wanted) for section in self._sections]
        shown = [section for section in filtered if section.entries]
        if not shown:
            shown = [Section(f"nothing found: {typed.strip()}", (), 1)]
        self.query_one(HelpText).show(shown, details=bool(wanted))
        keys = "Esc clears" if typed else "Esc closes"
        self.query_one("#help-keys", Static).update(f" ↑ ↓ PgUp PgDn scroll   {keys}")

    def action_leave(self) -> None:
        """Clear the filter, or close if it is empty."""
        typed = self.query_one(Filter)
        if typed.value:
            typed.value = ""
        else:
            self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one(HelpText).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by a page less one line."""
        text = self.query_one(HelpText)
        text.scroll_relative(y=by * max(1, text.size.height - 1), animate=False)

"""The help: all keys, commands, forms of expressions and marks, which typing filters.

What it says is made from the table of commands, from the bindings and from the language of
expressions, so that it cannot name what there is not.
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

# The groups of commands whose keys are shown by them; all others belong to the screen.
KEY_GROUPS = ("move", "stop", "look", "change")
SCREEN = "this screen"
MARKS = {
    "✓": "the value is computed",
    "∂": "the gradient is computed",
    "◐": "the gradient is there in part: not every consumer has sent its share",
    "⊕": "every consumer has sent its share; the node's own turn is still to come",
    "∙": "not computed yet",
    "?": "not known: not kept of a program's run, or no number",
    "~": "stale: of the SGD step before this one, or of parameters before their update",
    "*": "trained: the update changes it",
    "!": "a NaN or an infinity is in it",
    "●": "a stop is set here",
    "○": "a stop is set here, but switched off",
    "▶": "the node of the present moment",
    "▾ ▸": "a scope, open or folded; Enter changes it",
}
INDENT = 2
GAP = 2
# Cells of the first column, if it needs so many; what is longer has a line of its own.
MOST_HEAD = 24
# In fewer cells there is no room for whole sentences beside the first column.
ROOMY = 70


@dataclass(frozen=True)
class Entry:
    """A line of the help: a key, a command or a form, what it does, and more about it."""

    head: str
    words: str
    details: str = ""


@dataclass(frozen=True)
class Section:
    """Lines with a title, which begins with what kind of lines they are.

    `column` is how many cells the heads of all lines of this kind want.
    """

    title: str
    entries: tuple[Entry, ...]
    column: int = 0

    @property
    def kind(self) -> str:
        """The part of the title that sections of one kind share."""
        return self.title.split()[0]

    def filtered(self, wanted: Iterable[str]) -> Section:
        """Return this section with the lines that contain all the wanted words, or its title."""
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


def _aligned(made: list[Section]) -> list[Section]:
    columns: dict[str, int] = {}
    for one in made:
        heads = [cell_len(entry.head) for entry in one.entries]
        fitting = [head for head in heads if head <= MOST_HEAD]
        columns[one.kind] = max(columns.get(one.kind, 0), *fitting)
    return [replace(one, column=columns[one.kind]) for one in made]


def _pairs(told: dict[str, str]) -> tuple[Entry, ...]:
    return tuple(Entry(head, words) for head, words in told.items())


def _command_entry(command: Command, keys: Keys) -> Entry:
    shown = keys.of_command(command.name)
    words = f"{command.summary}  ({shown})" if shown else command.summary
    return Entry(command.usage, words, command.details)


def _key_sections(keys: Keys) -> list[Section]:
    groups: dict[str, list[Bound]] = {name: [] for name in (*KEY_GROUPS, SCREEN)}
    for one in (*at("screen"), *at("app")):
        groups[one.group if one.group in KEY_GROUPS else SCREEN].append(one)
    found = {name: _key_entries(made, keys) for name, made in groups.items()}
    counted = f"10{keys.name('step')} 500{keys.name('sgd')}"
    found["move"] += (Entry(counted, "ten steps, 500 SGD steps: a count first"),)
    if not (keys.is_changed("step") or keys.is_changed("back")):
        found["move"] += (Entry("s S", "lowercase goes forward, UPPERCASE goes back"),)
    found[PLACES["order"]] = _key_entries(at("order"), keys)
    panel = f"{PLACES['entries']} ({keys.name('panel')})"
    found[panel] = _key_entries(at("entries"), keys)
    return [Section(f"keys - {name}", entries) for name, entries in found.items()]


def _key_entries(bound: Iterable[Bound], keys: Keys) -> tuple[Entry, ...]:
    """Return a line for each thing that keys do, with all keys that do it."""
    return tuple(Entry(keys.shown(one.id), one.words) for one in bound if keys.of(one.id))


class HelpText(LinesView):
    """The lines that are left by the filter."""

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
        """Show these sections, with what there is to say besides or without."""
        # A column is left for the scrollbar, so that lines do not move when it comes.
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
    """Where the wanted words are typed."""

    def on_key(self, event: Key) -> None:
        """The key that opens the help closes it, until it may be a part of what is typed."""
        if event.key in keys_of(self).of("help") and not self.value:
            event.stop()
            event.prevent_default()
            self.screen.dismiss(None)


class HelpScreen(ModalScreen[None]):
    """The help over the whole screen."""

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
        """Take what is typed."""
        self.query_one(Filter).focus()

    def on_resize(self, _event: Resize) -> None:
        """Break the lines where they have to be."""
        self.call_after_refresh(self._show)

    def on_input_changed(self) -> None:
        """Show what is left."""
        self._show()
        self.query_one(HelpText).scroll_to(y=0, animate=False)

    def _show(self) -> None:
        typed = self.query_one(Filter).value
        wanted = typed.casefold().split()
        left = [found for one in self._sections if (found := one.filtered(wanted)).entries]
        if not left:
            left = [Section(f"nothing found: {typed.strip()}", (), 1)]
        self.query_one(HelpText).show(left, details=bool(wanted))
        keys = "Esc clears" if typed else "Esc closes"
        self.query_one("#help-keys", Static).update(f" ↑ ↓ PgUp PgDn scroll   {keys}")

    def action_leave(self) -> None:
        """Clear the filter; when there is none, close."""
        typed = self.query_one(Filter)
        if typed.value:
            typed.value = ""
        else:
            self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one(HelpText).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by a page, of which one line stays."""
        text = self.query_one(HelpText)
        text.scroll_relative(y=by * max(1, text.size.height - 1), animate=False)

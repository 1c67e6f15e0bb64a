"""The help, over the lower part of the screen: a list of topics, pages, a search.

It covers no more of the screen than it needs, so that the numbers above stay visible.
"""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Click, Key, Resize
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input, Static

from mfdebug.config.bindings import Keys
from mfdebug.tui.help_pages import Page, Section, pages
from mfdebug.tui.keys import bindings_at
from mfdebug.tui.screens.dialog import Dialog
from mfdebug.tui.terminal.text_fitting import fit
from mfdebug.tui.widgets.help_text import HelpText
from mfdebug.tui.widgets.key_words import KeyWords
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.selected_row import has_few_colours, select_row

# From this width on, the list of topics is beside the text.
BESIDE = 104
LIST = 24
# Lines beside those of the help: the title and the keys.
AROUND = 2
# The part of the screen, in percent, that the list of topics may cover, and the least lines of it.
PART, LEAST = 60, 12


class TopicList(LinesView, can_focus=False):
    """The names of the topics, with what they are about where there is room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"topics--now", "topics--dim"}
    DEFAULT_CSS = """
    TopicList {
        background: $background;
        overflow-x: hidden;
        & > .topics--now { background: $chosen; text-style: bold; }
        & > .topics--dim { color: $text-muted; }
    }
    """

    class Opened(Message):
        """A topic was clicked."""

        def __init__(self, topic: int) -> None:
            super().__init__()
            self.topic = topic

    def __init__(self, topics: list[Page], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._topics = topics
        self._now = 0
        self._column = max(len(topic.name) for topic in topics)

    def show(self, now: int) -> None:
        """Show the list, with topic `now` marked."""
        self._now = now
        self.reload(Size(self.line_width, len(self._topics)))
        self.reveal(now)

    def line(self, y: int) -> Strip:
        """Return the line of a topic."""
        topic, width = self._topics[y], self.line_width
        name = fit(f" {topic.name}", min(self._column + 3, width))
        if y == self._now:
            text = fit(name + topic.summary, width) if width > LIST else name
            style = self.get_component_rich_style("topics--now")
            few = has_few_colours(self.app)
            return select_row(Strip([Segment(text)]), style, width, few=few)
        words = fit(topic.summary, width - len(name)) if width > LIST else ""
        return Strip([Segment(name), Segment(words, self.get_component_rich_style("topics--dim"))])

    def on_click(self, event: Click) -> None:
        """Open the clicked topic."""
        if (y := event.y + self.scroll_offset.y) < len(self._topics):
            self.post_message(self.Opened(y))


class HelpScreen(Dialog[None]):
    """The help; `topic` is the page that it opens at, `search` the words that it searches for.

    Where it is wide, the list of topics stays beside the text, and the text has as many pages as
    fit. Else the list comes first, and Enter opens a topic.
    """

    DEFAULT_CSS = """
    HelpScreen {
        align: center bottom;
        #help-box { background: $background; }
        #help-head { height: 1; background: $panel; }
        #help-title { width: 1fr; color: $accent; text-style: bold; }
        #help-filter { width: 1fr; background: $panel; color: $text; }
        #help-body { height: 1fr; }
        #help-topics { width: 1fr; }
        #help-text { width: 1fr; height: 1fr; }
        #help-keys { height: 1; background: $panel; color: $text-muted; }
        &.beside #help-topics { width: 24; border-right: solid $divider; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("help")
    AUTO_FOCUS = ""

    def __init__(self, keys: Keys, topic: str = "", search: str = "") -> None:
        super().__init__()
        self._keys = keys
        self._pages = pages(keys)
        names = [page.name for page in self._pages]
        self._now = names.index(topic) if topic in names else 0
        self._in_contents = topic not in names
        self._search = search

    def compose(self) -> ComposeResult:
        """A title or the words to find, the topics, the text, and the keys."""
        with Vertical(id="help-box"):
            with Horizontal(id="help-head"):
                yield Static("", id="help-title", markup=False)
                yield Input(
                    self._search,
                    placeholder="type to find: gradient, histogram, norm …",
                    id="help-filter",
                    compact=True,
                )
            with Horizontal(id="help-body"):
                yield TopicList(self._pages, id="help-topics")
                yield HelpText(id="help-text")
            yield KeyWords(id="help-keys")

    def on_mount(self) -> None:
        """Search, if words were given."""
        self._set_searching(bool(self._search))

    @property
    def is_searching(self) -> bool:
        """Whether words are typed to be found."""
        return self.query_one(Input).display

    @property
    def _is_beside(self) -> bool:
        return self.size.width >= BESIDE

    def _set_searching(self, searching: bool) -> None:
        words = self.query_one(Input)
        words.display = searching
        self.query_one("#help-title").styles.width = 7 if searching else "1fr"
        if searching:
            words.focus()
        else:
            self.set_focus(None)

    def on_resize(self, _event: Resize) -> None:
        """Fit the pages to the new size."""
        self._lay_out()

    def _lay_out(self) -> None:
        """Show the parts that are needed, and after that their lines, which need their sizes."""
        self.set_class(self._is_beside, "beside")
        lists = self._is_beside or (self._in_contents and not self.is_searching)
        self.query_one(TopicList).display = lists
        self.query_one(HelpText).display = self._is_beside or not lists
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        topics, text = self.query_one(TopicList), self.query_one(HelpText)
        text.room = self._most_lines
        title, keys = self.query_one("#help-title", Static), self.query_one(KeyWords)
        if topics.display:
            topics.show(self._now)
        if self.is_searching:
            text.show_found(self._found())
            self._fit(text.virtual_size.height)
            title.update(self._rule("help"))
            keys.use(" ↑ ↓ PgUp PgDn scroll   Esc ends the search")
            return
        if text.display:
            text.show_page(self._pages, self._now, alone=not self._is_beside)
            text.scroll_to(y=0, animate=False)
        self._fit(text.virtual_size.height if text.display else len(self._pages))
        if self._is_beside:
            title.update(self._rule("help"))
            keys.use(" ↑ ↓ topic   PgUp PgDn scroll   / find   Esc closes")
        elif self._in_contents:
            title.update(self._rule("help"))
            keys.use(" ↑ ↓ topic   Enter opens it   / find   Esc closes")
        else:
            page = self._pages[self._now]
            title.update(self._rule(f"help › {page.name}   {self._now + 1} of {len(self._pages)}"))
            keys.use(" ← → topic   ↑ ↓ scroll   Backspace topics   / find   Esc closes")

    def _rule(self, words: str) -> str:
        """Return the title in a line that divides the help from the screen above it."""
        line = f"─ {words} "
        return line + "─" * (self.size.width - cell_len(line))

    @property
    def _most_lines(self) -> int:
        """The most lines of topics and text.

        Where it is wide, several pages share a part of the screen. Elsewhere a page may need all
        of it, but not the list of topics.
        """
        room = self.room.height - AROUND
        part = self._is_beside or self.query_one(TopicList).display
        return max(LEAST, room * PART // 100) if part else room

    def _fit(self, lines: int) -> None:
        """Cover as much of the screen as so many lines need."""
        most = self._most_lines
        lines = most if self._is_beside or self.is_searching else min(lines, most)
        self.query_one("#help-box").styles.height = min(lines + AROUND, self.room.height)

    def _found(self) -> list[Section]:
        typed = self.query_one(Input).value
        wanted = typed.casefold().split()
        sections = [section for page in self._pages for section in page.sections]
        found = [section.filtered(wanted) for section in sections]
        found = [section for section in found if section.entries]
        return found or [Section(f"nothing found: {typed.strip()}", ())]

    def on_input_changed(self) -> None:
        """Show the entries that match."""
        self._show()
        self.query_one(HelpText).scroll_to(y=0, animate=False)

    def on_topic_list_opened(self, event: TopicList.Opened) -> None:
        """Open the clicked topic."""
        self._now = event.topic
        self._set_searching(False)
        self.action_open()

    # Keys --------------------------------------------------------------------------------

    def on_key(self, event: Key) -> None:
        """Close the help at the key that opens it, except where it is typed in a search."""
        if not self.is_searching and event.key in self._keys.of("help"):
            event.stop()
            event.prevent_default()
            self.dismiss(None)

    def action_find(self) -> None:
        """Start a search."""
        self._set_searching(True)
        self._lay_out()

    def action_open(self) -> None:
        """Open the topic under the cursor."""
        if not self.is_searching:
            self._in_contents = False
            self._lay_out()

    def action_contents(self) -> None:
        """Return to the list of topics."""
        self._in_contents = True
        self._lay_out()

    def action_topic(self, by: int) -> None:
        """Go to another topic."""
        if not self.is_searching:
            self._now = (self._now + by) % len(self._pages)
            self._lay_out()

    def action_leave(self) -> None:
        """End the search, or close."""
        if self.is_searching:
            self.query_one(Input).value = ""
            self._set_searching(False)
            self._lay_out()
        else:
            self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Go to another topic where the list is shown, else scroll by lines."""
        if not self.is_searching and self.query_one(TopicList).display:
            self._now = min(max(self._now + by, 0), len(self._pages) - 1)
            self._lay_out()
        else:
            self.query_one(HelpText).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by a page less one line."""
        text = self.query_one(HelpText)
        text.scroll_relative(y=by * max(1, text.size.height - 1), animate=False)

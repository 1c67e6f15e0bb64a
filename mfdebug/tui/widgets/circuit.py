"""The graph drawn as a circuit, at the present moment.

It is laid out once for a graph, a size and a set of open folds; a moment draws the part in view.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import (
    Click,
    MouseScrollDown,
    MouseScrollLeft,
    MouseScrollRight,
    MouseScrollUp,
)
from textual.message import Message
from textual.strip import Strip
from textual.worker import Worker, WorkerState

from mfdebug.core.circuit.drawing.canvas import STYLES, Window
from mfdebug.core.explain.scopes import Scope
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.tui.keys import bindings_at
from mfdebug.tui.widgets.arrangement import Fit
from mfdebug.tui.widgets.lines import LinesView
from mfdebug.tui.widgets.selected_row import has_few_colours

if TYPE_CHECKING:
    from mfdebug.core.circuit.boxes import Box
    from mfdebug.core.circuit.circuit import Circuit
    from mfdebug.core.circuit.navigation import Direction

# A larger graph is laid out in a thread: folding is linear in the nodes.
MOST_AT_ONCE = 400
# Layouts that are kept: those of the sizes and folds that one changes between.
LAYOUTS_KEPT = 8
# Cells that a turn of the wheel scrolls.
WHEEL_ROWS, WHEEL_COLUMNS = 3, 8
# Blanks and lines, and the words between them.
_FRAME = re.compile(r"[\s\u2500-\u257f]+")
_WORDS_AND_FRAME = re.compile(r"[\s\u2500-\u257f]+|[^\s\u2500-\u257f]+")
MEANING = "value above the wire, gradient below it"

# The width and height of the room, and the open folds (None for those with which it fits best).
_Key = tuple[int, int, frozenset[str] | None]


class CircuitView(LinesView, can_focus=True):
    """The circuit; `shown` returns the node that list and node panel show, or None."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"circuit--{style}" for style in STYLES}
    DEFAULT_CSS = """
    CircuitView {
        background: $background;
        overflow: hidden;
        & > .circuit--plain { color: $text; }
        & > .circuit--wire { color: $text-muted; }
        & > .circuit--frame { color: $text-muted; }
        & > .circuit--name { color: $text; }
        & > .circuit--value { color: $text; }
        & > .circuit--gradient { color: $warning; }
        & > .circuit--waiting { color: $text-muted; }
        & > .circuit--lit-forward { color: $accent; text-style: bold; }
        & > .circuit--lit-backward { color: $accent; text-style: bold; }
        & > .circuit--new-value { color: $accent; text-style: bold reverse; }
        & > .circuit--new-gradient { color: $warning; text-style: bold reverse; }
        & > .circuit--active { color: $accent; text-style: bold; }
        & > .circuit--chosen { color: $text; background: $boost; }
        &:focus > .circuit--chosen { background: $chosen; }
        &:nocolor > .circuit--chosen, &:ansi > .circuit--chosen { text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("circuit")

    class Chosen(Message):
        """The user has chosen the box of a node."""

        def __init__(self, node: int) -> None:
            super().__init__()
            self.node = node

    class Reshaped(Message):
        """The drawing has another size."""

    class Folded(Message):
        """The user has opened or closed a fold."""

    class Scrolled(Message):
        """Another part is in view."""

    class Refused(Message):
        """Something that cannot be done, and why."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(
        self,
        debugger: Debugger,
        shown: Callable[[], int | None],
        scopes: Scope,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        super().__init__(id=id)
        self.debugger = debugger
        self._shown = shown
        self._scopes = scopes
        self._room = (0, 0)
        # The folds that the user has opened and closed, or None.
        self._opened: frozenset[str] | None = None
        self._layouts: dict[_Key, Circuit] = {}
        self._coming: _Key | None = None
        # The left column and the top row in view, and the moment and node for which they are.
        self._at = (0, 0)
        self._seen: tuple[int, int | None] | None = None
        self._drawn: Circuit | None = None

    # Layouts -----------------------------------------------------------------------------

    def fits(self, width: int, height: int) -> Fit:
        """Return how much of the drawing a room shows; of a large graph it is never enough.

        Only a layout can say, so it is kept.
        """
        circuit = None if self._is_large else self._laid_out(width, height)
        if circuit is None or circuit.plan == "neighbourhood" or circuit.height > height:
            return "less"
        return "whole" if circuit.width <= width else "rows"

    def use_room(self, width: int, height: int) -> int:
        """Lay out for a room, unless that was done before; return the rows that are needed."""
        self._room = max(1, width), max(1, height)
        circuit = self.circuit
        if circuit is None or circuit.plan == "neighbourhood":
            return height
        return min(height, circuit.height)

    @property
    def circuit(self) -> Circuit | None:
        """The present layout; None until a large graph is laid out."""
        return self._laid_out(*self._room) if self._room[0] else None

    @property
    def _is_large(self) -> bool:
        return len(self.debugger.graph.nodes) > MOST_AT_ONCE

    def _laid_out(self, width: int, height: int) -> Circuit | None:
        key = (width, height, self._opened)
        found = self._layouts.pop(key, None)
        if found is None and self._is_large:
            if self._coming != key and self.is_mounted:
                self._coming = key
                self.run_worker(
                    lambda: self._lay_out(key), thread=True, exclusive=True, group="circuit"
                )
            return None
        found = self._layouts[key] = found or self._lay_out(key)
        while len(self._layouts) > LAYOUTS_KEPT:
            del self._layouts[next(iter(self._layouts))]
        return found

    def _lay_out(self, key: _Key) -> Circuit:
        # The layout has many modules, and a small screen does not show it at first.
        from mfdebug.core.circuit.circuit import Circuit

        width, height, opened = key
        shapes = self.debugger.plan.shapes
        # In a recording each pass may have others, and they are read from its file.
        known = shapes if type(shapes) is list else None
        return Circuit(self.debugger.graph, known, width, height, opened, self._scopes)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Draw a large graph when it is laid out."""
        circuit = event.worker.result
        if event.state is WorkerState.SUCCESS and self._coming is not None and circuit is not None:
            self._layouts[self._coming] = circuit
            self._coming = None
            self.post_message(self.Reshaped())

    # Showing -----------------------------------------------------------------------------

    def show(self) -> None:
        """Show the present moment."""
        if not self.size.height or not self._room[0]:
            return
        circuit = self.circuit
        if circuit is None:
            count = len(self.debugger.graph.nodes)
            words = f" laying out {count:,} nodes …"
            self.update_lines([Strip([Segment(words, self._style("waiting"))])])
            return
        where, node = self.debugger.where, self._shown()
        relaid = circuit.follow(node) or circuit is not self._drawn
        self._drawn = circuit
        box = None if node is None else circuit.box_of(node)
        seen = (self.debugger.moment, node)
        if relaid or seen != self._seen:
            self._seen = seen
            self._see(circuit, box)
        chosen = box if node != where.node else None
        window = self._window(circuit)
        self.update_lines(
            Strip([segment for text, style in row for segment in self._segments(text, style)])
            for row in circuit.draw(self.debugger, window, chosen)
        )

    def _segments(self, text: str, style: str) -> Iterator[Segment]:
        """Yield a run of one style; of a chosen box in few colours only its words are reversed."""
        if style != "chosen" or not has_few_colours(self.app):
            yield Segment(text, self._style(style))
            return
        frame = self._style("frame") + Style(bold=True)
        for part in _WORDS_AND_FRAME.findall(text):
            yield Segment(part, frame if _FRAME.match(part) else self._style(style))

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"circuit--{name}")

    def _window(self, circuit: Circuit) -> Window:
        """Return the part in view, inside of the drawing where that is larger."""
        width, height = self.size
        x = max(0, min(self._at[0], circuit.width - width))
        y = max(0, min(self._at[1], circuit.height - height))
        self._at = x, y
        return Window(x, y, width, height)

    def _see(self, circuit: Circuit, box: Box | None) -> None:
        """Scroll to a box if it would not be in view."""
        if box is not None:
            window = circuit.scrolled_to(box, self._window(circuit))
            self._at = window.x, window.y

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._seen = None
        self.show()
        self.post_message(self.Scrolled())

    def notes(self) -> list[str]:
        """Return words for the title line, the longest first: what is not in view."""
        circuit = self.circuit
        if circuit is None:
            return [""]
        window = self._window(circuit)
        beyond = [
            (window.x, "◂ {} column{}"),
            (circuit.width - window.x - window.width, "{} column{} ▸"),
            (window.y, "▴ {} row{}"),
            (circuit.height - window.y - window.height, "{} row{} ▾"),
        ]
        parts = [words.format(count, "s" * (count != 1)) for count, words in beyond if count > 0]
        if circuit.plan == "neighbourhood":
            parts.append(f"the surroundings in {len(self.debugger.graph.nodes):,} nodes")
        hidden = "  ".join(parts)
        return [f"{hidden}  {MEANING}", hidden] if hidden else [MEANING, "value / gradient"]

    # Keys --------------------------------------------------------------------------------

    def action_walk(self, direction: Direction) -> None:
        """Choose the next box in a direction."""
        circuit = self.circuit
        if circuit is None:
            return
        box = self._chosen_box(circuit)
        if box is None:
            self._choose(circuit.boxes[0])
        elif (other := circuit.neighbour(box, direction)) is not box:
            self._choose(other)

    def action_open_fold(self) -> None:
        """Open the chosen fold."""
        circuit = self.circuit
        box = None if circuit is None else self._chosen_box(circuit)
        if circuit is not None and box is not None:
            self._open(circuit, box)

    def _open(self, circuit: Circuit, box: Box) -> None:
        opened = circuit.opened_with(box)
        if opened is None:
            self.post_message(self.Refused(f"{box.key} is not folded"))
        else:
            self._fold(opened)

    def action_close_fold(self) -> None:
        """Close the innermost fold around the chosen node."""
        circuit, node = self.circuit, self._shown()
        if circuit is None:
            return
        opened = None if node is None else circuit.opened_without(node)
        if opened is None:
            name = "this moment" if node is None else self.debugger.graph.nodes[node].label
            self.post_message(self.Refused(f"no fold around {name} is open"))
        else:
            self._fold(opened)

    def _fold(self, opened: frozenset[str]) -> None:
        self.use_opened(opened)
        self.post_message(self.Folded())

    @property
    def opened(self) -> frozenset[str]:
        """The keys of the folds that the user has left open."""
        return self._opened or frozenset()

    def use_opened(self, keys: frozenset[str]) -> None:
        """Open the folds with these keys, and close all others, from the next layout on."""
        self._opened = keys
        self._seen = None

    def _chosen_box(self, circuit: Circuit) -> Box | None:
        node = self._shown()
        return None if node is None else circuit.box_of(node)

    def _choose(self, box: Box) -> None:
        now = self.debugger.where.node
        node = now if now is not None and now in box.nodes else box.nodes[-1]
        self.post_message(self.Chosen(node))

    # Mouse -------------------------------------------------------------------------------

    def on_click(self, event: Click) -> None:
        """Choose the box that was clicked; open a fold."""
        circuit = self.circuit
        if circuit is None:
            return
        box = circuit.at(event.x + self._at[0], event.y + self._at[1])
        if box is None:
            return
        self._choose(box)
        if circuit.opened_with(box) is not None:
            self._open(circuit, box)

    def _scroll(self, columns: int, rows: int) -> None:
        circuit = self.circuit
        if circuit is None:
            return
        if circuit.height <= self.size.height and not columns:
            columns, rows = WHEEL_COLUMNS * (1 if rows > 0 else -1), 0
        before = self._at
        self._at = before[0] + columns, before[1] + rows
        self._window(circuit)
        if self._at != before:
            self.show()
            self.post_message(self.Scrolled())

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Scroll down, or to the right if there is nothing below."""
        event.stop()
        across = event.shift or event.ctrl
        self._scroll(WHEEL_COLUMNS * across, WHEEL_ROWS * (not across))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Scroll up, or to the left if there is nothing above."""
        event.stop()
        across = event.shift or event.ctrl
        self._scroll(-WHEEL_COLUMNS * across, -WHEEL_ROWS * (not across))

    def on_mouse_scroll_right(self, event: MouseScrollRight) -> None:
        """Scroll to the right."""
        event.stop()
        self._scroll(WHEEL_COLUMNS, 0)

    def on_mouse_scroll_left(self, event: MouseScrollLeft) -> None:
        """Scroll to the left."""
        event.stop()
        self._scroll(-WHEEL_COLUMNS, 0)

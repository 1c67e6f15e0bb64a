"""The panels between status line and message line: order, circuit, node, cost and their lists."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.events import DescendantFocus
from textual.geometry import Size
from textual.widget import Widget

from mfdebug.core.session.session import Session
from mfdebug.tui.run_progress import RunProgress
from mfdebug.tui.widgets.arrangement import (
    HIGH,
    LEAST_FOR_CURVE,
    LEAST_FOR_LOW_CURVE,
    Arrangement,
    arrange,
)
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.legend import LEAST, Legend
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.output_list import OutputList
from mfdebug.tui.widgets.panel import Panel, show_all
from mfdebug.tui.widgets.panel_title import PanelTitle
from mfdebug.tui.widgets.plot_panel import PlotPanel
from mfdebug.tui.widgets.shown_node import ShownNode
from mfdebug.tui.widgets.stop_list import StopList
from mfdebug.tui.widgets.watch_list import WatchList

if TYPE_CHECKING:
    from mfdebug.core.commands.live_modules import LiveModules
    from mfdebug.core.quiz.question import Question
    from mfdebug.tui.widgets.circuit import CircuitView
    from mfdebug.tui.widgets.module_list import ModuleList
    from mfdebug.tui.widgets.quiz_panel import QuizPanel

# The lines of the screen around the panels.
AROUND = 3
# The panels that can have the whole screen, in the order in which a key shows them.
ZOOMABLE = ("node", "cost", "plot", "circuit", "order")
# Those in which one walks through the graph.
LISTS = ("order", "circuit")


class Panels(Horizontal):
    """The order at the left, the node at the right; `shown` is the node that both are at."""

    def __init__(
        self,
        session: Session,
        modules: LiveModules,
        *,
        roomy: bool,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._live_modules = modules
        debugger = session.debugger
        self.order = OrderTree(debugger, session.stops, id="order")
        self._legend = Legend(len(debugger.graph), id="legend")
        self.watches = WatchList(session.watches, id="watches")
        self.stops = StopList(session.stops, id="stops")
        self.node = NodePanel(debugger, id="node")
        self.cost = CostPlot(debugger, id="cost")
        self.plot = PlotPanel(session, id="plot")
        self.output = OutputList(session.printed or list, id="output")
        # Whether the user wants the circuit; None is where it fits beside the list.
        self._wished: bool | None = False if roomy else None
        self._arrangement = Arrangement("hidden")
        # Whether the circuit leaves no room for a plot.
        self._crowded = False
        self.order.roomy = self.node.roomy = self.cost.roomy = roomy
        self.shown = ShownNode(debugger, self.order, self.node)
        self._debugger = debugger
        # The panel that has the whole screen, or "".
        self.zoomed = ""
        self._focused_before: Widget | None = None
        self._focused_at_start: Widget = self.order
        # Which of order and circuit had the focus last.
        self._list: Widget = self.order

    @cached_property
    def circuit(self) -> CircuitView:
        """The drawn graph, mounted when it is first shown."""
        from mfdebug.tui.widgets.circuit import CircuitView

        shown = self.node
        return CircuitView(self._debugger, lambda: shown.node, self.order.scopes, id="circuit")

    @cached_property
    def modules(self) -> ModuleList:
        """The modules of a running program, mounted when there is something to show."""
        from mfdebug.tui.widgets.module_list import ModuleList

        return ModuleList(self._live_modules, id="modules")

    @cached_property
    def quiz(self) -> QuizPanel:
        """The panel of the quiz, mounted at its first question."""
        from mfdebug.tui.widgets.quiz_panel import QuizPanel

        return QuizPanel(id="quiz")

    def compose(self) -> ComposeResult:
        """Order, circuit and node side by side; what has nothing to show yet is mounted later."""
        with Vertical(id="left"):
            yield PanelTitle("order")
            yield self.order
            yield self._legend
        with Container(id="work"):
            with Vertical(id="drawing"):
                yield PanelTitle("circuit")
            with Vertical(id="right"):
                yield PanelTitle("node")
                yield self.node
                yield self.cost

    def _mount_wanted(self) -> None:
        """Mount the panels that have something to show for the first time."""
        for column, panels in (
            ("#left", (self.watches, self.stops)),
            ("#right", (self.plot, self.output)),
        ):
            first, second = panels
            if first.wanted and not first.is_attached:
                below = second if second.is_attached else None
                self.query_one(column).mount(first, before=below)
            if second.wanted and not second.is_attached:
                self.query_one(column).mount(second)

    def show(self) -> None:
        """Update every panel to the present moment."""
        if self.cost.is_mounted:
            self.show_plot_if_it_fits()
        self._mount_wanted()
        show_all((*self._graph, self.watches, self.stops))
        show_all((self.node, self.cost, self.plot, self.output))
        self._fit_legend()
        self.draw_titles()

    @property
    def _graph(self) -> tuple[Panel, ...]:
        """The panels on the screen that show the graph."""
        return (self.order, self.circuit) if self.shows_circuit else (self.order,)

    def show_output(self) -> None:
        """Show what the program has printed, also while it runs."""
        self._mount_wanted()
        show_all((self.output,))

    def _fit_legend(self) -> None:
        """Give the legend the lines that the order does not need."""
        order, legend = self.order, self._legend
        if legend.display and order.size.height:
            room = order.size.height + legend.size.height - order.line_count
            legend.fit(room, absent=order.absent_signs)

    def grow(self, progress: RunProgress) -> None:
        """Let the curve grow during a run in the background."""
        self.cost.show_if_it_fits(running=True)
        if self.cost.display:
            self.cost.grow(math.floor(progress.reached), math.floor(progress.aim or 0))

    def show_modules(self, *, running: bool) -> None:
        """Show the modules of a program in place of the present moment while it is running."""
        shown = running and bool(self._live_modules.rows)
        if shown != self.screen.has_class("running"):
            if shown:
                if not self.modules.is_attached:
                    self.mount(self.modules, before=0)
                # It is hidden, so that the focus goes elsewhere: it gets it back afterwards.
                self._focused_at_start = self.screen.focused or self._list
            self.screen.set_class(shown, "running")
            if not shown:
                self.arrange_circuit()
                if self._focused_at_start in self.ring:
                    self.screen.set_focus(self._focused_at_start)
                self._keep_focus()
        if shown:
            self.modules.show()

    def zoom(self, panel: str) -> None:
        """Give one of the `ZOOMABLE` panels the whole screen; "" shows all panels again."""
        if not self.zoomed:
            self._focused_before = self.screen.focused
        self.zoomed = panel
        self.node.zoomed = panel == "node"
        self.cost.zoomed = panel
        for name in ZOOMABLE:
            self.screen.set_class(name == panel, f"zoom-{name}")
        self.arrange_circuit()
        before = self._focused_before
        if before in (self.cost, self.plot) and not before.display:
            before = self._list
        self.screen.set_focus(self.panel_named(panel) if panel else before)
        # On a narrow screen either the order or the node is shown.
        at_node = self.screen.focused in (self.node, self.cost, self.plot)
        self.screen.set_class(at_node, "at-node")
        self.node.show()
        self.call_after_refresh(self.draw_titles)

    def panel_named(self, name: str) -> Widget:
        """Return one of the `ZOOMABLE` panels."""
        panel: Widget = getattr(self, name)
        return panel

    def zoom_next(self) -> None:
        """Give the next panel the whole screen."""
        has = {
            "cost": self.cost.has_curve,
            "plot": self.plot.wanted,
            "circuit": self._arrangement.mode != "hidden",
        }
        names = [name for name in ZOOMABLE if has.get(name, True)]
        after = names.index(self.zoomed) + 1 if self.zoomed in names else 0
        self.zoom(names[after % len(names)])

    def draw_titles(self) -> None:
        """Draw the title lines to their width, that of the focused panel in bold."""
        focused = self.screen.focused
        for title in self.query(PanelTitle):
            notes = self.node.notes() if title.panel == "node" else []
            if title.panel == "circuit" and self.shows_circuit:
                notes = self.circuit.notes()
            headings = self.order.headings if title.panel == "order" else ()
            title.draw(None if focused is None else focused.id, headings, notes)
        self.cost.draw_title(focused=focused is self.cost)
        self.plot.draw_title(focused=focused is self.plot)

    @property
    def ring(self) -> list[Widget]:
        """The panels that can have the focus, in the order in which a key gives it to them."""
        return [
            *([] if self.shows_circuit and self._arrangement.mode == "alone" else [self.order]),
            *([self.circuit] if self.shows_circuit else []),
            self.node,
            *([self.cost] if self.cost.is_curve else []),
            *([self.plot] if self.plot.display else []),
        ]

    def focus_next(self) -> bool:
        """Focus the next panel; return whether it is at the right, beside the order."""
        ring = self.ring
        after = ring.index(self.screen.focused) + 1 if self.screen.focused in ring else 0
        return self.focus_panel(ring[after % len(ring)])

    def focus_panel(self, panel: Widget) -> bool:
        """Focus a panel; return whether it is at the right, beside the order."""
        # Not `Widget.focus`, which waits for a refresh.
        self.screen.set_focus(panel)
        return panel.id not in LISTS

    def on_panel_title_clicked(self, event: PanelTitle.Clicked) -> None:
        """Focus the panel whose title was clicked; clicked twice, zoom it or show all again."""
        panel = self.query_one(f"#{event.panel}", Widget)
        asks = self.quiz.is_attached and self.quiz.display
        if event.twice and event.panel in ZOOMABLE and not asks:
            self.zoom("" if self.zoomed else event.panel)
        elif panel in self.ring:
            self.focus_panel(panel)

    def on_order_tree_fitted(self) -> None:
        """Draw the headings over the columns of the order."""
        self.draw_titles()

    def focus_shown(self) -> None:
        """Focus the panel that has the whole screen, or the order."""
        self.focus_panel(self.panel_named(self.zoomed) if self.zoomed else self._list)

    def _keep_focus(self) -> None:
        """Focus a panel that is there, if the focused one has been hidden."""
        if self.screen.focused is None or self.screen.focused not in self.ring:
            self.focus_shown()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Remember which of order and circuit has the focus."""
        if event.widget.id in LISTS:
            self._list = event.widget

    # The plot ----------------------------------------------------------------------------

    def show_plot_if_it_fits(self) -> None:
        """Display the plot if there is one, and room for it; it takes the room of the curve."""
        plot = self.plot
        fits = not self._crowded and not self.screen.has_class("low")
        plot.display = plot.wanted and (self.zoomed == "plot" or (fits and not self.zoomed))
        above = self._arrangement.mode in ("alone", "beside")
        both = self.screen.size.height >= HIGH and not above
        self.cost.replaced = plot.display and not both
        if self.cost.replaced and self.screen.focused is self.cost:
            self.focus_panel(plot)
        self.cost.show_if_it_fits()

    def plot_changed(self) -> None:
        """Show the plot that a command has asked for, on the whole screen if need be."""
        if not self.plot.wanted:
            if self.zoomed == "plot":
                self.zoom("")
            if self.screen.focused is self.plot:
                self.focus_panel(self._list)
        elif self.zoomed or not self.plot.display or self.screen.has_class("narrow"):
            self.zoom("plot")

    # The quiz ----------------------------------------------------------------------------

    def ask(self, question: Question) -> None:
        """Show a question in the quiz panel."""
        if not self.quiz.is_attached:
            self.query_one("#right").mount(self.quiz, after=self.node)
        self.quiz.open(question)

    # The circuit -------------------------------------------------------------------------

    @property
    def shows_circuit(self) -> bool:
        """Whether the circuit is on the screen."""
        return self.zoomed == "circuit" if self.zoomed else self._arrangement.mode != "hidden"

    def toggle_circuit(self) -> None:
        """Show the circuit and walk in it, or hide it."""
        self._wished = not self.shows_circuit
        if self.zoomed == "circuit":
            self.zoom("")
        self.arrange_circuit()
        self._list = self.circuit if self._wished else self.order
        self._list.focus()

    def arrange_circuit(self, screen: Size | None = None) -> None:
        """Arrange the circuit in a screen of a size, by default the present one."""
        width, height = screen or self.screen.size
        height = max(1, height - AROUND)
        # Below the title and above the legend.
        listed = self.order.listed_widths(height - 1 - LEAST)
        found = arrange(
            width, height, self._wished, lambda *room: self.circuit.fits(*room), listed=listed
        )
        self._arrangement = found
        for mode in ("alone", "beside", "joined"):
            self.screen.set_class(not self.zoomed and mode == found.mode, f"circuit-{mode}")
        columns = (found.list, found.node) if not self.zoomed else (0, 0)
        for name, cells in zip(("#left", "#right"), columns, strict=True):
            self.query_one(name).styles.width = cells or None
        rows, drawing = 0, self.query_one("#drawing")
        if self.shows_circuit and not self.circuit.is_attached:
            drawing.mount(self.circuit)
        if self.zoomed == "circuit":
            self.circuit.use_room(width, height - 1)
        elif self.shows_circuit:
            rows = 1 + self.circuit.use_room(found.width, found.height)
        above = self.shows_circuit and found.mode in ("alone", "beside") and not self.zoomed
        drawing.styles.height = rows if above else None
        self.node.low = above
        self._crowded = above and height - rows < LEAST_FOR_CURVE
        least = LEAST_FOR_LOW_CURVE if height + AROUND >= HIGH else LEAST_FOR_CURVE
        self.cost.crowded = above and height - rows < least
        self.cost.set_class(self._crowded, "few")
        self.show_plot_if_it_fits()
        self.call_after_refresh(self.show)

    def on_order_tree_folded(self) -> None:
        """Fold the circuit as the list."""
        self._fit_legend()
        self.circuit.use_opened(self.order.opened)
        if self.shows_circuit:
            # It stays, even if it has to be scrolled now.
            self._wished = True
            self.arrange_circuit()

    def on_circuit_view_folded(self) -> None:
        """Fold the list as the circuit."""
        node = self.order.selected if self.node.node is None else self.node.node
        self.order.use_opened(self.circuit.opened, node)
        self._wished = True
        self.arrange_circuit()

    def on_circuit_view_reshaped(self) -> None:
        """Make room for another drawing."""
        self.arrange_circuit()

    def on_circuit_view_scrolled(self) -> None:
        """Draw what is out of view."""
        self.draw_titles()

    def on_circuit_view_chosen(self, event: CircuitView.Chosen) -> None:
        """Show the node of the chosen box, also in the order."""
        self.order.select(event.node, unfold=False)
        self.node.node = event.node
        self.show_node()

    def show_node(self) -> None:
        """Show another node at the same moment."""
        show_all((*self._graph, self.node))
        self.draw_titles()

    def on_order_tree_selected(self, event: OrderTree.Selected) -> None:
        """Show the node under the cursor of the order."""
        self.node.node = event.node
        self.order.show_cursor()
        show_all((*self._graph[1:], self.node))
        self.draw_titles()

    def on_node_panel_entry_chosen(self) -> None:
        """Update the node panel for the selected entry."""
        self.node.show()
        self.draw_titles()

    def on_node_panel_scrolled(self) -> None:
        """Draw how many lines are out of view."""
        self.draw_titles()

"""The keys of the main screen that change what the panels show, not the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfdebug.tui.command_screen import CommandScreen
from mfdebug.tui.keys import keys_of
from mfdebug.tui.widgets.message_line import MessageLine, Tone
from mfdebug.tui.widgets.panels import Panels

if TYPE_CHECKING:
    from mfdebug.tui.widgets.circuit import CircuitView
    from mfdebug.tui.widgets.tensor_view import View

# What the key that changes the view says.
VIEW_WORDS: dict[View, str] = {
    "numbers": "tensors are shown as numbers",
    "heatmap": "tensors are shown as heatmaps",
    "picture": "the image of the chosen entry is shown as a picture",
}


class PanelKeys(CommandScreen):
    """A screen with panels: which of them has the focus or the whole screen, what is asked."""

    panels: Panels
    message: MessageLine

    def say(self, words: str, tone: Tone = "answer") -> None:
        """Show a message in the message line."""
        raise NotImplementedError

    def action_panel(self) -> None:
        """Move the focus to the next panel, and show it; zoomed, zoom the next panel."""
        if self.panels.zoomed:
            self.panels.zoom_next()
            self._say_zoomed()
        else:
            self.set_class(self.panels.focus_next(), "at-node")

    # The circuit -------------------------------------------------------------------------

    def action_circuit(self) -> None:
        """Show the circuit, or hide it."""
        self.panels.toggle_circuit()
        self.message.show()

    def on_circuit_view_refused(self, event: CircuitView.Refused) -> None:
        """Say why a fold cannot be opened or closed."""
        self.say(event.words, "error")

    # The node panel ----------------------------------------------------------------------

    def action_zoom(self) -> None:
        """Give the panel with the focus the whole screen, or the node's; or show all again."""
        panels = self.panels
        focused = None if self.focused is None else self.focused.id
        own = focused if focused in ("circuit", "plot") else "node"
        panels.zoom("" if panels.zoomed else own)
        self._say_zoomed()

    def _say_zoomed(self) -> None:
        if not self.panels.zoomed:
            self.message.show()
            return
        keys = keys_of(self)
        back, other = keys.name("zoom"), keys.name("panel")
        self.say(f"{self.panels.zoomed}: {back} shows all panels, {other} the next one")

    def action_scroll_node(self, by: int) -> None:
        """Scroll the node panel, whatever has the focus."""
        self.panels.node.scroll_lines(by)

    def action_ask(self) -> None:
        """Let commands take the selected entry from the gradient instead of the value, or back."""
        selection = self.panels.shown.selection
        if problem := self.panels.node.ask_other(selection.shown):
            self.say(problem, "error")
            return
        self.panels.node.show()
        why = keys_of(self).name("why")
        self.say(f"{why} explains {self.panels.shown.selection.number}")

    def action_view(self) -> None:
        """Show the tensors as numbers, as heatmaps or as pictures."""
        node = self.panels.node
        wanted = node.next_view()
        node.show()
        self.panels.draw_titles()
        key, shown = keys_of(self).name("view"), node.shown_view
        if shown is None:
            self.say(f"{VIEW_WORDS[wanted]}, from the next tensor on; {key} changes it")
        elif wanted == "heatmap" and shown == "numbers":
            self.say(f"all numbers fit here: only what does not fit is a heatmap; {key} changes it")
        else:
            self.say(f"{VIEW_WORDS[shown]}; {key} changes it")

    def action_compare(self) -> None:
        """Show or hide what is asked about as the previous pass had it."""
        node = self.panels.node
        shown = node.compare()
        node.show()
        self.panels.draw_titles()
        key = keys_of(self).name("compare")
        words = f"the previous pass is beside the present one; {key} hides it"
        if node.node is None:
            words = f"from the next node on, the previous pass is shown, too; {key} hides it"
        self.say(words if shown else "only the present pass is shown")

    # The cost plot -----------------------------------------------------------------------

    def action_log(self) -> None:
        """Toggle the logarithmic scale of the cost plot."""
        plot = self.panels.cost
        if not plot.display:
            self.say(plot.why_hidden(keys_of(self)), "error")
            return
        plot.toggle_scale()
        self.say(f"costs on {plot.scale}; {keys_of(self).name('log')} changes it")

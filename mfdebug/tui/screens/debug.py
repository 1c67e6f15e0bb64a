"""The main screen: order, node and cost, and the keys that move through time.

Keys, prompt and scripts all run command lines in one session. A key takes one handler and one
frame: the command moves the debugger, then every panel shows the new moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key, Resize
from textual.timer import Timer
from textual.widgets import Input as TextInput
from textual.widgets import Static

from mfdebug.core.commands.completion import complete
from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.commands.quiz import asked
from mfdebug.core.explain.why import Cause
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver
from mfdebug.core.timeline.entry_ref import EntryRef
from mfdebug.tui.autoplay import Autoplay
from mfdebug.tui.keys import bindings_at, key_hints, keys_of, with_keys
from mfdebug.tui.palette import CommandScreen, Palette
from mfdebug.tui.presentation import KeyCast, Presentation, key_text
from mfdebug.tui.runner import Runner
from mfdebug.tui.screens.help import HelpScreen
from mfdebug.tui.screens.text import TextScreen
from mfdebug.tui.screens.why import WhyScreen
from mfdebug.tui.selection import SET, Selection
from mfdebug.tui.widgets.caption import Caption
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.legend import Legend
from mfdebug.tui.widgets.message_line import KeyLine, MessageLine
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.output_list import OutputList
from mfdebug.tui.widgets.prompt import Prompt
from mfdebug.tui.widgets.status_line import StatusLine
from mfdebug.tui.widgets.stop_list import StopList
from mfdebug.tui.widgets.watch_list import WatchList
from miniflow.errors import MiniflowError

# More digits than any valid count has; the command rejects such a count with a message.
MAX_DIGITS = 20
# Below this height a curve leaves too little space for numbers that an audience can read.
ROOMY_HEIGHT = 30
ONE_STEP = "step {n}"
ANSWER = "answer "
# Seconds from an action to saving it; the actions of several keys are written at once.
SAVE_DELAY = 0.3


class DebugScreen(CommandScreen):
    """The debugger's main screen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("screen")

    def __init__(
        self,
        session: Session,
        commands: Sequence[str] = (),
        autosaver: AutoSaver | None = None,
        greeting: str = "",
        presentation: Presentation = Presentation(),  # noqa: B008 - it is immutable
    ) -> None:
        """`greeting` is the first message; by default, how to resume the last session."""
        super().__init__()
        self.presentation = presentation
        self._cast = KeyCast()
        self._greeting = greeting
        self.session = session
        self.debugger = session.debugger
        self.runner = Runner(session, self, self, commands)
        self.autosaver = autosaver
        self._save_timer: Timer | None = None
        self.autoplay = Autoplay(self, self._autoplay_step)
        self._count = ""
        self._followed = -1

    def compose(self) -> ComposeResult:
        """Order and node side by side, the status above them, cost and keys below."""
        yield StatusLine(self.debugger, id="status")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Static("", id="order-title", markup=False)
                yield OrderTree(self.debugger, self.session.stops, id="order")
                yield Legend(id="legend")
                yield WatchList(self.session.watches, id="watches")
                yield StopList(self.session.stops, id="stops")
            with Vertical(id="right"):
                yield Static("", id="node-title", markup=False)
                yield NodePanel(self.debugger, id="node")
                yield CostPlot(self.debugger, id="cost")
                yield OutputList(
                    self.session.printed or list, keys_of(self).name("output"), id="output"
                )
        yield Caption(id="caption")
        yield MessageLine(self.debugger, id="message")
        yield Prompt(lambda line: complete(self.session, line), id="prompt")
        yield KeyLine(self.hints(), id="keys")

    async def on_mount(self) -> None:
        """Show the first moment, then run the initial commands."""
        self.set_class(self.presentation.roomy, "roomy")
        self.query_one(NodePanel).roomy = self.presentation.roomy
        self.query_one(OrderTree).roomy = self.presentation.roomy
        self.query_one(Prompt).display = False
        self.query_one(OrderTree).focus()
        self.follow()
        self.show_moment()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._restyle())
        if self.autosaver is not None and not self._greeting:
            keys = keys_of(self)
            self._greeting = self.autosaver.greeting(keys.name("resume"), keys.name("step"))
        if self._greeting:
            self.query_one(MessageLine).say(self._greeting, "answer")
        await self.runner.run_initial()

    def on_unmount(self) -> None:
        """Stop a running command and save the session."""
        self._save()
        self.runner.close()

    def _save(self) -> None:
        """Save the session, unless a command in the background is changing it."""
        self._save_timer = None
        if self.autosaver is not None and not self.runner.busy:
            reported = self.autosaver.problem
            self.autosaver.keep(self.session)
            if self.autosaver.problem != reported and self.is_current:
                self.query_one(MessageLine).say(self.autosaver.problem, "error")

    def _save_soon(self) -> None:
        if self.autosaver is not None and self._save_timer is None:
            self._save_timer = self.set_timer(SAVE_DELAY, self._save)

    # Showing -----------------------------------------------------------------------------

    def follow(self) -> None:
        """Show the node of the present moment."""
        self._followed = self.debugger.moment
        node = self.debugger.where.node
        panel = self.query_one(NodePanel)
        panel.node = node
        if node is not None:
            self.query_one(OrderTree).select(node)

    def _follow_if_moved(self) -> None:
        """Show the node of the present moment, if the moment has changed since."""
        if self.debugger.moment != self._followed:
            self.follow()

    def _select(self, node: int) -> None:
        """Show a node that a command names."""
        self.query_one(NodePanel).node = node
        self.query_one(OrderTree).select(node)

    def show_moment(self) -> None:
        """Update every panel to the present moment, in one frame."""
        self.query_one(StatusLine).show()
        self.query_one(OrderTree).show()
        self.query_one(WatchList).show()
        self.query_one(StopList).show()
        self.query_one(OutputList).show()
        self.query_one(NodePanel).show()
        plot = self.query_one(CostPlot)
        plot.display = self._has_curve()
        plot.show()
        self.query_one(Caption).show(self.session.caption)
        self.query_one(MessageLine).show_next()

    def hints(self) -> list[tuple[str, str]]:
        """Return the key hints of the bottom line."""
        return key_hints(keys_of(self), steps=self.debugger.has_steps)

    def key_arrived(self, event: Key) -> bool:
        """Display a pressed key, if keys are displayed; return whether the key is handled."""
        if not isinstance(self.app.focused, TextInput):
            self.cast(key_text(event.key))
        return False

    def cast(self, pressed: str) -> None:
        """Display a pressed key or a typed line, if keys are displayed."""
        if self.presentation.keys:
            self._cast.press(pressed)
            self.query_one(KeyLine).cast(self._cast)

    def _has_curve(self) -> bool:
        """Whether there are costs to plot, and room for the plot."""
        trained = self.debugger.graph.trains and self.debugger.moment > 0
        cramped = self.presentation.roomy and self.size.height < ROOMY_HEIGHT
        return trained and not cramped and not self.has_class("low")

    def _restyle(self) -> None:
        """Render every line again in the colours of a new theme."""
        self.query_one(CostPlot).forget()
        self.show_moment()
        self.query_one(KeyLine).show()

    def on_resize(self, event: Resize) -> None:
        """Hide panels that do not fit, and draw the title lines to their new width."""
        self.set_class(event.size.width < 76, "narrow")
        self.set_class(event.size.height < 20, "low")
        self.query_one(CostPlot).display = self._has_curve()
        self.set_class(event.size.width >= 110, "wide")
        self.set_class(event.size.width >= 160, "widest")
        self.call_after_refresh(self._draw_titles)

    def _draw_titles(self) -> None:
        for title, words in (("order", "order"), ("node", "node")):
            widget = self.query_one(f"#{title}-title", Static)
            width = widget.size.width
            focused = self.focused is not None and self.focused.id == title
            mark = "━" if focused else "─"
            widget.update(f"{mark} {words} {mark * max(0, width - len(words) - 3)}", layout=False)

    def on_order_tree_selected(self, event: OrderTree.Selected) -> None:
        """Show the node under the cursor of the tree."""
        panel = self.query_one(NodePanel)
        panel.node = event.node
        panel.show()

    def on_node_panel_entry_chosen(self) -> None:
        """Update the node panel for the selected entry."""
        self.query_one(NodePanel).show()

    # Commands ----------------------------------------------------------------------------

    async def action_command(self, template: str, asks: bool) -> None:
        """Run the command line of a key, or open the prompt for the rest of it."""
        count, self._count = self._count or "1", ""
        selection = self._selection()
        if template == "help":
            self.action_help()
        elif template == SET and not (selection.settable or self.debugger.graph.trains):
            words = "nothing is trained here: select an input to set its value"
            self.query_one(MessageLine).say(words, "error")
        elif asks:
            self.action_prompt(*selection.prefilled(template))
        elif template == ONE_STEP and self.session.quiz is not None:
            await self._step_in_quiz(int(count))
        else:
            await self.run_line(selection.line(template, count))

    async def _step_in_quiz(self, count: int) -> None:
        """Step `count` moments, but stop at the first that the quiz asks about, and ask."""
        strip = self.query_one(MessageLine)
        for left in range(count, 0, -1):
            if question := asked(self.session):
                why = "  (the quiz asks before each step)" if left > 1 else ""
                strip.say(question + why, "ask")
                self.query_one(Prompt).open(ANSWER)
                return
            before = self.debugger.moment
            await self.run_line("step")
            if self.debugger.moment == before or strip.tone == "stop":
                return

    def _selection(self) -> Selection:
        """Return the selection; at the feed, which has no node, the node under the cursor."""
        cursor, panel = self.query_one(OrderTree).selected, self.query_one(NodePanel)
        shown = cursor if panel.node is None else panel.node
        return Selection(self.debugger, cursor, shown, panel.entry_of(shown))

    async def run_line(self, line: str) -> None:
        """Run a command line and show its reply; a long command continues in the background."""
        await self.runner.run(line)

    def answered(self, line: str, reply: Reply) -> None:
        """Show the reply to a command."""
        if self.runner.session.closed:
            self.app.exit()
            return
        self._save_soon()
        if self.session.debugger is not self.debugger:
            # The program continues with another graph, which gets its own screen.
            screen = DebugScreen(
                self.session,
                autosaver=self.autosaver,
                greeting=reply.stopped,
                presentation=self.presentation,
            )
            self.app.switch_screen(screen)
            return
        command = command_of(line)
        if command is not None and command.name in ("find", "show"):
            self._select(_next_of(reply.subject, self._selection().shown))
        else:
            self._follow_if_moved()
        if reply.ref is not None:
            self.query_one(NodePanel).choose(reply.ref)
        self.show_moment()
        if reply.stopped:
            self.autoplay.stop()
            self.query_one(MessageLine).say(reply.stopped, "stop")
            return
        if command is not None and command.name == "help" and len(line.split()) == 1:
            self.action_help()
            return
        lines = reply.text.split("\n")
        if command is None or command.shows == "picture" or not reply.text:
            return
        if isinstance(reply.subject, Cause):
            self.app.push_screen(WhyScreen(self.debugger, reply.subject), self._go_to_cause)
        elif command.shows == "text" or (command.name == "print" and len(lines) > 1):
            if command.name == "help":
                lines.append(f"  keys: {keys_of(self).of_command(reply.subject) or 'none'}")
            self.app.push_screen(
                TextScreen(line, [with_keys(text, keys_of(self)) for text in lines])
            )
        else:
            self.query_one(MessageLine).say(lines[0], "answer")

    async def _go_to_cause(self, ref: EntryRef | None) -> None:
        """Go to the number that the user selected on the `why` screen, if any."""
        if ref is None:
            return
        if ref.moment is not None:
            await self.run_line(f"goto {ref.moment}")
        if ref.node != self._selection().shown:
            self._select(ref.node)
        name = ref.text(self.debugger)
        back = keys_of(self).name("follow")
        words = f"{name} is shown here; {back} goes back to the present node"
        self.query_one(MessageLine).say(words, "answer")
        self.query_one(NodePanel).choose(ref)
        self.query_one(NodePanel).show()

    def failed(self, error: MiniflowError) -> None:
        """Show why a command failed."""
        self.autoplay.stop()
        self.show_moment()
        self.query_one(MessageLine).say(str(error), "error")

    def progressed(self, words: str) -> None:
        """Show the progress of a command in the background."""
        self.query_one(OutputList).show()
        self.query_one(MessageLine).say(words, "busy")

    # Prompt ------------------------------------------------------------------------------

    def action_prompt(self, text: str, replaced: int = 0) -> None:
        """Open the prompt with `text`, whose last `replaced` characters are selected."""
        self.autoplay.stop()
        self.query_one(MessageLine).display = False
        self.query_one(Prompt).open(text, replaced)

    def _close_prompt(self) -> None:
        self.query_one(Prompt).display = False
        self.query_one(MessageLine).display = True
        self.query_one(OrderTree).focus()

    async def on_prompt_entered(self, event: Prompt.Entered) -> None:
        """Run the line that was entered."""
        self._close_prompt()
        self.cast(f":{event.line}")
        # Without an answer to the quiz, Enter just steps.
        await self.run_line("step" if event.line == ANSWER.strip() else event.line)
        if event.line.startswith(ANSWER) and self.query_one(MessageLine).tone == "error":
            self.query_one(Prompt).open(ANSWER)

    def on_prompt_left(self) -> None:
        """Close the prompt."""
        self._close_prompt()

    # Keys that are not commands ----------------------------------------------------------

    def on_key(self, event: Key) -> None:
        """Collect the digits of a count; report a key that is not bound."""
        digit = event.character or ""
        if digit.isdecimal() and (self._count or digit != "0"):
            self._count = (self._count + digit)[:MAX_DIGITS]
            step, phase, sgd = map(keys_of(self).name, ("step", "next", "sgd"))
            counted = f"{step} steps, {phase} phases"
            if self.debugger.has_steps:
                counted += f", {sgd} SGD steps"
            words = f"{self._count} times: {counted}; Esc clears it"
            self.query_one(MessageLine).say(words, "answer")
            event.stop()
        elif event.key not in self.active_bindings:
            self._count = ""
            pressed = repr(event.character) if event.is_printable else key_text(event.key)
            words = f"no key {pressed}; {keys_of(self).name('help')} lists the keys"
            self.query_one(MessageLine).say(words, "error")

    def action_help(self) -> None:
        """Show all keys and commands."""
        self.app.push_screen(HelpScreen(keys_of(self)))

    def action_palette(self) -> None:
        """Open the command palette."""
        if self.query_one(Prompt).display:
            self._close_prompt()
        self.app.push_screen(Palette())

    def interrupt(self) -> bool:
        """Stop the command that runs in the background; return whether there was one."""
        return self.runner.interrupt()

    def action_calm(self) -> None:
        """Clear the count and stop autoplay."""
        self._count = ""
        self.autoplay.stop()
        self.query_one(MessageLine).show_next()

    def action_follow(self) -> None:
        """Show the node of the present moment again."""
        panel, order = self.query_one(NodePanel), self.query_one(OrderTree)
        before = (panel.node, order.selected)
        self.follow()
        self.show_moment()
        if before == (panel.node, order.selected):
            where = self.debugger.where
            words = f"the {where.phase} has no node"
            words = "this is the present node" if where.node is not None else words
            self.query_one(MessageLine).say(words, "answer")

    def action_log(self) -> None:
        """Toggle the logarithmic scale of the cost plot."""
        plot = self.query_one(CostPlot)
        strip = self.query_one(MessageLine)
        if not plot.display:
            why = "the window is too low for the cost plot"
            if not self.debugger.moment:
                why = f"no costs yet: {keys_of(self).name('sgd')} runs an SGD step"
            if not self.debugger.graph.trains:
                why = "nothing is trained: no costs"
            strip.say(why, "error")
            return
        plot.logarithmic = not plot.logarithmic
        plot.show()
        scale = "a log scale" if plot.logarithmic else "a linear scale"
        strip.say(f"costs on {scale}; {keys_of(self).name('log')} changes it", "answer")

    def action_panel(self) -> None:
        """Move the focus between the order and the node panel, and show the focused one."""
        order = self.query_one(OrderTree)
        to_node = self.focused is order
        self.set_class(to_node, "at-node")
        (self.query_one(NodePanel) if to_node else order).focus()

    def on_descendant_focus(self) -> None:
        """Draw the focused panel's title in bold lines."""
        self._draw_titles()

    # Play --------------------------------------------------------------------------------

    async def action_play(self) -> None:
        """Start or stop autoplay."""
        if self.autoplay.playing:
            self.autoplay.stop()
            self.query_one(MessageLine).show_next()
        elif self.debugger.at_end:
            # The error says why there is no next moment.
            await self.run_line("step")
        else:
            self.autoplay.start()
            self.query_one(MessageLine).say(self.autoplay.words, "answer")

    def on_screen_suspend(self) -> None:
        """Stop autoplay behind a dialog."""
        self.autoplay.stop()

    def action_speed(self, by: int) -> None:
        """Change the speed of autoplay."""
        self.autoplay.faster(by)
        self.query_one(MessageLine).say(self.autoplay.words, "answer")

    async def _autoplay_step(self) -> None:
        if self.debugger.at_end:
            self.autoplay.stop()
        elif not self.runner.busy:
            await self.run_line("step")


def _next_of(found: list[int], now: int) -> int:
    """Return the first of the nodes found that is after the present one, or else the first."""
    return next((node for node in found if node > now), found[0])

"""The main screen: order, node, cost, and the keys that move in time.

Keys, prompt and scripts all run command lines through one session. A key is one handler and one
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
from mfdebug.tui.widgets.message_line import KeyLine, MessageStrip
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.output_list import OutputList
from mfdebug.tui.widgets.prompt import Prompt
from mfdebug.tui.widgets.status_line import StatusLine
from mfdebug.tui.widgets.stop_list import StopList
from mfdebug.tui.widgets.watch_list import WatchList
from miniflow.errors import MiniflowError

# More than any count has: a longer one is refused, and says why.
MOST_DIGITS = 20
# In fewer lines a curve leaves the numbers no space to be read from afar.
ROOMY_HEIGHT = 30
ONE_STEP = "step {n}"
ANSWER = "answer "
# Seconds from an action to its being on the disk; several keys are written once.
KEPT_AFTER = 0.3


class DebugScreen(CommandScreen):
    """A debugger on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("screen")

    def __init__(
        self,
        session: Session,
        commands: Sequence[str] = (),
        autosaver: AutoSaver | None = None,
        greeting: str = "",
        presentation: Presentation = Presentation(),  # noqa: B008 - it cannot be changed
    ) -> None:
        """`greeting` is what is said first; without one, how to go on with the last session."""
        super().__init__()
        self.presentation = presentation
        self._cast = KeyCast()
        self._greeting = greeting
        self.session = session
        self.debugger = session.debugger
        self.runner = Runner(session, self, self, commands)
        self.autosaver = autosaver
        self._keeping: Timer | None = None
        self.autoplay = Autoplay(self, self._play_on)
        self._count = ""
        self._followed = -1

    def compose(self) -> ComposeResult:
        """The status on top, order and node side by side, cost below the node, keys at the foot."""
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
        yield MessageStrip(self.debugger, id="strip")
        yield Prompt(lambda line: complete(self.session, line), id="prompt")
        yield KeyLine(self.hints(), id="keys")

    async def on_mount(self) -> None:
        """Show the start, after the commands that were given to begin with."""
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
            self.query_one(MessageStrip).say(self._greeting, "answer")
        await self.runner.run_waiting()

    def on_unmount(self) -> None:
        """End a run that still goes on, keep the session."""
        self._keep()
        self.runner.close()

    def _keep(self) -> None:
        """Keep the session, unless a run in the background is changing it just now."""
        self._keeping = None
        if self.autosaver is not None and not self.runner.busy:
            known = self.autosaver.problem
            self.autosaver.keep(self.session)
            if self.autosaver.problem != known and self.is_current:
                self.query_one(MessageStrip).say(self.autosaver.problem, "error")

    def _keep_soon(self) -> None:
        if self.autosaver is not None and self._keeping is None:
            self._keeping = self.set_timer(KEPT_AFTER, self._keep)

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
        """Show the node of the present moment, unless nothing has happened since it was shown."""
        if self.debugger.moment != self._followed:
            self.follow()

    def _select(self, node: int) -> None:
        """Show a node that was asked for."""
        self.query_one(NodePanel).node = node
        self.query_one(OrderTree).select(node)

    def show_moment(self) -> None:
        """Let every panel show the present moment: one frame."""
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
        self.query_one(MessageStrip).show_next()

    def hints(self) -> list[tuple[str, str]]:
        """Return the keys worth a place at the foot."""
        return key_hints(keys_of(self), steps=self.debugger.has_steps)

    def key_arrived(self, event: Key) -> bool:
        """Show a key that was pressed, if keys are shown; return whether it is dealt with."""
        if not isinstance(self.app.focused, TextInput):
            self.cast(key_text(event.key))
        return False

    def cast(self, pressed: str) -> None:
        """Show a key, or a line that was typed, if keys are shown."""
        if self.presentation.keys:
            self._cast.press(pressed)
            self.query_one(KeyLine).cast(self._cast)

    def _has_curve(self) -> bool:
        """Whether there is a curve to show, and room for it."""
        trained = self.debugger.graph.trains and self.debugger.moment > 0
        cramped = self.presentation.roomy and self.size.height < ROOMY_HEIGHT
        return trained and not cramped and not self.has_class("low")

    def _restyle(self) -> None:
        """Build every line again in the colours of another theme."""
        self.query_one(CostPlot).forget()
        self.show_moment()
        self.query_one(KeyLine).show()

    def on_resize(self, event: Resize) -> None:
        """Fold what there is no room for, and draw the titles' lines to their width."""
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
        """Show the node that the cursor of the tree has moved to."""
        panel = self.query_one(NodePanel)
        panel.node = event.node
        panel.show()

    def on_node_panel_entry_chosen(self) -> None:
        """Tell the node again for the entry that was chosen."""
        self.query_one(NodePanel).show()

    # Commands ----------------------------------------------------------------------------

    async def action_command(self, template: str, asks: bool) -> None:
        """Run the line of a key, with the count and the node filled in, or ask for the rest."""
        count, self._count = self._count or "1", ""
        chosen = self._chosen()
        if template == "help":
            self.action_help()
        elif template == SET and not (chosen.settable or self.debugger.graph.trains):
            words = "only inputs can be changed where nothing is trained: choose one"
            self.query_one(MessageStrip).say(words, "error")
        elif asks:
            self.action_prompt(*chosen.begun(template))
        elif template == ONE_STEP and self.session.quiz is not None:
            await self._step_in_quiz(int(count))
        else:
            await self.run_line(chosen.line(template, count))

    async def _step_in_quiz(self, count: int) -> None:
        """Step so many moments on, up to the first that the quiz asks about, and ask."""
        strip = self.query_one(MessageStrip)
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

    def _chosen(self) -> Selection:
        """Return what is chosen; at the feed, which has no node, what the cursor is on."""
        under, panel = self.query_one(OrderTree).selected, self.query_one(NodePanel)
        at = under if panel.node is None else panel.node
        return Selection(self.debugger, under, at, panel.entry_of(at))

    async def run_line(self, line: str) -> None:
        """Run a command line and show its answer; a long one goes on in the background."""
        await self.runner.run(line)

    def answered(self, line: str, reply: Reply) -> None:
        """Show what a command came to."""
        if self.runner.session.closed:
            self.app.exit()
            return
        self._keep_soon()
        if self.session.debugger is not self.debugger:
            # The program goes on with another graph: a screen for that one.
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
            self._select(_next_of(reply.subject, self._chosen().at))
        else:
            self._follow_if_moved()
        if reply.ref is not None:
            self.query_one(NodePanel).choose(reply.ref)
        self.show_moment()
        if reply.stopped:
            self.autoplay.stop()
            self.query_one(MessageStrip).say(reply.stopped, "stop")
            return
        if command is not None and command.name == "help" and len(line.split()) == 1:
            self.action_help()
            return
        lines = reply.text.split("\n")
        if command is None or command.shows == "picture" or not reply.text:
            return
        if isinstance(reply.subject, Cause):
            self.app.push_screen(WhyScreen(self.debugger, reply.subject), self._walked)
        elif command.shows == "text" or (command.name == "print" and len(lines) > 1):
            if command.name == "help":
                lines.append(f"  keys: {keys_of(self).of_command(reply.subject) or 'none'}")
            self.app.push_screen(TextScreen(line, [with_keys(one, keys_of(self)) for one in lines]))
        else:
            self.query_one(MessageStrip).say(lines[0], "answer")

    async def _walked(self, ref: EntryRef | None) -> None:
        """Go to the number that a walk through causes has come to, if that was wanted."""
        if ref is None:
            return
        if ref.moment is not None:
            await self.run_line(f"goto {ref.moment}")
        if ref.node != self._chosen().at:
            self._select(ref.node)
        name = ref.text(self.debugger)
        back = keys_of(self).name("follow")
        words = f"this is where {name} is; {back} goes back to the present node"
        self.query_one(MessageStrip).say(words, "answer")
        self.query_one(NodePanel).choose(ref)
        self.query_one(NodePanel).show()

    def failed(self, error: MiniflowError) -> None:
        """Show why a command could not be carried out."""
        self.autoplay.stop()
        self.show_moment()
        self.query_one(MessageStrip).say(str(error), "error")

    def goes_on(self, words: str) -> None:
        """Show how far a run in the background has come."""
        self.query_one(OutputList).show()
        self.query_one(MessageStrip).say(words, "busy")

    # Prompt ------------------------------------------------------------------------------

    def action_prompt(self, text: str, replaced: int = 0) -> None:
        """Open the prompt with `text` in it; what is typed replaces its last characters."""
        self.autoplay.stop()
        self.query_one(MessageStrip).display = False
        self.query_one(Prompt).open(text, replaced)

    def _close_prompt(self) -> None:
        self.query_one(Prompt).display = False
        self.query_one(MessageStrip).display = True
        self.query_one(OrderTree).focus()

    async def on_prompt_entered(self, event: Prompt.Entered) -> None:
        """Run the line that was entered."""
        self._close_prompt()
        self.cast(f":{event.line}")
        # Who has no answer goes on without one.
        await self.run_line("step" if event.line == ANSWER.strip() else event.line)
        if event.line.startswith(ANSWER) and self.query_one(MessageStrip).tone == "error":
            self.query_one(Prompt).open(ANSWER)

    def on_prompt_left(self) -> None:
        """Close the prompt."""
        self._close_prompt()

    # Keys that are not commands ----------------------------------------------------------

    def on_key(self, event: Key) -> None:
        """Collect the digits of a count; a key that does nothing says so."""
        digit = event.character or ""
        if digit.isdecimal() and (self._count or digit != "0"):
            self._count = (self._count + digit)[:MOST_DIGITS]
            step, phase, sgd = map(keys_of(self).name, ("step", "next", "sgd"))
            counted = f"{step} steps, {phase} phases"
            if self.debugger.has_steps:
                counted += f", {sgd} SGD steps"
            words = f"{self._count} times: {counted}; Esc forgets it"
            self.query_one(MessageStrip).say(words, "answer")
            event.stop()
        elif event.key not in self.active_bindings:
            self._count = ""
            pressed = repr(event.character) if event.is_printable else key_text(event.key)
            words = f"no key {pressed}; {keys_of(self).name('help')} lists the keys"
            self.query_one(MessageStrip).say(words, "error")

    def action_help(self) -> None:
        """Show all keys and commands."""
        self.app.push_screen(HelpScreen(keys_of(self)))

    def action_palette(self) -> None:
        """Let a command be found by its words."""
        if self.query_one(Prompt).display:
            self._close_prompt()
        self.app.push_screen(Palette())

    def interrupt(self) -> bool:
        """Stop a run that goes on in the background; return whether there was one."""
        return self.runner.interrupt()

    def action_calm(self) -> None:
        """Forget the count, stop playing."""
        self._count = ""
        self.autoplay.stop()
        self.query_one(MessageStrip).show_next()

    def action_follow(self) -> None:
        """Show the node of the present moment again."""
        panel, order = self.query_one(NodePanel), self.query_one(OrderTree)
        before = (panel.node, order.selected)
        self.follow()
        self.show_moment()
        if before == (panel.node, order.selected):
            at = self.debugger.where
            words = f"no node is at work at the {at.phase}"
            words = "this is the present node" if at.node is not None else words
            self.query_one(MessageStrip).say(words, "answer")

    def action_log(self) -> None:
        """Draw the costs on a logarithmic scale, or back."""
        plot = self.query_one(CostPlot)
        strip = self.query_one(MessageStrip)
        if not plot.display:
            why = "no room for the costs in so few lines"
            if not self.debugger.moment:
                why = f"no costs yet: {keys_of(self).name('sgd')} runs an SGD step"
            if not self.debugger.graph.trains:
                why = "nothing is trained: no costs"
            strip.say(why, "error")
            return
        plot.logarithmic = not plot.logarithmic
        plot.show()
        scale = "a log scale" if plot.logarithmic else "an even scale"
        strip.say(f"costs on {scale}; {keys_of(self).name('log')} changes it", "answer")

    def action_panel(self) -> None:
        """Move the focus between the order and the node's numbers; show it if folded."""
        order = self.query_one(OrderTree)
        to_node = self.focused is order
        self.set_class(to_node, "at-node")
        (self.query_one(NodePanel) if to_node else order).focus()

    def on_descendant_focus(self) -> None:
        """Draw the title of what has the focus heavier."""
        self._draw_titles()

    # Play --------------------------------------------------------------------------------

    async def action_play(self) -> None:
        """Step by itself, or stop doing so."""
        if self.autoplay.playing:
            self.autoplay.stop()
            self.query_one(MessageStrip).show_next()
        elif self.debugger.at_end:
            # Which says why it cannot.
            await self.run_line("step")
        else:
            self.autoplay.start()
            self.query_one(MessageStrip).say(self.autoplay.words, "answer")

    def on_screen_suspend(self) -> None:
        """Stop playing behind a dialog."""
        self.autoplay.stop()

    def action_speed(self, by: int) -> None:
        """Play faster or slower."""
        self.autoplay.faster(by)
        self.query_one(MessageStrip).say(self.autoplay.words, "answer")

    async def _play_on(self) -> None:
        if self.debugger.at_end:
            self.autoplay.stop()
        elif not self.runner.busy:
            await self.run_line("step")


def _next_of(found: list[int], now: int) -> int:
    """Return the first of the nodes found that comes after the present one, or the first."""
    return next((node for node in found if node > now), found[0])

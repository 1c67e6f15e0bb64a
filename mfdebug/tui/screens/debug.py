"""The main screen: order, node, cost, and the keys that move in time.

Keys, prompt and scripts all run command lines through one console. A key is one handler and one
frame: the command moves the debugger, then every panel shows the new moment.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key, Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from mfdebug.core.commands.command import Reply
from mfdebug.core.commands.console import Console, command_of
from mfdebug.core.commands.table import COMMANDS
from mfdebug.core.completion import complete, typed
from mfdebug.core.debugger import Debugger, index_text
from mfdebug.tui.screens.help import help_lines
from mfdebug.tui.screens.text import TextScreen
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.node_panel import NodePanel
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.prompt import Prompt
from mfdebug.tui.widgets.status_line import StatusLine
from mfdebug.tui.widgets.strip import KeyLine, MessageStrip
from miniflow.errors import MiniflowError
from miniflow.node import Input

if TYPE_CHECKING:
    from mfdebug.tui.app import DebuggerApp

# A command that takes longer than this goes on in the background: keys work, and one stops it.
PATIENCE = 0.25
# Redraws a second while a run goes on; each step its own message would drown the keys.
REPORTS_PER_SECOND = 8
PLAY_SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0)
# Lines that end at once, as their command moves by one moment or phase: they need no thread.
ONE_MOVE = re.compile(r"(step|back|next|previous)( 1)?")
MOST_DIGITS = 7

KEY_HINTS = [
    ("s", "step"),
    ("S", "back"),
    ("n", "phase"),
    ("t", "SGD step"),
    ("u", "until"),
    ("g", "goto"),
    ("e", "edit"),
    ("x", "explain"),
    (":", "command"),
    ("P", "play"),
    ("l", "log"),
    ("Tab", "panel"),
    ("?", "help"),
]


def _command_bindings() -> list[BindingType]:
    return [
        Binding(
            key.key,
            f"command({key.line!r}, {key.asks})",
            key.words or command.summary,
            id=f"command.{command.name}.{key.key}",
            tooltip=key.words or command.summary,
            show=False,
        )
        for command in COMMANDS.values()
        for key in command.keys
    ]


class DebugScreen(Screen[None]):
    """A debugger on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *_command_bindings(),
        Binding("colon", "prompt('')", "command prompt", id="view.prompt", show=False),
        Binding("P", "play", "play and stop playing", id="view.play", show=False),
        Binding("plus", "speed(1)", "play faster", id="view.faster", show=False),
        Binding("minus", "speed(-1)", "play slower", id="view.slower", show=False),
        Binding("l", "log", "cost on a log scale", id="view.log", show=False),
        Binding("tab", "panel", "to the node's numbers and back", id="view.panel", show=False),
        Binding("escape", "calm", "stop, clear the count", id="view.calm", show=False),
        Binding("f", "follow", "back to the present node", id="view.follow", show=False),
    ]

    app: DebuggerApp

    def __init__(self, debugger: Debugger, commands: Sequence[str] = ()) -> None:
        super().__init__()
        self.debugger = debugger
        self.console = Console(debugger, self._on_progress)
        self._lines = deque(commands)
        self._count = ""
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="run")
        self._run_line = ""
        self._stop_run = False
        self._was_stopped = False
        self._reached = 0
        self._play: Timer | None = None
        self._speed = 1

    def compose(self) -> ComposeResult:
        """The status on top, order and node side by side, cost below the node, keys at the foot."""
        yield StatusLine(self.debugger, id="status")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Static("", id="order-title", markup=False)
                yield OrderTree(self.debugger, id="order")
                yield Static(
                    "✓ value  ∂ gradient  ◐ in part\n· wait ~ stale * trained ! nan", id="legend"
                )
            with Vertical(id="right"):
                yield Static("", id="node-title", markup=False)
                yield NodePanel(self.debugger, id="node")
                yield CostPlot(self.debugger, id="cost")
        yield MessageStrip(self.debugger, id="strip")
        yield Prompt(lambda line: complete(self.debugger, line), id="prompt")
        yield KeyLine(KEY_HINTS, id="keys")

    async def on_mount(self) -> None:
        """Show the start, after the commands that were given to begin with."""
        self.query_one(Prompt).display = False
        self.query_one(OrderTree).focus()
        self.follow()
        self.show_moment()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._restyle())
        await self._run_waiting_lines()

    def on_unmount(self) -> None:
        """End a run that still goes on."""
        self._stop_run = True
        self._worker.shutdown(wait=False, cancel_futures=True)

    # Showing -----------------------------------------------------------------------------

    def follow(self) -> None:
        """Show the node of the present moment."""
        node = self.debugger.where.node
        panel = self.query_one(NodePanel)
        panel.node = node
        if node is not None:
            self.query_one(OrderTree).select(node)

    def show_moment(self) -> None:
        """Let every panel show the present moment: one frame."""
        self.query_one(StatusLine).show()
        self.query_one(OrderTree).show()
        self.query_one(NodePanel).show()
        plot = self.query_one(CostPlot)
        plot.display = self.debugger.graph.trains and self.debugger.moment > 0
        plot.show()
        self.query_one(MessageStrip).show_next()

    def _restyle(self) -> None:
        """Build every line again in the colours of another theme."""
        self.query_one(CostPlot).forget()
        self.show_moment()
        self.query_one(KeyLine).show()

    def on_resize(self, event: Resize) -> None:
        """Fold what there is no room for, and draw the titles' lines to their width."""
        self.set_class(event.size.width < 76, "narrow")
        self.set_class(event.size.height < 20, "low")
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
        if template == "help":
            await self.app.push_screen(TextScreen("keys and commands", help_lines(self.BINDINGS)))
        elif asks:
            self.action_prompt(*self._begun(template))
        else:
            node = self.debugger.graph.nodes[self._node()].label
            await self.run_line(template.replace("{n}", count).replace("{node}", typed(node)))

    def _node(self) -> int:
        return self.query_one(OrderTree).selected

    def _begun(self, template: str) -> tuple[str, int]:
        """Return the beginning of the line that a key asks for, and how much of it to replace."""
        panel = self.query_one(NodePanel)
        node = self._node() if panel.node is None else panel.node
        name = typed(self.debugger.graph.nodes[node].label)
        entry = index_text(panel.entry_of(node))
        if template == "set ":
            settable = isinstance(self.debugger.graph.nodes[node], Input)
            return (f"set {name}{entry} = " if settable else "set lr = "), 0
        if template == "print ":
            return f"print {name}", len(name)
        return template, 0

    async def _run_waiting_lines(self) -> None:
        """Run the commands given to begin with, one after the other."""
        while self._lines and not self._run_line:
            await self.run_line(self._lines.popleft())

    async def run_line(self, line: str) -> None:
        """Run a command line and show its answer; a long one goes on in the background."""
        if self._run_line:
            return
        self._stop_run = self._was_stopped = False
        try:
            if ONE_MOVE.fullmatch(line) or self._is_instant(line):
                self._answer(line, self.console.run(line))
            else:
                await self._run_patiently(line)
        except MiniflowError as error:
            self._failed(error)

    def _is_instant(self, line: str) -> bool:
        command = command_of(line)
        return command is not None and command.instant

    async def _run_patiently(self, line: str) -> None:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._worker, self.console.run, line)
        done, _ = await asyncio.wait({future}, timeout=PATIENCE)
        if done:
            self._answer(line, future.result())
            return
        self._run_line = line
        self._report()
        reports = self.set_interval(1 / REPORTS_PER_SECOND, self._report)

        def ended(_future: asyncio.Future[Reply]) -> None:
            reports.stop()
            if self.is_attached:
                # Back in the screen's own turn, where an error reaches the app.
                self.call_later(self._ended, line, future)

        future.add_done_callback(ended)

    async def _ended(self, line: str, future: asyncio.Future[Reply]) -> None:
        """Show what a run in the background came to."""
        self._run_line = ""
        try:
            self._answer(line, future.result())
        except MiniflowError as error:
            self._failed(error)
        else:
            if self._was_stopped:
                words = f"stopped at moment {self.debugger.moment}; {line} was not finished"
                self.query_one(MessageStrip).say(words, "answer")
        await self._run_waiting_lines()

    def _on_progress(self, moment: int) -> bool:
        """Note how far a run has come (called from its thread) and whether it shall stop."""
        self._reached = moment
        self._was_stopped = self._stop_run
        return self._stop_run

    def _report(self) -> None:
        if self._run_line:
            step = self.debugger.timeline.sgd_step(self._reached)
            words = f"{self._run_line}: at SGD step {step}   any key stops"
            self.query_one(MessageStrip).say(words, "busy")

    def _answer(self, line: str, reply: Reply) -> None:
        if self.console.closed:
            self.app.exit()
            return
        self.follow()
        self.show_moment()
        command = command_of(line)
        lines = reply.text.split("\n")
        if command is None or command.shows == "picture" or not reply.text:
            return
        if command.shows == "text" or (command.name == "print" and len(lines) > 1):
            self.app.push_screen(TextScreen(line, lines))
        else:
            self.query_one(MessageStrip).say(lines[0], "answer")

    def _failed(self, error: MiniflowError) -> None:
        self._stop_playing()
        self.show_moment()
        self.query_one(MessageStrip).say(str(error), "error")

    # Prompt ------------------------------------------------------------------------------

    def action_prompt(self, text: str, replaced: int = 0) -> None:
        """Open the prompt with `text` in it; what is typed replaces its last characters."""
        self._stop_playing()
        self.query_one(MessageStrip).display = False
        self.query_one(Prompt).open(text, replaced)

    def _close_prompt(self) -> None:
        self.query_one(Prompt).display = False
        self.query_one(MessageStrip).display = True
        self.query_one(OrderTree).focus()

    async def on_prompt_entered(self, event: Prompt.Entered) -> None:
        """Run the line that was entered."""
        self._close_prompt()
        await self.run_line(event.line)

    def on_prompt_left(self) -> None:
        """Close the prompt."""
        self._close_prompt()

    # Keys that are not commands ----------------------------------------------------------

    def on_key(self, event: Key) -> None:
        """Collect the digits of a count."""
        digit = event.character or ""
        if digit.isdecimal() and (self._count or digit != "0"):
            self._count = (self._count + digit)[:MOST_DIGITS]
            words = f"{self._count} times: s steps, n phases, t SGD steps; Esc forgets it"
            self.query_one(MessageStrip).say(words, "answer")
            event.stop()

    def interrupt(self) -> bool:
        """Stop a run that goes on in the background; return whether there was one."""
        if self._run_line:
            self._stop_run = True
            return True
        return False

    def action_calm(self) -> None:
        """Forget the count, stop playing."""
        self._count = ""
        self._stop_playing()
        self.query_one(MessageStrip).show_next()

    def action_follow(self) -> None:
        """Show the node of the present moment again."""
        self.follow()
        self.show_moment()

    def action_log(self) -> None:
        """Draw the costs on a logarithmic scale, or back."""
        plot = self.query_one(CostPlot)
        plot.logarithmic = not plot.logarithmic
        plot.show()

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

    def action_play(self) -> None:
        """Step by itself, or stop doing so."""
        if self._play is None:
            self._start_playing()
        else:
            self._stop_playing()
            self.query_one(MessageStrip).show_next()

    def on_screen_suspend(self) -> None:
        """Stop playing behind a dialog."""
        self._stop_playing()

    def action_speed(self, by: int) -> None:
        """Play faster or slower."""
        self._speed = min(max(self._speed + by, 0), len(PLAY_SPEEDS) - 1)
        if self._play is not None:
            self._start_playing()
        words = f"plays {PLAY_SPEEDS[self._speed]:g} moments a second; P starts and stops"
        self.query_one(MessageStrip).say(words, "answer")

    def _start_playing(self) -> None:
        self._stop_playing()
        self._play = self.set_interval(1 / PLAY_SPEEDS[self._speed], self._play_on)

    async def _play_on(self) -> None:
        if self.debugger.at_end:
            self._stop_playing()
        elif not self._run_line:
            await self.run_line("step")

    def _stop_playing(self) -> None:
        if self._play is not None:
            self._play.stop()
            self._play = None

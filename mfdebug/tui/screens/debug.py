"""The main screen: order, node and cost, and the keys that move through time.

Keys, prompt and scripts all run command lines in one session. A key takes one handler and one
frame: the command moves the debugger, then every panel shows the new moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Key, Resize
from textual.timer import Timer
from textual.widgets import Input as TextInput

from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.session.reply import Reply, Target
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver
from mfdebug.core.timeline.entry_ref import EntryRef
from mfdebug.loading import load_late
from mfdebug.tui.autoplay import Autoplay
from mfdebug.tui.count import Count
from mfdebug.tui.finder import Finder
from mfdebug.tui.keys import LONG, KeyHint, absent_actions, bindings_at, key_hints, keys_of
from mfdebug.tui.presentation import KeyCast, Presentation, key_text
from mfdebug.tui.run_progress import RunProgress
from mfdebug.tui.runner import Runner
from mfdebug.tui.screens.on_demand import help_screen, palette
from mfdebug.tui.screens.quiz_keys import QuizKeys
from mfdebug.tui.screens.replies import view_of
from mfdebug.tui.selection import SET
from mfdebug.tui.session_saver import SessionSaver
from mfdebug.tui.themes import ThemedApp
from mfdebug.tui.widgets.caption import Caption
from mfdebug.tui.widgets.cost_plot import CostPlot
from mfdebug.tui.widgets.message_line import KeyLine, MessageLine, Tone
from mfdebug.tui.widgets.panel import Panel, show_all
from mfdebug.tui.widgets.panels import Panels
from mfdebug.tui.widgets.plot_panel import PlotPanel
from mfdebug.tui.widgets.status_line import StatusLine
from miniflow.errors import MiniflowError

ONE_STEP = "step {n}"
# What a step explains and shows: a hundred modules, which would make the first frame later.
NEEDED_BY_KEYS = (
    "mfdebug.core.commands.completion",
    "mfdebug.core.commands.move",
    "mfdebug.core.explain.moment_text",
    "mfdebug.core.explain.ops.families",
    # What saves the session at the end.
    "mfdebug.core.session.replay",
    "mfdebug.tui.widgets.node_content",
)


class DebugScreen(QuizKeys):
    """The debugger's main screen."""

    AUTO_FOCUS = "#order"
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
        session.has_panels = True
        self.runner = Runner(session, self, self, commands)
        self.autosaver = autosaver
        self._saver = SessionSaver(self, self.runner, autosaver, self._report_unsaved)
        self.autoplay = Autoplay(self, self._autoplay_step, self.show_keys)
        self.count = Count()
        self._output_timer: Timer | None = None
        self.status = StatusLine(self.debugger, id="status")
        self.panels = Panels(session, self.runner.modules, roomy=presentation.roomy, id="body")
        self.panels.plot.busy = lambda: self.runner.active
        self.finder = Finder(self.debugger, self.panels.order, self.panels.shown)
        self.caption = Caption(session, id="caption")
        self.message = MessageLine(self.debugger, id="message")
        self._shown: tuple[Panel, ...] = (self.status, self.panels, self.caption, self.message)

    def compose(self) -> ComposeResult:
        """The panels, the status above them, message and keys below."""
        yield self.status
        yield self.panels
        yield self.caption
        yield self.message
        yield KeyLine(self.hints(), id="keys")

    async def on_mount(self) -> None:
        """Show the first moment, then run the initial commands."""
        self.set_class(self.presentation.roomy, "roomy")
        self.panels.order.focus()
        self.follow()
        self.show_moment()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._restyle())
        if self.autosaver is not None and not self._greeting:
            keys = keys_of(self)
            self._greeting = self.autosaver.greeting(keys.name("resume"), keys.name("step"))
        if self._greeting:
            self.say(self._greeting)
        await self.runner.run_initial()

    def on_unmount(self) -> None:
        """Stop a running command and save the session."""
        self._saver.save()
        self.runner.close()

    def _report_unsaved(self, problem: str) -> None:
        """Show why the session could not be saved."""
        if self.is_current:
            self.say(problem, "error")

    # Showing -----------------------------------------------------------------------------

    def say(self, words: str, tone: Tone = "answer") -> None:
        """Show a message in the message line."""
        self.message.say(words, tone)

    def follow(self) -> None:
        """Show the node of the present moment."""
        self.panels.shown.follow()

    def show_moment(self) -> None:
        """Update every panel to the present moment, in one frame."""
        self.close_stale_question()
        show_all(self._shown)
        if self.panels.is_mounted:
            self.show_keys()

    def show_keys(self) -> None:
        """Show the key hints, after a sign that the screen plays by itself."""
        self.query_one(KeyLine).use(self.hints(), self.autoplay.mark)

    def hints(self) -> list[KeyHint]:
        """Return the key hints of the bottom line."""
        focused = None if self.focused is None else self.focused.id
        if focused == "quiz" and self.question is None:
            # The panel is hidden, and the focus is on its way to the list.
            focused = None
        absent, phase = absent_actions(self.debugger), self.debugger.where.phase
        if (focused == "plot" or self.size.width > LONG) and not self.panels.cost.has_answers:
            absent.append("answers")
        return key_hints(keys_of(self), absent=absent, focused=focused, phase=phase)

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

    def _restyle(self) -> None:
        """Render every line again in the colours of a new theme."""
        if isinstance(self.app, ThemedApp):
            self.session.theme = self.app.theme_name
        self.panels.cost.forget()
        self.panels.plot.forget()
        self.status.show()
        self.panels.show()
        self.caption.show()
        # Not `show`: the message stays.
        self.message.draw()
        self.query_one(KeyLine).show()

    def on_resize(self, event: Resize) -> None:
        """Hide panels that do not fit, and draw the title lines to their new width."""
        self.set_class(event.size.width < 76, "narrow")
        self.set_class(event.size.height < 20, "low")
        self.set_class(event.size.width >= 110, "wide")
        self.set_class(event.size.width >= 160, "widest")
        self.panels.arrange_circuit(event.size)
        self.call_after_refresh(self._complete)

    def _complete(self) -> None:
        """Draw what depends on the size of the panels; then the screen is complete."""
        self.panels.draw_titles()
        self.completed(self._prepare)

    def _prepare(self) -> None:
        """Mount and import what the first frame does not show and the first keys need."""
        load_late(*NEEDED_BY_KEYS)
        self.prompt()

    # Commands ----------------------------------------------------------------------------

    async def action_command(self, template: str, asks: bool) -> None:
        """Run the command line of a key, or open the prompt for the rest of it."""
        count, selection = self.count.take(), self.panels.shown.selection
        if template == "help":
            self.action_help()
        elif template == SET and not (selection.settable or self.debugger.graph.trains):
            words = "this number cannot be set: select another, or the value"
            self.say(words, "error")
        elif asks:
            self.action_prompt(*selection.prefilled(template))
        elif template == ONE_STEP and self.session.quiz is not None:
            await self.step_in_quiz(int(count))
        else:
            await self.run_line(selection.line(template, count))

    async def run_line(self, line: str) -> None:
        """Run a command line and show its reply; a long command continues in the background."""
        await self.runner.run(line)

    def answered(self, line: str, reply: Reply) -> None:
        """Show the reply to a command."""
        if self.runner.session.closed:
            self.app.exit()
            return
        self._saver.save_soon()
        self.panels.show_modules(running=False)
        self._follow_output()
        command = command_of(line)
        name = command.name if command is not None else ""
        if name == "theme" and isinstance(self.app, ThemedApp):
            self.app.use_theme(self.session.theme)
        if self.session.debugger is not self.debugger:
            # Another graph, of a program, a branch or with an unrolled layer, has its own screen.
            told = reply.text.partition("\n")[0] if name in ("unroll", "branch") else ""
            screen = DebugScreen(
                self.session,
                autosaver=self.autosaver,
                greeting=reply.stopped or told,
                presentation=self.presentation,
            )
            self.app.switch_screen(screen)
            return
        if name == "find":
            self.finder.answered(line, reply.subject)
        elif name == "show":
            self.panels.shown.go_to_next(reply.subject)
        else:
            self.panels.shown.follow_if_moved()
        if reply.ref is not None:
            self.panels.node.choose(reply.ref)
        self.show_moment()
        if name in ("landscape", "answers"):
            self.panels.plot_changed()
        if reply.stopped:
            self.autoplay.stop()
        view = view_of(line, reply, self.debugger, keys_of(self))
        if view.dialog is not None:
            self.app.push_screen(view.dialog, self._go_to)
        elif view.message:
            self.say(view.message, view.tone)

    def _follow_output(self) -> None:
        """Show what a program prints while it runs on unwatched."""
        program = self.session.program
        if self._output_timer is not None:
            self._output_timer.stop()
        detached = program is not None and program.detached
        self._output_timer = self.set_interval(1.0, self.panels.show_output) if detached else None

    async def _go_to(self, target: Target | None) -> None:
        """Go to what the user selected in a dialog: a number, or where a command line goes."""
        if isinstance(target, str):
            await self.run_line(target)
        elif target is not None:
            await self._go_to_number(target)

    async def _go_to_number(self, ref: EntryRef) -> None:
        if ref.moment is not None:
            await self.run_line(f"goto {ref.moment}")
        self.panels.shown.go_to_entry(ref)
        name = ref.text(self.debugger)
        back = keys_of(self).name("follow")
        words = f"{name} is shown here; {back} goes back to the present node"
        self.say(words)
        self.panels.show_node()

    def failed(self, error: MiniflowError) -> None:
        """Show why a command failed."""
        self.autoplay.stop()
        self.finder.cancel()
        self.panels.show_modules(running=False)
        self.show_moment()
        self.say(str(error), "error")

    def progressed(self, progress: RunProgress) -> None:
        """Show the progress of a command in the background."""
        self.panels.show_output()
        self.panels.show_modules(running=True)
        self.panels.grow(progress)
        self.message.say(progress.words(self.message.room("busy")), "busy")

    async def on_node_panel_why_asked(self) -> None:
        """Explain the entry that was clicked."""
        await self.action_command("why {entry}", asks=False)

    async def on_cost_plot_step_chosen(self, event: CostPlot.StepChosen) -> None:
        """Go to the moment that computed the cost of the SGD step that was clicked."""
        await self.run_line(f"goto cost {event.step}")

    async def on_plot_panel_step_chosen(self, event: PlotPanel.StepChosen) -> None:
        """Go to the moment that computed the cost of the SGD step whose mark was clicked."""
        await self.run_line(f"goto cost {event.step}")

    # Keys that are not commands ----------------------------------------------------------

    def on_key(self, event: Key) -> None:
        """Collect the digits of a count; report a key that is not bound."""
        if self.count.add(event.character):
            self.say(self.count.words(keys_of(self), steps=self.debugger.cursor.has_steps))
            event.stop()
        elif event.key not in self.active_bindings:
            self.count.clear()
            pressed = repr(event.character) if event.is_printable else key_text(event.key)
            words = f"no key {pressed}; {keys_of(self).name('help')} lists the keys"
            self.say(words, "error")

    def action_help(self) -> None:
        """Show all keys and commands."""
        self.app.push_screen(help_screen(keys_of(self)))

    def action_palette(self) -> None:
        """Open the command palette."""
        if self.prompt().display:
            self.close_prompt()
        self.app.push_screen(palette())

    def interrupt(self) -> bool:
        """Stop the command that runs in the background; return whether there was one."""
        return self.runner.interrupt()

    def action_calm(self) -> None:
        """Clear the count, stop autoplay and show all panels."""
        self.count.clear()
        self.autoplay.stop()
        self._show_found(self.finder.clear())
        if self.panels.zoomed:
            self.panels.zoom("")
        self.message.show()

    def action_follow(self) -> None:
        """Show the node of the present moment again."""
        changed = self.panels.shown.follow()
        self.show_moment()
        if not changed:
            where = self.debugger.where
            words = f"the {where.phase} has no node"
            words = "this is the present node" if where.node is not None else words
            self.say(words)

    def on_descendant_focus(self) -> None:
        """Draw the focused panel's title in bold lines, and show its keys."""
        self.panels.draw_titles()
        self.show_keys()

    # Play --------------------------------------------------------------------------------

    async def action_play(self) -> None:
        """Start or stop autoplay."""
        if self.autoplay.playing:
            self.autoplay.stop()
            self.message.show()
        elif self.debugger.cursor.at_end:
            # The error says why there is no next moment.
            await self.run_line("step")
        else:
            self.autoplay.start()
            self.say(self.autoplay.words)

    def on_screen_suspend(self) -> None:
        """Stop autoplay behind a dialog."""
        self.autoplay.stop()

    def action_speed(self, by: int) -> None:
        """Change the speed of autoplay."""
        self.autoplay.faster(by)
        self.say(self.autoplay.words)

    async def _autoplay_step(self) -> None:
        if self.debugger.cursor.at_end:
            self.autoplay.stop()
        elif not self.runner.busy:
            await self.run_line("step")

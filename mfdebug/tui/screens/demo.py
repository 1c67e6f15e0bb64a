"""The screen of a demo: a script plays beat by beat, and the debugger's keys work too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.events import Key
from textual.widgets import Input

from mfdebug.core.commands.demo import seconds_of
from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.quiz.question import Question
from mfdebug.core.session.demo import WAIT, Beat, Playback
from mfdebug.core.session.reply import Reply
from mfdebug.opening.shipped import ShippedDemo
from mfdebug.tui.keys import KeyHint, bindings_at, bindings_over, keys_of
from mfdebug.tui.presentation import Presentation, line_text
from mfdebug.tui.screens.demo_questions import DemoQuestions
from mfdebug.tui.screens.dialog import Dialog
from mfdebug.tui.widgets.message_line import KeyLine
from miniflow.errors import MiniflowError

# Lines for which no key is displayed.
SILENT = ("say ", "ask ", "expect ", "pause", "quiz")
# Factors by which + and - change the reading time.
PACES = (0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2)
HINTS = [("demo-on", "next beat"), ("demo-back", "beat back"), ("demo-play", "autoplay")]
HINTS_OFF = [("demo-return", "returns to the script"), ("demo-on", "continues there")]
# Keys that do not stop a demo that plays by itself.
DEMO_KEYS = {"demo-on", "demo-back", "demo-play", "demo-return", "faster", "slower"}
# Those that also work over a dialog that a line of the demo or the presenter opened.
OVER_DIALOGS = {"demo-on", "demo-back", "demo-play", "demo-return"}


class DemoScreen(DemoQuestions):
    """The debugger's screen, with a script that advances at a key."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("demo")

    def __init__(
        self,
        playback: Playback,
        presentation: Presentation,
        following: ShippedDemo | None = None,
        play: Callable[[Path], None] | None = None,
    ) -> None:
        """`following` is the demo to watch next, `play` shows it."""
        super().__init__(playback.session, presentation=presentation)
        self._following, self._play = following, play
        self.playback = playback
        self.session.caption = playback.demo.title
        self._autoplaying = False
        self._pace = PACES.index(1.0)
        # Set to end a wait early.
        self._skip_wait = asyncio.Event()
        # Whether a beat is playing, whether it skips its pauses, and beats to go back at its end.
        self._showing = self._skipping = False
        self._beats_back = 0
        # Whether the end has been announced.
        self._ended = False
        # The error of the last beat, if any.
        self.problem = ""

    async def on_mount(self) -> None:
        """Greet with the demo's keys."""
        keys = keys_of(self)
        self._bindings = bindings_over(self._bindings, "demo", keys)
        on, back, play, leave = map(keys.name, ("demo-on", "demo-back", "demo-play", "quit"))
        words = (
            f"{on} starts and continues, {back} goes back, {play} plays by itself, {leave} quits"
        )
        self._greeting = words
        # The graph's description would give away what the demo is about to show.
        self.panels.node.opening = [self.playback.demo.title]

    def answered(self, line: str, reply: Reply) -> None:
        """Show the reply to a command; a demo keeps its graph as it is."""
        if self.session.debugger is not self.debugger:
            self.session.use(self.debugger)
            self.say(self._stays(line), "error")
            return
        super().answered(line, reply)

    def _stays(self, line: str) -> str:
        """Return why a line that leads to another graph is not followed."""
        command = command_of(line)
        done = {"unroll": "no layer is unrolled", "branch": "no branch is computed"}
        why = done.get("" if command is None else command.name, "it follows no other graph")
        return f"a demo keeps its graph as it is: {why}"

    # The script ----------------------------------------------------------------------------

    def action_on(self) -> None:
        """Play the next beat; during a beat, skip the present wait."""
        self.count.clear()
        self._skip_wait.set()
        if not self._showing and not self._autoplaying:
            self._showing = True
            self.run_worker(self._one_beat(), group="demo")

    async def _one_beat(self) -> None:
        try:
            beat = self.playback.next_beat
            if beat is None:
                self._end()
            else:
                await self.show_beat(beat)
        finally:
            self._showing = False
        if self._autoplaying:
            await self._play_through()

    async def show_beat(self, beat: Beat) -> None:
        """Run the lines of the next beat."""
        self.begin_beat()
        for number, line in beat.lines:
            word, _, rest = line.partition(" ")
            if word == WAIT:
                await self._wait(seconds_of(rest.strip()))
            else:
                if not self._autoplaying:
                    line = await self.answered_by_user(line)
                if not await self.show_line(number, line):
                    break
        self.end_beat()

    def begin_beat(self) -> None:
        """Return to the state after the last beat."""
        self.close_dialogs()
        self.drop_question()
        if not self.playback.on_script:
            self.playback.return_to_script()
        self.problem = ""
        self._showing, self._skipping = True, False

    async def show_line(self, number: int, line: str) -> bool:
        """Run a line of a beat; return whether it succeeded."""
        if line.startswith(SILENT):
            # Without a frame of its own: the reply to the line before stays.
            try:
                asked = self.session.run(line).subject
            except MiniflowError as error:
                self.problem = str(error)
            else:
                if isinstance(asked, Question):
                    self.ask(asked)
            self.caption.show()
            for screen in self.app.screen_stack:
                if isinstance(screen, Dialog):
                    screen.make_room()
        else:
            self.cast(line_text(line, keys_of(self)))
            await self.run_line(line)
            await self.runner.finished()
        if self.problem:
            self.problem = f"line {number} of the demo: {self.problem}"
            self._autoplaying = False
            self.say(self.problem, "error")
        return not self.problem

    def end_beat(self) -> None:
        """Record that the beat is done."""
        self.playback.shown()
        self._showing = False
        if self._beats_back:
            beats, self._beats_back = self._beats_back, 0
            self._go_back(beats)
        self._show_progress()

    def failed(self, error: MiniflowError) -> None:
        """Show why a line failed."""
        self.problem = str(error)
        super().failed(error)

    def interrupt(self) -> bool:
        """Do not stop a run of the script at a key: the lines after it depend on it."""
        return not self._showing and super().interrupt()

    async def _wait(self, seconds: float) -> None:
        if self._skipping:
            return
        self._skip_wait.clear()
        try:
            await asyncio.wait_for(self._skip_wait.wait(), seconds)
        except TimeoutError:
            return

    def action_beat_back(self) -> None:
        """Go back to the start of the last beat, or by as many beats as the count says."""
        self._go_back(int(self.count.take()))

    def _go_back(self, count: int) -> None:
        self._take_over()
        if self._showing:
            # The lines of a beat depend on each other: go back when they are done.
            self._skipping, self._beats_back = True, count
            return
        if not self.playback.beat:
            self.say("this is the start of the demo", "error")
            return
        for _ in range(min(count, self.playback.beat)):
            self.playback.back()
        self._show_present()

    def action_to_script(self) -> None:
        """Return to the state after the last beat, wherever the presenter has moved."""
        self.count.clear()
        covered = self.app.screen is not self
        self._take_over()
        if self._showing:
            # During a beat, its end is the state to return to.
            self._skipping = True
            return
        if self.playback.on_script and not covered:
            back = keys_of(self).name("demo-back")
            words = f"this is the script's moment; {back} goes back a beat"
            self.say(words)
            return
        self.playback.return_to_script()
        self._show_present()

    def _take_over(self) -> None:
        self.close_dialogs()
        self.drop_question()
        self._autoplaying = False
        self._skip_wait.set()

    def _show_present(self) -> None:
        self.follow()
        self.show_moment()

    def close_dialogs(self) -> None:
        """Close all dialogs that a line of the demo or the presenter opened."""
        while self.app.screen is not self and self in self.app.screen_stack:
            self.app.pop_screen()

    def _end(self) -> None:
        """Say that this is the end, or if that is said, play the next demo."""
        if self._ended and self._following is not None and self._play is not None:
            try:
                self._play(self._following.path)
            except MiniflowError as error:
                self.say(str(error), "error")
        else:
            self._say_end()

    def _say_end(self) -> None:
        self._ended = True
        keys = keys_of(self)
        leave, back, on = map(keys.name, ("quit", "demo-back", "demo-on"))
        following = f"{on} plays “{self._following.title}”, " if self._following else ""
        words = f"end of the demo: {following}{leave} quits, {back} goes back"
        self.say(words)

    # By itself -----------------------------------------------------------------------------

    def action_by_itself(self) -> None:
        """Start or stop playing without keys, with time to read."""
        self.count.clear()
        self._skip_wait.set()
        self._autoplaying = not self._autoplaying
        self._show_progress()
        if self._autoplaying and not self._showing:
            self.run_worker(self._play_through(), group="demo", exclusive=True)

    async def _play_through(self) -> None:
        while self._autoplaying and (beat := self.playback.next_beat) is not None:
            await self.show_beat(beat)
            await self._wait(beat.seconds * PACES[self._pace])
        if self._autoplaying:
            self._autoplaying = False
            self._say_end()
        self._show_progress()

    def action_speed(self, by: int) -> None:
        """Decrease or increase the reading time."""
        self._pace = min(max(self._pace - by, 0), len(PACES) - 1)
        words = f"captions stay {PACES[self._pace]:g} times as long as it takes to read them"
        self.say(words)

    def key_arrived(self, event: Key) -> bool:
        """Handle the demo's keys, also over dialogs; return whether the key is handled.

        Any other key stops a demo that plays by itself.
        """
        super().key_arrived(event)
        keys = keys_of(self)
        known = {key: id for id in DEMO_KEYS for key in keys.of(id)}  # noqa: A001
        demo_key = known.get(event.key)
        if self.question is not None and self.app.screen is self:
            return self._key_in_question(demo_key)
        if self._showing and event.key in keys.of("quit"):
            # While a line of the script runs, no other line would be run.
            self.app.exit()
            return True
        if self._showing and demo_key is None:
            # During a beat, the key only skips the waits; the next key works as usual.
            self._skipping = True
            self._skip_wait.set()
            return True
        if demo_key is None and self._autoplaying:
            self._autoplaying = False
            self._skip_wait.set()
            self._show_progress()
        covered = self.app.screen is not self and not isinstance(self.app.focused, Input)
        if not covered or demo_key not in OVER_DIALOGS:
            return False
        self.run_action_of(demo_key)
        return True

    def _key_in_question(self, demo_key: str | None) -> bool:
        """Handle the demo's keys while a question is open; any other key is typed."""
        if demo_key not in OVER_DIALOGS:
            self._autoplaying = False
            self._skip_wait.set()
            return False
        if demo_key == "demo-on" and self.panels.quiz.typed:
            self.panels.quiz.action_enter()
            return True
        waits = self._showing
        self.drop_question()
        if demo_key != "demo-on" or not waits:
            self.run_action_of(demo_key)
        return True

    def run_action_of(self, id: str) -> None:  # noqa: A002
        """Run the action of a demo key."""
        actions = {
            "demo-on": self.action_on,
            "demo-back": self.action_beat_back,
            "demo-play": self.action_by_itself,
            "demo-return": self.action_to_script,
        }
        actions[id]()

    # What is shown -------------------------------------------------------------------------

    def show_moment(self) -> None:
        """Show the present moment, and whether it is the script's."""
        super().show_moment()
        self._show_progress()

    def hints(self) -> list[KeyHint]:
        """Return the key hints, those of the demo first."""
        if self.question is not None:
            return super().hints()
        keys = keys_of(self)
        chosen = HINTS if self.playback.on_script else HINTS_OFF
        own = [KeyHint(bound, keys.name(bound), words) for bound, words in chosen]
        return own + super().hints()

    def show_keys(self) -> None:
        """Show the key hints, after the number of the beat."""
        self._show_progress()

    def _show_progress(self) -> None:
        if self._showing and self.question is None:
            return
        progress = f"{self.playback.beat}/{len(self.playback.demo.beats)}"
        lead = progress if self.playback.on_script else f"{progress} left"
        lead = f"▶ {progress}" if self._autoplaying else lead
        self.query_one(KeyLine).use(self.hints(), lead)

"""A demo on the screen: the script goes on beat by beat, and the keys are the presenter's too."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.binding import BindingType
from textual.events import Key
from textual.widgets import Input

from mfdebug.core.commands.demo import seconds_of
from mfdebug.core.session.demo import WAIT, Beat, Playback
from mfdebug.tui.keys import bindings_at, bindings_over, key_hints, keys_of
from mfdebug.tui.presentation import Presentation, line_text
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.widgets.caption import Caption
from mfdebug.tui.widgets.message_line import KeyLine, MessageStrip
from mfdebug.tui.widgets.node_panel import NodePanel
from miniflow.errors import MiniflowError

# Lines that no key is pressed for.
SILENT = ("say ", "expect ", "pause")
# How much longer or shorter + and - make the time for reading.
PACES = (0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2)
HINTS = [("demo-on", "goes on"), ("demo-back", "a beat back"), ("demo-play", "by itself")]
HINTS_OFF = [("demo-return", "returns to the script"), ("demo-on", "goes on there")]
# Keys that do not take the demo out of its own hands while it plays by itself.
OF_THE_DEMO = {"demo-on", "demo-back", "demo-play", "demo-return", "faster", "slower"}
# Of these, what also works over a dialog that a line or the presenter has opened.
OVER_DIALOGS = {"demo-on", "demo-back", "demo-play", "demo-return"}


class DemoScreen(DebugScreen):
    """The debugger's screen, with a script that goes on at a key."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_at("demo")

    def __init__(self, playback: Playback, presentation: Presentation) -> None:
        super().__init__(playback.session, presentation=presentation)
        self.playback = playback
        self.session.caption = playback.demo.title
        self._by_itself = False
        self._pace = PACES.index(1.0)
        # Set by whoever does not want to wait any longer.
        self._hurry = asyncio.Event()
        # A beat is on its way; it does not rest any more; beats to go back at its end.
        self._showing = self._rushing = False
        self._returning = 0
        # What went wrong in the last beat.
        self.problem = ""

    async def on_mount(self) -> None:
        """Have it said first how a demo goes on."""
        keys = keys_of(self)
        self._bindings = bindings_over(self._bindings, "demo", keys)
        on, back, play, leave = map(keys.name, ("demo-on", "demo-back", "demo-play", "quit"))
        words = f"{on} begins and goes on, {back} goes back, {play} plays by itself, {leave} leaves"
        self._greeting = words
        # What the graph is about would give away what the demo is about to show.
        self.query_one(NodePanel).opening = [self.playback.demo.title]

    # The script ----------------------------------------------------------------------------

    def action_on(self) -> None:
        """Show the next beat; or, in the middle of one, do not wait any longer."""
        self._count = ""
        self._hurry.set()
        if not self._showing and not self._by_itself:
            self._showing = True
            self.run_worker(self._one_beat(), group="demo")

    async def _one_beat(self) -> None:
        try:
            beat = self.playback.next_beat
            if beat is None:
                self._say_end()
            else:
                await self.show_beat(beat)
        finally:
            self._showing = False
        if self._by_itself:
            await self._play_through()

    async def show_beat(self, beat: Beat) -> None:
        """Carry out the lines of the next beat."""
        self.begin_beat()
        for number, line in beat.lines:
            word, _, rest = line.partition(" ")
            if word == WAIT:
                await self._rest(seconds_of(rest.strip()))
            elif not await self.show_line(number, line):
                break
        self.end_beat()

    def begin_beat(self) -> None:
        """Be where the last beat has led."""
        self.close_dialogs()
        if not self.playback.on_script:
            self.playback.return_to_script()
        self.problem = ""
        self._showing, self._rushing = True, False

    async def show_line(self, number: int, line: str) -> bool:
        """Carry out a line of a beat; return whether that could be done."""
        if line.startswith(SILENT):
            # At once, and what the line before has answered stays.
            try:
                self.session.run(line)
            except MiniflowError as error:
                self.problem = str(error)
            self.query_one(Caption).show(self.session.caption)
        else:
            self.cast(line_text(line, keys_of(self)))
            await self.run_line(line)
            await self.runner.finished()
        if self.problem:
            self.problem = f"line {number} of the demo: {self.problem}"
            self._by_itself = False
            self.query_one(MessageStrip).say(self.problem, "error")
        return not self.problem

    def end_beat(self) -> None:
        """Note that the beat has been shown."""
        self.playback.shown()
        self._showing = False
        if self._returning:
            self._count, self._returning = str(self._returning), 0
            self.action_beat_back()
        self._tell_place()

    def failed(self, error: MiniflowError) -> None:
        """Show why a line could not be carried out."""
        self.problem = str(error)
        super().failed(error)

    def interrupt(self) -> bool:
        """A run of the script is not stopped by a key: what comes after it builds on it."""
        return not self._showing and super().interrupt()

    async def _rest(self, seconds: float) -> None:
        if self._rushing:
            return
        self._hurry.clear()
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except TimeoutError:
            return

    def action_beat_back(self) -> None:
        """Go back to where the last beat began, or as many beats as the count says."""
        count, self._count = int(self._count or 1), ""
        self._leave_off()
        if self._showing:
            # Its lines build on each other: it is gone back from when they are done.
            self._rushing, self._returning = True, count
            return
        if not self.playback.beat:
            self.query_one(MessageStrip).say("this is where the demo begins", "error")
            return
        for _ in range(min(count, self.playback.beat)):
            self.playback.back()
        self._show_stand()

    def action_to_script(self) -> None:
        """Return to where the last beat has led, from wherever the presenter has gone."""
        self._count = ""
        over_it = self.app.screen is not self
        self._leave_off()
        if self._showing:
            # In the middle of a beat: where it leads is the script.
            self._rushing = True
            return
        if self.playback.on_script and not over_it:
            back = keys_of(self).name("demo-back")
            words = f"this is where the script is; {back} goes back a beat"
            self.query_one(MessageStrip).say(words, "answer")
            return
        self.playback.return_to_script()
        self._show_stand()

    def _leave_off(self) -> None:
        self.close_dialogs()
        self._by_itself = False
        self._hurry.set()

    def _show_stand(self) -> None:
        self.follow()
        self.show_moment()

    def close_dialogs(self) -> None:
        """Come back to this screen from what a line or the presenter has opened over it."""
        while self.app.screen is not self and self in self.app.screen_stack:
            self.app.pop_screen()

    def _say_end(self) -> None:
        keys = keys_of(self)
        leave, back = keys.name("quit"), keys.name("demo-back")
        words = f"the demo ends here: {leave} leaves, {back} goes back; or go on with the keys"
        self.query_one(MessageStrip).say(words, "answer")

    # By itself -----------------------------------------------------------------------------

    def action_by_itself(self) -> None:
        """Play on without a key, with time to read; or stop doing so."""
        self._count = ""
        self._hurry.set()
        self._by_itself = not self._by_itself
        self._tell_place()
        if self._by_itself and not self._showing:
            self.run_worker(self._play_through(), group="demo", exclusive=True)

    async def _play_through(self) -> None:
        while self._by_itself and (beat := self.playback.next_beat) is not None:
            await self.show_beat(beat)
            await self._rest(beat.seconds * PACES[self._pace])
        if self._by_itself:
            self._by_itself = False
            self._say_end()
        self._tell_place()

    def action_speed(self, by: int) -> None:
        """Give less or more time for reading."""
        self._pace = min(max(self._pace - by, 0), len(PACES) - 1)
        words = f"captions stay {PACES[self._pace]:g} times as long as it takes to read them"
        self.query_one(MessageStrip).say(words, "answer")

    def key_arrived(self, event: Key) -> bool:
        """Let the demo's keys work over what it has opened; return whether that was one.

        Any other key takes a demo that plays by itself out of its hands.
        """
        super().key_arrived(event)
        keys = keys_of(self)
        known = {key: id for id in OF_THE_DEMO for key in keys.of(id)}  # noqa: A001
        its_own = known.get(event.key)
        if self._showing and event.key in keys.of("quit"):
            # A run of the script would let no other line through.
            self.app.exit()
            return True
        if self._showing and its_own is None:
            # In the middle of a beat: it ends at once, and the next key is the presenter's.
            self._rushing = True
            self._hurry.set()
            return True
        if its_own is None and self._by_itself:
            self._by_itself = False
            self._hurry.set()
            self._tell_place()
        over_it = self.app.screen is not self and not isinstance(self.app.focused, Input)
        if not over_it or its_own not in OVER_DIALOGS:
            return False
        self.run_action_of(its_own)
        return True

    def run_action_of(self, id: str) -> None:  # noqa: A002
        """Do what a key of the demo does."""
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
        self._tell_place()

    def hints(self) -> list[tuple[str, str]]:
        """The keys of the demo come first."""
        keys = keys_of(self)
        chosen = HINTS if self.playback.on_script else HINTS_OFF
        own = [(keys.name(bound), words) for bound, words in chosen]
        return own + key_hints(keys, steps=self.debugger.has_steps)

    def _tell_place(self) -> None:
        if self._showing:
            return
        place = f"{self.playback.beat}/{len(self.playback.demo.beats)}"
        lead = place if self.playback.on_script else f"{place} left"
        lead = f"▶ {place}" if self._by_itself else lead
        self.query_one(KeyLine).use(self.hints(), lead)

"""The app: from a graph, or a choice of graphs, to the debugger's screen."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.widgets import Input

from mfdebug.config.bindings import Keys
from mfdebug.config.settings import DEFAULTS, Settings
from mfdebug.config.terminal import ANY, Abilities
from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.demo import SUFFIX, Demo, Playback, read_demo
from mfdebug.core.session.script import Origin
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.core.timeline.debugger import Debugger
from mfdebug.opening.graphs import Opened, open_graph
from mfdebug.signals import EndedBySignal, ending_signals, handlers_restored
from mfdebug.tui.keys import bindings_at
from mfdebug.tui.minimum_size import SizedApp
from mfdebug.tui.presentation import Presentation
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.demo import DemoScreen
from mfdebug.tui.screens.feed import FeedScreen
from mfdebug.tui.screens.picker import PickerScreen
from mfdebug.tui.terminal.cells import CellApp
from mfdebug.tui.terminal.driver import TerminalDriver
from mfdebug.tui.terminal.suspend import StoppableApp
from mfdebug.tui.terminal.typeahead import InOrderApp
from mfdebug.tui.themes import DARK, LIGHT
from miniflow.errors import MiniflowError
from miniflow.graph import Graph

# Of a traceback: those nearest to what went wrong.
MOST_FRAMES = 12


class DebuggerApp(
    InOrderApp[int],
    SizedApp[int],
    StoppableApp[int],
    CellApp[int],
    # Textual's own key to leave could neither be changed nor be switched off.
    inherit_bindings=False,
):
    """The terminal app."""

    CSS_PATH = "app.tcss"
    TITLE = "mfdebug"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings_at("app")

    def __init__(
        self,
        graph: Graph | None,
        *,
        commands: Sequence[str] = (),
        history_memory: int,
        origin: Origin | None = None,
        store: SessionStore | None = None,
        session: Session | None = None,
        autosaver: AutoSaver | None = None,
        abilities: Abilities = ANY,
        settings: Settings = DEFAULTS,
        demo: Demo | None = None,
    ) -> None:
        """Sessions are kept on the `store`, of a graph whose `origin` is known.

        A `session` is there already where a program runs, with a `autosaver` of its session.
        `abilities` are those of the terminal; Textual has been told them when it was imported.
        """
        super().__init__(ascii_only=abilities.ascii_only)
        self.abilities = abilities
        # Before the style sheets are read: they would be read again.
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = abilities.theme
        self.settings = settings
        self.presentation = Presentation(settings.present, settings.show_keys)
        self.demo = demo
        self.keys = Keys(settings.keys)
        self.set_keymap(self.keys.keymap())
        # The signal that has asked for the end.
        self._ended_by = 0
        # What is kept of this run, and where.
        self._kept: tuple[AutoSaver, Session] | None = None
        self.session_given = session
        if session is not None and autosaver is not None:
            self._kept = autosaver, session
        self.graph = graph
        self.origin = origin
        self.store = store
        self.commands = commands
        self.history_memory = history_memory

    def get_driver_class(self) -> type[Driver]:
        """Return the driver that is used unless the environment names another one."""
        found = super().get_driver_class()
        return TerminalDriver if found is LinuxDriver else found

    def on_load(self) -> None:
        """Be ready to end before the terminal is changed."""
        loop = asyncio.get_running_loop()
        # Without a handler these end the process with the terminal in raw mode.
        for number in ending_signals():
            loop.add_signal_handler(number, self._end, number)

    def on_mount(self) -> None:
        """Open the graph, or let one be chosen."""
        if self.session_given is not None:
            autosaver = self._kept[0] if self._kept is not None else None
            self.push_screen(
                DebugScreen(
                    self.session_given, self.commands, autosaver, presentation=self.presentation
                )
            )
        elif self.graph is None:
            self.pick()
        else:
            self.open(self.graph)

    def _end(self, number: int) -> None:
        self._ended_by = self._ended_by or number
        self.exit(return_code=128 + number)

    def _handle_exception(self, error: Exception) -> None:
        # A screen that was just being made when the end was asked for finds itself incomplete.
        if not (self._exit and isinstance(error, NoMatches)):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End after an error of our own; `left` tells it when the terminal is as it was."""
        self._close_messages_no_wait()

    def left(self) -> int:
        """Say what went wrong, if anything did, when the screen has been left; the exit status.

        Raises `EndedBySignal` if a signal has asked for the end.
        """
        error = self._exception
        if error is not None:
            lines = ["mfdebug: something in mfdebug itself went wrong, and it had to end:\n"]
            lines += [f"  {line}" for line in traceback.format_exception_only(error)]
            if self._keep_at_last():
                lines.append("What you did is kept: mfdebug --resume goes on there.\n")
            lines.append("For whoever mends it:\n")
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if "/textual/" not in frame.filename]
            lines += traceback.format_list((own or frames)[-MOST_FRAMES:])
            sys.stderr.write("".join(lines))
        elif self._ended_by:
            raise EndedBySignal(self._ended_by)
        return self.return_code or 0

    def _keep_at_last(self) -> bool:
        """Keep the session, whatever has gone wrong; return whether it is kept."""
        if self._kept is None:
            return False
        autosaver, session = self._kept
        if not session.actions:
            return False
        with contextlib.suppress(Exception):
            autosaver.keep(session)
            return not autosaver.problem
        return False

    def pick(self) -> None:
        """Let a shipped graph be chosen."""
        self.push_screen(PickerScreen(), self._picked)

    def _picked(self, path: Path | None) -> None:
        if path is None:
            self.exit()
            return
        try:
            if path.suffix == SUFFIX:
                self.demo = read_demo(path, check_known)
                path = Path(self.demo.graph)
            graph, self.origin = open_graph(str(path))
            self.open(graph)
        except MiniflowError as error:
            self.exit(2, return_code=2, message=f"mfdebug: {error}")

    def open(self, graph: Graph, problem: str = "") -> None:
        """Ask for what is missing, then show the debugger."""
        unfed = graph.unfed()
        if not unfed:
            self._show(graph)
            return
        target = unfed[0]

        def take(value: object) -> None:
            if value is None:
                self.exit()
                return
            try:
                graph.feed(target.label, value)
            except MiniflowError as error:
                self.open(graph, str(error))
                return
            if self.origin is not None:
                feeds = {**self.origin.feeds, target.label: value}
                self.origin = replace(self.origin, feeds=feeds)
            self.open(graph)

        self.push_screen(FeedScreen(target.label, target.shape, problem), take)

    def _show(self, graph: Graph) -> None:
        try:
            debugger = Debugger(graph, history_memory=self.history_memory)
        except MiniflowError as error:
            self.exit(2, return_code=2, message=f"mfdebug: {error}")
            return
        if self.demo is not None:
            playback = Playback(open_session(debugger, origin=self.origin), self.demo)
            self.push_screen(DemoScreen(playback, self.presentation))
            return
        autosaver = None
        if self.origin is not None and self.store is not None:
            autosaver = AutoSaver(self.store, self.origin)
        left = autosaver.left if autosaver is not None else None
        session = open_session(debugger, origin=self.origin, left=left)
        if autosaver is not None:
            session.left_before = autosaver.before
            self._kept = autosaver, session
        self.push_screen(
            DebugScreen(session, self.commands, autosaver, presentation=self.presentation)
        )

    async def key_arrived(self, event: Key) -> None:
        """Let any key stop a run that goes on in the background, and do nothing else.

        One that leaves does so at once, whatever goes on.
        """
        leaves = event.key in (*self.keys.of("quit"), *self.keys.of("leave"))
        if self.too_small:
            # What is pressed would change what cannot be seen.
            if leaves:
                self.exit()
            elif event.key in self.keys.of("suspend"):
                await self.action_suspend_process()
            return
        screen = self.screen if self.screen_stack else None
        if isinstance(screen, DebugScreen) and screen.interrupt():
            if leaves and not isinstance(self.focused, Input):
                self.exit()
            return
        for below in self.screen_stack:
            if isinstance(below, DebugScreen) and below.key_arrived(event):
                return
        await super().key_arrived(event)

    @property
    def leaving(self) -> str:
        """The key that leaves."""
        return self.keys.name("quit")

    def action_how_to_leave(self) -> None:
        """Ctrl+C is pressed by habit: it must not lose anyone's edits."""
        leaves = f"{self.keys.name('quit')} leaves"
        self.notify(f"{leaves}, Esc stops what is going on", timeout=3, markup=False)

    def action_toggle_theme(self) -> None:
        """Change between dark and light."""
        dark = self.current_theme.dark
        if self.theme.startswith("ansi"):
            # Where there are few colours or none, only these themes can be read.
            self.theme = "ansi-light" if dark else "ansi-dark"
        else:
            self.theme = LIGHT.name if dark else DARK.name


def run(
    opened: Opened | None,
    *,
    commands: Sequence[str],
    settings: Settings,
    store: SessionStore,
    abilities: Abilities,
    demo: Demo | None = None,
) -> int:
    """Run the app and return the exit status."""
    graph, origin = opened or (None, None)
    app = DebuggerApp(
        graph,
        commands=commands,
        history_memory=settings.history_bytes,
        origin=origin,
        store=store,
        abilities=abilities,
        settings=settings,
        demo=demo,
    )
    return _run_to_the_end(app)


def _run_to_the_end(app: DebuggerApp) -> int:
    with handlers_restored():
        app.run()
    return app.left()


def run_session(
    session: Session,
    *,
    commands: Sequence[str],
    settings: Settings,
    abilities: Abilities,
    autosaver: AutoSaver | None = None,
) -> int:
    """Run the app on a session that is there already, and return the exit status."""
    app = DebuggerApp(
        None,
        commands=commands,
        history_memory=0,
        session=session,
        autosaver=autosaver,
        abilities=abilities,
        settings=settings,
    )
    return _run_to_the_end(app)

"""The Textual app: it opens a graph, a demo or a session and shows the debugger's screen."""

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
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
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

# The innermost frames of a traceback that are printed after a crash.
MAX_FRAMES = 12


class DebuggerApp(
    InOrderApp[int],
    SizedApp[int],
    StoppableApp[int],
    CellApp[int],
    # Textual's own quit key could neither be changed nor be disabled.
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
        """Sessions of a graph with a known `origin` are saved in the `store`.

        A running program brings its own `session`, with the `autosaver` of that session.
        `abilities` are those of the terminal; Textual reads them when it is imported.
        """
        super().__init__(ascii_only=abilities.ascii_only)
        self.abilities = abilities
        # Before the style sheets are loaded, or they would be loaded twice.
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = abilities.theme
        self.settings = settings
        self.presentation = Presentation(settings.present, settings.show_keys)
        self.demo = demo
        self.keys = Keys(settings.keys)
        self.set_keymap(self.keys.keymap())
        # The signal that requested the exit, or 0.
        self._exit_signal = 0
        # The session to save, and its saver.
        self._saving: tuple[AutoSaver, Session] | None = None
        self.given_session = session
        if session is not None and autosaver is not None:
            self._saving = autosaver, session
        self.graph = graph
        self.origin = origin
        self.store = store
        self.commands = commands
        self.history_memory = history_memory

    def get_driver_class(self) -> type[Driver]:
        """Return the driver; the environment may name another one than ours."""
        driver = super().get_driver_class()
        return TerminalDriver if driver is LinuxDriver else driver

    def on_load(self) -> None:
        """Handle the signals that end the app, before the terminal is changed."""
        loop = asyncio.get_running_loop()
        # Without a handler these signals end the process with the terminal in raw mode.
        for number in ending_signals():
            loop.add_signal_handler(number, self._end, number)

    def on_mount(self) -> None:
        """Show the given session or graph, or the picker."""
        if self.given_session is not None:
            autosaver = self._saving[0] if self._saving is not None else None
            self.push_screen(
                DebugScreen(
                    self.given_session, self.commands, autosaver, presentation=self.presentation
                )
            )
        elif self.graph is None:
            self.pick()
        else:
            self.open(self.graph)

    def _end(self, number: int) -> None:
        self._exit_signal = self._exit_signal or number
        self.exit(return_code=128 + number)

    def _handle_exception(self, error: Exception) -> None:
        # A screen that is being composed when the app exits is incomplete; that is not an error.
        if not (self._exit and isinstance(error, NoMatches)):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Exit after an internal error; `exit_status` reports it once the terminal is restored."""
        self._close_messages_no_wait()

    def exit_status(self) -> int:
        """Report a crash on stderr, if there was one, and return the exit status.

        Called after the terminal is restored. Raises `EndedBySignal` if a signal ended the app.
        """
        error = self._exception
        if error is not None:
            lines = ["mfdebug crashed; this is a bug in mfdebug:\n"]
            lines += [f"  {line}" for line in traceback.format_exception_only(error)]
            if self._save_after_crash():
                lines.append("Your session is saved: mfdebug --resume continues it.\n")
            lines.append("Traceback (innermost call last):\n")
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if "/textual/" not in frame.filename]
            lines += traceback.format_list((own or frames)[-MAX_FRAMES:])
            sys.stderr.write("".join(lines))
        elif self._exit_signal:
            raise EndedBySignal(self._exit_signal)
        return self.return_code or 0

    def _save_after_crash(self) -> bool:
        """Save the session after an error; return whether that succeeded."""
        if self._saving is None:
            return False
        autosaver, session = self._saving
        if not session.actions:
            return False
        with contextlib.suppress(Exception):
            autosaver.keep(session)
            return not autosaver.problem
        return False

    def pick(self) -> None:
        """Let the user choose a shipped graph or demo."""
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
        """Ask for the values of unfed inputs, then show the debugger."""
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
            debugger = ComputedDebugger(graph, history_memory=self.history_memory)
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
            self._saving = autosaver, session
        self.push_screen(
            DebugScreen(session, self.commands, autosaver, presentation=self.presentation)
        )

    async def key_arrived(self, event: Key) -> None:
        """Let any key stop a command that runs in the background, and do nothing else.

        A key that quits always quits at once.
        """
        quits = event.key in (*self.keys.of("quit"), *self.keys.of("leave"))
        if self.too_small:
            # Other keys would change what the user cannot see.
            if quits:
                self.exit()
            elif event.key in self.keys.of("suspend"):
                await self.action_suspend_process()
            return
        screen = self.screen if self.screen_stack else None
        if isinstance(screen, DebugScreen) and screen.interrupt():
            if quits and not isinstance(self.focused, Input):
                self.exit()
            return
        for stacked in self.screen_stack:
            if isinstance(stacked, DebugScreen) and stacked.key_arrived(event):
                return
        await super().key_arrived(event)

    @property
    def quit_key(self) -> str:
        """The name of the key that quits."""
        return self.keys.name("quit")

    def action_how_to_leave(self) -> None:
        """Show the keys that quit and stop: Ctrl+C is pressed by habit and must not lose edits."""
        quits = f"{self.keys.name('quit')} quits"
        self.notify(f"{quits}, Esc stops a running command", timeout=3, markup=False)

    def action_toggle_theme(self) -> None:
        """Switch between the dark and the light theme."""
        dark = self.current_theme.dark
        if self.theme.startswith("ansi"):
            # With few colours or none, only these themes are readable.
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
    return _run_app(app)


def _run_app(app: DebuggerApp) -> int:
    with handlers_restored():
        app.run()
    return app.exit_status()


def run_session(
    session: Session,
    *,
    commands: Sequence[str],
    settings: Settings,
    abilities: Abilities,
    autosaver: AutoSaver | None = None,
) -> int:
    """Run the app on an existing session and return the exit status."""
    app = DebuggerApp(
        None,
        commands=commands,
        history_memory=0,
        session=session,
        autosaver=autosaver,
        abilities=abilities,
        settings=settings,
    )
    return _run_app(app)

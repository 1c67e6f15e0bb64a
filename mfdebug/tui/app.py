"""The Textual app: it opens a graph, a run, a demo or a session on the debugger's screen."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.screen import Screen
from textual.widgets import Input

from mfdebug.config.bindings import Keys
from mfdebug.config.settings import DEFAULTS, Settings
from mfdebug.config.terminal import ANY, Abilities
from mfdebug.core.session.script import Origin
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.opening.graphs import Opened
from mfdebug.signals import EndedBySignal, call_at_ending_signals, handlers_restored
from mfdebug.tui.keys import bindings_at
from mfdebug.tui.minimum_size import SizedApp
from mfdebug.tui.opener import Opener
from mfdebug.tui.presentation import Presentation
from mfdebug.tui.screens.bare import BareScreen
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.terminal.cells import CellApp
from mfdebug.tui.terminal.driver import TerminalDriver
from mfdebug.tui.terminal.first_frame import FirstFrameApp
from mfdebug.tui.terminal.suspend import StoppableApp
from mfdebug.tui.terminal.typeahead import InOrderApp
from mfdebug.tui.themes import ThemedApp
from miniflow.graph import Graph

if TYPE_CHECKING:
    from mfdebug.core.session.course import Course
    from mfdebug.core.session.demo import Demo

# The innermost frames of a traceback that are printed after a crash.
MAX_FRAMES = 12


class DebuggerApp(
    InOrderApp[int],
    SizedApp[int],
    ThemedApp[int],
    StoppableApp[int],
    CellApp[int],
    FirstFrameApp[int],
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
        course: Course | None = None,
    ) -> None:
        """Sessions of a graph with a known `origin` are saved in the `store`.

        A program or its run brings its own `session`, with the `autosaver` of that session; without
        a `store` nothing else can be opened.
        `abilities` are those of the terminal; Textual reads them when it is imported.
        """
        super().__init__(ascii_only=abilities.ascii_only, erases=abilities.erases)
        self.abilities = abilities
        # Before the style sheets are loaded, or they would be loaded twice.
        self.use_themes(abilities.colours, abilities.theme_name)
        self.settings = settings
        self.presentation = Presentation(settings.present, settings.show_keys)
        self.keys = Keys(settings.keys)
        self.set_keymap(self.keys.keymap())
        # The signal that requested the exit, or 0.
        self._exit_signal = 0
        # The session to save, and its saver.
        self._saving: tuple[AutoSaver, Session] | None = None
        self.session = session
        self.autosaver = autosaver
        if session is not None:
            self._watch_over(autosaver, session)
        # A running program would be ended if another graph took its place.
        self._opens_others = session is None or store is not None
        self.graph = graph
        self.origin = origin
        self.demo = demo
        self.course = course
        self.commands = commands
        self.opener = Opener(
            self,
            store=store,
            commands=commands,
            history_memory=history_memory,
            presentation=self.presentation,
            attach=self._watch_over,
        )

    def _watch_over(self, autosaver: AutoSaver | None, session: Session) -> None:
        """Let the session choose the theme, and keep what saves it after a crash."""
        session.themes, session.theme = tuple(self.themes), self.theme_name
        self._saving = None if autosaver is None else (autosaver, session)

    def refresh_css(self, animate: bool = True) -> None:
        """Apply the colours of a theme; before there is a screen, only note them."""
        if self._screen_stacks[self._current_mode]:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def get_driver_class(self) -> type[Driver]:
        """Return the driver; the environment may name another one than ours."""
        driver = super().get_driver_class()
        return TerminalDriver if driver is LinuxDriver else driver

    def get_default_screen(self) -> Screen[Any]:
        """Return the screen that Textual wants before the app's first one; it is never shown."""
        return BareScreen(id="_default")

    def on_load(self) -> None:
        """Handle the signals that end the app, before the terminal is changed."""
        # Without a handler these signals end the process with the terminal in raw mode.
        call_at_ending_signals(asyncio.get_running_loop(), self._end)

    def on_mount(self) -> None:
        """Show the given session, graph or demo, or the list of what can be opened."""
        if self.session is not None and self.demo is not None:
            self.opener.show(self.session, self.demo)
        elif self.session is not None:
            self.opener.debug(self.session, self.autosaver)
        elif self.course is not None:
            self.opener.study(self.course)
        elif self.graph is None:
            self.opener.pick()
        else:
            self.opener.open(self.graph, self.origin, self.demo)

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

    def action_open_another(self) -> None:
        """Show what else can be opened."""
        if self._opens_others:
            self.opener.pick()
        elif isinstance(self.screen, DebugScreen):
            words = f"a program is debugged: {self.quit_key} quits it, mfdebug opens another"
            self.screen.say(words, "error")

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


def run_course(course: Course, *, settings: Settings, abilities: Abilities) -> int:
    """Run the app on the course of the quiz and return the exit status."""
    app = DebuggerApp(
        None,
        history_memory=settings.history_bytes,
        abilities=abilities,
        settings=settings,
        course=course,
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
    store: SessionStore | None = None,
    demo: Demo | None = None,
) -> int:
    """Run the app on an existing session, or a demo on it, and return the exit status."""
    app = DebuggerApp(
        None,
        commands=commands,
        history_memory=settings.history_bytes,
        store=store,
        session=session,
        autosaver=autosaver,
        abilities=abilities,
        settings=settings,
        demo=demo,
    )
    return _run_app(app)

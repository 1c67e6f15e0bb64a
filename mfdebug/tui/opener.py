"""From a choice to the screen that debugs it: the list, values of unfed inputs, graph or run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.script import Origin
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver, SessionStore
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.opening.graphs import open_graph, others_of
from mfdebug.opening.readers import Kind, reader_of
from mfdebug.opening.sessions import session_of
from mfdebug.opening.shipped import next_demo
from mfdebug.tui.presentation import Presentation
from mfdebug.tui.screens.debug import DebugScreen
from mfdebug.tui.screens.on_demand import feed_screen, picker_screen
from mfdebug.tui.terminal.first_frame import FirstFrameApp
from miniflow.errors import MiniflowError
from miniflow.graph import Graph

if TYPE_CHECKING:
    from mfdebug.core.session.course import Course
    from mfdebug.core.session.demo import Demo
    from mfdebug.opening.choices import Choice

# Sessions that the list of recent graphs has.
RECENT_GRAPHS = 5


class Opener:
    """Opens graphs, run files and demos in an app, one at a time.

    Sessions of a graph or a run with a known origin are saved in the `store`. `attach` is called
    with each session that is shown, and its saver. `commands` are run in the first one opened.
    """

    def __init__(
        self,
        app: FirstFrameApp[Any],
        *,
        store: SessionStore | None,
        commands: Sequence[str],
        history_memory: int,
        presentation: Presentation,
        attach: Callable[[AutoSaver | None, Session], None],
    ) -> None:
        self._app = app
        self._store = store
        self._commands = commands
        self._history_memory = history_memory
        self._presentation = presentation
        self._attach = attach

    def pick(self, problem: str = "") -> None:
        """Let the user choose what to open; `problem` is why the last choice was not opened."""
        # Imported when it is used, as demos are: most sessions are given a graph.
        from mfdebug.opening.choices import choices

        recent = self._store.recent(RECENT_GRAPHS) if self._store is not None else []
        screen = picker_screen(choices(recent, Path()), problem, over=self._debugging)
        self._app.push_screen(screen, self._picked)

    @property
    def _debugging(self) -> bool:
        return any(isinstance(screen, DebugScreen) for screen in self._app.screen_stack)

    def _picked(self, choice: Choice | None) -> None:
        if choice is not None:
            try:
                if choice.demo:
                    self.play(Path(choice.target))
                else:
                    self._open_named(choice.target)
            except MiniflowError as error:
                self.pick(str(error))
        elif not self._debugging:
            self._app.exit()

    def play(self, path: Path) -> None:
        """Show a demo in place of the open graph; raise `MiniflowError` if it is damaged."""
        from mfdebug.core.session.demo import read_demo

        demo = read_demo(path, check_known)
        self._open_named(demo.graph, demo)

    def _open_named(self, name: str, demo: Demo | None = None) -> None:
        """Open the graph, model or run file of a name; raise `MiniflowError` if it is damaged."""
        if reader_of(name).kind is Kind.RUN:
            # Most sessions open no run file.
            from mfdebug.opening.runs import open_run

            self.show(open_run(name), demo)
        else:
            self.open(*open_graph(name), demo)

    def open(self, graph: Graph, origin: Origin | None, demo: Demo | None = None) -> None:
        """Show a graph in place of the open one, once the values of its inputs are known.

        Raises `MiniflowError` if it cannot be computed.
        """
        self._feed(graph, origin, demo)

    def _feed(
        self, graph: Graph, origin: Origin | None, demo: Demo | None, problem: str = ""
    ) -> None:
        """Ask for the values of unfed inputs, one by one, then show the graph."""
        unfed = graph.unfed()
        if not unfed:
            self._show(graph, origin, demo)
            return
        target = unfed[0]

        def take(value: object) -> None:
            if value is None:
                if not self._debugging:
                    self._app.exit()
                return
            try:
                graph.feed(target.label, value)
            except MiniflowError as error:
                self._feed(graph, origin, demo, str(error))
                return
            fed = origin and replace(origin, feeds={**origin.feeds, target.label: value})
            self._feed(graph, fed, demo)

        self._app.push_screen(feed_screen(target.label, target.shape, problem), take)

    def _show(self, graph: Graph, origin: Origin | None, demo: Demo | None) -> None:
        try:
            debugger = ComputedDebugger(graph, history_memory=self._history_memory)
        except MiniflowError as error:
            self._app.exit(2, return_code=2, message=f"mfdebug: {error}")
            return
        session = open_session(debugger, origin=origin)
        session.open_other = others_of(origin)
        self.show(session, demo)

    def show(self, session: Session, demo: Demo | None = None) -> None:
        """Show a session in place of the open one, or a demo on it, which is not saved."""
        while self._debugging:
            self._app.pop_screen()
        if demo is not None:
            self._attach(None, session)
            following = next_demo(demo.name)
            # Imported when it is opened, like the screens of `on_demand`, which it may open itself.
            from mfdebug.core.session.demo import Playback
            from mfdebug.tui.screens.demo import DemoScreen

            playback = Playback(session, demo)
            screen = DemoScreen(playback, self._presentation, following, self.play)
            self._app.hold_first_frame()
            self._app.push_screen(screen)
            return
        autosaver = None
        if session.origin is not None and self._store is not None:
            autosaver = AutoSaver(self._store, session.origin)
            session.left, session.left_before = autosaver.left, autosaver.before
        self._attach(autosaver, session)
        self.debug(session, autosaver)

    def study(self, course: Course) -> None:
        """Ask about the present graph of the course."""
        graph = course.current
        assert graph is not None, "a course that is done is not shown"
        session = session_of(graph, self._history_memory)
        while self._debugging:
            self._app.pop_screen()
        self._attach(None, session)
        # Imported when it is opened, like the screens of `on_demand`.
        from mfdebug.tui.screens.course import CourseScreen

        screen = CourseScreen(
            session, course, graph, lambda: self.study(course), self._presentation
        )
        self._app.hold_first_frame()
        self._app.push_screen(screen)

    def debug(self, session: Session, autosaver: AutoSaver | None) -> None:
        """Show a session."""
        commands, self._commands = self._commands, ()
        screen = DebugScreen(session, commands, autosaver, presentation=self._presentation)
        self._app.hold_first_frame()
        self._app.push_screen(screen)

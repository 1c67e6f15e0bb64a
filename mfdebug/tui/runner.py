"""Runs command lines for a screen, in a thread if needed so that the screen responds."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from textual.message_pump import MessagePump

from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.commands.live_modules import LiveModules
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.tui.run_progress import RunProgress
from miniflow.errors import MiniflowError

# Seconds after which a command moves to the background: keys then work, and any key stops it.
BACKGROUND_AFTER = 0.25
# The command that lets a program run, and the seconds after which its modules are shown.
CONTINUE, TABLE_AFTER = "continue", 0.1
# Redraws per second during a run; a message for each step would delay the keys.
REPORTS_PER_SECOND = 8
# Lines that need no thread, because they move by one moment or phase only.
ONE_MOVE = re.compile(r"(step|back|next|previous)( 1)?")


class Listener(Protocol):
    """Receives the results of command lines."""

    def answered(self, line: str, reply: Reply) -> None:
        """A line succeeded."""

    def failed(self, error: MiniflowError) -> None:
        """A line failed."""

    def progressed(self, progress: RunProgress) -> None:
        """A run in the background made progress."""


class Runner:
    """Runs one line at a time; `host` is the screen whose timers and message queue it uses."""

    def __init__(
        self, session: Session, host: MessagePump, listener: Listener, lines: Sequence[str] = ()
    ) -> None:
        session.progress = self._on_progress
        self.session = session
        self._host = host
        self._listener = listener
        self._initial = deque(lines)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="run")
        self._turn = asyncio.Lock()
        self._running = ""
        self._stop = False
        self._was_stopped = False
        self._begun = self._reached = 0.0
        self._begun_at = 0.0
        self.modules = LiveModules(session)
        # Whether the modules are read before the command has moved to the background, so that they
        # are there when it does.
        self._with_table = False

    @property
    def busy(self) -> bool:
        """Whether a command runs in the background."""
        return bool(self._running)

    @property
    def active(self) -> bool:
        """Whether a command runs, here or in the background: it may move the session."""
        return self.busy or self._turn.locked()

    def interrupt(self) -> bool:
        """Stop the command that runs in the background; return whether there was one."""
        self._stop = self.busy
        return self.busy

    def close(self) -> None:
        """Stop a command that is still running."""
        self._stop = True
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def finished(self) -> None:
        """Wait until no command runs in the background."""
        while self.busy:
            await asyncio.sleep(0.02)

    async def run_initial(self) -> None:
        """Run the initial lines, one after the other.

        A program that is to run is shown as running at once, by the numbers of its first pass.
        """
        while self._initial and not self.busy:
            line = self._initial.popleft()
            shown = line == CONTINUE and self.session.printed is not None
            await self.run(line, BACKGROUND_AFTER if not shown else 0.0)

    async def run(self, line: str, patience: float = BACKGROUND_AFTER) -> None:
        """Run a command line and pass on its reply; do nothing if one runs in the background.

        It is waited for so many seconds, then it runs in the background.
        """
        async with self._turn:
            if self.busy:
                return
            self._stop = self._was_stopped = False
            command = command_of(line)
            try:
                # A program may take long even for a single move.
                at_once = ONE_MOVE.fullmatch(line) and self.session.printed is None
                if at_once or (command is not None and command.instant):
                    self._listener.answered(line, self.session.run(line))
                else:
                    await self._run_in_thread(line, patience)
            except MiniflowError as error:
                self._listener.failed(error)

    async def _run_in_thread(self, line: str, patience: float) -> None:
        loop = asyncio.get_running_loop()
        self._begun = self._reached = self._steps(self.session.debugger.moment)
        self._begun_at = time.monotonic()
        self.modules.start()
        self._with_table = line == CONTINUE and self.session.printed is not None
        if not patience:
            self.modules.refresh()
        elif self._with_table:
            patience = TABLE_AFTER
        future = loop.run_in_executor(self._worker, self.session.run, line)
        done, _ = await asyncio.wait({future}, timeout=patience)
        if done:
            self._listener.answered(line, future.result())
            return
        self._running = line
        self._report()
        reports = self._host.set_interval(1 / REPORTS_PER_SECOND, self._report)

        def ended(_future: asyncio.Future[Reply]) -> None:
            reports.stop()
            if self._host.is_attached:
                # In the screen's own message loop, where an exception reaches the app.
                self._host.call_later(self._ended, line, future)

        future.add_done_callback(ended)

    async def _ended(self, line: str, future: asyncio.Future[Reply]) -> None:
        self._running = ""
        try:
            reply = future.result()
        except MiniflowError as error:
            self._listener.failed(error)
        else:
            if self._was_stopped:
                words = f"stopped at moment {self.session.debugger.moment}; {line} was not finished"
                reply = Reply(reply.text, reply.data, stopped=words)
            self._listener.answered(line, reply)
        await self.run_initial()

    def _on_progress(self, moment: int) -> bool:
        """Record the progress of a run and return whether it must stop; called from its thread."""
        self._reached = self._steps(moment)
        self._was_stopped = self._stop
        if (self.busy or self._with_table) and not self._stop:
            self.modules.refresh()
        return self._stop

    def _steps(self, moment: int) -> float:
        """Return a moment in SGD steps: they stay while more is learned of a program's passes."""
        return moment / self.session.debugger.timeline.length

    def _report(self) -> None:
        if self.busy:
            seconds = time.monotonic() - self._begun_at
            aim, reached = self.session.aim, self._reached
            progress = RunProgress(self._running, self._begun, reached, aim, seconds)
            self._listener.progressed(progress)

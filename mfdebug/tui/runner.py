"""Runs command lines for a screen: at once, or in a thread while the screen lives on."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from textual.message_pump import MessagePump

from mfdebug.core.commands.interpreter import command_of
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from miniflow.errors import MiniflowError

# A command that takes longer than this goes on in the background: keys work, and one stops it.
PATIENCE = 0.25
# Redraws a second while a run goes on; each step its own message would drown the keys.
REPORTS_PER_SECOND = 8
# Lines that end at once, as their command moves by one moment or phase: they need no thread.
ONE_MOVE = re.compile(r"(step|back|next|previous)( 1)?")


class Listener(Protocol):
    """Who is told what came of a line."""

    def answered(self, line: str, reply: Reply) -> None:
        """A line was carried out."""

    def failed(self, error: MiniflowError) -> None:
        """A line could not be carried out."""

    def goes_on(self, words: str) -> None:
        """A run in the background has come this far."""


class Runner:
    """Runs one line at a time; `host` is the screen whose timers and messages it uses."""

    def __init__(
        self, session: Session, host: MessagePump, teller: Listener, lines: Sequence[str] = ()
    ) -> None:
        session.progress = self._on_progress
        self.session = session
        self._host = host
        self._teller = teller
        self._waiting = deque(lines)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="run")
        self._turn = asyncio.Lock()
        self._running = ""
        self._stop = False
        self._was_stopped = False
        self._reached = 0

    @property
    def busy(self) -> bool:
        """Whether a run goes on in the background."""
        return bool(self._running)

    def interrupt(self) -> bool:
        """Stop a run that goes on in the background; return whether there was one."""
        self._stop = self.busy
        return self.busy

    def close(self) -> None:
        """End a run that still goes on."""
        self._stop = True
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def finished(self) -> None:
        """Wait for a run that goes on in the background."""
        while self.busy:
            await asyncio.sleep(0.02)

    async def run_waiting(self) -> None:
        """Run the lines given to begin with, one after the other."""
        while self._waiting and not self.busy:
            await self.run(self._waiting.popleft())

    async def run(self, line: str) -> None:
        """Run a command line and tell its answer; nothing while one goes on in the background."""
        async with self._turn:
            if self.busy:
                return
            self._stop = self._was_stopped = False
            command = command_of(line)
            try:
                # A program may take its time even for one move.
                at_once = ONE_MOVE.fullmatch(line) and self.session.printed is None
                if at_once or (command is not None and command.instant):
                    self._teller.answered(line, self.session.run(line))
                else:
                    await self._run_patiently(line)
            except MiniflowError as error:
                self._teller.failed(error)

    async def _run_patiently(self, line: str) -> None:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._worker, self.session.run, line)
        done, _ = await asyncio.wait({future}, timeout=PATIENCE)
        if done:
            self._teller.answered(line, future.result())
            return
        self._running = line
        self._report()
        reports = self._host.set_interval(1 / REPORTS_PER_SECOND, self._report)

        def ended(_future: asyncio.Future[Reply]) -> None:
            reports.stop()
            if self._host.is_attached:
                # Back in the screen's own turn, where an error reaches the app.
                self._host.call_later(self._ended, line, future)

        future.add_done_callback(ended)

    async def _ended(self, line: str, future: asyncio.Future[Reply]) -> None:
        self._running = ""
        try:
            reply = future.result()
        except MiniflowError as error:
            self._teller.failed(error)
        else:
            if self._was_stopped:
                words = f"stopped at moment {self.session.debugger.moment}; {line} was not finished"
                reply = Reply(reply.text, reply.data, stopped=words)
            self._teller.answered(line, reply)
        await self.run_waiting()

    def _on_progress(self, moment: int) -> bool:
        """Note how far a run has come (called from its thread) and whether it shall stop."""
        self._reached = moment
        self._was_stopped = self._stop
        return self._stop

    def _report(self) -> None:
        if self.busy:
            step = self.session.debugger.timeline.sgd_step(self._reached)
            self._teller.goes_on(f"{self._running}: at SGD step {step}   any key stops")

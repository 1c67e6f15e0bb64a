"""The line prompt: the same commands for screen readers, dumb terminals and pipes.

No boxes, no colours, one fact a line; only changed parts of the status are printed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import platformdirs

from mfdebug.cli.batch import FAILED, INTERRUPTED, OK, Interrupt
from mfdebug.core.commands.completion import complete
from mfdebug.core.commands.quiz import asked
from mfdebug.core.commands.status import status
from mfdebug.core.session.session import Session
from mfdebug.core.session.store import AutoSaver
from mfdebug.signals import EndedBySignal, ending_signals
from miniflow.errors import FileError, MiniflowError, printable
from miniflow.files.paths import check_ordinary

PROMPT = "(mfdebug) "
MOST_REMEMBERED = 1000


class Plain:
    """A session at a line prompt; if interactive, it is saved after every line."""

    def __init__(
        self, session: Session, autosaver: AutoSaver | None = None, *, shares_input: bool = False
    ) -> None:
        """`shares_input`: a program reads the same standard input, which is not read ahead."""
        self._readline = _read_no_further if shares_input else sys.stdin.readline
        self.session = session
        self.autosaver = autosaver
        self._told: list[str] = []
        self._question = ""
        self._greeted = False
        self._interrupt = Interrupt()

    def run(self, lines: Sequence[str]) -> int:
        """Run the initial lines, then those that are typed; return the status."""
        with self._interrupt:
            return self._run(lines)

    def _run(self, lines: Sequence[str]) -> int:
        typed = sys.stdin.isatty()
        if typed and threading.current_thread() is threading.main_thread():
            # Ended by default, it would leave the terminal as the line editor has set it.
            for number in ending_signals():
                if number != signal.SIGINT:
                    signal.signal(number, _leave)
        fine = True
        for line in lines:
            fine = self._run_one(line) and fine
            if self.session.closed:
                break
        if typed and not (self.session.closed or self._greeted):
            self._greet()
            self._greeted = True
        for line in self._typed() if typed else self._piped():
            if self.session.closed:
                break
            fine = self._run_one(line.rstrip("\r\n")) and fine
            if self.session.closed:
                break
        return OK if fine or typed else FAILED

    def _greet(self) -> None:
        graph = self.session.debugger.graph
        self._say(f"{graph.name}: {graph.description}")
        for part in self._changed(status(self.session.debugger)):
            self._say(part)
        if self.session.left is not None and not self._moved:
            self._say("resume continues the last session")
        if self.autosaver is not None and self.autosaver.problem:
            self._say(self.autosaver.problem)
        self._say("help lists the commands, quit exits")

    @property
    def _moved(self) -> bool:
        return self.session.debugger.moment > 0

    def _typed(self) -> Iterator[str]:
        """Yield the lines that the user types; Ctrl+C starts a new one, Ctrl+D ends."""
        with _line_editing(self.session):
            while not self.session.closed:
                try:
                    line = self._awaited(lambda: input(PROMPT))
                except KeyboardInterrupt:
                    self._say("")
                    continue
                except EOFError:
                    self._say("")
                    return
                yield line

    def _piped(self) -> Iterator[str]:
        """Yield the lines of a pipe; an interrupt while it is waited for ends them."""
        while True:
            try:
                line = self._awaited(self._readline)
            except KeyboardInterrupt:
                raise SystemExit(INTERRUPTED) from None
            if not line:
                return
            yield line

    def _awaited(self, read: Callable[[], str]) -> str:
        """Read a line; Ctrl+C raises an exception only meanwhile."""
        try:
            self._interrupt.awaited = True
            return read()
        finally:
            self._interrupt.awaited = False

    def _run_one(self, line: str) -> bool:
        self._interrupt.happened = False
        self.session.progress = self._interrupt.asked
        try:
            reply = self.session.run(line)
        except MiniflowError as error:
            sys.stdout.flush()
            sys.stderr.write(f"{printable(line)}: {error}\n")
            return False
        whole = status(self.session.debugger)
        for text in reply.text.split("\n") if reply.text else ():
            for part in self._changed(whole) if text == whole else (text,):
                self._say(part)
        self._ask(reply.text)
        if self.autosaver is not None:
            known = self.autosaver.problem
            self.autosaver.keep(self.session)
            if self.autosaver.problem != known:
                self._say(self.autosaver.problem)
        return True

    def _ask(self, said: str) -> None:
        """Print the quiz's question, unless it was just printed."""
        question = asked(self.session)
        if question and question != self._question and question not in said:
            self._say(question)
        self._question = question

    def _changed(self, whole: str) -> list[str]:
        """Return the parts of the status that differ from those printed before."""
        parts = whole.split(" ∙ ")
        changed = [part for part in parts if part not in self._told]
        self._told = parts
        return changed

    def _say(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        # The reader of a pipe waits for it.
        sys.stdout.flush()


def _read_no_further() -> str:
    """Return the next line of standard input without reading beyond it."""
    found, number = bytearray(), sys.stdin.fileno()
    while not found.endswith(b"\n") and (byte := os.read(number, 1)):
        found += byte
    return found.decode(sys.stdin.encoding, sys.stdin.errors or "replace")


def _leave(number: int, _frame: object) -> NoReturn:
    raise EndedBySignal(number)


@contextlib.contextmanager
def _line_editing(session: Session) -> Iterator[None]:
    """Set up history and completion, if Python has readline."""
    try:
        import readline
    except ImportError:
        yield
        return

    def completion(text: str, state: int) -> str | None:
        found = complete(session, text)
        return found[state] if state < len(found) else None

    history = platformdirs.user_state_path("mfdebug", False) / "history"
    with contextlib.suppress(OSError, FileError):
        check_ordinary(history, "")
        readline.read_history_file(history)
    readline.set_history_length(MOST_REMEMBERED)
    readline.set_completer_delims("")
    readline.set_completer(completion)
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        _write_history(history)


def _write_history(history: Path) -> None:
    import readline

    with contextlib.suppress(OSError, FileError):
        check_ordinary(history, "")
        history.parent.mkdir(parents=True, exist_ok=True)
        readline.write_history_file(history)

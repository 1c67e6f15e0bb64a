"""A program that runs beside the debugger, in a thread of its own, and waits where it is told to.

It waits where a pass begins, where it goes back through the nodes, where it has updated its
parameters, and at its end: between those it runs as it would alone.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib
import pkgutil
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import miniflow
from mfdebug.core.cursor import DebuggerError, Progress
from mfdebug.program.output import divert
from mfdebug.program.recorder import Recorder
from miniflow.errors import MiniflowError

# How long, in seconds, a program that was told to wait may go on before it is interrupted.
PATIENCE = 2.0
LOOK_UP_EVERY = 0.05


class Killed(BaseException):
    """Ends a program whose debugger has left; no `except Exception` of its own catches it."""


class Program(Recorder):
    """A program that runs beside the debugger.

    All that others may look at is at rest while the program waits.
    """

    def __init__(
        self,
        path: Path,
        arguments: Sequence[str] = (),
        *,
        memory: int,
        own_miniflow: bool = False,
        reads: bool = False,
    ) -> None:
        super().__init__(path.stem, memory)
        self.path = path
        self.arguments = list(arguments)
        self.own_miniflow = own_miniflow
        self.reads = reads
        self.notes: list[str] = []
        self._turn = threading.Condition()
        self._waits = False
        self._killed = False
        self._reached: Callable[[], bool] = lambda: True
        self._streams = sys.stdin, sys.stdout, sys.stderr
        self._thread = threading.Thread(target=self._run, name="program", daemon=True)

    # The debugger's side -----------------------------------------------------------------------

    def start(self) -> None:
        """Run the program to its first pass.

        Raises `DebuggerError` where it cannot be read.
        """
        try:
            source = self.path.read_bytes()
            self._code = compile(source, str(self.path), "exec")
        except OSError as error:
            raise DebuggerError(error.strerror or "cannot be read", where=str(self.path)) from None
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            place = f"{self.path}:{line}" if line else str(self.path)
            raise DebuggerError(f"not a Python program: {error}", where=place) from None
        self.divert()
        self._reached = lambda: self.count > 0
        self._thread.start()
        self._await(None)

    def divert(self) -> None:
        """Take what the program prints, and its standard input; again when others took it over."""
        divert(self.output, self._thread, reads=self.reads)

    def go_on(self, reached: Callable[[], bool], progress: Progress | None = None) -> None:
        """Let the program run until `reached()`, which is asked wherever it may wait.

        When `progress` returns True it waits at the next such place; one that comes to none is
        interrupted.
        """
        if self.ended or reached():
            return
        with self._turn:
            self._reached = reached
            self._waits = False
            self._turn.notify_all()
        self._await(progress)

    def _await(self, progress: Progress | None) -> None:
        asked_at = None
        with self._turn:
            while not (self._waits or self.ended):
                self._turn.wait(LOOK_UP_EVERY)
                if asked_at is None and progress is not None and progress(0):
                    asked_at = time.monotonic()
                    self._reached = lambda: True
                if asked_at is not None and time.monotonic() - asked_at > PATIENCE:
                    self._raise_in_thread(KeyboardInterrupt)
                    asked_at = time.monotonic()

    def kill(self) -> None:
        """End the program, wherever it is."""
        with self._turn:
            self._killed = True
            self._waits = False
            self._turn.notify_all()
        if self._thread.is_alive():
            self._raise_in_thread(Killed)
            self._thread.join(PATIENCE)
        sys.stdin, sys.stdout, sys.stderr = self._streams

    def _raise_in_thread(self, error: type[BaseException]) -> None:
        number = self._thread.ident
        if number is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(number), ctypes.py_object(error)
            )

    # The program's side ------------------------------------------------------------------------

    def _run(self) -> None:
        main = types.ModuleType("__main__")
        main.__file__ = str(self.path)
        main.__builtins__ = builtins  # type: ignore[attr-defined]
        before = sys.modules.get("__main__"), sys.argv, sys.path[:]
        try:
            sys.modules["__main__"] = main
            sys.argv = [str(self.path), *self.arguments]
            sys.path.insert(0, str(self.path.parent.resolve()))
            self._taps.install()
            self._choose_miniflow()
            exec(self._code, main.__dict__)
        except Killed:
            pass
        except SystemExit as leaving:
            if leaving.code not in (None, 0):
                self.error = f"it left with status {leaving.code}"
        except BaseException as error:  # whatever it is, it is the program's
            self.error = self._told(error)
        finally:
            self._taps.remove()
            self._taps.closed = True
            if before[0] is not None:
                sys.modules["__main__"] = before[0]
            sys.argv, sys.path[:] = before[1], before[2]
            if not self._killed and self.present is not None:
                self.present.close()
            with self._turn:
                self.ended = True
                self._turn.notify_all()

    def _choose_miniflow(self) -> None:
        """Let the program import ours, or its own copy if that was asked for."""
        beside = self.path.parent / "miniflow.py"
        if not self.own_miniflow:
            if beside.exists():
                self.notes.append(f"{beside.name} beside it is not used; --own-miniflow steps it")
            return
        for module in pkgutil.walk_packages(miniflow.__path__, "miniflow."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        del sys.modules["miniflow"]
        try:
            own = importlib.import_module("miniflow")
        finally:
            self._own = sys.modules.get("miniflow")
            sys.modules.setdefault("miniflow", miniflow)
        if own is not miniflow:
            self._taps.tap_module(own)

    def _told(self, error: BaseException) -> str:
        """Return an error of the program in one line: what, and at which line of which file."""
        frames = traceback.extract_tb(error.__traceback__)
        ours = {str(Path(module).parent) for module in (__file__, miniflow.__file__ or "")}
        theirs = [f for f in frames if not any(f.filename.startswith(one) for one in ours)]
        place = f" (line {theirs[-1].lineno} of {Path(theirs[-1].filename).name})" if theirs else ""
        words = (
            str(error) if isinstance(error, MiniflowError) else f"{type(error).__name__}: {error}"
        )
        if isinstance(error, KeyboardInterrupt):
            words = "it was interrupted"
        if not isinstance(error, MiniflowError | KeyboardInterrupt):
            self.output.write("".join(traceback.format_list(theirs)))
            self.output.write(f"{words}\n")
        return f"{words}{place}"

    def _pause(self) -> None:
        if self._killed:
            raise Killed
        if not self._reached():
            return
        # While it waits, passes that are done again are none of the program's.
        self._taps.closed = True
        with self._turn:
            self._waits = True
            self._turn.notify_all()
            while self._waits:
                self._turn.wait()
        self._taps.closed = False
        if self._killed:
            raise Killed

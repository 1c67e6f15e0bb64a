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
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import miniflow
from mfdebug.core.cursor import DebuggerError, Progress
from mfdebug.program.foreign import Foreign, stand_ins
from mfdebug.program.names import names_in, trainables_in
from mfdebug.program.output import Output, divert
from mfdebug.program.passes import Passes, ProgramGraph
from mfdebug.program.taps import Taps
from miniflow.errors import MiniflowError
from miniflow.node import Node

# How long, in seconds, a program that was told to wait may go on before it is interrupted.
PATIENCE = 2.0
LOOK_UP_EVERY = 0.05


class Killed(BaseException):
    """Ends a program whose debugger has left; no `except Exception` of its own catches it."""


class Program:
    """A program, its output, and the passes it has run over each of its graphs.

    `acts` are its graphs in the order of their first pass. All that others may look at is at rest
    while the program waits.
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
        self.path = path
        self.arguments = list(arguments)
        self.memory = memory
        self.own_miniflow = own_miniflow
        self.reads = reads
        self.output = Output()
        self.acts: list[Passes] = []
        # Who looks at each of them.
        self.debuggers: dict[Passes, object] = {}
        self.notes: list[str] = []
        self.count = 0
        self.ended = False
        self.error = ""
        self._act_of: dict[frozenset[int], Passes] = {}
        self._stand_ins: dict[int, Node] = {}
        self._present: Passes | None = None
        self._nodes: Sequence[Any] = ()
        self._names: dict[Any, str] = {}
        self._taps = Taps(self)
        self._turn = threading.Condition()
        self._waits = False
        self._killed = False
        self._reached: Callable[[], bool] = lambda: True
        self._thread = threading.Thread(target=self._run, name="program", daemon=True)

    # The debugger's side -----------------------------------------------------------------------

    @property
    def present(self) -> Passes | None:
        """The graph that the program ran a pass over last."""
        return self._present

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
            if not self._killed and self._present is not None:
                self._present.close()
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

    # What the taps tell ------------------------------------------------------------------------

    def pass_begins(
        self, nodes: Sequence[Any], cost: Any, *, backward: bool, ours: bool, frame: FrameType
    ) -> None:
        """Note the pass, and wait if this is the place."""
        act = self._present
        if act is None or nodes != self._nodes:
            if act is not None:
                act.close()
            key = frozenset(map(id, nodes))
            act = self._act_of.get(key)
            if act is None:
                act = self._act_of[key] = self._new_act(nodes, cost, ours=ours, frame=frame)
                self.acts.append(act)
            self._nodes = nodes
        act.ours = act.ours and ours
        act.begin(backward=backward)
        self._present = act
        self.count += 1
        self._pause()

    def sorted(self, nodes: Sequence[Any], frame: FrameType) -> None:
        """Note the names that the nodes have where they are put in order."""
        self._names = {**names_in(frame, nodes), **self._names}

    def goes_back(self) -> None:
        """Note that this pass goes back, too."""
        if self._present is not None and self._present.all and not self._present.all[-1].backward:
            self._present.note_backward()
            self._pause()

    def updated(self, trainables: Sequence[Any], rate: float) -> None:
        """Note the update, and wait if this is the place."""
        act = self._present
        if act is None:
            return
        places = [act.graph.index[self._standing_for(one)] for one in trainables]
        act.note_update(places, rate)
        self._pause()

    def _new_act(self, nodes: Sequence[Any], cost: Any, *, ours: bool, frame: FrameType) -> Passes:
        names = {**self._names, **names_in(frame, nodes)}
        made = stand_ins(nodes)
        self._stand_ins.update(zip(map(id, nodes), made, strict=True))
        taken: set[str] = set()
        for node, one in zip(nodes, made, strict=True):
            name = one.name or names.get(node)
            if not isinstance(name, str) or not name.isprintable():
                name = None
            if name in taken:
                name = next(f"{name}_{i}" for i in count(2) if f"{name}_{i}" not in taken)
            one.name = name
            if name is not None:
                taken.add(name)
        graph = ProgramGraph(made, self._standing_for(cost), self.path.stem)
        trained = [self._standing_for(one) for one in trainables_in(frame, nodes)]
        if trained:
            graph.train([graph.index[one] for one in trained], None)
        return Passes(
            graph, self.memory, ours=ours and not any(isinstance(n, Foreign) for n in made)
        )

    def _standing_for(self, node: Any) -> Node:
        found = self._stand_ins.get(id(node), node)
        if not isinstance(found, Node):
            raise DebuggerError("a node is updated that is in no pass")
        return found

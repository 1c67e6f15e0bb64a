"""From a program, or the file of a run, to a session on its first pass."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.script import Origin
from mfdebug.core.session.session import Session
from mfdebug.recording.debugger import RecordedLines
from mfdebug.recording.reader import RunReader
from mfdebug.running.attached import Attached
from mfdebug.running.debuggee import Debuggee
from mfdebug.running.intake import Sink
from mfdebug.running.launcher import Program, Streams, check_program
from mfdebug.running.live_run import LiveRun
from mfdebug.running.node_check import Prober
from miniflow.errors import FileError

# Bytes of a file that are hashed to identify it.
HASHED = 2**20
# Seconds without progress after which a pass with only a forward is shown.
STANDSTILL = 0.3


class Running(NamedTuple):
    """A program that waits at its first pass, and the session on it."""

    run: LiveRun
    session: Session


def origin_of(name: str, arguments: Sequence[str]) -> Origin:
    """Return the origin of a program or a run file, which identifies its sessions."""
    path = Path(name).resolve()
    # A run file may have any size: its first bytes and its length identify it.
    with path.open("rb") as file:
        hashed = hashlib.sha256(file.read(HASHED))
    hashed.update(str(path.stat().st_size).encode())
    return Origin(str(path), hashed.hexdigest(), arguments=tuple(arguments))


def open_program(
    name: str,
    arguments: Sequence[str],
    *,
    memory: int,
    streams: Streams,
    told: Callable[[str], object] | None = None,
    interruptible: bool = True,
    meanwhile: Callable[[], object] = lambda: None,
) -> Running:
    """Start a program and run it to the end of its first pass over a graph.

    `told` gets what it prints, where that comes to us; `memory` bounds what is kept of the run, in
    bytes; `interruptible`: Ctrl+C on a terminal that it shares with us is for the program too;
    `meanwhile` is called once it runs.
    Raises `MiniflowError` when it cannot be started, or ends before it has run a graph.
    """
    check_program(name)

    def start(sink: Sink) -> Debuggee:
        program = Program(
            name, arguments, sink, streams=streams, stop_at=0, interruptible=interruptible
        )
        if told is not None:
            program.output.on_text = told
        meanwhile()
        return program

    return _session_on(name, Path(name).stem, start, memory, captured=streams != "inherited")


def attach(ring: str, reading: int, name: str, *, memory: int) -> Running:
    """Debug the program that started this process and waits at the end of a pass.

    It writes into the ring of that path, and prints into the descriptor `reading`, or, if that is
    negative, where it did before.
    """
    return _session_on(
        name, name, lambda sink: Attached(ring, reading, sink), memory, captured=reading >= 0
    )


def _session_on(
    where: str, name: str, start: Callable[[Sink], Debuggee], memory: int, *, captured: bool
) -> Running:
    run = LiveRun(name, start, most_bytes=memory)
    try:
        run.run_to(0, _stands_still(run))
        if not len(run):
            needs = "it needs nodes with a list of inputs, and calls of their forward()"
            problem = f"it ran no graph; {run.ending}" if run.ending else "it ran no graph"
            raise FileError(problem, where=where, hint="" if run.program.failed else needs)
        lines = RecordedLines(run, history_memory=memory, checker=Prober(run))
        session = open_session(lines.debugger(run.outline(0).line))
        if captured:
            session.printed = lambda: run.program.output.all
    except BaseException:
        run.close()
        raise
    return Running(run, session)


def _stands_still(run: LiveRun) -> Callable[[], bool]:
    """Return a check that the program has started its first pass and makes no progress."""
    since: list[float] = []

    def still() -> bool:
        if run.program.intake.count and not since:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] > STANDSTILL

    return still


def open_run(name: str, *, memory: int) -> Session:
    """Return a session on the first pass of a recorded run.

    Raises `MiniflowError` for a file that cannot be used.
    """
    run = RunReader(Path(name))
    if not len(run):
        raise FileError("the program ran no graph", where=name)
    return open_session(RecordedLines(run, history_memory=memory).debugger(run.outline(0).line))

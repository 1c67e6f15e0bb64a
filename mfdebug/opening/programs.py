"""Open a session on the first pass of a program."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.session.session import Session
from mfdebug.recording.debugger import RecordedLines
from mfdebug.running.aten_ops import AtenOps
from mfdebug.running.attached import Attached
from mfdebug.running.debuggee import Debuggee
from mfdebug.running.function_check import FunctionCheck
from mfdebug.running.intake import Sink
from mfdebug.running.launcher import Program, Streams
from mfdebug.running.live_run import LiveRun
from mfdebug.running.node_check import Prober
from mfdebug.running.program_control import ProgramControl
from mfdebug.running.runnable import Runnable
from mfdebug.running.what_is_seen import what_is_seen, what_to_change
from miniflow.errors import FileError

# Seconds without progress after which an incomplete first pass is shown, as forward only.
STANDSTILL = 0.3


class Running(NamedTuple):
    """A program that waits at the end of its first pass, and the session on it."""

    run: LiveRun
    session: Session


def open_program(
    runs: Runnable,
    arguments: Sequence[str],
    *,
    memory: int,
    streams: Streams,
    every: int = 0,
    on_output: Callable[[str], object] | None = None,
    interruptible: bool = True,
    on_started: Callable[[], object] = lambda: None,
) -> Running:
    """Start a program and let it run to the end of its first pass over a graph.

    `on_output` receives what the program prints, unless it inherits our streams; `memory` bounds
    the recorded run, in bytes; every `every`-th pass is kept whole even if nobody waits for it (0:
    as many as there is time for); with `interruptible`, Ctrl+C on a shared terminal also interrupts
    the program; `on_started` is called once it runs.
    Raises `MiniflowError` if the program cannot be started, or ends before it has run a graph.
    """
    runs.check()

    def start(sink: Sink) -> Debuggee:
        program = Program(
            runs,
            arguments,
            sink,
            streams=streams,
            stop_at=0,
            every=every,
            interruptible=interruptible,
        )
        if on_output is not None:
            program.output.on_text = on_output
        on_started()
        return program

    return _open_session_on(runs.name, runs.title, start, memory, captured=streams != "inherited")


def attach(ring: str, reading: int, name: str, *, memory: int) -> Running:
    """Debug the program that started this process and waits at the end of a pass.

    `ring` is the path of the ring that it writes to, `reading` the file descriptor from which its
    output is read, or negative if its output is not redirected; `memory` is in bytes.
    """
    return _open_session_on(
        name, name, lambda sink: Attached(ring, reading, sink), memory, captured=reading >= 0
    )


def _open_session_on(
    where: str, name: str, start: Callable[[Sink], Debuggee], memory: int, *, captured: bool
) -> Running:
    run = LiveRun(name, start, most_bytes=memory)
    try:
        run.run_to(0, _is_stalled(run))
        if not len(run):
            problem = f"it ran no graph; {run.ending}" if run.ending else "it ran no graph"
            if run.program.failed:
                hint = what_to_change(run.ending or "", in_the_app=captured)
            else:
                hint = what_is_seen(run.program.intake.imported)
            raise FileError(problem, where=where, hint=hint)
        aten = AtenOps(run)
        checker = Prober(run, FunctionCheck(aten))
        lines = RecordedLines(run, checker=checker, opener=aten)
        session = open_session(lines.debugger(run.outline(0).line))
        session.program = ProgramControl(run, lines)
        if captured:
            session.printed = lambda: run.program.output.all
    except BaseException:
        run.close()
        raise
    return Running(run, session)


def _is_stalled(run: LiveRun) -> Callable[[], bool]:
    """Return a predicate: whether the program has started its first pass and makes no progress."""
    since: list[float] = []

    def still() -> bool:
        if run.program.intake.count and not since:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] > STANDSTILL

    return still

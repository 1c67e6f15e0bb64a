"""The debugger's side of a program: it starts it, lets it go on, takes what was noted, ends it."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

import miniflow
from mfdebug.core.cursor import DebuggerError
from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import Record, Ring
from mfdebug.recording.naming import Naming, NodeFacts
from mfdebug.recording.output import Output
from mfdebug.recording.records import Entry, Fault, Impatience, RecordedNode, Structure
from mfdebug.signals import EndedBySignal

BOOTSTRAP = Path(__file__).parent / "bootstrap"
ENGINE = Path(miniflow.__file__ or "").parent
# Bytes of the ring: the program waits while they are full.
RING_BYTES = 16 * 2**20
# Bytes a second that are noted while the program runs on.
BYTES_A_SECOND = 50 * 2**20
# Seconds between two looks at the program: short while an answer is awaited.
LOOK_EVERY = 0.0005
LOOK_AT_MOST_EVERY = 0.01
# Seconds that a program has, once it was told to end, and when it was interrupted to come to rest.
TO_END = 0.3
TO_COME_TO_REST = 0.5
# What Linux calls the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1

# Where the program's output goes: where ours goes; to us, through a pipe; or through a terminal.
Streams = Literal["inherited", "piped", "on a terminal"]


class Sink(Protocol):
    """What takes the records: the writer of a run file."""

    def structure(self, number: int, structure: Structure) -> None:
        """Take a structure."""

    def layout(self, number: int, entries: tuple[Entry, ...]) -> None:
        """Take a layout."""

    def add_pass(
        self,
        number: int,
        structure: int,
        layout: int,
        *,
        whole: bool,
        complete: bool,
        fault: Fault | None,
        data: bytes,
    ) -> None:
        """Take a pass, or more of one."""

    def final(self, structure: int, layout: int, data: bytes) -> None:
        """Take what the inputs hold at the end."""

    def output(self, number: int, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Take what the program has printed."""

    def end(self, status: int | None, ending: str) -> None:
        """Know that the program has ended."""

    def flush(self) -> None:
        """Let readers see all of it."""


class _Node(NodeFacts, frozen=True):
    """A node as the recorder describes it."""

    kind: str = ""
    ours: bool = False
    inbound: tuple[int, ...] = ()
    attributes: dict[str, object] = {}  # noqa: RUF012 - a Struct copies its defaults


class _Graph(msgspec.Struct, frozen=True):
    """A structure as the recorder describes it."""

    nodes: tuple[_Node, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    cost: int


class _LastError(msgspec.Struct, frozen=True):
    """The error that has ended a program."""

    error: str = ""
    words: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        said = f"{self.error}: {self.words}" if self.words else self.error
        if self.error == "KeyboardInterrupt":
            said = "it was interrupted"
        return f"{said} (line {self.line} of {Path(self.file).name})" if self.line else said


class Taker:
    """Takes what was noted out of a ring, and gives it to whoever keeps it."""

    def __init__(self, ring: Ring, sink: Sink) -> None:
        self.ring = ring
        self.sink = sink
        # Passes that were taken; the last one is complete or not.
        self.count = 0
        self.complete = -1
        # What ended the program, if an error did; why nothing is noted any more, if so.
        self.error = ""
        self.problem = ""
        self._naming = Naming()
        self._take: dict[int, Callable[[Record], None]] = {
            words.STRUCTURE: self._structure,
            words.LAYOUT: self._layout,
            words.PASS: self._pass,
            words.FINAL: self._final,
            words.PROBLEM: self._problem,
            words.END: self._end,
        }

    def take(self) -> bool:
        """Take all that there is; return whether there was anything."""
        any_there = False
        for record in self.ring.take():
            self._take[record.kind](record)
            any_there = True
        return any_there

    def _structure(self, record: Record) -> None:
        graph = msgspec.json.decode(record.data, type=_Graph)
        names = self._naming.names(graph.nodes)
        nodes = tuple(
            RecordedNode(
                kind=node.kind,
                inbound=node.inbound,
                name=name,
                ours=node.ours,
                attributes=node.attributes,
                file=node.made.file if node.made else "",
                line=node.made.line if node.made else 0,
            )
            for node, name in zip(graph.nodes, names, strict=True)
        )
        structure = Structure(nodes, graph.forward, graph.backward, graph.cost)
        self.sink.structure(record.number, structure)

    def _layout(self, record: Record) -> None:
        entries = msgspec.json.decode(record.data, type=tuple[Entry, ...])
        self.sink.layout(record.number, entries)

    def _pass(self, record: Record) -> None:
        fault = None
        if record.text:
            direction, node, error, said = msgspec.json.decode(
                record.text, type=tuple[str, int, str, str]
            )
            fault = Fault("forward" if direction == "f" else "backward", node, error, said)
        complete = bool(record.flags & words.COMPLETE)
        self.sink.add_pass(
            record.number,
            record.structure,
            record.layout,
            whole=bool(record.flags & words.WHOLE),
            complete=complete,
            fault=fault,
            data=record.data,
        )
        self.count = record.number + 1
        if complete:
            self.complete = record.number

    def _final(self, record: Record) -> None:
        self.sink.final(record.structure, record.layout, record.data)

    def _problem(self, record: Record) -> None:
        self.problem = record.data.decode() or record.text.decode("utf-8", "replace")

    def _end(self, record: Record) -> None:
        last = msgspec.json.decode(record.data, type=_LastError)
        self.error = str(last) if last.error else ""


class Program:
    """A program in a process of its own.

    It runs as `python NAME ARGUMENTS` would, and waits at the end of pass `stop_at`.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        sink: Sink,
        *,
        streams: Streams,
        stop_at: int = words.NEVER,
    ) -> None:
        self.output = Output()
        self.status: int | None = None
        self._sink = sink
        self._streams = streams
        self._reading: int | None = None
        # The app looks while it leaves, and its worker may look at the same time.
        self._looking = threading.Lock()
        self._leaving = False
        descriptor, ring = tempfile.mkstemp(prefix="mfdebug-", dir=_shared_memory())
        os.close(descriptor)
        self._ring_file = Path(ring)
        self.ring = Ring(ring, words.DATA + RING_BYTES)
        self.ring.set_word(words.STOP_AT, stop_at)
        self.taker = Taker(self.ring, sink)
        try:
            self._process = self._start([sys.executable, name, *arguments])
        except BaseException:
            self._ring_file.unlink()
            raise

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        before = environment.get("PYTHONPATH")
        if before is not None:
            environment["MFDEBUG_PYTHONPATH"] = before
        # An empty PYTHONPATH is the same as none; joined, it would be the working folder.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(BOOTSTRAP), before]))
        settings = [str(self._ring_file), str(BYTES_A_SECOND), str(os.getpid()), str(ENGINE)]
        environment["MFDEBUG_RECORD"] = "\n".join(settings)
        theirs: list[int] = []
        options: dict[str, object] = {}
        if self._streams == "piped":
            self._reading, writing = os.pipe()
            theirs = [writing]
            options = {"stdout": writing}
        elif self._streams == "on a terminal":
            self._reading, slave = pty.openpty()
            tty.setraw(slave)
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            theirs = [slave]
            options = {
                "stdin": subprocess.DEVNULL,
                "stdout": slave,
                "stderr": slave,
                # Ctrl+C is for the debugger.
                "start_new_session": True,
            }
        try:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                env=environment,
                preexec_fn=_die_with_parent(),
                **options,  # type: ignore[call-overload]
            )
            return process
        except OSError as error:
            raise DebuggerError(
                error.strerror or "it cannot be started", where=command[0]
            ) from None
        finally:
            for one in theirs:
                os.close(one)
            if self._reading is not None:
                os.set_blocking(self._reading, False)

    # Going on ----------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the program has ended, and all that it left was taken."""
        return self.status is not None

    def look(self) -> bool:
        """Take what there is by now; return whether there was anything."""
        with self._looking:
            return self._look()

    def _look(self) -> bool:
        over = self.status is None and self._process.poll() is not None
        found = self.taker.take()
        found = self._read() or found
        if over:
            self._finish()
        return found

    def go_on(self, number: int, impatience: Impatience | None = None) -> None:
        """Let the program run until pass `number` is complete, or it ends.

        When `impatience` returns True it is to wait at the end of the pass that runs now; if it
        comes to none it goes on by itself.
        """
        if self.ended or self.taker.complete >= number:
            return
        self.ring.set_word(words.STOP_AT, number)
        nap, given_up = LOOK_EVERY, 0.0
        while not (self.ended or self._leaving or self._waits_at(number)):
            if self.look():
                nap = LOOK_EVERY
            else:
                time.sleep(nap)
                nap = min(1.2 * nap, LOOK_AT_MOST_EVERY)
            if given_up:
                if time.monotonic() > given_up or self._waits_at(0):
                    break
            elif impatience is not None and impatience():
                self.ring.set_word(words.STOP_AT, 0)
                given_up = time.monotonic() + TO_COME_TO_REST
        self.look()
        with self._looking:
            self._sink.flush()

    def _waits_at(self, number: int) -> bool:
        return self.ring.word(words.WAITS_AT) > number

    @property
    def waits_after(self) -> int | None:
        """The pass at whose end the program stands still, if it does."""
        waits = self.ring.word(words.WAITS_AT)
        return waits - 1 if waits and not self.ended else None

    def ask(self, question: bytes) -> bytes:
        """Ask about a node of the pass that the program waits after; return its answer, if any."""
        answer = Path(f"{self._ring_file}.answer")
        asked = Path(f"{self._ring_file}.ask")
        try:
            asked.write_bytes(question)
            number = self.ring.word(words.ASKED) + 1
            self.ring.set_word(words.ASKED, number)
            while self.ring.word(words.ANSWERED) != number and not self.ended:
                self.look()
                time.sleep(LOOK_EVERY)
            return answer.read_bytes() if answer.exists() else b""
        finally:
            asked.unlink(missing_ok=True)
            answer.unlink(missing_ok=True)

    def run_free(self) -> None:
        """Let the program run to its end without a stop."""
        self.ring.set_word(words.STOP_AT, words.NEVER)

    def _read(self) -> bool:
        """Read what the program has printed, where that comes to us."""
        found = False
        while self._reading is not None:
            try:
                data = os.read(self._reading, 2**16)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                os.close(self._reading)
                self._reading = None
                break
            found = True
            self.output.take(data)
            self._sink.output(max(self.taker.count - 1, 0), "stdout", data)
        return found

    def _finish(self) -> None:
        """Know how the program ended, once it has."""
        self.status = self._process.wait()
        self._ring_file.unlink(missing_ok=True)
        if self._reading is not None:
            os.close(self._reading)
            self._reading = None
        self._sink.end(self.status, self.ending)
        self._sink.flush()

    @property
    def ending(self) -> str:
        """Why there will be no further pass, in words; empty while there may be."""
        if self.status is None:
            return self.taker.problem and f"nothing more is recorded: {self.taker.problem}"
        if self.taker.error:
            return f"the program ended: {self.taker.error}"
        if self.status < 0:
            return f"the program was ended by {_signal_name(-self.status)}"
        if self.status:
            return f"the program ended: it left with status {self.status}"
        return "the program has ended"

    @property
    def failed(self) -> bool:
        """Whether it ended as a program does that has failed."""
        return bool(self.status) or bool(self.taker.error)

    # The end -----------------------------------------------------------------------------------

    def kill(self) -> None:
        """End the program, wherever it is and whatever it does."""
        self._leaving = True
        if self.ended:
            return
        own_session = self._streams == "on a terminal"
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.look()
            if self.ended:
                return
            with contextlib.suppress(ProcessLookupError):
                if own_session:
                    os.killpg(self._process.pid, number)
                else:
                    self._process.send_signal(number)
            until = time.monotonic() + TO_END
            while not self.ended and time.monotonic() < until:
                # It may be writing what it noted: it must not wait for room.
                self.look()
                time.sleep(LOOK_EVERY)
        if not self.ended:
            self._process.wait()
            self.look()

    def wait_and_repeat(self) -> int:
        """Let the program run to its end; end by the signal that ended it, or return its status."""
        self.run_free()
        nap = LOOK_EVERY
        while not self.ended:
            nap = LOOK_EVERY if self.look() else min(1.2 * nap, LOOK_AT_MOST_EVERY)
            time.sleep(nap)
        assert self.status is not None
        if self.status < 0:
            raise EndedBySignal(-self.status)
        return self.status


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _shared_memory() -> str | None:
    """Return a folder in memory, if there is one that can be written; else the usual one."""
    folder = "/dev/shm"
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child calls so as to be ended when this process is, where the system can."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL)) and None

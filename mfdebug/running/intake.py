"""Takes what a recorder has noted out of the ring: decoded, with names, to whoever keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import Record, Ring
from mfdebug.recording.program_names import Naming, NodeFacts
from mfdebug.recording.records import Entry, Fault, RecordedNode, Sharing, Structure


class Sink(Protocol):
    """What takes the records: the writer of a run file."""

    def structure(self, number: int, structure: Structure) -> None:
        """Take a structure."""

    def layout(self, number: int, entries: tuple[Entry, ...]) -> None:
        """Take a layout."""

    def sharing(self, number: int, form: Sharing) -> None:
        """Take which inputs graphs share."""

    def add_pass(
        self,
        number: int,
        structure: int,
        layout: int,
        *,
        graph: int,
        sharing: int,
        whole: bool,
        complete: bool,
        fault: Fault | None,
        data: bytes | bytearray,
    ) -> None:
        """Take a pass, or more of one."""

    def final(self, structure: int, layout: int, data: bytes | bytearray, *, graph: int) -> None:
        """Take what the inputs of a graph hold at the end."""

    def output(self, number: int, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Take what the program has printed."""

    def end(self, status: int | None, ending: str) -> None:
        """Know that the program has ended."""

    def show(self) -> bool:
        """Let readers see all of it; return whether more is to be done, which `flush` does."""

    def keep_due(self) -> None:
        """Keep what has waited for long: nothing comes just now."""

    def flush(self) -> None:
        """Keep all of it."""


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
        # Whether the program has said that it ends.
        self.over = False
        self._naming = Naming()
        self._take: dict[int, Callable[[Record], None]] = {
            words.STRUCTURE: self._structure,
            words.LAYOUT: self._layout,
            words.SHARING: self._sharing,
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

    def _sharing(self, record: Record) -> None:
        self.sink.sharing(record.number, msgspec.json.decode(record.data, type=Sharing))

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
            graph=record.graph,
            sharing=record.sharing,
            whole=bool(record.flags & words.WHOLE),
            complete=complete,
            fault=fault,
            data=record.data,
        )
        self.count = record.number + 1
        if complete:
            self.complete = record.number

    def _final(self, record: Record) -> None:
        self.sink.final(record.structure, record.layout, record.data, graph=record.graph)

    def _problem(self, record: Record) -> None:
        self.problem = record.data.decode() or record.text.decode("utf-8", "replace")

    def _end(self, record: Record) -> None:
        self.over = True
        last = msgspec.json.decode(record.data, type=_LastError)
        self.error = str(last) if last.error else ""

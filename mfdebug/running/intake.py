"""Reads a recorder's records from the ring, decodes them, names the nodes, and stores them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from mfdebug.debuggee import ring as words
from mfdebug.debuggee.ring import Record, Ring
from mfdebug.recording.node_names import Naming, NodeFacts
from mfdebug.recording.records import Entry, Fault, RecordedNode, Sharing, Structure
from mfdebug.recording.schema import OPTIMIZER, OptimizerForm


class Sink(Protocol):
    """Stores the records: the writer of a run file."""

    def structure(self, number: int, structure: Structure) -> None:
        """Store a structure."""

    def layout(self, number: int, entries: tuple[Entry, ...]) -> None:
        """Store a layout."""

    def sharing(self, number: int, form: Sharing) -> None:
        """Store which inputs graphs share."""

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
        after_gap: bool,
        fault: Fault | None,
        data: bytes | bytearray,
    ) -> None:
        """Store a pass, or a more complete version of one.

        `after_gap`: passes right before it were not watched.
        """

    def optimizer(self, number: int, form: OptimizerForm) -> None:
        """Store an optimizer, and the nodes that a step of it concerns."""

    def step(self, number: int, optimizer: int, settings: bytes, data: bytes | bytearray) -> None:
        """Store what a step of an optimizer did to the inputs of a pass."""

    def final(self, structure: int, layout: int, data: bytes | bytearray, *, graph: int) -> None:
        """Store the values of a graph's inputs at the end."""

    def output(self, number: int, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Store output of the program."""

    def end(self, status: int | None, ending: str) -> None:
        """Record that the program has ended."""

    def publish(self) -> bool:
        """Make everything visible to readers; return whether `flush` has more to write."""

    def flush_if_due(self) -> None:
        """Commit records that have waited long enough."""

    def flush(self) -> None:
        """Commit everything."""


class _Node(NodeFacts, frozen=True):
    """A node as the recorder describes it."""

    kind: str = ""
    ours: bool = False
    inbound: tuple[int, ...] = ()
    attributes: dict[str, object] = {}  # noqa: RUF012 - a Struct copies its defaults
    engine: str = ""
    trained: bool = False

    @property
    def place(self) -> int | None:
        """Which of several results it is; None: it is the result itself."""
        place = self.attributes.get("place")
        return place if self.engine and isinstance(place, int) else None


class _Graph(msgspec.Struct, frozen=True):
    """A structure as the recorder describes it."""

    nodes: tuple[_Node, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    cost: int


class _LastError(msgspec.Struct, frozen=True):
    """The error that has ended a program; all empty if there is none.

    `imported` are the libraries of neural networks that it has imported.
    """

    error: str = ""
    words: str = ""
    file: str = ""
    line: int = 0
    imported: tuple[str, ...] = ()

    def __str__(self) -> str:
        message = f"{self.error}: {self.words}" if self.words else self.error
        if self.error == "KeyboardInterrupt":
            message = "interrupted"
        return f"{message} (line {self.line} of {Path(self.file).name})" if self.line else message


class Intake:
    """Reads records from a ring and passes them, decoded, to a sink."""

    def __init__(self, ring: Ring, sink: Sink) -> None:
        self.ring = ring
        self.sink = sink
        # Passes read so far, and the last one that was complete.
        self.count = 0
        self.complete = -1
        # Whether the pass that was read last is kept whole.
        self.whole = True
        # The error that ended the program, and why recording stopped; empty if they do not apply.
        self.error = ""
        self.problem = ""
        # Whether the program has reported its end, and which libraries it has imported.
        self.over = False
        self.imported: tuple[str, ...] = ()
        self._naming = Naming()
        self._folder = Path.cwd()
        self._handlers: dict[int, Callable[[Record], None]] = {
            words.STRUCTURE: self._structure,
            words.LAYOUT: self._layout,
            words.SHARING: self._sharing,
            words.PASS: self._pass,
            words.OPTIMIZER: self._optimizer,
            words.STEP: self._step,
            words.FINAL: self._final,
            words.PROBLEM: self._problem,
            words.END: self._end,
        }

    def read_all(self) -> bool:
        """Read all available records; return whether there were any."""
        found = False
        for record in self.ring.take():
            self._handlers[record.kind](record)
            found = True
        return found

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
                file=self._from_here(node.made.file) if node.made else "",
                line=node.made.line if node.made else 0,
                engine=node.engine,
                trained=node.trained,
            )
            for node, name in zip(graph.nodes, names, strict=True)
        )
        structure = Structure(nodes, graph.forward, graph.backward, graph.cost)
        self.sink.structure(record.number, structure)

    def _from_here(self, file: str) -> str:
        """Return a source file as it is named from this folder, if it is below it.

        A run file is given to others: it need not say where its author keeps the program.
        """
        path = Path(file)
        return str(path.relative_to(self._folder)) if path.is_relative_to(self._folder) else file

    def _layout(self, record: Record) -> None:
        entries = msgspec.json.decode(record.data, type=tuple[Entry, ...])
        self.sink.layout(record.number, entries)

    def _sharing(self, record: Record) -> None:
        self.sink.sharing(record.number, msgspec.json.decode(record.data, type=Sharing))

    def _pass(self, record: Record) -> None:
        fault = None
        if record.text:
            direction, node, error, message = msgspec.json.decode(
                record.text, type=tuple[str, int, str, str]
            )
            fault = Fault("forward" if direction == "f" else "backward", node, error, message)
        complete = bool(record.flags & words.COMPLETE)
        self.sink.add_pass(
            record.number,
            record.structure,
            record.layout,
            graph=record.graph,
            sharing=record.sharing,
            whole=bool(record.flags & words.WHOLE),
            complete=complete,
            after_gap=bool(record.flags & words.AFTER_GAP),
            fault=fault,
            data=record.data,
        )
        self.count, self.whole = record.number + 1, bool(record.flags & words.WHOLE)
        if complete:
            self.complete = record.number

    def _optimizer(self, record: Record) -> None:
        self.sink.optimizer(record.number, OPTIMIZER.decode(record.data))

    def _step(self, record: Record) -> None:
        self.sink.step(record.number, record.layout, record.text, record.data)

    def _final(self, record: Record) -> None:
        self.sink.final(record.structure, record.layout, record.data, graph=record.graph)

    def _problem(self, record: Record) -> None:
        self.problem = record.data.decode() or record.text.decode("utf-8", "replace")

    def _end(self, record: Record) -> None:
        self.over = True
        last = msgspec.json.decode(record.data, type=_LastError)
        self.error = str(last) if last.error else ""
        self.imported = last.imported

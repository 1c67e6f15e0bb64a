"""The rows of a run file: each is verified by its checksum and its form when it is read.

Nothing is cached here, and no row is interpreted: a row is right in itself, or `FileError` says
which one is damaged.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.json import Decoder

from mfdebug.recording.lines import inputs_first
from mfdebug.recording.open_run_file import Text, damaged, file_bytes
from mfdebug.recording.records import Entry, Fault, RecordedNode, Structure
from mfdebug.recording.schema import (
    AFTER_GAP,
    BODY_BYTES,
    FAULT,
    FINISHED,
    LAYOUT,
    MOST_PASSES,
    OPTIMIZER,
    PIECES,
    SETTINGS,
    SHARING,
    STATE,
    STEPS,
    STRUCTURE,
    TABLES_OF,
    WORDS,
    Head,
    OptimizerForm,
    SharedForm,
    State,
    Stream,
    attribute,
    checksum,
    node_of,
)
from miniflow.errors import printable
from miniflow.limits import NAME_LENGTH

_HEADS = "SELECT * FROM pass WHERE number>=? ORDER BY number"
_HEAD = "SELECT * FROM pass WHERE number=?"
_PATH_LENGTH = 500

_T = TypeVar("_T")
_Row = tuple[Any, ...] | None


class Output(NamedTuple):
    """A piece of a program's output; it may contain any bytes."""

    stream: Stream
    data: bytes


class Final(NamedTuple):
    """A row of the table `final`."""

    structure: int
    layout: int
    data: bytes


class StepRow(NamedTuple):
    """A row of the table `step`: its numbers are None if they were not kept."""

    optimizer: int
    settings: tuple[dict[str, Any], ...]
    data: bytes | None


class RunRows:
    """The rows of an open run file of a format; `where` is its name in errors."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, where: str, file_format: int
    ) -> None:
        self._connection, self._path, self.where = connection, path, where
        self._has_steps = "step" in TABLES_OF[file_format]
        self._read_bytes = 0

    def _row(self, query: str, number: int) -> _Row:
        row: _Row = self._connection.execute(query, (number,)).fetchone()
        return row

    # The file -------------------------------------------------------------------------------------

    def state_row(self) -> _Row:
        """Return the row of the file's state, not yet verified."""
        return self._row("SELECT * FROM run WHERE number=?", 0)

    def state(self, row: _Row) -> State:
        """Return the verified state of the file from its row."""
        return self._form(row, "the file", STATE)

    # Passes ---------------------------------------------------------------------------------------

    def heads(self, first: int) -> Iterator[Head]:
        """Yield the heads of the passes from `first` on, whose numbers must be consecutive."""
        for number, row in enumerate(self._connection.execute(_HEADS, (first,)), first):
            yield self._checked_head(row, number)

    def head(self, number: int, crc: int) -> Head:
        """Return the head of a pass, which must still have this checksum."""
        head = self._checked_head(self._row(_HEAD, number), number)
        if head.crc != crc:
            raise damaged(f"pass {number}", self.where)
        return head

    def _checked_head(self, row: _Row, number: int) -> Head:
        if row is None or row[0] != number or type(row[9]) not in (Text, type(None)):
            raise damaged(f"pass {number}", self.where)
        head = Head(*row)
        try:
            matches = head.crc == head.computed_crc()
        except struct.error:
            # A column of another type, or a number out of range.
            matches = False
        if (
            not matches
            or not 0 <= head.structure < MOST_PASSES
            or not 0 <= head.layout < MOST_PASSES
            or not 0 <= head.graph < MOST_PASSES
            or not -1 <= head.sharing < MOST_PASSES
            or not 0 <= head.turn < MOST_PASSES
            or head.whole not in (0, 1)
            or not 0 <= head.complete <= FINISHED | AFTER_GAP
            or not 0 <= head.inputs <= BODY_BYTES
            or not 0 <= head.body <= BODY_BYTES
        ):
            raise damaged(f"pass {number}", self.where)
        return head

    def fault(self, head: Head) -> Fault | None:
        """Return the fault of a pass, or None."""
        if head.fault is None:
            return None
        what = f"pass {head.number}"
        self._limit_bytes(len(head.fault), what)
        return self._decoded(head.fault, what, FAULT)

    def inputs(self, head: Head) -> bytes:
        """Return the bytes of the small inputs of a pass."""
        return self._bytes("inputs", head.number, head.inputs, head.inputs_crc)

    def body(self, head: Head) -> bytes:
        """Return the bytes of the rest of a pass."""
        return self._bytes("body", head.number, head.body, head.body_crc)

    def _bytes(self, table: str, number: int, size: int, crc: int) -> bytes:
        if not size:
            return b""
        row = self._row(f"SELECT data FROM {table} WHERE number=?", number)
        data = None if row is None else row[0]
        if type(data) is not bytes or len(data) != size or checksum(data, number) != crc:
            raise damaged(f"pass {number}", self.where)
        return data

    # Structures and layouts -----------------------------------------------------------------------

    def structure(self, number: int, *, first: bool) -> Structure:
        """Return a structure with printable text; `first`: it was not read before."""
        what = f"structure {number}"
        row = self._row("SELECT * FROM structure WHERE number=?", number)
        if first and row is not None and isinstance(row[1], bytes):
            self._limit_bytes(len(row[1]), what)
        form = self._form(row, what, STRUCTURE)
        referred = [form.forward, form.backward, (form.cost,)]
        referred += [node.inbound for node in form.nodes]
        try:
            if any(max(numbers) >= len(form.nodes) for numbers in referred if numbers):
                raise ValueError("a reference to a missing node")
            nodes = tuple(_printable_node(node_of(node)) for node in form.nodes)
            inputs_first(nodes)
        except (ValueError, RecursionError):
            raise damaged(what, self.where) from None
        return Structure(nodes, form.forward, form.backward, form.cost)

    def layout(self, number: int) -> tuple[Entry, ...]:
        """Return the entries of a layout, as they are in the file."""
        row = self._row("SELECT * FROM layout WHERE number=?", number)
        return self._form(row, f"layout {number}", LAYOUT)

    def sharing(self, number: int) -> dict[int, SharedForm]:
        """Return the inputs that a graph shares with others, by the difference of their numbers."""
        row = self._row("SELECT * FROM sharing WHERE number=?", number)
        return {form.less: form for form in self._form(row, f"sharing {number}", SHARING)}

    # Optimizers -----------------------------------------------------------------------------------

    def optimizer(self, number: int) -> OptimizerForm:
        """Return an optimizer, as it is in the file."""
        row = self._row("SELECT * FROM optimizer WHERE number=?", number)
        return self._form(row, f"optimizer {number}", OPTIMIZER)

    def steps(self, number: int, *, kept: bool) -> tuple[StepRow, ...]:
        """Return the steps of optimizers that concern a pass, with printable settings.

        `kept`: their numbers were not dropped.
        """
        if not self._has_steps:
            return ()
        what = f"the steps after pass {number}"
        query = "SELECT * FROM step WHERE place BETWEEN ? AND ? ORDER BY place"
        places = number * STEPS, number * STEPS + STEPS - 1
        found, total, most = [], 0, file_bytes(self._path)
        for row in self._connection.execute(query, places):
            place, optimizer, settings, size, data_crc, data, crc = row
            words = [type(place), type(optimizer), type(settings), type(size), type(data_crc)]
            if words != [int, int, Text, int, int] or type(data) not in (bytes, type(None)):
                raise damaged(what, self.where)
            total += len(settings) + len(data or b"")
            try:
                matches = crc == checksum(settings, place, optimizer, size, data_crc)
            except struct.error:
                matches = False
            if data is None:
                matches = matches and not (kept and size)
            elif len(data) != size or checksum(data, number) != data_crc:
                matches = False
            if not matches or total > most or not 0 <= optimizer < MOST_PASSES:
                raise damaged(what, self.where)
            decoded = self._decoded(settings, what, SETTINGS)
            groups = tuple(_printable_settings(group) for group in decoded)
            found.append(StepRow(optimizer, groups, data))
        return tuple(found)

    def _form(self, row: _Row, what: str, decoder: Decoder[_T]) -> _T:
        """Return the decoded JSON of a row that has a number, a form and a checksum."""
        if row is None or list(map(type, row)) != [int, Text, int]:
            raise damaged(what, self.where)
        number, form, crc = row
        if crc != checksum(form, number):
            raise damaged(what, self.where)
        return self._decoded(form, what, decoder)

    def _decoded(self, form: bytes, what: str, decoder: Decoder[_T]) -> _T:
        try:
            return decoder.decode(bytes(form))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise damaged(what, self.where) from None

    def _limit_bytes(self, size: int, what: str) -> None:
        """Limit the bytes read to the file size: overlapping rows could yield endless data."""
        self._read_bytes += size
        if self._read_bytes > file_bytes(self._path):
            raise damaged(what, self.where)

    # The end, and output --------------------------------------------------------------------------

    def finals(self, count: int) -> Iterator[tuple[int, int]]:
        """Yield the graph and the structure of each of the `count` rows of final values."""
        found = 0
        query = "SELECT number, graph, structure FROM final ORDER BY number LIMIT ?"
        for number, graph, structure in self._connection.execute(query, (count + 1,)):
            if number != found or type(graph) is not int or type(structure) is not int:
                raise damaged("the end of the run", self.where)
            yield graph, structure
            found += 1
        if found != count:
            raise damaged("the end of the run", self.where)

    def final(self, number: int, graph: int) -> Final:
        """Return a row of final values, which must be those of `graph`."""
        row = self._row("SELECT * FROM final WHERE number=?", number)
        if row is None or list(map(type, row)) != [int, int, int, int, bytes, int]:
            raise damaged("the end of the run", self.where)
        _, found_graph, structure, layout, data, crc = row
        matches = crc == checksum(data, number, found_graph, structure, layout)
        if not matches or found_graph != graph:
            raise damaged("the end of the run", self.where)
        return Final(structure, layout, data)

    def output(self, number: int) -> tuple[Output, ...]:
        """Return the output printed while `number` was the last pass, as far as it was kept."""
        first = (number + 1) * PIECES
        query = "SELECT * FROM output WHERE place BETWEEN ? AND ? ORDER BY place"
        found, total = [], 0
        last, most = first - 1, file_bytes(self._path)
        for place, stream, data, crc in self._connection.execute(
            query, (first, first + PIECES - 1)
        ):
            words = type(place), type(stream), type(data), type(crc)
            if words != (int, Text, bytes, int) or stream not in (b"stdout", b"stderr"):
                raise damaged(f"the output at pass {number}", self.where)
            total += len(data)
            if place <= last or total > most or crc != checksum(stream + b"\0" + data, place):
                raise damaged(f"the output at pass {number}", self.where)
            last = place
            found.append(Output("stdout" if stream == b"stdout" else "stderr", data))
        return tuple(found)


def _printable_node(node: RecordedNode) -> RecordedNode:
    """Return a node with printable text."""
    return RecordedNode(
        printable(node.kind, NAME_LENGTH),
        node.inbound,
        printable(node.name, NAME_LENGTH),
        node.ours,
        _printable_settings(node.attributes),
        printable(node.file, _PATH_LENGTH),
        node.line,
        printable(node.engine, NAME_LENGTH),
        node.trained,
    )


def _printable_settings(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        printable(key, NAME_LENGTH): _printable_setting(attribute(value))
        for key, value in settings.items()
    }


def _printable_setting(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, WORDS)
    if isinstance(value, tuple):
        return tuple(_printable_setting(entry) for entry in value)
    return value if value is None or isinstance(value, int | float) else "an object"

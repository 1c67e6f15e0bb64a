"""Reads a run file, while it is being written or years later, without trusting its contents.

A few numbers of each pass are in memory: its line, its cost, and whether it was kept. Everything
else is read on demand, and its checksum is verified then.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec.json import Decoder

from mfdebug.recording.encoding import (
    Plan,
    check_entries,
    check_references,
    large_offsets,
    plan,
    value_of,
)
from mfdebug.recording.lines import Lines, inputs_first
from mfdebug.recording.records import (
    Entry,
    Fault,
    Numbers,
    Outline,
    RecordedNode,
    ShouldStop,
    Structure,
)
from mfdebug.recording.schema import (
    BODY_BYTES,
    FAULT,
    LAYOUT,
    MOST_PASSES,
    PIECES,
    REPLACEABLE,
    SHARING,
    STATE,
    STRUCTURE,
    WORDS,
    SharedForm,
    State,
    Stream,
    checksum,
    head_checksum,
    node_of,
)
from mfdebug.recording.untrusted import (
    Text,
    bound_lengths,
    damaged,
    file_bytes,
    open_run,
    reading,
)
from miniflow.errors import FileError, printable
from miniflow.limits import NAME_LENGTH
from miniflow.ops.base import Array

_HEADS = "SELECT * FROM pass WHERE number>=? ORDER BY number"
_HEAD = "SELECT * FROM pass WHERE number=?"
# Passes, structures and layouts kept in memory.
_NUMBERS, _NUMBERS_BYTES = 8, 64 << 20
_STRUCTURES = 4
_LAYOUTS = 16
# Later passes that are searched for graphs sharing inputs with a pass's graph: the recorder
# compares a graph with as many others.
_SEARCHED = 4
_PATH_LENGTH = 500

_T = TypeVar("_T")

_WHOLE, _COMPLETE, _BACKWARD = 1, 2, 4


class Output(NamedTuple):
    """A piece of a program's output; it may contain any bytes."""

    stream: Stream
    data: bytes


class _Head(NamedTuple):
    """A row of the table `pass`."""

    number: int
    structure: int
    layout: int
    graph: int
    sharing: int
    turn: int
    whole: int
    complete: int
    cost: float | None
    fault: bytes | None
    inputs: int
    inputs_crc: int
    body: int
    body_crc: int
    crc: int


class _After(NamedTuple):
    """The next values of a pass's inputs, and the inputs whose value is from another graph."""

    values: dict[int, Array]
    others: frozenset[int]


class _Numbered(NamedTuple):
    """A structure, the number of inputs of each node, and the node numbers in its line."""

    structure: Structure
    input_counts: array[int]
    mapping: list[int]


def _nothing_late(_number: int) -> None:
    """Return None: another process writes the file, so no late bytes are available."""


class RunReader:
    """The committed part of a run in a file: a `Run` that never runs a program.

    `live`: the file is being written, so that there may be further passes. `late` returns the body
    of a pass that is still to be written, or None. Node numbers are those of a pass's line. Every
    method raises `FileError` if the file cannot be read or is damaged. Not safe for use by several
    threads at a time.
    """

    def __init__(
        self, path: Path, *, live: bool = False, late: Callable[[int], bytes | None] = _nothing_late
    ) -> None:
        self._where: Final = str(path)
        self._live = live
        self._late = late
        self._connection, self._path, self._fixed = open_run(path, self._where)
        self._version = -1
        self._state = State("")
        self._lines = Lines()
        self._line_of: dict[int, tuple[int, bool]] = {}
        # One item per pass.
        self._structure, self._turn = array("q"), array("q")
        self._flags, self._crc = array("B"), array("q")
        self._line, self._step = array("q"), array("q")
        self._graph, self._sharing = array("q"), array("q")
        # The previous and next pass of its line over the same graph, -1 if there is none.
        self._before, self._next = array("q"), array("q")
        self._faults: dict[int, Fault] = {}
        # One item per line.
        self._steps: list[array[int]] = []
        self._costs: list[array[float]] = []
        # The last pass over each graph; whether a graph was run again after another one.
        self._latest: list[dict[int, int]] = []
        self._graph_returns: list[bool] = []
        # The row of the final values, by line and graph.
        self._finals: list[dict[int, int]] = []
        self._read_bytes = 0
        self._numbered: OrderedDict[int, _Numbered] = OrderedDict()
        self._layouts: OrderedDict[int, tuple[Entry, ...]] = OrderedDict()
        self._plans: OrderedDict[tuple[int, int], Plan] = OrderedDict()
        self._sharings: OrderedDict[int, dict[int, SharedForm]] = OrderedDict()
        self._after_cache: tuple[int, int, _After] | None = None
        self._numbers: OrderedDict[int, tuple[int, int, Numbers]] = OrderedDict()
        try:
            self._refresh()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    # Reading --------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the program."""
        return printable(self._state.name, NAME_LENGTH)

    @property
    def ending(self) -> str:
        """Why there will be no further pass, as a message; empty while there may be one."""
        self._refresh()
        if self._state.ended:
            return printable(self._state.ending, WORDS) or "the program has ended"
        return "" if self._live else "the recording was cut off here"

    @property
    def status(self) -> int | None:
        """The exit status of the program, if it has ended and had one."""
        self._refresh()
        return self._state.status

    @property
    def output_from(self) -> int:
        """The first pass whose output is kept in full, -1 for all."""
        self._refresh()
        return self._state.output_from

    @property
    def lines(self) -> Sequence[Structure]:
        """The structure of each line, with nodes numbered as in its first pass.

        The call order is that of the first pass with forward and backward, if any. A line may have
        no pass, if its pass turned out to belong to another line.
        """
        self._refresh()
        return [line.structure for line in self._lines.all]

    def __len__(self) -> int:
        """Return how many passes have started."""
        self._refresh()
        return len(self._structure)

    def steps(self, line: int) -> Sequence[int]:
        """Return the numbers of the passes of a line, in order: a view that grows."""
        self._refresh()
        return self._steps[line]

    def costs(self, line: int) -> Array:
        """Return the cost of each pass of a line, NaN if there is none."""
        self._refresh()
        return np.array(self._costs[line])

    def outline(self, number: int) -> Outline:
        """Return the part of a pass that is always kept."""
        self._refresh()
        self._check_number(number)
        line, step, flags = self._line[number], self._step[number], self._flags[number]
        return Outline(
            number,
            line,
            step,
            bool(flags & _BACKWARD),
            self._is_whole(number),
            bool(flags & _COMPLETE),
            self._costs[line][step],
            self._fault(number),
            self._graph[number],
        )

    def numbers(self, number: int) -> Numbers | None:
        """Return every number of a pass, or None if they were not kept. Arrays are read-only."""
        with self._snapshot():
            self._check_number(number)
            if not self._is_whole(number):
                return None
            crc = self._crc[number]
            kept = self._numbers.get(number)
            if kept is not None and kept[0] == crc:
                self._numbers.move_to_end(number)
                return kept[2]
            head = self._head(number)
            inputs = self._bytes("inputs", head, head.inputs, head.inputs_crc)
            body = self._body(head)
            with self._checking(number):
                found = self._all_numbers(head, inputs, body)
        self._cache_numbers(number, crc, len(inputs) + len(body), found)
        return found

    def inputs(self, number: int) -> Mapping[int, Array]:
        """Return the initial values of a pass's inputs, as far as they were kept."""
        with self._snapshot():
            self._check_number(number)
            head = self._head(number)
            turn = self._turn[number]
            inputs = body = None
            if self._state.inputs.keeps(number, turn):
                inputs = self._bytes("inputs", head, head.inputs, head.inputs_crc)
            if self._state.bodies.keeps(number, turn) and self._has_body(number):
                body = self._body(head)
            with self._checking(number):
                return self._input_values(head, inputs, body)

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        """Return the next values of a pass's inputs: those at the next pass of its line with them.

        Or at the end of the run. If that is not known: the initial values of the line's next pass,
        over another graph (`others_after`), unless graphs of the line are run again. Empty as long
        as nothing is known.
        """
        return self._inputs_after(number).values

    def others_after(self, number: int) -> Set[int]:
        """Return the keys of `inputs_after` with values of another graph, perhaps a rebuilt one."""
        return self._inputs_after(number).others

    def _inputs_after(self, number: int) -> _After:
        self._refresh()
        self._check_number(number)
        if self._after_cache is None or self._after_cache[:2] != (number, self._version):
            self._after_cache = number, self._version, self._find_after(number)
        return self._after_cache[2]

    def _find_after(self, number: int) -> _After:
        line, step = self._line[number], self._step[number]
        following = self._steps[line][step + 1 : step + 1 + _SEARCHED]
        found: dict[int, Array] = {}
        settled: set[int] = set()
        next_pass = self._next[number]
        for other in following:
            if other == next_pass:
                break
            if shared := self._shared(number, other) - settled:
                values = self.inputs(other)
                found |= {i: values[i] for i in shared if i in values}
                settled |= shared
        if next_pass >= 0:
            rest = self.inputs(next_pass)
            found |= {i: value for i, value in rest.items() if i not in settled}
            return _After(found, frozenset())
        end = self._end_of(number, settled)
        if not following or self._graph_returns[line]:
            return _After(end | found, frozenset())
        # The next graph may be this one rebuilt: then its own inputs keep their values, or hold, if
        # they are changed in place, the values that later graphs gave them.
        has_earlier, initial = self._before[number] >= 0, self.inputs(number)
        rest = {i: x for i, x in self.inputs(following[0]).items() if i not in settled}
        if has_earlier:
            rest |= {i: x for i, x in end.items() if i in initial and not _same(x, initial[i])}
        return _After(rest | found, frozenset(rest))

    def _end_of(self, number: int, settled: set[int]) -> dict[int, Array]:
        """Return the final values of the inputs of a pass that is the last one over its graph.

        Inputs that another graph of the line used later are left out, and added to `settled`.
        """
        line, graph = self._line[number], self._graph[number]
        if graph not in self._finals[line]:
            return {}
        for other in self._finals[line]:
            last = self._latest[line].get(other, -1)
            if last > number:
                settled |= self._shared(number, last)
        with self._snapshot():
            values = self._final(line, graph)
        return {i: value for i, value in values.items() if i not in settled}

    def _shared(self, number: int, other: int) -> set[int]:
        """Return the inputs that the graphs of two passes of a line have in common."""
        found: set[int] = set()
        line = self._line[number]
        for first, second in ((number, other), (other, number)):
            sharing = self._sharing[first]
            if sharing < 0:
                continue
            less = self._graph[first] - self._graph[second]
            with self._snapshot():
                shared = self._sharing_form(sharing).get(less)
                if shared is None or self._line_of_structure(shared.structure)[0] != line:
                    continue
                mapping = self._structure_of(self._structure[first]).mapping
                others = self._structure_of(shared.structure).mapping
                try:
                    pairs = ((mapping[i], others[j]) for i, j in shared.pairs)
                    found.update(i for i, j in pairs if i == j >= 0)
                except IndexError:
                    raise damaged(f"pass {first}", self._where) from None
        return found

    def outputs(self, number: int) -> tuple[Output, ...]:
        """Return the output printed while `number` was the last pass; -1 is before the first.

        As far as it was kept (`output_from`).
        """
        first = (number + 1) * PIECES
        query = "SELECT * FROM output WHERE place BETWEEN ? AND ? ORDER BY place"
        found, total = [], 0
        with self._snapshot():
            last, most = first - 1, file_bytes(self._path)
            for place, stream, data, crc in self._connection.execute(
                query, (first, first + PIECES - 1)
            ):
                words = type(place), type(stream), type(data), type(crc)
                if words != (int, Text, bytes, int) or stream not in (b"stdout", b"stderr"):
                    raise damaged(f"the output at pass {number}", self._where)
                total += len(data)
                if place <= last or total > most or crc != checksum(stream + b"\0" + data, place):
                    raise damaged(f"the output at pass {number}", self._where)
                last = place
                found.append(Output("stdout" if stream == b"stdout" else "stderr", data))
        return tuple(found)

    def structure(self, number: int) -> Structure:
        """Return the structure of the pass itself: its settings, source lines and call order.

        Nodes are numbered as in the pass; `mapping` has their numbers in the line.
        """
        with self._snapshot():
            self._check_number(number)
            return self._structure_of(self._structure[number]).structure

    def mapping(self, number: int) -> Sequence[int]:
        """Return the number in the line of each node of the pass's own structure, or -1.

        A node that the cost does not depend on may be missing in the line.
        """
        with self._snapshot():
            self._check_number(number)
            return tuple(self._structure_of(self._structure[number]).mapping)

    @property
    def traced_at(self) -> None:
        """None: a file has no program that waits."""

    def run_to(self, number: int, should_stop: ShouldStop | None = None) -> None:
        """Do nothing: a file has no program to run."""

    # Updating -------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Load what has been committed since the last call."""
        if self._version >= 0 and self._fixed:
            return
        with reading(self._where):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            with self._snapshot():
                pass

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Read from one consistent, up-to-date state of the file."""
        with reading(self._where):
            if self._fixed:
                if self._version < 0:
                    self._load()
                    self._version = 0
                yield
                return
            self._connection.execute("BEGIN")
            try:
                # The first query fixes the state that the transaction sees.
                state = self._row("SELECT * FROM run WHERE number=0", ())
                (version,) = self._connection.execute("PRAGMA data_version").fetchone()
                if version != self._version:
                    bound_lengths(self._connection, self._path)
                    self._load(state)
                    self._version = version
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def _load(self, state: tuple[Any, ...] | None = None) -> None:
        state = state or self._row("SELECT * FROM run WHERE number=0", ())
        form = self._form(state, "the file", STATE)
        finals_before, self._state = self._state.finals, form
        known = len(self._structure)
        expected = max(0, known - REPLACEABLE)
        for row in self._connection.execute(_HEADS, (expected,)):
            self._load_head(self._checked_head(row, expected))
            expected += 1
        if expected != form.passes or expected < known:
            raise damaged(f"pass {min(expected, form.passes)}", self._where)
        if form.finals != finals_before:
            self._load_finals(form.finals)

    def _load_finals(self, count: int) -> None:
        found = 0
        query = "SELECT number, graph, structure FROM final ORDER BY number LIMIT ?"
        for number, graph, structure in self._connection.execute(query, (count + 1,)):
            if number != found or type(graph) is not int or type(structure) is not int:
                raise damaged("the end of the run", self._where)
            self._finals[self._line_of_structure(structure)[0]][graph] = number
            found += 1
        if found != count:
            raise damaged("the end of the run", self._where)

    def _load_head(self, head: _Head) -> None:
        number = head.number
        if number < len(self._crc) and self._crc[number] == head.crc:
            return
        if head.fault is not None:
            self._bounded(len(head.fault), f"pass {number}")
            self._faults[number] = self._decoded(head.fault, f"pass {number}", FAULT)
        else:
            self._faults.pop(number, None)
        line, backward = self._line_of_structure(head.structure)
        flags = head.whole * _WHOLE | head.complete * _COMPLETE | backward * _BACKWARD
        if number < len(self._crc):
            self._leave_line(number)
        else:
            for column in (self._structure, self._turn, self._flags, self._crc):
                column.append(0)
            for column in (self._line, self._step, self._graph, self._sharing):
                column.append(0)
            self._before.append(-1)
            self._next.append(-1)
        self._graph[number], self._sharing[number] = head.graph, head.sharing
        self._structure[number], self._turn[number] = head.structure, head.turn
        self._flags[number], self._crc[number] = flags, head.crc
        self._join_line(number, line, math.nan if head.cost is None else float(head.cost))

    def _join_line(self, number: int, line: int, cost: float) -> None:
        steps = self._steps[line]
        step = len(steps)
        if steps and steps[-1] > number:
            step = bisect_left(steps, number)
        steps.insert(step, number)
        self._costs[line].insert(step, cost)
        self._line[number] = line
        for later in range(step, len(steps)):
            self._step[steps[later]] = later
        self._join_graph(number)

    def _join_graph(self, number: int) -> None:
        """Insert a pass into the list of its line's passes over the same graph."""
        line, graph = self._line[number], self._graph[number]
        latest = self._latest[line]
        before, after = latest.get(graph, -1), -1
        while before > number:
            before, after = self._before[before], before
        self._before[number], self._next[number] = before, after
        if before >= 0:
            self._next[before] = number
        if after >= 0:
            self._before[after] = number
        else:
            latest[graph] = number
        steps = self._steps[line]
        for later in range(self._step[number], len(steps)):
            earlier = self._before[steps[later]]
            if earlier >= 0 and earlier != steps[later - 1]:
                self._graph_returns[line] = True

    def _leave_graph(self, number: int) -> None:
        latest, graph = self._latest[self._line[number]], self._graph[number]
        before, after = self._before[number], self._next[number]
        if before >= 0:
            self._next[before] = after
        if after >= 0:
            self._before[after] = before
        elif before >= 0:
            latest[graph] = before
        else:
            del latest[graph]

    def _leave_line(self, number: int) -> None:
        self._leave_graph(number)
        line, step = self._line[number], self._step[number]
        steps = self._steps[line]
        del steps[step], self._costs[line][step]
        for later in range(step, len(steps)):
            self._step[steps[later]] = later

    # Rows -----------------------------------------------------------------------------------------

    def _row(self, query: str, arguments: tuple[int, ...]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(query, arguments).fetchone()
        return row

    def _checked_head(self, row: tuple[Any, ...] | None, number: int) -> _Head:
        """Return a row of the table `pass`; raise `FileError` if it is damaged."""
        if row is None or row[0] != number or type(row[9]) not in (Text, type(None)):
            raise damaged(f"pass {number}", self._where)
        head = _Head(*row)
        try:
            matches = head.crc == head_checksum(*head[:14])
        except Exception:
            matches = False
        if (
            not matches
            or not 0 <= head.structure < MOST_PASSES
            or not 0 <= head.layout < MOST_PASSES
            or not 0 <= head.graph < MOST_PASSES
            or not -1 <= head.sharing < MOST_PASSES
            or not 0 <= head.turn < MOST_PASSES
            or head.whole not in (0, 1)
            or head.complete not in (0, 1)
            or not 0 <= head.inputs <= BODY_BYTES
            or not 0 <= head.body <= BODY_BYTES
        ):
            raise damaged(f"pass {number}", self._where)
        return head

    def _head(self, number: int) -> _Head:
        head = self._checked_head(self._row(_HEAD, (number,)), number)
        if head.crc != self._crc[number]:
            raise damaged(f"pass {number}", self._where)
        return head

    def _bytes(self, table: str, head: _Head, size: int, crc: int) -> bytes:
        if not size:
            return b""
        row = self._row(f"SELECT data FROM {table} WHERE number=?", (head.number,))
        data = None if row is None else row[0]
        if type(data) is not bytes or len(data) != size or checksum(data, head.number) != crc:
            raise damaged(f"pass {head.number}", self._where)
        return data

    def _body(self, head: _Head) -> bytes:
        late = self._late(head.number)
        if late is not None and len(late) == head.body:
            return late
        return self._bytes("body", head, head.body, head.body_crc)

    def _form(self, row: tuple[Any, ...] | None, what: str, decoder: Decoder[_T]) -> _T:
        """Return the decoded JSON of a row that has a number, a form and a checksum."""
        if row is None or list(map(type, row)) != [int, Text, int]:
            raise damaged(what, self._where)
        number, form, crc = row
        if crc != checksum(form, number):
            raise damaged(what, self._where)
        return self._decoded(form, what, decoder)

    def _decoded(self, form: bytes, what: str, decoder: Decoder[_T]) -> _T:
        try:
            return decoder.decode(bytes(form))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise damaged(what, self._where) from None

    def _bounded(self, size: int, what: str) -> None:
        """Limit the bytes read to the file size: overlapping rows could yield endless data."""
        self._read_bytes += size
        if self._read_bytes > file_bytes(self._path):
            raise damaged(what, self._where)

    # Structures and layouts -----------------------------------------------------------------------

    def _line_of_structure(self, number: int) -> tuple[int, bool]:
        """Return the line of a structure, and whether its passes run backward."""
        if (found := self._line_of.get(number)) is None:
            row = self._row("SELECT * FROM structure WHERE number=?", (number,))
            if row is not None and isinstance(row[1], bytes):
                self._bounded(len(row[1]), f"structure {number}")
            structure = self._read_structure(number, row)
            line, changed = self._lines.add(structure)
            if line == len(self._steps):
                self._steps.append(array("q"))
                self._costs.append(array("d"))
                self._latest.append({})
                self._graph_returns.append(False)
                self._finals.append({})
            elif changed:
                # The line has more nodes now.
                self._numbered.clear()
                self._numbers.clear()
            found = self._line_of[number] = line, bool(structure.backward)
        return found

    def _read_structure(self, number: int, row: tuple[Any, ...] | None) -> Structure:
        what = f"structure {number}"
        form = self._form(row, what, STRUCTURE)
        referred = [form.forward, form.backward, (form.cost,)]
        referred += [node.inbound for node in form.nodes]
        try:
            if any(max(numbers) >= len(form.nodes) for numbers in referred if numbers):
                raise ValueError("a reference to a missing node")
            nodes = tuple(_printable_node(node_of(node)) for node in form.nodes)
            inputs_first(nodes)
        except (ValueError, RecursionError):
            raise damaged(what, self._where) from None
        return Structure(nodes, form.forward, form.backward, form.cost)

    def _structure_of(self, number: int) -> _Numbered:
        if (found := self._numbered.get(number)) is None:
            row = self._row("SELECT * FROM structure WHERE number=?", (number,))
            structure = self._read_structure(number, row)
            line = self._lines.all[self._line_of_structure(number)[0]]
            input_counts = array("I", [len(node.inbound) for node in structure.nodes])
            try:
                found = _Numbered(structure, input_counts, line.mapping(structure))
            except ValueError:
                # The structure has changed since its line was determined.
                raise damaged(f"structure {number}", self._where) from None
            _remember(self._numbered, number, found, _STRUCTURES)
        return found

    def _entries(self, number: int) -> tuple[Entry, ...]:
        if (found := self._layouts.get(number)) is None:
            row = self._row("SELECT * FROM layout WHERE number=?", (number,))
            found = self._form(row, f"layout {number}", LAYOUT)
            try:
                check_entries(found)
            except (ValueError, OverflowError) as error:
                raise FileError(
                    f"layout {number} has {error}", where=self._where, hint="record it again"
                ) from None
            _remember(self._layouts, number, found, _LAYOUTS)
        return found

    def _sharing_form(self, number: int) -> dict[int, SharedForm]:
        if (found := self._sharings.get(number)) is None:
            row = self._row("SELECT * FROM sharing WHERE number=?", (number,))
            forms = self._form(row, f"sharing {number}", SHARING)
            found = {form.less: form for form in forms}
            _remember(self._sharings, number, found, _LAYOUTS)
        return found

    def _plan(self, structure: int, layout: int) -> tuple[_Numbered, tuple[Entry, ...], Plan]:
        numbered, entries = self._structure_of(structure), self._entries(layout)
        key = structure, layout
        if (found := self._plans.get(key)) is None:
            check_references(entries, numbered.input_counts)
            found = plan(entries, numbered.input_counts, numbered.structure.cost)
            _remember(self._plans, key, found, _LAYOUTS)
        return numbered, entries, found

    # Numbers --------------------------------------------------------------------------------------

    @contextmanager
    def _checking(self, number: int) -> Iterator[None]:
        """Turn inconsistencies in a pass into `FileError`."""
        try:
            yield
        except (ValueError, TypeError, OverflowError, UnicodeError):
            raise damaged(f"pass {number}", self._where) from None

    def _all_numbers(self, head: _Head, inputs: bytes, body: bytes) -> Numbers:
        numbered, entries, layout_plan = self._plan(head.structure, head.layout)
        sizes = [
            sum(stop - start for start, stop in parts)
            for parts in (layout_plan.inputs, layout_plan.rest)
        ]
        if sizes != [len(inputs), len(body)]:
            raise ValueError("rows of another size than the layout says")
        found = Numbers({}, {}, {}, {}, {})
        for entry, (small, at) in zip(entries, layout_plan.positions, strict=True):
            node = numbered.mapping[entry.node]
            if node < 0:
                continue
            value = value_of(entry, inputs if small else body, at)
            if isinstance(value, str):
                if entry.tag == "v" or node not in found.texts:
                    found.texts[node] = printable(value, WORDS)
            elif entry.tag == "v":
                found.values[node] = value
            elif entry.tag == "g":
                found.own[node] = value
            else:
                sent_or_changed = found.sent if entry.tag == "s" else found.changed
                sent_or_changed[node, entry.input_index] = value
        return found

    def _input_values(
        self, head: _Head, inputs: bytes | None, body: bytes | None
    ) -> dict[int, Array]:
        numbered, entries, layout_plan = self._plan(head.structure, head.layout)
        parts = layout_plan.rest if head.whole else layout_plan.large
        for data, expected in ((inputs, layout_plan.inputs), (body, parts)):
            # A pass that was too large for a row has no data.
            if data and len(data) != sum(stop - start for start, stop in expected):
                raise ValueError("rows of another size than the layout says")
        in_large: Iterator[int] | Sequence[int]
        in_large = (
            [-1] * len(entries) if head.whole else large_offsets(entries, numbered.input_counts)
        )
        found = {}
        for entry, (small, at), large in zip(entries, layout_plan.positions, in_large, strict=True):
            node = numbered.mapping[entry.node]
            if node < 0 or entry.tag != "v" or numbered.input_counts[entry.node]:
                continue
            data = inputs if small else body
            offset = at if small or head.whole else large
            if data is None or len(data) < offset + entry.size or (entry.size and not data):
                continue
            value = value_of(entry, data, offset)
            if not isinstance(value, str):
                found[node] = value
        return found

    def _final(self, line: int, graph: int) -> dict[int, Array]:
        number = self._finals[line][graph]
        row = self._row("SELECT * FROM final WHERE number=?", (number,))
        if row is None or list(map(type, row)) != [int, int, int, int, bytes, int]:
            raise damaged("the end of the run", self._where)
        _, found_graph, structure, layout, data, crc = row
        matches = crc == checksum(data, number, found_graph, structure, layout)
        if not matches or found_graph != graph or self._line_of_structure(structure)[0] != line:
            raise damaged("the end of the run", self._where)
        found = {}
        try:
            numbered, entries, layout_plan = self._plan(structure, layout)
            if layout_plan.size != len(data):
                raise ValueError("final values of another size than the layout says")
            at = 0
            for entry in entries:
                node = numbered.mapping[entry.node]
                value = value_of(entry, data, at)
                if node >= 0 and entry.tag == "v" and not isinstance(value, str):
                    found[node] = value
                at += entry.size
        except (ValueError, TypeError, OverflowError, UnicodeError):
            raise damaged("the end of the run", self._where) from None
        return found

    def _fault(self, number: int) -> Fault | None:
        if (fault := self._faults.get(number)) is None:
            return None
        with self._snapshot():
            numbered = self._structure_of(self._structure[number])
        if not 0 <= fault.node < len(numbered.mapping):
            raise damaged(f"pass {number}", self._where)
        node, words = numbered.mapping[fault.node], fault.words
        if node < 0:
            own = numbered.structure.nodes[fault.node]
            node = self._lines.all[self._line[number]].structure.cost
            words = f"in {own.name or own.kind}, which the cost does not depend on: {words}"
        return Fault(
            fault.direction, node, printable(fault.error, NAME_LENGTH), printable(words, WORDS)
        )

    def _is_whole(self, number: int) -> bool:
        if not (self._flags[number] & _WHOLE and self._has_body(number)):
            return False
        return self._state.bodies.keeps(number, self._turn[number])

    def _has_body(self, number: int) -> bool:
        """Whether the body of a pass is in the file or available from `late`."""
        return number != self._state.late or self._late(number) is not None

    def _check_number(self, number: int) -> None:
        if not 0 <= number < len(self._structure):
            raise IndexError(f"no pass {number}")

    def _cache_numbers(self, number: int, crc: int, size: int, found: Numbers) -> None:
        self._numbers[number] = crc, size, found
        self._numbers.move_to_end(number)
        while len(self._numbers) > 1 and (
            len(self._numbers) > _NUMBERS
            or sum(kept[1] for kept in self._numbers.values()) > _NUMBERS_BYTES
        ):
            self._numbers.popitem(last=False)


def _same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _remember(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)


def _printable_node(node: RecordedNode) -> RecordedNode:
    """Return a node with printable text."""
    attributes = {
        printable(key, NAME_LENGTH): _printable_setting(value)
        for key, value in node.attributes.items()
    }
    return RecordedNode(
        printable(node.kind, NAME_LENGTH),
        node.inbound,
        printable(node.name, NAME_LENGTH),
        node.ours,
        attributes,
        printable(node.file, _PATH_LENGTH),
        node.line,
    )


def _printable_setting(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, WORDS)
    if isinstance(value, tuple):
        return tuple(_printable_setting(entry) for entry in value)
    return value if value is None or isinstance(value, int | float) else "an object"

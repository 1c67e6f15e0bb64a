"""Reads a run file, while it is written or years later; it trusts nothing that stands in it.

Of each pass a few numbers are in memory: its line, cost, and whether it was kept. All else is read
when it is asked for, and its sum is checked then.
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
    check_places,
    large_places,
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
# Passes, structures and layouts that are at hand.
_NUMBERS, _NUMBERS_BYTES = 8, 64 << 20
_STRUCTURES = 4
_LAYOUTS = 16
# Passes after one among which are looked for that share inputs with its graph: a recorder compares
# a graph with so many others.
_REACH = 4
_PATH_LENGTH = 500

_T = TypeVar("_T")

_WHOLE, _COMPLETE, _BACKWARD = 1, 2, 4


class Output(NamedTuple):
    """A piece of what a program printed, as it came: it may hold any bytes."""

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
    """What the inputs of a pass held next, and which of that is another graph's."""

    values: dict[int, Array]
    others: frozenset[int]


class _Numbered(NamedTuple):
    """A structure, how many inputs each of its nodes has, and their numbers in its line."""

    structure: Structure
    input_counts: array[int]
    mapping: list[int]


def _not_late(_number: int) -> None:
    """Nothing is at hand of a file that somebody else has written."""


class RunReader:
    """A run in a file, as far as it has been committed: a `Run` that waits for nothing.

    `live`: somebody is writing the file, so that there may be further passes. `late` gives the
    bytes of a pass that are still to be written. Numbers of nodes are those of a pass's line. What
    cannot be read raises `FileError`, at any call. It is used by one thread at a time.
    """

    def __init__(
        self, path: Path, *, live: bool = False, late: Callable[[int], bytes | None] = _not_late
    ) -> None:
        self._where: Final = str(path)
        self._live = live
        self._late = late
        self._connection, self._path, self._fixed = open_run(path, self._where)
        self._version = -1
        self._state = State("")
        self._lines = Lines()
        self._line_of: dict[int, tuple[int, bool]] = {}
        # Of each pass.
        self._structure, self._turn = array("q"), array("q")
        self._flags, self._crc = array("B"), array("q")
        self._line, self._step = array("q"), array("q")
        self._graph, self._sharing = array("q"), array("q")
        # The passes of its line over the same graph before and after it, -1 if there is none.
        self._before, self._next = array("q"), array("q")
        self._faults: dict[int, Fault] = {}
        # Of each line.
        self._steps: list[array[int]] = []
        self._costs: list[array[float]] = []
        # The last pass over each graph; whether a graph has come again after another.
        self._latest: list[dict[int, int]] = []
        self._returns: list[bool] = []
        # The row of the final values, by line and graph.
        self._finals: list[dict[int, int]] = []
        self._read_bytes = 0
        self._numbered: OrderedDict[int, _Numbered] = OrderedDict()
        self._layouts: OrderedDict[int, tuple[Entry, ...]] = OrderedDict()
        self._plans: OrderedDict[tuple[int, int], Plan] = OrderedDict()
        self._sharings: OrderedDict[int, dict[int, SharedForm]] = OrderedDict()
        self._after: tuple[int, int, _After] | None = None
        self._numbers: OrderedDict[int, tuple[int, int, Numbers]] = OrderedDict()
        try:
            self._refresh()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    # What there is --------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the program."""
        return printable(self._state.name, NAME_LENGTH)

    @property
    def ending(self) -> str:
        """Why there will be no further pass; empty while there may be."""
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
        """The structure of each line, its nodes numbered as in the first of its passes.

        The order of the calls is that of the first pass that went both ways, if one did. A line
        may have no pass, if a pass turned out to be of another.
        """
        self._refresh()
        return [line.structure for line in self._lines.all]

    def __len__(self) -> int:
        """Return how many passes have begun."""
        self._refresh()
        return len(self._structure)

    def steps(self, line: int) -> Sequence[int]:
        """Return the numbers of the passes of a line, in their order: a view that grows."""
        self._refresh()
        return self._steps[line]

    def costs(self, line: int) -> Array:
        """Return the cost of each pass of a line, NaN where there is none."""
        self._refresh()
        return np.array(self._costs[line])

    def outline(self, number: int) -> Outline:
        """Return what is always kept of a pass."""
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
        self._keep(number, crc, len(inputs) + len(body), found)
        return found

    def inputs(self, number: int) -> Mapping[int, Array]:
        """Return what the inputs of a pass began with, as far as it was kept."""
        with self._snapshot():
            self._check_number(number)
            head = self._head(number)
            turn = self._turn[number]
            inputs = body = None
            if self._state.inputs.keeps(number, turn):
                inputs = self._bytes("inputs", head, head.inputs, head.inputs_crc)
            if self._state.bodies.keeps(number, turn) and self._is_there(number):
                body = self._body(head)
            with self._checking(number):
                return self._input_values(head, inputs, body)

    def inputs_after(self, number: int) -> Mapping[int, Array]:
        """Return what the inputs of a pass held next: when a pass of its line began with them.

        Or at the end of the run. Where that is not known, it is what the next pass of the line
        began with, over another graph (`others_after`), unless graphs of the line come again.
        Empty while there is nothing of it.
        """
        return self._inputs_after(number).values

    def others_after(self, number: int) -> Set[int]:
        """Return which of `inputs_after` are another graph's, which may be this one built anew."""
        return self._inputs_after(number).others

    def _inputs_after(self, number: int) -> _After:
        self._refresh()
        self._check_number(number)
        if self._after is None or self._after[:2] != (number, self._version):
            self._after = number, self._version, self._find_after(number)
        return self._after[2]

    def _find_after(self, number: int) -> _After:
        line, step = self._line[number], self._step[number]
        following = self._steps[line][step + 1 : step + 1 + _REACH]
        found: dict[int, Array] = {}
        settled: set[int] = set()
        again = self._next[number]
        for other in following:
            if other == again:
                break
            if shared := self._shared(number, other) - settled:
                values = self.inputs(other)
                found |= {i: values[i] for i in shared if i in values}
                settled |= shared
        if again >= 0:
            rest = self.inputs(again)
            found |= {i: value for i, value in rest.items() if i not in settled}
            return _After(found, frozenset())
        end = self._end_of(number, settled)
        if not following or self._returns[line]:
            return _After(end | found, frozenset())
        # It may be built anew: then its own inputs stay as they were, or hold, if they are changed
        # in place, what later graphs have made of them.
        several, began = self._before[number] >= 0, self.inputs(number)
        rest = {i: x for i, x in self.inputs(following[0]).items() if i not in settled}
        if several:
            rest |= {i: x for i, x in end.items() if i in began and not _same(x, began[i])}
        return _After(rest | found, frozenset(rest))

    def _end_of(self, number: int, settled: set[int]) -> dict[int, Array]:
        """Return what the inputs of a pass, the last one of its graph, hold at the end of the run.

        Those that have gone on in another graph of the line are left out, and settled.
        """
        line, graph = self._line[number], self._graph[number]
        if graph not in self._finals[line]:
            return {}
        for one in self._finals[line]:
            last = self._latest[line].get(one, -1)
            if last > number:
                settled |= self._shared(number, last)
        with self._snapshot():
            values = self._final(line, graph)
        return {i: value for i, value in values.items() if i not in settled}

    def _shared(self, number: int, other: int) -> set[int]:
        """Return the inputs that the graphs of two passes of a line have in common."""
        found: set[int] = set()
        line = self._line[number]
        for one, two in ((number, other), (other, number)):
            sharing = self._sharing[one]
            if sharing < 0:
                continue
            less = self._graph[one] - self._graph[two]
            with self._snapshot():
                shared = self._sharing_form(sharing).get(less)
                if shared is None or self._line_of_structure(shared.structure)[0] != line:
                    continue
                mapping = self._structure_of(self._structure[one]).mapping
                others = self._structure_of(shared.structure).mapping
                try:
                    places = ((mapping[i], others[j]) for i, j in shared.pairs)
                    found.update(i for i, j in places if i == j >= 0)
                except IndexError:
                    raise damaged(f"pass {one}", self._where) from None
        return found

    def outputs(self, number: int) -> tuple[Output, ...]:
        """Return what the program printed while a pass was the latest; -1: before the first.

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
        """Return the structure of a pass itself: its own settings, places and order of calls.

        Its nodes are numbered as in the pass, not as in its line; `mapping` has those.
        """
        with self._snapshot():
            self._check_number(number)
            return self._structure_of(self._structure[number]).structure

    def mapping(self, number: int) -> Sequence[int]:
        """Return the number in its line of each node of a pass's own structure, or -1.

        A node that the cost does not depend on may be missing in the line.
        """
        with self._snapshot():
            self._check_number(number)
            return tuple(self._structure_of(self._structure[number]).mapping)

    @property
    def traced_at(self) -> None:
        """Nothing: a file waits nowhere."""

    def run_to(self, number: int, should_stop: ShouldStop | None = None) -> None:
        """Do nothing: a file cannot run on."""

    # Staying up to date ---------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Take in what has been committed since the last time."""
        if self._version >= 0 and self._fixed:
            return
        with reading(self._where):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            with self._snapshot():
                pass

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """See one state of the file within, and be up to date with it."""
        with reading(self._where):
            if self._fixed:
                if self._version < 0:
                    self._take_in()
                    self._version = 0
                yield
                return
            self._connection.execute("BEGIN")
            try:
                # The first look at a table settles which state is seen.
                state = self._row("SELECT * FROM run WHERE number=0", ())
                (version,) = self._connection.execute("PRAGMA data_version").fetchone()
                if version != self._version:
                    bound_lengths(self._connection, self._path)
                    self._take_in(state)
                    self._version = version
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def _take_in(self, state: tuple[Any, ...] | None = None) -> None:
        state = state or self._row("SELECT * FROM run WHERE number=0", ())
        form = self._form(state, "the file", STATE)
        finals_before, self._state = self._state.finals, form
        known = len(self._structure)
        expected = max(0, known - REPLACEABLE)
        for row in self._connection.execute(_HEADS, (expected,)):
            self._take_head(self._checked_head(row, expected))
            expected += 1
        if expected != form.passes or expected < known:
            raise damaged(f"pass {min(expected, form.passes)}", self._where)
        if form.finals != finals_before:
            self._take_finals(form.finals)

    def _take_finals(self, count: int) -> None:
        found = 0
        query = "SELECT number, graph, structure FROM final ORDER BY number LIMIT ?"
        for number, graph, structure in self._connection.execute(query, (count + 1,)):
            if number != found or type(graph) is not int or type(structure) is not int:
                raise damaged("the end of the run", self._where)
            self._finals[self._line_of_structure(structure)[0]][graph] = number
            found += 1
        if found != count:
            raise damaged("the end of the run", self._where)

    def _take_head(self, head: _Head) -> None:
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
        """Put a pass among those of its line over the same graph."""
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
                self._returns[line] = True

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
        """Return a row of the table `pass`, or raise the error of a damaged one."""
        if row is None or row[0] != number or type(row[9]) not in (Text, type(None)):
            raise damaged(f"pass {number}", self._where)
        head = _Head(*row)
        try:
            right = head.crc == head_checksum(*head[:14])
        except Exception:
            right = False
        if (
            not right
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
        """Return what the JSON of a row says: rows of a number, a form and a sum."""
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
        """Count what was read of forms: rows that lie on one another could go on for ever."""
        self._read_bytes += size
        if self._read_bytes > file_bytes(self._path):
            raise damaged(what, self._where)

    # Structures and layouts -----------------------------------------------------------------------

    def _line_of_structure(self, number: int) -> tuple[int, bool]:
        """Return the line of a structure, and whether its passes go back."""
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
                self._returns.append(False)
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
                raise ValueError("a node that is not there")
            nodes = tuple(_shown(node_of(node)) for node in form.nodes)
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
                # It is another one than when its line was found.
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
            found = {one.less: one for one in forms}
            _remember(self._sharings, number, found, _LAYOUTS)
        return found

    def _plan(self, structure: int, layout: int) -> tuple[_Numbered, tuple[Entry, ...], Plan]:
        numbered, entries = self._structure_of(structure), self._entries(layout)
        key = structure, layout
        if (found := self._plans.get(key)) is None:
            check_places(entries, numbered.input_counts)
            found = plan(entries, numbered.input_counts, numbered.structure.cost)
            _remember(self._plans, key, found, _LAYOUTS)
        return numbered, entries, found

    # Numbers --------------------------------------------------------------------------------------

    @contextmanager
    def _checking(self, number: int) -> Iterator[None]:
        """Turn what does not fit together in a pass into the error that says so."""
        try:
            yield
        except (ValueError, TypeError, OverflowError, UnicodeError):
            raise damaged(f"pass {number}", self._where) from None

    def _all_numbers(self, head: _Head, inputs: bytes, body: bytes) -> Numbers:
        numbered, entries, how = self._plan(head.structure, head.layout)
        sizes = [sum(stop - start for start, stop in parts) for parts in (how.inputs, how.rest)]
        if sizes != [len(inputs), len(body)]:
            raise ValueError("rows of another size than the layout says")
        found = Numbers({}, {}, {}, {}, {})
        for entry, (small, at) in zip(entries, how.places, strict=True):
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
        numbered, entries, how = self._plan(head.structure, head.layout)
        parts = how.rest if head.whole else how.large
        for data, expected in ((inputs, how.inputs), (body, parts)):
            # A pass that was too large for a row has none.
            if data and len(data) != sum(stop - start for start, stop in expected):
                raise ValueError("rows of another size than the layout says")
        in_large: Iterator[int] | Sequence[int]
        in_large = (
            [-1] * len(entries) if head.whole else large_places(entries, numbered.input_counts)
        )
        found = {}
        for entry, (small, at), large in zip(entries, how.places, in_large, strict=True):
            node = numbered.mapping[entry.node]
            if node < 0 or entry.tag != "v" or numbered.input_counts[entry.node]:
                continue
            data = inputs if small else body
            place = at if small or head.whole else large
            if data is None or len(data) < place + entry.size or (entry.size and not data):
                continue
            value = value_of(entry, data, place)
            if not isinstance(value, str):
                found[node] = value
        return found

    def _final(self, line: int, graph: int) -> dict[int, Array]:
        number = self._finals[line][graph]
        row = self._row("SELECT * FROM final WHERE number=?", (number,))
        if row is None or list(map(type, row)) != [int, int, int, int, bytes, int]:
            raise damaged("the end of the run", self._where)
        _, found_graph, structure, layout, data, crc = row
        right = crc == checksum(data, number, found_graph, structure, layout)
        if not right or found_graph != graph or self._line_of_structure(structure)[0] != line:
            raise damaged("the end of the run", self._where)
        found = {}
        try:
            numbered, entries, how = self._plan(structure, layout)
            if how.size != len(data):
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
        if not (self._flags[number] & _WHOLE and self._is_there(number)):
            return False
        return self._state.bodies.keeps(number, self._turn[number])

    def _is_there(self, number: int) -> bool:
        """Whether the large row of a pass is in the file, or at hand."""
        return number != self._state.late or self._late(number) is not None

    def _check_number(self, number: int) -> None:
        if not 0 <= number < len(self._structure):
            raise IndexError(f"there is no pass {number}")

    def _keep(self, number: int, crc: int, size: int, found: Numbers) -> None:
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


def _shown(node: RecordedNode) -> RecordedNode:
    """Return a node whose text may be shown."""
    attributes = {
        printable(key, NAME_LENGTH): _shown_setting(value) for key, value in node.attributes.items()
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


def _shown_setting(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, WORDS)
    if isinstance(value, tuple):
        return tuple(_shown_setting(entry) for entry in value)
    return value if value is None or isinstance(value, int | float) else "an object"

"""Writes a run file: collects rows, and commits them at least a few times a second.

However this process ends, the file holds everything that was committed, since SQLite uses a
write-ahead log. The file has a size limit: to stay below it, older passes are thinned.
"""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mfdebug.recording.encoding import check_entries, cost_of, cut
from mfdebug.recording.layout_plans import LayoutPlans
from mfdebug.recording.new_run_file import RunFile
from mfdebug.recording.output_rows import OutputRows
from mfdebug.recording.records import Entry, Fault, Sharing, Structure
from mfdebug.recording.run_bytes import write_rows
from mfdebug.recording.schema import (
    AFTER_GAP,
    BODY_BYTES,
    FINISHED,
    PIECES,
    REPLACEABLE,
    WORDS,
    Bytes,
    Head,
    OptimizerForm,
    State,
    Stream,
    checksum,
    state_row,
    structure_form,
)
from mfdebug.recording.step_rows import StepRows
from mfdebug.recording.stored_passes import StoredPasses
from mfdebug.recording.temporary_folder import TemporaryFolder
from miniflow.errors import FileError

BATCH_BYTES = 8 << 20
BATCH_SECONDS = 0.02
# From so many bytes on, the body of a pass is committed after the rest of it.
_LATE_BYTES = 256 << 10


class RunWriter:
    """Writes a run file of at most `most_bytes`; without a path, a temporary one.

    A temporary file is deleted on `close`. If the file cannot be written, that call and every later
    one raise `FileError`.
    """

    def __init__(self, path: Path | None, *, name: str, most_bytes: int) -> None:
        self._folder: TemporaryFolder | None = None
        self._most_bytes = most_bytes
        self._state = State(name)
        self._broken: FileError | None = None
        self._closed = False
        if path is None:
            self._folder = TemporaryFolder()
            path = self._folder.path / "run.mfrun"
        self.path = path
        self._where = str(path)
        with self._writing():
            self._file = RunFile(path, self._state, self._where)
        self._connection = self._file.connection
        self._passes = 0
        self._committed = 0
        self._plans = LayoutPlans(self._stored_layout)
        self._stored = StoredPasses()
        self._output = OutputRows(most_bytes // 8)
        self._steps = StepRows()
        self._finals: dict[tuple[int, int], int] = {}
        # The bodies of the last two late passes, for readers that need them before the commit.
        self._late: OrderedDict[int, Bytes] = OrderedDict()
        self._clear()
        # While a file is being written, its log is not empty: other processes can tell by that.
        self._changed = True
        self.flush()

    def __len__(self) -> int:
        return self._passes

    @property
    def size(self) -> int:
        """The bytes in use in the committed file, without the write-ahead log."""
        with self._writing():
            return self._file.used_bytes

    # Records --------------------------------------------------------------------------------------

    def structure(self, number: int, structure: Structure) -> None:
        """Write a structure under its number."""
        form = structure_form(structure)
        self._plans.add_structure(number, structure)
        self._structures.append((number, form.decode(), checksum(form, number)))
        self._add_pending(len(form))
        self.flush_if_due()

    def layout(self, number: int, entries: tuple[Entry, ...]) -> None:
        """Write a layout under its number."""
        check_entries(entries)
        form = msgspec.json.encode(entries)
        self._plans.add_layout(number, entries)
        self._forms.append((number, form.decode(), checksum(form, number)))
        self._add_pending(len(form))
        self.flush_if_due()

    def sharing(self, number: int, form: Sharing) -> None:
        """Write which inputs graphs share, under its number."""
        text = msgspec.json.encode(form)
        self._sharings.append((number, text.decode(), checksum(text, number)))
        self._add_pending(len(text))
        self.flush_if_due()

    def add_pass(
        self,
        number: int,
        structure: int,
        layout: int,
        *,
        graph: int,
        sharing: int = -1,
        whole: bool,
        complete: bool,
        after_gap: bool = False,
        fault: Fault | None,
        data: bytes | bytearray,
    ) -> None:
        """Write the next pass, or a more complete version of one of the last two.

        `data` holds the bytes of the entries of its layout, concatenated. Of a pass that is not
        `whole`, only the cost and the values of inputs are kept. `graph` is the number of its
        graph, `sharing` that of the inputs which the graph shares with others, -1 for none.
        `after_gap`: passes right before it were not watched.
        Raises `ValueError` if `number` or the size of `data` is wrong.
        """
        if not self._passes - REPLACEABLE <= number <= self._passes or number < 0:
            raise ValueError(f"pass {number} cannot follow {self._passes} passes")
        if number not in self._heads:
            self.flush_if_due()
        layout_plan = self._plans.of(structure, layout)
        if layout_plan.size != len(data):
            raise ValueError(f"pass {number} has {len(data)} bytes, its layout {layout_plan.size}")
        inputs = cut(data, layout_plan.inputs)
        body: Bytes = b""
        if whole:
            whole = len(data) - len(inputs) <= min(BODY_BYTES, self._most_bytes // 4)
        if whole:
            body = cut(data, layout_plan.rest)
        elif sum(stop - start for start, stop in layout_plan.large) <= min(
            BODY_BYTES, self._most_bytes // 4
        ):
            body = cut(data, layout_plan.large)
        turn = self._stored.put(number, structure, len(inputs), len(body))
        self._heads[number] = Head(
            number,
            structure,
            layout,
            graph,
            sharing,
            turn,
            int(whole),
            complete * FINISHED | after_gap * AFTER_GAP,
            cost_of(layout_plan, data),
            None if fault is None else msgspec.json.encode(_clipped(fault)),
        )
        self._input_rows[number] = inputs
        self._body_rows[number] = body
        self._add_pending(len(inputs) + len(body) + 100)
        self._passes = max(self._passes, number + 1)

    def optimizer(self, number: int, form: OptimizerForm) -> None:
        """Write an optimizer, and the nodes that a step of it concerns, under its number."""
        self._add_pending(self._steps.add_optimizer(number, form))
        self.flush_if_due()

    def step(self, number: int, optimizer: int, settings: bytes, data: bytes | bytearray) -> None:
        """Write what a step of an optimizer did to the inputs of a pass.

        `settings` is JSON. Raises `ValueError` if there is no such pass, or the size of `data` is
        wrong.
        """
        if not 0 <= number < self._passes:
            raise ValueError(f"a step after pass {number} of {self._passes}")
        most = min(BODY_BYTES, self._most_bytes // 4)
        text, size = self._steps.add(number, optimizer, settings, data, most)
        self._stored.add(number, text, size)
        self._add_pending(text + size + 50)
        self.flush_if_due()

    def final(self, structure: int, layout: int, data: bytes | bytearray, *, graph: int) -> None:
        """Write the values of a graph's inputs at the end of the program."""
        layout_plan = self._plans.of(structure, layout)
        if layout_plan.size != len(data):
            raise ValueError(
                f"the final values have {len(data)} bytes, their layout {layout_plan.size}"
            )
        number = self._finals.setdefault((graph, structure), len(self._finals))
        crc = checksum(data, number, graph, structure, layout)
        self._final_rows[number] = (number, graph, structure, layout, data, crc)
        self._add_pending(len(data) + 100)
        self.flush_if_due()

    def output(self, number: int, stream: Stream, data: bytes) -> None:
        """Write output printed while `number` was the last pass; -1 is before the first."""
        self._add_pending(self._output.add(number, stream, data))
        self.flush_if_due()

    def end(self, status: int | None, ending: str) -> None:
        """Write that there will be no further pass, and why, and commit."""
        self._state.ended, self._state.status, self._state.ending = True, status, ending[:WORDS]
        self._changed = True
        self.flush()

    # Committing -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Commit all pending rows."""
        if self._broken is not None:
            raise self._broken
        if self._pending or self._changed:
            self._commit()

    def publish(self) -> bool:
        """Commit so that readers see all passes; return whether `flush` has more to write.

        If the body of the last pass is large, it is left for `flush`. Until then, `late_body`
        returns it; if this process ends first, the pass counts as not kept whole.
        """
        last = self._passes - 1
        if len(self._body_rows.get(last, b"")) < _LATE_BYTES or self._broken is not None:
            self.flush()
            return False
        self._late[last] = self._body_rows[last]
        while len(self._late) > 2:
            self._late.popitem(last=False)
        self._commit(late=last)
        return True

    def late_body(self, number: int) -> Bytes | None:
        """Return the body of a pass that may not have been committed yet, or None."""
        return self._late.get(number)

    def _commit(self, late: int = -1) -> None:
        body = self._body_rows.pop(late, b"")
        with self._writing():
            execute, execute_many = self._connection.execute, self._connection.executemany
            execute("BEGIN IMMEDIATE")
            execute_many("INSERT OR REPLACE INTO structure VALUES (?,?,?)", self._structures)
            execute_many("INSERT OR REPLACE INTO layout VALUES (?,?,?)", self._forms)
            execute_many("INSERT OR REPLACE INTO sharing VALUES (?,?,?)", self._sharings)
            heads = f"INSERT OR REPLACE INTO pass VALUES ({','.join('?' * 15)})"
            execute_many(heads, [self._head_row(head, body) for head in self._heads.values()])
            for table, rows in (("inputs", self._input_rows), ("body", self._body_rows)):
                write_rows(self._connection, table, rows, self._committed)
            execute_many(
                "INSERT OR REPLACE INTO final VALUES (?,?,?,?,?,?)", self._final_rows.values()
            )
            self._steps.write(execute_many)
            self._write_output()
            self._state.passes, self._state.finals = self._passes, len(self._finals)
            self._state.late = late
            self._thin()
            stored = self._stored
            self._state.bodies, self._state.inputs = stored.bodies.thinning, stored.inputs.thinning
            execute("REPLACE INTO run VALUES (?,?,?)", state_row(self._state))
            execute("COMMIT")
        self._committed = self._passes
        head, inputs = self._heads.get(late), self._input_rows.get(late, b"")
        self._clear()
        if head is not None:
            self._heads[late], self._input_rows[late], self._body_rows[late] = head, inputs, body
            self._add_pending(len(body))

    def close(self) -> None:
        """Commit and merge the write-ahead log into the file, or delete a temporary file.

        Close readers first: an open one prevents the merge.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._broken is None and self._folder is None:
                self.flush()
                with self._writing():
                    self._file.merge_log()
        finally:
            self._file.close()
            if self._folder is not None:
                self._folder.close()

    def _clear(self) -> None:
        self._structures: list[tuple[int, str, int]] = []
        self._forms: list[tuple[int, str, int]] = []
        self._sharings: list[tuple[int, str, int]] = []
        self._heads: dict[int, Head] = {}
        self._input_rows: dict[int, Bytes] = {}
        self._body_rows: dict[int, Bytes] = {}
        self._final_rows: dict[int, tuple[object, ...]] = {}
        self._steps.clear()
        self._pending = 0
        self._pending_since = 0.0
        self._changed = False

    def flush_if_due(self) -> None:
        """Commit if rows have waited long enough or are many; also call this while idle."""
        if self._broken is not None:
            raise self._broken
        if self._pending > min(BATCH_BYTES, self._most_bytes // 16) or (
            self._pending and time.monotonic() - self._pending_since > BATCH_SECONDS
        ):
            self.flush()

    def _add_pending(self, size: int) -> None:
        if not self._pending:
            self._pending_since = time.monotonic()
        self._pending += size

    def _head_row(self, head: Head, late: Bytes) -> tuple[object, ...]:
        """Return the row of a pass; `late` is its body if that is committed later."""
        inputs, body = self._input_rows[head.number], self._body_rows.get(head.number)
        size, body_sum = len(late), 0
        if body is not None:
            size, body_sum = len(body), checksum(body, head.number)
        row = head._replace(
            inputs=len(inputs),
            inputs_crc=checksum(inputs, head.number),
            body=size,
            body_crc=body_sum,
        )
        text = None if head.fault is None else head.fault.decode()
        return (*row[:9], text, *row[10:14], row.computed_crc())

    def _write_output(self) -> None:
        execute_many = self._connection.executemany
        rows = self._output.take()
        execute_many("INSERT OR REPLACE INTO output VALUES (?,?,?,?)", rows)
        dropped = self._output.drop()
        execute_many("DELETE FROM output WHERE place=?", [(place,) for place in dropped])
        if dropped:
            self._state.output_from = dropped[-1] // PIECES

    def _thin(self) -> None:
        """Drop data of older passes until the file has room for the next batch."""
        most = self._most_bytes - self._most_bytes // 8
        while self._file.used_bytes > most:
            dropped = self._stored.drop(self._most_bytes // 2)
            if dropped is None:
                return
            numbers = [(number,) for number in dropped.numbers]
            execute_many = self._connection.executemany
            execute_many(f"DELETE FROM {dropped.table} WHERE number=?", numbers)
            self._steps.thin(execute_many, dropped.table, dropped.numbers)

    # Helpers --------------------------------------------------------------------------------------

    def _stored_layout(self, number: int) -> str | None:
        self.flush()
        row = self._connection.execute("SELECT form FROM layout WHERE number=?", (number,))
        ((form,),) = row.fetchall() or ((None,),)
        return form

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._broken = FileError(
                f"the run file cannot be written: {reason}",
                where=self._where,
                hint="check the free disk space and your write permission",
            )
            raise self._broken from None


def _clipped(fault: Fault) -> Fault:
    return Fault(fault.direction, fault.node, fault.error[:WORDS], fault.words[:WORDS])

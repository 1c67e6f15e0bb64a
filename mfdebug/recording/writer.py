"""Writes a run file: collects rows, and commits them at least a few times a second.

However this process ends, the file holds everything that was committed, since SQLite uses a
write-ahead log. The file has a size limit: to stay below it, older passes are thinned.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import sqlite3
import tempfile
import time
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from mfdebug.recording.encoding import Plan, check_entries, check_references, cost_of, cut, plan
from mfdebug.recording.records import Entry, Fault, Sharing, Structure
from mfdebug.recording.schema import (
    APPLICATION,
    BODY_BYTES,
    FORMAT,
    LAYOUT,
    PIECES,
    REPLACEABLE,
    TABLES,
    WORDS,
    State,
    Stream,
    checksum,
    head_checksum,
    structure_form,
)
from mfdebug.recording.thinning import StoredRows
from miniflow.errors import FileError
from miniflow.files.paths import LEFT_BEHIND, check_ordinary

_K = TypeVar("_K")
_V = TypeVar("_V")

# A large page holds a whole pass of a small network, and a large pass takes fewer pages.
_PAGE = 16384
# Pages in the write-ahead log before a checkpoint.
_LOG_PAGES = 1000
BATCH_BYTES = 8 << 20
BATCH_SECONDS = 0.02
# Structures whose passes are counted separately for thinning; all others share one count.
_MAX_COUNTED = 64
_FOLDER = "mfdebug-run-"
_LOCK = "lock"
# From so many bytes on, the body of a pass is committed after the rest of it.
_LATE_BYTES = 256 << 10
# Layouts in memory, and the entries in them.
_MAX_LAYOUTS, _MAX_ENTRIES = 256, 1 << 20


class _Shape(NamedTuple):
    """The part of a structure kept in memory: the number of inputs per node, and the cost."""

    input_counts: array[int]
    cost: int


class _Head(NamedTuple):
    """The first columns of the table `pass`, before the sizes and checksums."""

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


class RunWriter:
    """Writes a run file of at most `most_bytes`; without a path, a temporary one.

    A temporary file is deleted on `close`. If the file cannot be written, that call and every later
    one raise `FileError`.
    """

    def __init__(self, path: Path | None, *, name: str, most_bytes: int) -> None:
        self._folder: Path | None = None
        self._lock: IO[bytes] | None = None
        self._most_bytes = most_bytes
        self._state = State(name)
        self._broken: FileError | None = None
        self._closed = False
        if path is None:
            self._folder, self._lock = _temporary_folder()
            path = self._folder / "run.mfrun"
        self.path = path
        self._where = str(path)
        with self._writing():
            self._connection = _create(path, self._state, self._where)
        self._inode = path.stat().st_ino
        self._passes = 0
        self._committed = 0
        self._shapes: dict[int, _Shape] = {}
        self._layouts: OrderedDict[int, tuple[Entry, ...]] = OrderedDict()
        self._plans: OrderedDict[tuple[int, int], Plan] = OrderedDict()
        self._bodies, self._inputs = StoredRows(), StoredRows()
        self._turns = array("q")
        self._turn_of: dict[int, int] = {}
        self._key_of: dict[int, int] = {}
        self._sent_output: deque[tuple[int, int]] = deque()
        self._output_bytes = 0
        self._output_pass = -1
        self._pieces = {-1: 0}
        self._finals: dict[tuple[int, int], int] = {}
        # The bodies of the last two late passes, for readers that need them before the commit.
        self._late: OrderedDict[int, bytes] = OrderedDict()
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
            return self._used()

    # Records --------------------------------------------------------------------------------------

    def structure(self, number: int, structure: Structure) -> None:
        """Write a structure under its number."""
        form = structure_form(structure)
        input_counts = array("I", [len(node.inbound) for node in structure.nodes])
        self._shapes[number] = _Shape(input_counts, structure.cost)
        self._structures.append((number, form.decode(), checksum(form, number)))
        self._add_pending(len(form))
        self.flush_if_due()

    def layout(self, number: int, entries: tuple[Entry, ...]) -> None:
        """Write a layout under its number."""
        check_entries(entries)
        form = msgspec.json.encode(entries)
        _remember(self._layouts, number, entries, len)
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
        fault: Fault | None,
        data: bytes | bytearray,
    ) -> None:
        """Write the next pass, or a more complete version of one of the last two.

        `data` holds the bytes of the entries of its layout, concatenated. Of a pass that is not
        `whole`, only the cost and the values of inputs are kept. `graph` is the number of its
        graph, `sharing` that of the inputs which the graph shares with others, -1 for none.
        Raises `ValueError` if `number` or the size of `data` is wrong.
        """
        if not self._passes - REPLACEABLE <= number <= self._passes or number < 0:
            raise ValueError(f"pass {number} cannot follow {self._passes} passes")
        if number not in self._heads:
            self.flush_if_due()
        layout_plan = self._plan(structure, layout)
        if layout_plan.size != len(data):
            raise ValueError(f"pass {number} has {len(data)} bytes, its layout {layout_plan.size}")
        inputs, body = cut(data, layout_plan.inputs), b""
        if whole:
            whole = len(data) - len(inputs) <= min(BODY_BYTES, self._most_bytes // 4)
        if whole:
            body = cut(data, layout_plan.rest)
        elif sum(stop - start for start, stop in layout_plan.large) <= min(
            BODY_BYTES, self._most_bytes // 4
        ):
            body = cut(data, layout_plan.large)
        self._assign_turn(number, structure)
        self._inputs.put(number, len(inputs))
        self._bodies.put(number, len(body))
        self._heads[number] = _Head(
            number,
            structure,
            layout,
            graph,
            sharing,
            self._turns[number],
            int(whole),
            int(complete),
            cost_of(layout_plan, data),
            None if fault is None else msgspec.json.encode(_clipped(fault)),
        )
        self._input_rows[number] = inputs
        self._body_rows[number] = body
        self._add_pending(len(inputs) + len(body) + 100)
        self._passes = max(self._passes, number + 1)

    def final(self, structure: int, layout: int, data: bytes | bytearray, *, graph: int) -> None:
        """Write the values of a graph's inputs at the end of the program."""
        layout_plan = self._plan(structure, layout)
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
        # Output is never assigned to an earlier pass than the output before it.
        number = self._output_pass = max(number, self._output_pass)
        last = self._outputs[-1] if self._outputs else None
        if last is not None and last[:2] == (number, stream):
            last[2].append(data)
        else:
            self._outputs.append((number, stream, [data]))
        self._add_pending(len(data) + 50)
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

    def late_body(self, number: int) -> bytes | None:
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
                self._write_bytes(table, rows)
            execute_many(
                "INSERT OR REPLACE INTO final VALUES (?,?,?,?,?,?)", self._final_rows.values()
            )
            self._write_output()
            self._state.passes, self._state.finals = self._passes, len(self._finals)
            self._state.late = late
            self._thin()
            self._state.bodies, self._state.inputs = self._bodies.thinning, self._inputs.thinning
            execute("REPLACE INTO run VALUES (?,?,?)", _state_row(self._state))
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
                self._merge_log()
        finally:
            self._connection.close()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            if self._lock is not None:
                self._lock.close()

    def _merge_log(self) -> None:
        # If the file was replaced, the log next to it is not ours.
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino != self._inode:
                return
        with self._writing():
            self._connection.execute("PRAGMA busy_timeout=0")
            # From here on, the file is to survive a crash of the machine, too.
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            with contextlib.suppress(sqlite3.OperationalError):
                # Not DELETE: a journal left by a kill would have to be rolled back.
                self._connection.execute("PRAGMA journal_mode=MEMORY").fetchall()

    def _clear(self) -> None:
        self._structures: list[tuple[int, str, int]] = []
        self._forms: list[tuple[int, str, int]] = []
        self._sharings: list[tuple[int, str, int]] = []
        self._heads: dict[int, _Head] = {}
        self._input_rows: dict[int, bytes] = {}
        self._body_rows: dict[int, bytes] = {}
        self._final_rows: dict[int, tuple[object, ...]] = {}
        self._outputs: list[tuple[int, Stream, list[bytes]]] = []
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

    def _head_row(self, head: _Head, late: bytes) -> tuple[object, ...]:
        """Return the row of a pass; `late` is its body if that is committed later."""
        inputs, body = self._input_rows[head.number], self._body_rows.get(head.number)
        size, body_sum = len(late), 0
        if body is not None:
            size, body_sum = len(body), checksum(body, head.number)
        row = (*head, len(inputs), checksum(inputs, head.number), size, body_sum)
        text = None if head.fault is None else head.fault.decode()
        return (*row[:9], text, *row[10:], head_checksum(*row))

    def _write_bytes(self, table: str, rows: dict[int, bytes]) -> None:
        execute_many = self._connection.executemany
        full = [row for row in rows.items() if row[1]]
        execute_many(f"INSERT OR REPLACE INTO {table} VALUES (?,?)", full)
        if len(full) < len(rows):
            empty = [(n,) for n, data in rows.items() if not data and n < self._committed]
            execute_many(f"DELETE FROM {table} WHERE number=?", empty)

    def _write_output(self) -> None:
        rows = []
        for number, stream, parts in self._outputs:
            piece = self._pieces.get(number, 0)
            if piece >= PIECES:
                continue
            # Only the count of the latest pass is still needed.
            self._pieces = {number: piece + 1}
            place, data = (number + 1) * PIECES + piece, b"".join(parts)
            crc = checksum(stream.encode() + b"\0" + data, place)
            rows.append((place, stream, data, crc))
            self._sent_output.append((place, len(data) + 50))
            self._output_bytes += len(data) + 50
        self._connection.executemany("INSERT OR REPLACE INTO output VALUES (?,?,?,?)", rows)
        dropped = []
        while self._output_bytes > self._most_bytes // 8:
            place, size = self._sent_output.popleft()
            self._output_bytes -= size
            dropped.append((place,))
            self._state.output_from = place // PIECES
        self._connection.executemany("DELETE FROM output WHERE place=?", dropped)

    # The size limit -------------------------------------------------------------------------------

    def _used(self) -> int:
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * _PAGE

    def _thin(self) -> None:
        """Drop data of older passes until the file has room for the next batch."""
        most = self._most_bytes - self._most_bytes // 8
        while self._used() > most and self._thin_one_step():
            pass

    def _thin_one_step(self) -> bool:
        """Thin until something is dropped; return whether anything was."""
        end = self._passes - REPLACEABLE
        while True:
            step, rows, table = self._bodies.next_step(end), self._bodies, "body"
            if step is None or 2 * self._inputs.total > self._most_bytes:
                further = self._inputs.next_step(end)
                # This way a pass that has its body also has its inputs.
                if further is not None and further.thinning.is_within(self._bodies.thinning):
                    step, rows, table = further, self._inputs, "inputs"
            if step is None:
                return False
            if dropped := rows.apply(step, self._turns):
                numbers = [(number,) for number in dropped]
                self._connection.executemany(f"DELETE FROM {table} WHERE number=?", numbers)
                return True

    def _assign_turn(self, number: int, structure: int) -> None:
        """Set the turn of a pass: the number of earlier passes over its structure."""
        key = structure if structure in self._turn_of or len(self._turn_of) < _MAX_COUNTED else -1
        if number < self._passes and self._key_of.get(number) == key:
            return
        turn = self._turn_of.get(key, 0)
        self._turn_of[key] = turn + 1
        self._key_of[number] = key
        self._key_of.pop(number - REPLACEABLE - 1, None)
        if number < len(self._turns):
            self._turns[number] = turn
        else:
            self._turns.append(turn)

    # Helpers --------------------------------------------------------------------------------------

    def _plan(self, structure: int, layout: int) -> Plan:
        key = structure, layout
        if (found := self._plans.get(key)) is None:
            shape, entries = self._shapes[structure], self._entries(layout)
            check_references(entries, shape.input_counts)
            found = plan(entries, shape.input_counts, shape.cost)
            _remember(self._plans, key, found, lambda layout_plan: len(layout_plan.positions))
        return found

    def _entries(self, layout: int) -> tuple[Entry, ...]:
        if (found := self._layouts.get(layout)) is None:
            self.flush()
            row = self._connection.execute("SELECT form FROM layout WHERE number=?", (layout,))
            ((form,),) = row.fetchall() or ((None,),)
            if form is None:
                raise ValueError(f"there is no layout {layout}")
            found = LAYOUT.decode(form)
            _remember(self._layouts, layout, found, len)
        return found

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


def _remember(kept: OrderedDict[_K, _V], key: _K, value: _V, entries: Callable[[_V], int]) -> None:
    """Add a value, and drop the oldest ones while there are too many or they are too large."""
    kept[key] = value
    while len(kept) > 2 and (
        len(kept) > _MAX_LAYOUTS or sum(map(entries, kept.values())) > _MAX_ENTRIES
    ):
        kept.popitem(last=False)


def _clipped(fault: Fault) -> Fault:
    return Fault(fault.direction, fault.node, fault.error[:WORDS], fault.words[:WORDS])


def _state_row(state: State) -> tuple[int, str, int]:
    form = msgspec.json.encode(state)
    return 0, form.decode(), checksum(form, 0)


# Files -------------------------------------------------------------------------------------------


def _create(path: Path, state: State, where: str) -> sqlite3.Connection:
    """Create a run file, atomically replacing an existing one; return its connection."""
    check_ordinary(path, where)
    _check_replaceable(path, where)
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        _fill(temporary, state)
        # SQLite would take the log of the old file for the log of this one.
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    connection = _connect(path)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=OFF",
        "secure_delete=OFF",
        "cache_size=-16000",
        f"wal_autocheckpoint={_LOG_PAGES}",
        f"journal_size_limit={2 * _LOG_PAGES * _PAGE}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw"
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)


def _fill(path: Path, state: State) -> None:
    connection = _connect(path)
    try:
        for pragma in (
            "journal_mode=MEMORY",
            f"page_size={_PAGE}",
            f"application_id={APPLICATION}",
            f"user_version={FORMAT}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("BEGIN")
        for table in TABLES.values():
            connection.execute(table)
        connection.execute("INSERT INTO run VALUES (?,?,?)", _state_row(state))
        connection.execute("COMMIT")
    finally:
        connection.close()


def _check_replaceable(path: Path, where: str) -> None:
    """Raise `FileError` if the file exists and is not a run file: never overwrite anything else."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return
    ours = header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION.to_bytes(4)
    if header and not ours:
        raise FileError(
            "the file exists and is not a run file",
            where=where,
            hint="choose another name, or remove the file",
        )


def _temporary_folder() -> tuple[Path, IO[bytes]]:
    """Return a new folder, and the lock that marks it as in use."""
    _remove_stale_folders()
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
    lock = (folder / "locking").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / "locking").rename(folder / _LOCK)
    return folder, lock


def _remove_stale_folders() -> None:
    """Remove the temporary folders of processes that were killed."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
            with contextlib.suppress(OSError):
                status = folder.lstat()
                old = time.time() - status.st_mtime > LEFT_BEHIND
                if status.st_uid == os.getuid() and old and not folder.is_symlink():
                    _remove_unless_locked(folder)


def _remove_unless_locked(folder: Path) -> None:
    try:
        lock = os.open(folder / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
